"""``otel-bridge demo``, run as a person runs it."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from otel_bridge.cli.processes import Process, wait_for
from otel_bridge.stores import open_store
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.wire import ids

pytestmark = pytest.mark.integration

_BOUND = 90.0  # seconds; it takes about ten


def _command(directory, *options):
    return [sys.executable, "-m", "otel_bridge", "demo", "--dir", str(directory), *options]


def _running(directory):
    """Command lines of processes that were told about the directory, which all of the demo's are."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(directory) in command:
                found.append(command)
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def done(directory):
    return subprocess.run(_command(directory), capture_output=True, text=True, timeout=_BOUND)


def test_it_succeeds_and_complains_about_nothing(done):
    assert (done.returncode, done.stderr) == (0, "")


def test_it_leaves_nothing_running(done, directory):
    assert _running(directory) == []


def test_it_shows_both_signed_requests_as_one_tree_each(done):
    for name, found in (("signed", 18), ("failing", 13)):
        (trace_id,) = re.findall(rf"{name} +POST /v2.1/servers +\d+ +trace (\S+)", done.stdout)
        report = done.stdout.partition(f"\nTrace {trace_id} ")[2].partition("\n\n")
        assert f"{found} spans · 2 services" in report[0]
        assert "root" not in report[0]
        tree = report[2].partition("\n\n")[0]
        for text in ("POST /v2.1/servers", "ConductorManager.build_instance", "GET /v2/images/{image_id}"):
            assert text in tree
        assert ("ERROR" in tree) == (name == "failing")


def test_it_says_that_the_unsigned_request_left_no_span_and_that_is_true(done, directory):
    assert "The unsigned request left no span" in done.stdout
    signed = {ids.parse_trace_id(text) for text in re.findall(r"servers +\d+ +trace (\S+)", done.stdout)}
    store = open_store(f"sqlite:{directory / 'traces.sqlite'}")
    assert {summary.trace_id for summary in store.list(TraceQuery(limit=100))} == signed
    assert len(signed) == 2


def test_it_writes_a_page_and_says_where(done, directory):
    page = directory / "trace.html"
    assert f"page         {page}" in done.stdout
    assert "ConductorManager.build_instance" in page.read_text()


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 0), (signal.SIGTERM, 0)])
def test_keep_keeps_it_up_until_it_is_asked_to_end(tmp_path, number, expected):
    with Process("the demo", _command(tmp_path, "--keep"), log=tmp_path.with_suffix(".log")) as process:
        wait_for("the end of its report", lambda: "Ctrl-C" in process.output(), timeout=_BOUND)
        (page,) = re.findall(r"browser +(\S+)", process.output())
        with urllib.request.urlopen(page, timeout=10) as response:
            assert "ConductorManager.build_instance" in response.read().decode()
        process.signal(number)
        wait_for("its end", lambda: process.exit_code is not None, timeout=_BOUND)
        assert process.exit_code == expected
    assert _running(tmp_path) == []


def test_an_interrupted_start_leaves_nothing_running(tmp_path):
    with Process("the demo", _command(tmp_path), log=tmp_path.with_suffix(".log")) as process:
        wait_for("its first process", (tmp_path / "image.log").exists, timeout=_BOUND)
        process.signal(signal.SIGTERM)
        wait_for("its end", lambda: process.exit_code is not None, timeout=_BOUND)
        assert process.exit_code == 130
    assert _running(tmp_path) == []
