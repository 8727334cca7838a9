"""otel_bridge.reports.terminal_head: what stands above the tree."""

from __future__ import annotations

import pytest
import report_traces
import traces

from otel_bridge.analysis import timing
from otel_bridge.model.trace import STATUS_ERROR, Trace
from otel_bridge.reports import palette, terminal_head
from otel_bridge.reports.canvas import Canvas
from otel_bridge.reports.style import Style


def head(trace: Trace, width: int | None = None) -> list[str]:
    colours = palette.assign(span.service for span in trace.spans)
    paint = Canvas(Style(width=width))
    return list(terminal_head.lines(trace, paint, colours, timing.critical_path(trace)))


def test_ids_counts_duration_and_start() -> None:
    assert head(traces.boot())[:2] == [
        f"Trace {traces.BASE_ID}  (0d06e2bc1234567890abcdef12345678)",
        "6 spans · 3 services · 1 error · 62.0 ms · started 2026-11-22 14:06:01.123 UTC",
    ]


def test_the_critical_path_is_shared_among_the_services() -> None:
    assert head(report_traces.creation())[3] == (
        "◆ critical path 460 ms: nova-compute 212 ms (46 %) · nova-conductor 127 ms (28 %) · nova-scheduler "
        "48.0 ms (10 %) · nova-api 39.0 ms (8 %) · keystone 18.0 ms (4 %) · in queues 16.0 ms (3 %)"
    )


def test_of_many_services_the_largest_are_named() -> None:
    spans = [traces.span(n, 1, service=f"service-{n:02}", start=20 * n, end=21 * n) for n in range(2, 13)]
    (line,) = [line for line in head(traces.trace(traces.span(1, end=300), *spans)) if "critical" in line]
    assert line.startswith("◆ critical path 300 ms: nova-api 223 ms (74 %) · service-12 12.0 ms (4 %)")
    assert line.endswith(" · service-06 6.00 ms (2 %) · 4 more 14.0 ms (5 %)")


def test_a_share_below_half_a_percent_is_not_called_none() -> None:
    trace = traces.trace(traces.span(1, end=1000), traces.span(2, 1, service="glance", end=1))
    assert "glance 1.00 ms (<1 %)" in head(trace)[-1]


def test_without_a_critical_path_there_is_no_line_of_it() -> None:
    assert len(head(traces.trace(traces.span(1, end=0)))) == 2


def test_failures_are_named_where_they_began_and_each_once() -> None:
    failed = {"status": STATUS_ERROR, "status_message": "no route"}
    trace = traces.trace(
        traces.span(1, 0, "above", **failed),
        *(traces.span(n, 1, "connect", service="glance", **failed) for n in range(2, 5)),
        traces.span(5, 1, "other", status=STATUS_ERROR),
    )
    assert head(trace)[3:] == ["✗ glance  connect \u00d73  no route", "✗ nova-api  other"]


def test_of_many_failures_the_first_are_named() -> None:
    spans = [traces.span(n, 0, f"call {n}", start=n, status=STATUS_ERROR) for n in range(1, 9)]
    lines = head(traces.trace(*spans))
    assert [line for line in lines if line.startswith("✗")] == [f"✗ nova-api  call {n}" for n in range(1, 6)]
    assert lines[-1] == "  and 3 failures more"


@pytest.mark.parametrize("width", [40, 80])
def test_it_fits_the_terminal(width: int) -> None:
    for trace in (report_traces.creation(), traces.hostile()):
        assert max(map(len, head(trace, width))) <= width
