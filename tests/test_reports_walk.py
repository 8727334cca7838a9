"""otel_bridge.reports.walk: the order of the rows, and what is said of a span."""

from __future__ import annotations

import pytest
import traces

from otel_bridge.model.trace import SpanEvent, SpanRecord
from otel_bridge.reports import walk


def test_parents_come_before_children_and_siblings_by_start() -> None:
    assert [(row.span.span_id, row.depth, row.last) for row in walk.rows(traces.boot())] == [
        (1, 0, True),
        (2, 1, False),
        (3, 2, True),
        (4, 3, True),
        (5, 1, True),
        (6, 2, True),
    ]


def test_every_span_is_a_row_whatever_the_shape() -> None:
    for trace in (traces.chain(5000), traces.fan(5000), traces.hostile(), traces.trace()):
        assert sorted(row.span.span_id for row in walk.rows(trace)) == sorted(
            span.span_id for span in trace.spans
        )


@pytest.mark.parametrize(
    ("span", "incomplete"),
    [
        (traces.span(1), False),
        (traces.span(1, start=5, end=5), False),
        (traces.span(1, start=5, end=4), True),
        (traces.span(1, attributes={"osprofiler.incomplete": True}), True),
        (traces.span(1, attributes={"osprofiler.incomplete": False}), False),
    ],
)
def test_a_span_without_end_is_incomplete(span: SpanRecord, incomplete: bool) -> None:
    assert walk.is_incomplete(span) is incomplete


def test_the_last_exception_is_the_error() -> None:
    events = (
        SpanEvent("exception", 1, {"exception.type": "First", "exception.message": "one"}),
        SpanEvent("exception", 2, {"exception.type": "Last", "exception.message": "two"}),
        SpanEvent("note", 3, {"exception.type": "No"}),
    )
    assert walk.error_type(traces.span(1, events=events)) == "Last"
    assert walk.error_message(traces.span(1, events=events)) == "two"
    assert walk.error_type(traces.span(1, events=events, attributes={"error.type": 500})) == "500"
    assert walk.error_message(traces.span(1, events=events, status_message="Last: two")) == "two"
    assert walk.error_message(traces.span(1, status_message="said")) == "said"
    assert walk.error_type(traces.span(1)) == walk.error_message(traces.span(1)) == ""


@pytest.mark.parametrize(("value", "refused"), [(5, 5), (0, 0), (-3, 0), ("many", 0), (1.5, 0), (None, 0)])
def test_spans_that_were_not_recorded(value: object, refused: int) -> None:
    span = traces.span(1, attributes={"otel_bridge.refused_spans": value})
    assert walk.refused_spans(span) == refused


@pytest.mark.parametrize(
    ("start", "end", "early", "late"),
    [(0, 10, 0, 0), (-3, 10, 3, 0), (-0.05, 10, 0, 0), (0, 14, 0, 4), (0, 10.05, 0, 0), (-1, 12, 1, 2)],
)
def test_what_lies_outside_of_its_client(start: float, end: float, early: int, late: int) -> None:
    client = traces.span(1, kind=traces.CLIENT)
    server = traces.span(2, 1, kind=traces.SERVER, start=start, end=end)
    assert walk.early_ns(server, client) == early * traces.MS
    assert walk.late_ns(server, client) == late * traces.MS
    assert walk.early_ns(server, None) == walk.late_ns(server, None) == 0


def test_what_outlives_a_parent_that_does_not_wait_is_not_late() -> None:
    parent = traces.span(1, kind=traces.PRODUCER)
    assert walk.late_ns(traces.span(2, 1, kind=traces.CONSUMER, end=99), parent) == 0
    unfinished = traces.span(1, kind=traces.CLIENT, start=5, end=1)
    assert walk.late_ns(traces.span(2, 1, kind=traces.SERVER, end=99), unfinished) == 0


@pytest.mark.parametrize(
    ("name", "kind", "attributes", "detail"),
    [
        ("GET", traces.CLIENT, {"url.full": "http://h/p?token=1"}, "http://h/p"),
        ("SELECT", traces.CLIENT, {"db.query.text": "SELECT 1"}, "SELECT 1"),
        ("GET", traces.SERVER, {"url.full": "http://h/p"}, ""),
        ("GET /p", traces.CLIENT, {"url.full": "http://h/p"}, ""),
        ("GET", traces.CLIENT, {}, ""),
    ],
)
def test_what_a_client_asked_for(name: str, kind: int, attributes: dict[str, str], detail: str) -> None:
    assert walk.detail(traces.span(1, 0, name, kind=kind, attributes=attributes)) == detail


def test_clocks_and_circles_are_noted() -> None:
    circle = traces.trace(traces.span(1, 2), traces.span(2, 1), traces.span(3, 3))
    assert list(walk.notes(circle)) == ["2 spans with a parent that is below it: the circle is cut there"]
    skewed = traces.trace(
        traces.span(1, kind=traces.CLIENT),
        traces.span(2, 1, kind=traces.SERVER, start=-3, end=14),
        traces.span(3, 1, start=-1),
    )
    assert list(walk.notes(skewed)) == [
        "2 spans that began before the span above, by up to 3.00 ms: the clocks of the hosts differ",
        "1 called server that ended after the client, by up to 4.00 ms: the clocks of the hosts differ, "
        "or the client gave up",
    ]


def test_a_failure_that_a_child_had_is_not_news() -> None:
    trace = traces.trace(
        *(
            traces.span(number, number - 1, status=2, status_message=message)
            for number, message in ((1, "no route"), (2, "no route"), (3, "refused"))
        )
    )
    assert [walk.repeats_a_child(trace, span) for span in trace.spans] == [True, False, False]


def test_notes_say_what_is_missing_and_nothing_otherwise() -> None:
    assert list(walk.notes(traces.boot())) == []
    lacking = traces.trace(
        traces.span(1, attributes={"otel_bridge.refused_spans": 1200}),
        traces.span(2, 99),
        traces.span(3, 1, start=5, end=4),
    )
    parent, end, refused = walk.notes(lacking)
    assert parent.startswith("1 span with a parent that is not in this trace")
    assert end.startswith("1 span without an end")
    assert refused == "1,200 spans not recorded: [otel_bridge] max_spans_per_trace was reached"
