"""``osprofiler trace show`` and ``osprofiler trace list``, as they are installed, on traces of ours."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import osprofiler_points
import pytest
import stored
import traces

from otel_bridge.collector import Server
from otel_bridge.reports import osprofiler_json
from otel_bridge.stores import open_store

pytestmark = pytest.mark.integration

COMMAND = Path(sys.executable).with_name("osprofiler")
BASE_ID = osprofiler_points.load()[0]["base_id"]
_BOUND = 60.0  # seconds

#: osprofiler draws with the graphviz package, of which this is what it uses.
_GRAPHVIZ = """
class Digraph:
    def __init__(self, format):
        self.lines = []
    def node(self, name, label):
        self.lines.append(f'{name} [label="{label}"]')
    def edge(self, tail, head):
        self.lines.append(f"{tail} -> {head}")
    @property
    def source(self):
        return "\\n".join(self.lines)
"""


def osprofiler(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing in its environment that says where traces are, but what is given."""
    kept = {name: value for name, value in os.environ.items() if name != "OTEL_BRIDGE_STORE"}
    return subprocess.run(
        [str(COMMAND), *arguments],
        capture_output=True,
        text=True,
        timeout=_BOUND,
        env={**kept, **environ},
        cwd="/",
    )


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running embedded backend that has a boot and another trace, with an error."""
    server = Server(str(tmp_path_factory.mktemp("store") / "traces.db"), otlp_port=0, viewer_port=0)
    server.start()
    try:
        stored.send(server, osprofiler_points.spans(osprofiler_points.load()))
        stored.send(server, traces.boot())
        yield server.viewer_url
    finally:
        server.stop()


@pytest.fixture
def connection(viewer: str) -> str:
    return f"otel://collector:4318?store={quote(viewer, safe='')}"


def test_json_is_the_report(viewer: str, connection: str) -> None:
    done = osprofiler("trace", "show", BASE_ID, "--json", "--connection-string", connection)
    assert (done.returncode, done.stderr) == (0, "")
    trace = open_store(viewer).get(int(BASE_ID.replace("-", ""), 16))
    assert len(trace.spans) == len(osprofiler_points.load()) // 2
    assert json.loads(done.stdout) == osprofiler_json.report(trace)


def test_html_has_the_report_in_it(connection: str, tmp_path: Path) -> None:
    page = tmp_path / "trace.html"
    done = osprofiler(
        "trace", "show", BASE_ID, "--html", "--out", str(page), "--connection-string", connection
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = page.read_text()
    assert "angular" in text
    assert "$DATA" not in text
    assert '"nova.compute.manager.ComputeManager.build_and_run_instance"' in text


def test_dot_draws_each_point(connection: str, tmp_path: Path) -> None:
    environ = {}
    if importlib.util.find_spec("graphviz") is None:
        (tmp_path / "graphviz.py").write_text(_GRAPHVIZ)
        environ["PYTHONPATH"] = str(tmp_path)
    done = osprofiler("trace", "show", BASE_ID, "--dot", "--connection-string", connection, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    points = len(osprofiler_points.load()) // 2
    assert len(re.findall("label=", done.stdout)) == points + 1  # and the whole
    assert len(re.findall("->", done.stdout)) == points
    assert re.search(r'label="osapi_compute:wsgi - \d+ ms\\+nPOST /v2\.1/servers\.\."', done.stdout)
    assert re.search(r'label="nova-compute:rpc - \d+ ms\\+nbuild_and_run_instance"', done.stdout)


def test_traces_are_listed(connection: str) -> None:
    done = osprofiler("trace", "list", "--connection-string", connection)
    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(r"^\| ([0-9a-f-]{36}) \| (\S+) +\|$", done.stdout, re.MULTILINE)
    assert rows == [
        (traces.BASE_ID, "2026-11-22T14:06:01.123000"),
        (BASE_ID, "2026-11-22T17:00:50.675039"),
    ]


def test_traces_with_errors_are_listed(connection: str) -> None:
    done = osprofiler("trace", "list", "--error-trace", "yes", "--connection-string", connection)
    assert (done.returncode, done.stderr) == (0, "")
    assert BASE_ID in done.stdout


def test_the_environment_says_where_to_read(viewer: str) -> None:
    environ = {"OTEL_BRIDGE_STORE": viewer, "OSPROFILER_CONNECTION_STRING": "otel:"}
    assert BASE_ID in osprofiler("trace", "list", **environ).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "11111111-2222-3333-4444-555555555555", "--json"), "not found"),
        (("show", BASE_ID, "--json", "--connection-string", "otel://collector:4318"), "OTEL_BRIDGE_STORE"),
        (("list", "--connection-string", "otel:"), "OTEL_BRIDGE_STORE"),
        (("list", "--connection-string", "otel://h?store=sqlite:/no/such.db"), "no such file"),
        (("list", "--connection-string", "otel://h?store=http://127.0.0.1:1"), "127.0.0.1:1"),
    ],
)
def test_what_cannot_be_shown_is_one_line(connection: str, arguments: tuple[str, ...], said: str) -> None:
    done = osprofiler("trace", *arguments, OSPROFILER_CONNECTION_STRING=connection)
    assert (done.returncode, done.stderr) == (1, "")
    assert said in done.stdout
    assert done.stdout.count("\n") == 1
