"""otel_bridge.analysis.extent: where the time of a whole trace went."""

from __future__ import annotations

import span_records
import traces
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.analysis.extent import whole_path
from otel_bridge.analysis.timing import critical_path
from otel_bridge.model.trace import SpanRecord, Trace


def path(trace: Trace) -> list[tuple[int, float, float, bool]]:
    """Span id, start and end in milliseconds, and whether it waited."""
    return [
        (one.span_id, (one.start_ns - traces.START) / 1e6, (one.end_ns - traces.START) / 1e6, one.waiting)
        for one in whole_path(trace)
    ]


@given(span_records.structures())
def test_segments_follow_each_other_from_the_start_to_the_end(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    found = whole_path(trace)
    bounds = [trace.start_ns, *(segment.end_ns for segment in found)]
    assert bounds[-1] == max(trace.start_ns, trace.end_ns)
    assert [segment.start_ns for segment in found] == bounds[:-1]


@given(st.lists(span_records.records(st.just(7)), max_size=8))
def test_whatever_the_times_are_the_segments_add_up_to_the_duration(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    total = sum(segment.end_ns - segment.start_ns for segment in whole_path(trace))
    assert total == trace.summary().duration_ns


def test_of_one_root_it_is_the_critical_path() -> None:
    assert whole_path(traces.boot()) == critical_path(traces.boot())


def test_requests_one_after_the_other_and_the_client_between_them() -> None:
    trace = traces.trace(
        traces.span(1, end=10), traces.span(2, 1, start=2, end=8), traces.span(3, start=15, end=20)
    )
    assert path(trace) == [
        (1, 0, 2, False),
        (2, 2, 8, False),
        (1, 8, 10, False),
        (3, 10, 15, True),
        (3, 15, 20, False),
    ]


def test_what_another_root_covers_is_left_out() -> None:
    trace = traces.trace(
        traces.span(1, end=100), traces.span(2, start=20, end=60), traces.span(3, start=50, end=150)
    )
    assert path(trace) == [(1, 0, 50, False), (3, 50, 150, False)]


def test_a_root_without_a_duration_is_reached_by_waiting() -> None:
    assert path(traces.trace(traces.span(1, end=0), traces.span(2, start=5, end=5))) == [(2, 0, 5, True)]


def test_no_spans_no_path() -> None:
    assert whole_path(traces.trace()) == []
