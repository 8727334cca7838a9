"""``openstack --os-profile``, and OSProfiler's own command for reading a trace."""

from __future__ import annotations

import json
import re
import subprocess
from urllib.parse import quote

import pytest

from otel_bridge.model.trace import KIND_NAMES, Trace
from otel_bridge.reports import osprofiler_json
from otel_bridge.wire import ids

from . import comparison
from .cloud import FLAVOR, IMAGE
from .running import Running

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("running", ["threads"], indirect=True),
]

NAME = "birch"


def _boot(running: Running, **env: str) -> tuple[subprocess.CompletedProcess[str], Trace]:
    create = ("server", "create", "--image", IMAGE, "--flavor", FLAVOR, "--nic", "none", NAME, "-f", "json")
    done = running.command("openstack", "--os-profile", running.cloud.hmac_key, *create, **env)
    assert done.returncode == 0, done.stderr
    printed = re.search(r"Trace ID: ([0-9a-f-]{36})", done.stdout + done.stderr)
    assert printed, done
    running.settle()
    return done, running.backend.trace(ids.trace_id(printed[1]))


@pytest.fixture(scope="session")
def alone(running) -> Trace:
    """The client is told of no collector."""
    return _boot(running)[1]


@pytest.fixture(scope="session")
def rooted(running) -> Trace:
    """The client is told where to send its own span."""
    endpoint = running.backend.connection_string.replace("otel://", "http://")
    return _boot(running, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)[1]


def test_without_a_collector_each_request_of_the_client_is_a_root(alone):
    assert len(alone.roots) > 5
    assert {KIND_NAMES[root.kind] for root in alone.roots} == {"SERVER"}
    assert alone.orphans == frozenset()


def test_with_a_collector_a_command_is_one_tree(rooted):
    assert [(root.service, KIND_NAMES[root.kind], root.name) for root in rooted.roots] == [
        ("openstackclient", "CLIENT", "openstack server create")
    ]
    assert rooted.orphans == frozenset()


def test_both_have_the_spans_of_the_services(alone, rooted):
    services = {span.service for span in alone.spans}
    assert {span.service for span in rooted.spans} == {*services, "openstackclient"}
    assert {"keystone-public", "glance-api", "nova-compute"} <= services


def test_the_root_tells_no_argument(rooted):
    root = Trace.from_spans(rooted.trace_id, rooted.roots)
    for argument in (NAME, IMAGE, FLAVOR):
        assert not re.search(rf"\b{re.escape(argument)}\b", comparison.text_of(root))


def test_osprofiler_prints_the_report(running, rooted):
    done = _show(running, rooted, "--json")
    report = json.loads(done.stdout)
    assert report == json.loads(json.dumps(osprofiler_json.report(rooted, None), default=str))
    assert _size(report) == len(rooted.spans)


def test_osprofiler_prints_the_page(running, rooted):
    done = _show(running, rooted, "--html")
    assert done.stdout.lstrip().lower().startswith("<!doctype html>")
    assert "openstack server create" in done.stdout or "openstackclient" in done.stdout


def _show(running: Running, trace: Trace, form: str) -> subprocess.CompletedProcess[str]:
    string = f"{running.backend.connection_string}?store={quote(running.backend.store_url, safe='')}"
    show = ("trace", "show", ids.base_id(trace.trace_id), form, "--connection-string", string)
    done = running.command("osprofiler", *show)
    assert done.returncode == 0, done.stderr
    return done


def _size(report: dict) -> int:
    return len(report["children"]) + sum(_size(child) for child in report["children"])
