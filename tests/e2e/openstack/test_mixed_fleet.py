"""Keystone on plain osprofiler, with another driver; the others on ours, in a real Jaeger."""

from __future__ import annotations

import pytest

from otel_bridge.model.trace import Trace
from otel_bridge.wire import ids

from . import comparison

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("running", ["mixed"], indirect=True),
]


@pytest.fixture(scope="session")
def trace(running) -> Trace:
    """Of a boot with a token that no service has seen before, so that each asks Keystone."""
    running.boot("another", trace_id=0)
    running.cloud.authenticate()
    return running.backend.trace(running.boot("mixed").trace_id)


@pytest.fixture(scope="session")
def keystones(running, trace) -> list[dict]:
    """What Keystone's driver was notified of in that trace."""
    base_id = ids.base_id(trace.trace_id)
    return [line for line in running.records.notifications() if line["base_id"] == base_id]


def test_all_but_keystone_are_in_jaeger(running, trace):
    points = [point for point in running.records.points() if point.service != "keystone"]
    traces = running.backend.traces()  # those of other modules' boots, too
    assert trace.trace_id in traces
    compared = comparison.compare(traces, points)
    assert compared.uneven == ()
    wrong = comparison.wrong_parents(compared, running.records.units(), traces)
    assert list(wrong) == []
    assert len(trace.roots) == 1


def test_keystone_is_plain_osprofiler(running, keystones):
    assert keystones
    assert {line["service"] for line in running.records.notifications()} == {"keystone"}
    log = (running.lab.places.log / "keystone.log").read_text()
    assert "osprofiler works on otel_bridge" not in log
    assert "osprofiler is enabled with connection string: lab-file://" in log


def test_keystones_points_hang_below_the_requests_of_others(trace, keystones):
    requests = {span.span_id for span in trace.spans if comparison.kind_of(span) == "http"}
    above = {ids.span_id(line["parent_id"]) for line in keystones if line["name"] == "wsgi-start"}
    assert above
    assert above <= requests


def test_keystone_has_imported_next_to_nothing(running, keystones):
    """What makes the drivers known. The services are stopped for this."""
    running.lab.stop_services()
    [keystone] = [line for line in running.records.lines("modules") if line["service"] == "keystone"]
    # oslo.messaging imports OpenTelemetry where it is installed.
    assert {name for name in keystone["modules"] if name.startswith("otel_bridge")} == {
        "otel_bridge",
        "otel_bridge.adopt",
        "otel_bridge.adopt.activate",
        "otel_bridge.adopt.driver",
    }
