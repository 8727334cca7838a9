"""otel_bridge.reports.bars: the waterfall on a terminal."""

from __future__ import annotations

import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import structures
from traces import MS, START

from otel_bridge.analysis import timing
from otel_bridge.analysis.timing import Segment
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports.bars import Bars
from otel_bridge.reports.canvas import ASCII


def drawn(spans: list[SpanRecord], *path: Segment, width: int = 10, end: float = 100) -> str:
    return Bars(START, START + round(end * MS), width, ASCII, path).of(spans)


def segment(span_id: int, start: float, end: float, *, waiting: bool = False) -> Segment:
    return Segment(span_id, START + round(start * MS), START + round(end * MS), waiting)


def test_a_bar_lies_where_the_span_does() -> None:
    assert drawn([traces.span(1, start=20, end=50)]) == "  ===     "
    assert drawn([traces.span(1, start=0, end=100)]) == "=========="


def test_what_is_too_short_is_still_seen() -> None:
    assert drawn([traces.span(1, start=42, end=43)]) == "    |     "
    assert drawn([traces.span(1, start=100, end=100)]) == "         |"
    assert drawn([traces.span(1, start=50, end=20)]) == "     |    "


def test_several_spans_share_a_row() -> None:
    spans = [
        traces.span(1, start=0, end=20),
        traces.span(2, start=10, end=30),
        traces.span(3, start=72, end=73),
    ]
    assert drawn(spans) == "===    |  "


def test_solid_is_where_the_trace_waited_for_the_span_itself() -> None:
    path = (segment(1, 0, 20), segment(1, 40, 44), segment(1, 60, 66), segment(2, 20, 40))
    assert drawn([traces.span(1, end=100)], *path) == "##====#==="


def test_waiting_is_not_drawn() -> None:
    assert drawn([traces.span(1, start=50, end=100)], segment(1, 0, 50, waiting=True)) == "     ====="


def test_a_thread_that_went_on_is_a_thin_line() -> None:
    assert drawn([traces.span(1, end=20)], segment(1, 0, 20), segment(1, 30, 70)) == "##.....   "


def test_what_a_span_without_an_end_left_behind() -> None:
    """Its end may be any time before its start."""
    span = traces.span(1, start=20, end=-500)
    assert drawn([span], segment(1, 20, 50)) == "  |..     "


def test_without_columns_nothing_is_drawn() -> None:
    assert drawn([traces.span(1)], width=0) == ""


def test_a_trace_without_duration_has_bars_too() -> None:
    assert drawn([traces.span(1, end=0)], end=0) == "|         "


@given(structures(), st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_every_bar_is_seen_and_has_its_width(spans: list[SpanRecord], width: int) -> None:
    trace = Trace.from_spans(7, spans)
    bars = Bars(trace.start_ns, trace.end_ns, width, ASCII, timing.critical_path(trace))
    for span in trace.spans:
        bar = bars.of([span])
        assert len(bar) == width
        assert set(bar) & set("#=|")
        assert set(bar) <= set("#=|. ")
