"""The examples, run as their READMEs say, but for the address of the backend."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

import pytest
from environments import ROOT, clean_environ
from speaking import signed_headers

from otel_bridge.cli.processes import Process, free_ports, is_served, wait_for
from otel_bridge.collector import Server
from otel_bridge.model.trace import KIND_NAMES
from otel_bridge.stores import open_store
from otel_bridge.wire import ids

pytestmark = pytest.mark.integration

_EXAMPLES = ROOT / "examples"
_BOUND = 60.0  # seconds


@pytest.fixture
def backend(tmp_path):
    server = Server(str(tmp_path / "traces.sqlite"), otlp_port=0, viewer_port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def store(tmp_path, backend):
    return open_store(f"sqlite:{tmp_path / 'traces.sqlite'}")


def environ(backend: Server) -> dict[str, str]:
    """oslo.config's spelling of ``[otel_bridge] endpoint``; nothing of OpenTelemetry's from outside."""
    return clean_environ(OS_OTEL_BRIDGE__ENDPOINT=backend.otlp_endpoint)


def tree(trace) -> list[tuple[int, str, str]]:
    """Depth, kind and name of each span, parents before their children."""
    found = []

    def walk(span, depth):
        found.append((depth, KIND_NAMES[span.kind], span.name))
        for child in trace.children(span):
            walk(child, depth + 1)

    for root in trace.roots:
        walk(root, 0)
    return found


# -- the Pecan API ----------------------------------------------------------------------------------------


@pytest.fixture
def volumes(tmp_path, backend):
    """URL of the running volume API, and its process."""
    [port] = free_ports(1)
    here = _EXAMPLES / "pecan"
    options = ["--config-file", str(here / "volume.conf"), "--port", str(port)]
    options += ["--database", f"sqlite:///{tmp_path / 'volume.sqlite'}"]
    command = [sys.executable, str(here / "serve.py"), *options]
    with Process("volume-api", command, log=tmp_path / "log", env=environ(backend)) as process:
        wait_for("the API", lambda: is_served(port), timeout=_BOUND, processes=[process])
        yield f"http://127.0.0.1:{port}/v1/volumes", process


def ask(url: str, key: str = "", body: object = None) -> tuple[object, str]:
    """The answer, and the base id of the request's trace."""
    base_id = str(uuid.uuid4())
    headers = {"Content-Type": "application/json"}
    if key:
        headers |= signed_headers(base_id, key=key)
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=_BOUND) as response:
        return json.load(response), base_id


def test_the_pecan_api_traces_what_is_signed(volumes, store):
    url, process = volumes
    expected = {}
    for name in ("one", "two"):
        answer, base_id = ask(url, "SECRET", {"volume": {"name": name}})
        expected[ids.trace_id(base_id)] = [
            (0, "SERVER", "POST /v1/volumes"),
            (1, "CLIENT", "INSERT volumes"),
        ]
        assert answer["volume"]["name"] == name
    answer, base_id = ask(f"{url}/{answer['volume']['id']}", "SECRET")
    expected[ids.trace_id(base_id)] = [(0, "SERVER", "GET /v1/volumes/{id}"), (1, "CLIENT", "SELECT volumes")]
    assert answer["volume"]["name"] == "two"
    for key in ("", "WRONG"):
        answer, _ = ask(url, key)
        assert [volume["name"] for volume in answer["volumes"]] == ["one", "two"]
    process.stop()
    assert {one.trace_id: tree(store.get(one.trace_id)) for one in store.list()} == expected


# -- the worker -------------------------------------------------------------------------------------------


def test_the_worker_answers_and_is_part_of_the_trace(backend, store):
    done = subprocess.run(
        [sys.executable, "ask.py", "--config-file", "worker.conf"],
        cwd=_EXAMPLES / "worker",
        env=environ(backend),
        capture_output=True,
        text=True,
        timeout=_BOUND,
    )
    assert done.returncode == 0, done.stderr
    *said, last = [line for line in done.stdout.splitlines() if " INFO " not in line]
    assert said == ["one is built", "this one cannot be built"]
    trace = store.get(ids.trace_id(last.removeprefix("trace ")))
    assert tree(trace) == [
        (0, "INTERNAL", "ask"),
        (1, "PRODUCER", "tell"),
        (2, "CONSUMER", "Builder.tell"),
        (1, "CLIENT", "build"),
        (2, "SERVER", "Builder.build"),
        (1, "CLIENT", "build"),
        (2, "SERVER", "Builder.build"),
    ]
    [built] = re.findall(r"\[(\w+) (\w+)\] built one", done.stdout)
    assert built in {
        (ids.format_trace_id(span.trace_id), ids.format_span_id(span.span_id)) for span in trace.spans
    }


# -- the mixed fleet --------------------------------------------------------------------------------------


def test_the_mixed_fleet_is_one_trace(tmp_path):
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=_EXAMPLES / "mixed_fleet",
        env=clean_environ(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=4 * _BOUND,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tea: 12 left, 3.50 each\n")
    assert "7 spans · 3 services · 0 errors" in done.stdout
    lines = re.findall(r"(shop-api|orders-api|stock)  (.*?)(?:  \[|$)", done.stdout, re.MULTILINE)
    assert lines == [
        ("shop-api", "WSGI_GET_/"),
        ("shop-api", "buy"),
        ("orders-api", "GET /orders/tea"),
        ("orders-api", "GET"),
        ("stock", "GET /stock/<article>"),
        ("stock", "GET"),
        ("orders-api", "GET /prices/tea"),
    ]
    assert "parent missing" not in done.stdout
    assert "roots" not in done.stdout
    assert list(Path(tmp_path).iterdir()) == []
