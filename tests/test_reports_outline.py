"""otel_bridge.reports.outline: what of a trace is shown, and what is counted in its place."""

from __future__ import annotations

import pytest
import report_traces
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import structures
from traces import MS

from otel_bridge.analysis.folding import Group
from otel_bridge.analysis.timing import is_incomplete
from otel_bridge.model.trace import STATUS_ERROR, SpanRecord, Trace
from otel_bridge.reports import outline
from otel_bridge.reports.outline import Below, Hidden, Row, View


def drawn(trace: Trace, **view: object) -> list[str]:
    """The rows as ``level name``; brackets around context, ``*n`` for a group, ``+n`` for what is cut."""
    lines = []
    for row in outline.rows(trace, View(**view)):  # type: ignore[arg-type]
        if isinstance(row.item, Hidden):
            text = f"shorter={row.item.shorter} elsewhere={row.item.elsewhere}"
        else:
            spans = outline.members(row.item)
            text = spans[0].name + (f"*{len(spans)}" if len(spans) > 1 else "")
            text = f"({text})" if row.context else text
            text += f" +{row.cut.spans}" if row.cut.spans else ""
        lines.append(f"{row.depth} {text}")
    return lines


def small() -> Trace:
    return traces.trace(
        traces.span(1, 0, "root", end=20),
        traces.span(2, 1, "short", end=1),
        traces.span(3, 2, "long below", start=2, end=12, service="glance"),
        traces.span(4, 1, "failed", end=1, status=STATUS_ERROR),
        traces.span(5, 1, "long", end=15),
        traces.span(6, 5, "short below", end=2),
        traces.span(7, 6, "shortest", end=1, service="glance"),
    )


def test_everything_is_shown_as_it_comes() -> None:
    assert drawn(small()) == [
        "0 root",
        "1 short",
        "2 long below",
        "1 failed",
        "1 long",
        "2 short below",
        "3 shortest",
    ]


def test_short_spans_are_counted_unless_they_failed_or_lead_to_longer_ones() -> None:
    assert drawn(small(), min_duration_ns=10 * MS) == [
        "0 root",
        "1 (short)",
        "2 long below",
        "1 failed",
        "1 long",
        "2 shorter=2 elsewhere=0",
    ]


def test_a_span_without_end_is_never_too_short() -> None:
    trace = traces.trace(traces.span(1, 0, "open", start=2, end=1), traces.span(2, 1, "short", end=1))
    assert drawn(trace, min_duration_ns=10 * MS) == ["0 open", "1 shorter=1 elsewhere=0"]


def test_services_are_shown_with_what_leads_to_them() -> None:
    assert drawn(small(), services=frozenset({"glance"})) == [
        "0 (root)",
        "1 (short)",
        "2 long below",
        "1 (long)",
        "2 (short below)",
        "3 shortest",
        "1 shorter=0 elsewhere=1",
    ]


def test_both_filters_at_once() -> None:
    assert drawn(small(), services=frozenset({"glance"}), min_duration_ns=10 * MS) == [
        "0 (root)",
        "1 (short)",
        "2 long below",
        "1 shorter=1 elsewhere=3",
    ]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (1, ["0 root +6"]),
        (2, ["0 root", "1 short +1", "1 failed", "1 long +2"]),
        (3, ["0 root", "1 short", "2 long below", "1 failed", "1 long", "2 short below +1"]),
        (9, drawn(small())),
    ],
)
def test_what_is_too_deep_is_counted(depth: int, expected: list[str]) -> None:
    assert drawn(small(), depth=depth) == expected


def test_failures_that_are_too_deep_are_counted() -> None:
    (row,) = outline.rows(small(), View(depth=1))
    assert row.cut == Below(spans=6, errors=1)


def test_alike_siblings_are_one_row_with_the_children_of_the_slowest() -> None:
    trace = traces.trace(
        traces.span(1, 0, "root"),
        *(traces.span(n, 1, "call", start=n, end=n + (9 if n == 4 else 1)) for n in (2, 3, 4, 5)),
        *(traces.span(10 + n, n, "query", start=n, end=n + 1) for n in (2, 3, 4, 5)),
    )
    root, group, child = outline.rows(trace)
    assert isinstance(group.item, Group)
    assert len(group.item.spans) == 4
    assert child.item == trace.children(group.item.slowest)[0]
    assert child.parent is not None
    assert child.parent.span_id == 4
    assert group.parent == root.item
    assert drawn(trace, depth=2) == ["0 root", "1 call*4 +4"]
    assert len(drawn(trace, fold=False)) == 9


def test_roots_fold_too() -> None:
    assert drawn(traces.trace(*(traces.span(n, 99, "lost") for n in range(1, 6)))) == ["0 lost*5"]


def test_the_last_of_siblings_is_marked() -> None:
    rows = list(outline.rows(small(), View(min_duration_ns=10 * MS)))
    assert [row.last for row in rows] == [True, False, True, False, True, True]


def test_reasons_are_said_in_words() -> None:
    hidden = Hidden(shorter=1200, elsewhere=3, total_ns=0)
    assert outline.left_out(hidden, View(min_duration_ns=5 * MS)) == [
        "1,200 shorter than 5 ms",
        "3 of other services",
    ]


@given(
    structures(max_size=20),
    st.none() | st.integers(1, 4),
    st.integers(0, 6),
    st.sets(st.sampled_from("abc")),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_every_span_is_shown_or_counted(
    spans: list[SpanRecord], depth: int | None, least: int, services: set[str], fold: bool
) -> None:
    """Property: over all rows, what is shown, cut and left out adds up; what passes the filters and is not
    too deep is shown; what does not pass is context."""
    trace = Trace.from_spans(7, spans)
    view = View(depth=depth, min_duration_ns=least, services=frozenset(services), fold=fold)
    rows = list(outline.rows(trace, view))

    def passes(span: SpanRecord) -> bool:
        wanted = not services or span.service in services
        return wanted and (span.duration_ns >= least or span.is_error or is_incomplete(span))

    if not any(isinstance(row.item, Group) for row in rows):
        assert sum(map(_counted, rows)) == len(trace.spans)
    for row in rows:
        assert depth is None or row.depth < depth or isinstance(row.item, Hidden)
        if not isinstance(row.item, Hidden):
            assert row.context is not any(map(passes, outline.members(row.item)))
    shown = {
        span.span_id for row in rows if not isinstance(row.item, Hidden) for span in outline.members(row.item)
    }
    if depth is None and not fold:
        assert {span.span_id for span in trace.spans if passes(span)} <= shown


def _counted(row: Row) -> int:
    if isinstance(row.item, Hidden):
        return row.item.shorter + row.item.elsewhere
    return len(outline.members(row.item)) + row.cut.spans


@pytest.mark.parametrize("trace", [traces.chain(30_000), traces.fan(30_000)], ids=["deep", "wide"])
def test_any_depth_and_width(trace: Trace) -> None:
    for view in (View(), View(fold=False), View(depth=2), View(min_duration_ns=100 * MS)):
        assert sum(1 for _ in outline.rows(trace, view)) <= len(trace.spans)


def test_the_creation_of_a_server_is_readable() -> None:
    assert len(report_traces.creation().spans) > 2 * len(drawn(report_traces.creation()))
