"""trace: a forest that is always well formed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.trace import STATUS_ERROR, SpanRecord, Trace
from otel_bridge.wire.ids import stand_in

TRACE = 0x8D28AF1EACC0498C98906908E33EFF5F
BASE = TRACE & ((1 << 64) - 1)


def span(span_id: int, parent_id: int = 0, start: int | None = None, **fields: object) -> SpanRecord:
    begin = span_id if start is None else start
    values = {
        "trace_id": TRACE,
        "name": f"s{span_id}",
        "kind": 1,
        "start_ns": begin,
        "end_ns": begin + 10,
        **fields,
    }
    return SpanRecord(span_id=span_id, parent_id=parent_id, **values)  # type: ignore[arg-type]


def shape(trace: Trace) -> list[tuple[int, int]]:
    """(depth, span id), as a reader walks the forest."""
    walked: list[tuple[int, int]] = []
    stack = [(0, root) for root in reversed(trace.roots)]
    while stack:
        depth, found = stack.pop()
        walked.append((depth, found.span_id))
        stack += [(depth + 1, child) for child in reversed(trace.children(found))]
    return walked


@pytest.mark.parametrize(
    ("spans", "expected", "orphans"),
    [
        ([], [], set()),
        ([span(1)], [(0, 1)], set()),
        ([span(2, 1), span(1)], [(0, 1), (1, 2)], set()),
        ([span(1), span(3, 1, start=5), span(2, 1, start=7)], [(0, 1), (1, 3), (1, 2)], set()),
        ([span(1), span(2)], [(0, 1), (0, 2)], set()),
        ([span(2, 9)], [(0, 2)], {2}),
        ([span(1), span(1), span(2, 1), span(2, 1)], [(0, 1), (1, 2)], set()),
        ([span(1, 1)], [(0, 1)], set()),
        ([span(1, 2), span(2, 1)], [(0, 1), (1, 2)], set()),
        ([span(1, 3), span(2, 1), span(3, 2), span(4, 3)], [(0, 1), (1, 2), (2, 3), (3, 4)], set()),
        # OSProfiler's root: the parent is the base id
        ([span(1, BASE), span(2, 1)], [(0, 1), (1, 2)], set()),
        # unless there is such a span
        ([span(1, BASE), span(BASE, 0, start=0)], [(0, BASE), (1, 1)], set()),
        ([span(BASE, BASE)], [(0, BASE)], set()),
        # a span without an id is nobody's parent
        ([span(0, 0, start=0), span(1, 0)], [(0, 0), (0, 1)], set()),
    ],
)
def test_the_forest(spans: list[SpanRecord], expected: list[tuple[int, int]], orphans: set[int]) -> None:
    trace = Trace.from_spans(TRACE, spans)
    assert shape(trace) == expected
    assert trace.orphans == orphans


def test_a_root_of_a_trace_whose_id_ends_with_zeros_is_no_orphan() -> None:
    record = SpanRecord(5 << 64, 7, stand_in(5 << 64), "s", 1, 1, 2)
    assert Trace.from_spans(record.trace_id, [record]).orphans == frozenset()


def test_spans_of_another_trace_are_left_out() -> None:
    assert Trace.from_spans(TRACE, [span(1, trace_id=7)]).spans == ()


def test_of_a_span_that_came_twice_the_finished_one_counts() -> None:
    unfinished, finished = span(1, end_ns=1), span(1, end_ns=99)
    for spans in ([unfinished, finished], [finished, unfinished]):
        assert Trace.from_spans(TRACE, spans).spans == (finished,)


def test_siblings_are_sorted_by_start_and_then_by_id() -> None:
    trace = Trace.from_spans(TRACE, [span(1), span(4, 1, start=5), span(3, 1, start=5), span(2, 1, start=9)])
    assert [child.span_id for child in trace.children(trace.roots[0])] == [3, 4, 2]


def test_the_summary_counts_what_is_there() -> None:
    spans = [
        span(1, start=100, end_ns=150, resource={"service.name": "nova-api"}),
        span(2, 1, start=90, end_ns=200, status=STATUS_ERROR, resource={"service.name": "nova-compute"}),
        span(3, 9, start=95),
    ]
    summary = Trace.from_spans(TRACE, spans).summary()
    assert (summary.root_name, summary.root_service) == ("s3", "unknown_service")
    assert (summary.start_ns, summary.duration_ns) == (90, 110)
    assert (summary.span_count, summary.error_count) == (3, 1)
    assert summary.services == ("nova-api", "nova-compute", "unknown_service")


def test_an_empty_trace_has_a_summary_too() -> None:
    summary = Trace.from_spans(TRACE, []).summary()
    assert (summary.root_name, summary.span_count, summary.duration_ns) == ("", 0, 0)


def test_a_span_that_ends_before_it_starts_has_no_negative_duration() -> None:
    assert span(1, start=10, end_ns=5).duration_ns == 0


IDS = st.integers(0, 6) | st.just(BASE)


@settings(deadline=None)
@given(st.lists(st.tuples(IDS, IDS, st.integers(0, 5))), st.randoms(use_true_random=False))
def test_any_spans_make_a_forest_that_holds_each_span_once(
    edges: list[tuple[int, int, int]], shuffler: random.Random
) -> None:
    spans = [span(span_id, parent_id, start=begin, name="x") for span_id, parent_id, begin in edges]
    trace = Trace.from_spans(TRACE, spans)
    walked = [span_id for _, span_id in shape(trace)]
    assert sorted(walked) == sorted({found.span_id for found in spans})
    assert len(trace.spans) == len(walked)
    assert trace.orphans <= {root.span_id for root in trace.roots}


def chain(length: int) -> Iterable[SpanRecord]:
    return (span(number, number - 1 if number > 1 else 0) for number in range(1, length + 1))


def test_a_deep_trace_keeps_its_depth() -> None:
    assert max(depth for depth, _ in shape(Trace.from_spans(TRACE, chain(100)))) == 99


@pytest.mark.parametrize(
    "spans",
    [
        [span(1), *(span(number, 1) for number in range(2, 100_001))],
        list(chain(100_000)),
        [*list(chain(99_999))[1:], span(1, 99_999)],
    ],
    ids=["wide", "deep", "one cycle"],
)
def test_a_hundred_thousand_spans_take_linear_time(spans: list[SpanRecord]) -> None:
    random.Random(1).shuffle(spans)
    started = process_time()
    trace = Trace.from_spans(TRACE, spans)
    assert len(shape(trace)) == len(spans)
    assert process_time() - started < 20
