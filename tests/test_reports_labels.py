"""otel_bridge.reports.labels: what a row of the tree says."""

from __future__ import annotations

from typing import Any

import pytest
import traces
from traces import CLIENT, CONSUMER, SERVER

from otel_bridge.analysis import timing
from otel_bridge.model.trace import STATUS_ERROR, SpanRecord, Trace
from otel_bridge.reports import outline, palette
from otel_bridge.reports.canvas import Canvas
from otel_bridge.reports.labels import Labels
from otel_bridge.reports.outline import Hidden, View
from otel_bridge.reports.path_shares import Shares
from otel_bridge.reports.style import Style


def labels(trace: Trace, *, room: int | None = None, width: int | None = None, **view: Any) -> list[str]:
    """The label of each row; ``room``: columns for it, ``width``: of the whole terminal."""
    paint = Canvas(Style(width=width, ascii=True))
    colours = palette.assign(span.service for span in trace.spans)
    maker = Labels(trace, paint, colours, Shares(trace, timing.critical_path(trace)))
    return [
        "".join(text for text, _ in maker.label(row, outline.members(row.item)[0], room))
        for row in outline.rows(trace, View(**view))
        if not isinstance(row.item, Hidden)
    ]


def one(span: SpanRecord, **how: Any) -> str:
    return labels(traces.trace(span), **how)[0]


@pytest.mark.parametrize(
    ("more", "label"),
    [
        ({}, "nova-api  span"),
        ({"name": ""}, "nova-api  (no name)"),
        ({"name": "a\x1b[1mb"}, "nova-api  a\\x1b[1mb"),
        ({"kind": SERVER}, "nova-api  span  [server]"),
        ({"status": STATUS_ERROR, "kind": SERVER}, "nova-api  span  ERROR  [server]"),
        ({"start": 5, "end": 1}, "nova-api  span  (incomplete)"),
        ({"parent_id": 9}, "nova-api  span  (parent missing)"),
        (
            {"name": "GET", "kind": CLIENT, "attributes": {"url.full": "http://h/p?q=1"}},
            "nova-api  GET  [client]  http://h/p",
        ),
        (
            {"name": "GET", "kind": CLIENT, "attributes": {"url.full": "http://h/\x1b" + "p" * 50}},
            "nova-api  GET  [client]  http://h/\\x1b" + "p" * 26 + "…",
        ),
    ],
)
def test_a_label_says_what_there_is_to_say(more: dict[str, Any], label: str) -> None:
    assert one(traces.span(1, **more)) == label


def test_the_children_of_a_client_say_what_it_asked_for() -> None:
    trace = traces.trace(
        traces.span(1, 0, "GET", kind=CLIENT, attributes={"url.full": "http://h/p"}),
        traces.span(2, 1, "GET /p", service="glance", kind=SERVER),
    )
    assert labels(trace)[0] == "nova-api  GET  [client]"
    assert labels(trace, depth=1)[0] == "nova-api  GET  +1 below  [client]  http://h/p"


def test_a_group_says_how_many_and_the_slowest() -> None:
    leaves = [traces.span(n, 1, "x", start=n, end=n + (7 if n == 3 else 1)) for n in range(2, 6)]
    assert labels(traces.trace(traces.span(1), *leaves))[1] == "nova-api  x x4  slowest 7.00 ms"
    below = [traces.span(10 + n, n, "y", start=n, end=n + 1) for n in range(2, 6)]
    trace = traces.trace(traces.span(1), *leaves, *below)
    assert labels(trace)[1] == "nova-api  x x4  slowest (below) 7.00 ms"
    assert labels(trace, depth=2)[1] == "nova-api  x x4  slowest 7.00 ms  +4 below"


def test_groups_that_took_turns_say_so() -> None:
    leaves = [traces.span(n, 1, "xy"[n % 2], start=n, end=n + 1) for n in range(2, 8)]
    assert labels(traces.trace(traces.span(1), *leaves))[1:] == [
        "nova-api  x x3  slowest 1.00 ms  in turn",
        "nova-api  y x3  slowest 1.00 ms  in turn",
    ]


def test_time_that_no_span_shows_is_said() -> None:
    trace = traces.trace(
        traces.span(1, end=10),
        traces.span(2, 1, kind=CONSUMER, start=30, end=31),
        traces.span(3, 2, start=50, end=51),
    )
    assert labels(trace)[1] == "nova-api  span  queued 20.0 ms  thread +19.0 ms  [consumer]"


def test_clocks_that_differ_are_said() -> None:
    trace = traces.trace(
        traces.span(1, kind=CLIENT, start=5, end=10), traces.span(2, 1, kind=SERVER, start=2, end=14)
    )
    assert (
        labels(trace)[1]
        == "nova-api  span  (3.00 ms before its parent)  (4.00 ms after its client)  [server]"
    )


def test_failures_below_what_is_cut_are_said() -> None:
    trace = traces.trace(traces.span(1), traces.span(2, 1, status=STATUS_ERROR), traces.span(3, 1))
    assert labels(trace, depth=1) == ["nova-api  span  1 error below  +2 below"]


def test_context_is_in_brackets() -> None:
    trace = traces.trace(traces.span(1, kind=SERVER), traces.span(2, 1, service="glance"))
    assert labels(trace, services=frozenset({"glance"})) == ["(nova-api  span)  [server]", "glance  span"]


@pytest.mark.parametrize(
    ("room", "label"),
    [
        (None, "nova-conductor  ComputeTaskManager.build_instances  [server]"),
        (60, "nova-conductor  ComputeTaskManager.build_instances  [server]"),
        (59, "nova-conductor  ComputeTaskManager.build_instances"),
        (45, "nova-conductor  ComputeTaskMa…build_instances"),
        (30, "nova-conductor  …build_instan…"),
        (20, "nova-cond…  …build_…"),
    ],
)
def test_where_there_is_no_room_the_kind_goes_before_the_name(room: int | None, label: str) -> None:
    span = traces.span(1, name="ComputeTaskManager.build_instances", service="nova-conductor", kind=SERVER)
    said = one(span, room=room)
    assert said == label
    assert room is None or len(said) <= room


def test_a_failure_is_said_before_the_whole_name() -> None:
    span = traces.span(1, name="n" * 100, kind=SERVER, status=STATUS_ERROR)
    assert one(span, room=40) == "nova-api  " + "n" * 22 + "…  ERROR"


@pytest.mark.parametrize(("width", "named"), [(139, False), (140, True), (None, True)])
def test_on_a_narrow_terminal_a_service_is_named_where_it_is_another(width: int | None, named: bool) -> None:
    trace = traces.trace(
        traces.span(1, 0, "a"), traces.span(2, 1, "b"), traces.span(3, 2, "c", service="glance")
    )
    assert labels(trace, width=width, room=50) == [
        "nova-api  a",
        "nova-api  b" if named else "b",
        "glance  c",
    ]
