"""otel_bridge.reports.path_shares: what of the critical path lies in which row."""

from __future__ import annotations

import pytest
import report_traces
import traces
from hypothesis import given, settings
from span_records import structures
from traces import CONSUMER, MS

from otel_bridge.analysis import timing
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import canvas
from otel_bridge.reports.canvas import ASCII
from otel_bridge.reports.path_shares import Shares


def shares(trace: Trace) -> Shares:
    return Shares(trace, timing.critical_path(trace))


def test_a_share_is_that_of_the_span_and_all_below() -> None:
    trace = traces.boot()
    found = {span.name: shares(trace).part([span], ASCII)[0] for span in trace.spans}
    assert found == {
        "POST /v2.1/servers": "*100%",
        "build_instances": "* 48%",
        "ConductorManager.build_instances": "* 46%",
        "SELECT nova.instances": "*  1%",
        "cast build": "* 35%",
        "ComputeManager.build": "* 35%",
    }


@pytest.mark.parametrize(
    ("end", "part"),
    [
        (0.4, ("+", canvas.DIM)),
        (0.6, ("*  1%", "")),
        (9, ("*  9%", "")),
        (10, ("* 10%", canvas.CRITICAL)),
        (0, ("", "")),
    ],
)
def test_how_much_it_is_shows(end: float, part: canvas.Part) -> None:
    trace = traces.trace(traces.span(1, end=100), traces.span(2, 1, end=end))
    assert shares(trace).part(trace.children(trace.roots[0]), ASCII) == part


def test_a_row_of_several_spans_has_the_shares_of_all() -> None:
    trace = traces.trace(
        traces.span(1, end=100), *(traces.span(n, 1, start=10 * n, end=10 * n + 5) for n in (2, 3, 4))
    )
    assert shares(trace).part(trace.children(trace.roots[0]), ASCII)[0] == "* 15%"


def test_time_in_queues_and_threads_is_known() -> None:
    trace = report_traces.creation()
    around = {span.name: shares(trace).around([span]) for span in trace.spans}
    assert around["ComputeTaskManager.build"] == (10 * MS, 0)
    assert around["ComputeManager.build"] == (6 * MS, 211 * MS - 60 * MS)
    assert around["compute.API.create"] == (0, 0)


def test_threads_count_what_is_after_the_end_only() -> None:
    trace = traces.trace(traces.span(1, kind=CONSUMER, end=10), traces.span(2, 1, start=15, end=20))
    assert shares(trace).around(trace.roots) == (0, 5 * MS)


@given(structures())
@settings(max_examples=100, deadline=None)
def test_the_main_root_has_the_whole_path(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    path = timing.critical_path(trace)
    texts = [Shares(trace, path).part([root], ASCII)[0] for root in trace.roots]
    assert texts.count("*100%") == bool(path)
    assert texts.count("") == len(texts) - bool(path)
