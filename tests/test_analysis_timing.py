"""otel_bridge.analysis.timing: self times and the critical path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import structures
from traces import CLIENT, CONSUMER, INTERNAL, MS, PRODUCER, SERVER, START

from otel_bridge.analysis import timing
from otel_bridge.model.trace import SpanRecord, Trace

Path = list[tuple[int | str, float, float]]


def path(trace: Trace) -> Path:
    """The critical path in milliseconds since the start; the id has a ? where the span waits to begin."""
    return [
        (f"{span_id}?" if waiting else span_id, (start - START) / MS, (end - START) / MS)
        for span_id, start, end, waiting in timing.critical_path(trace)
    ]


def last_end(trace: Trace, span: SpanRecord) -> int:
    return max([span.start_ns, span.end_ns, *(last_end(trace, child) for child in trace.children(span))])


@pytest.mark.parametrize(
    ("children", "own"),
    [
        ([], 10),
        ([(2, 5)], 7),
        ([(2, 5), (6, 8)], 5),
        ([(2, 6), (4, 8)], 4),  # at the same time
        ([(1, 9), (2, 3), (4, 5)], 2),  # one inside the other
        ([(0, 10)], 0),
        ([(-5, 2)], 8),  # began before its parent
        ([(8, 30)], 8),  # outlives it
        ([(-5, 30)], 0),
        ([(-5, -1), (11, 12)], 10),  # outside altogether
        ([(5, 2)], 10),  # no end
        ([(5, 5)], 10),
    ],
)
def test_self_time_is_what_no_child_covers(children: list[tuple[float, float]], own: float) -> None:
    trace = traces.trace(
        traces.span(1),
        *(traces.span(number, 1, start=start, end=end) for number, (start, end) in enumerate(children, 2)),
    )
    assert timing.self_times(trace)[1] == own * MS


@given(structures())
@settings(max_examples=200, deadline=None)
def test_self_time_counted_moment_by_moment_is_the_same(spans: list[SpanRecord]) -> None:
    """Property: against a count of the nanoseconds in which no child runs."""
    trace = Trace.from_spans(7, spans)
    expected = {}
    for span in trace.spans:
        moments = set(range(span.start_ns, span.end_ns))
        for child in trace.children(span):
            moments -= set(range(child.start_ns, child.end_ns))
        expected[span.span_id] = len(moments)
    assert timing.self_times(trace) == expected


def test_self_time_of_a_span_without_end_is_none() -> None:
    trace = traces.trace(traces.span(1, start=5, end=1), traces.span(2, 1, start=2, end=4))
    assert timing.self_times(trace) == {1: 0, 2: 2 * MS}


def test_the_path_goes_from_child_to_child_and_gaps_are_the_parents() -> None:
    trace = traces.trace(
        traces.span(1, end=20),
        traces.span(2, 1, start=1, end=8),
        traces.span(3, 2, start=2, end=4),
        traces.span(4, 1, start=9, end=18),
    )
    assert path(trace) == [(1, 0, 1), (2, 1, 2), (3, 2, 4), (2, 4, 8), (1, 8, 9), (4, 9, 18), (1, 18, 20)]


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        # Of two at the same time the one that finished last was waited for.
        ([(1, 8), (1, 9)], [(1, 0, 1), (3, 1, 9), (1, 9, 10)]),
        # The first was still running when the second began: nobody waited for it.
        ([(1, 6), (4, 9)], [(1, 0, 4), (3, 4, 9), (1, 9, 10)]),
        # Two end together: the longer one.
        ([(1, 9), (5, 9)], [(1, 0, 1), (2, 1, 9), (1, 9, 10)]),
        # It outlives its parent, and is what ended last.
        ([(1, 4), (5, 30)], [(1, 0, 1), (2, 1, 4), (1, 4, 5), (3, 5, 30)]),
        # They begin when their parent has ended: a thread went on.
        (
            [(1, 4), (15, 20), (24, 30)],
            [(1, 0, 1), (2, 1, 4), (1, 4, 15), (3, 15, 20), (1, 20, 24), (4, 24, 30)],
        ),
        # The first outlives its parent too, but nobody waited for that.
        ([(2, 20), (5, 30)], [(1, 0, 5), (3, 5, 30)]),
        # The first had not finished when the last one began.
        ([(1, 8), (4, 30)], [(1, 0, 4), (3, 4, 30)]),
        # It began before its parent: another clock.
        ([(-3, 4)], [(2, 0, 4), (1, 4, 10)]),
        ([(-3, 30)], [(2, 0, 30)]),
        # Altogether before its parent; no duration; no end.
        ([(-3, -1), (4, 4), (6, 2)], [(1, 0, 10)]),
    ],
)
def test_which_children_are_on_the_path(children: list[tuple[float, float]], expected: Path) -> None:
    spans = [traces.span(number, 1, start=start, end=end) for number, (start, end) in enumerate(children, 2)]
    assert path(traces.trace(traces.span(1), *spans)) == expected


@pytest.mark.parametrize(
    ("parent", "child", "on_the_path"),
    [(CLIENT, SERVER, True), (CLIENT, INTERNAL, False), (INTERNAL, SERVER, False), (CLIENT, CONSUMER, False)],
)
def test_only_a_called_server_that_ends_after_its_client_was_waited_for(
    parent: int, child: int, on_the_path: bool
) -> None:
    """Its clock is ahead, or the client gave up: either way the client waited, for what is below too."""
    trace = traces.trace(
        traces.span(1, end=20),
        traces.span(2, 1, kind=parent),
        traces.span(3, 2, kind=child, start=3, end=12),
        traces.span(4, 3, start=9, end=11),
    )
    waited = [(2, 0, 3), (3, 3, 9), (4, 9, 10), (1, 10, 20)]
    assert path(trace) == (waited if on_the_path else [(2, 0, 10), (1, 10, 20)])


def test_the_path_goes_back_through_casts_to_the_root() -> None:
    trace = traces.trace(
        traces.span(1, end=10),
        traces.span(2, 1, "query", start=1, end=3),
        traces.span(3, 1, "cast", kind=PRODUCER, start=5, end=6),
        traces.span(4, 3, "build", kind=CONSUMER, start=8, end=20),
        traces.span(5, 4, "query", start=9, end=12),
        traces.span(6, 4, "cast", kind=PRODUCER, start=19, end=19),
        traces.span(7, 6, "spawn", kind=CONSUMER, start=25, end=90),
        traces.span(8, 1, "query after the cast", start=7, end=9),
    )
    assert path(trace) == [
        (1, 0, 1),
        (2, 1, 3),
        (1, 3, 5),
        (3, 5, 6),
        ("4?", 6, 8),
        (4, 8, 9),
        (5, 9, 12),
        (4, 12, 19),
        ("7?", 19, 25),
        (7, 25, 90),
    ]
    segments = timing.critical_path(trace)
    assert timing.waiting_ns(segments) == 8 * MS
    assert timing.critical_ns(segments) == {1: 3 * MS, 2: 2 * MS, 3: MS, 4: 8 * MS, 5: 3 * MS, 7: 65 * MS}


@pytest.mark.parametrize(
    ("parent", "child", "waits"),
    [
        (INTERNAL, CONSUMER, True),
        (PRODUCER, CONSUMER, True),
        (CLIENT, SERVER, True),
        (INTERNAL, SERVER, False),  # a call of a thread: calls themselves are no spans everywhere
        (CONSUMER, CLIENT, False),
        (CONSUMER, INTERNAL, False),
    ],
)
def test_what_is_between_a_span_and_a_later_child(parent: int, child: int, waits: bool) -> None:
    """A queue, if the child got a message; else work of the parent that has no span."""
    trace = traces.trace(traces.span(1, kind=parent), traces.span(2, 1, kind=child, start=15, end=20))
    gap: Path = [(1, 0, 10), ("2?", 10, 15)] if waits else [(1, 0, 15)]
    assert path(trace) == [*gap, (2, 15, 20)]


def test_a_thread_that_went_on_may_have_sent_the_message() -> None:
    trace = traces.trace(
        traces.span(1, kind=CONSUMER),
        traces.span(2, 1, "by the thread", kind=CLIENT, start=12, end=14),
        traces.span(3, 1, "cast", kind=CONSUMER, start=20, end=30),
    )
    assert path(trace) == [(1, 0, 12), (2, 12, 14), (1, 14, 20), (3, 20, 30)]


def test_what_got_another_message_is_no_reason_for_a_wait() -> None:
    trace = traces.trace(
        traces.span(1, kind=PRODUCER),
        traces.span(2, 1, "on one host", kind=CONSUMER, start=12, end=14),
        traces.span(3, 1, "on the other", kind=CONSUMER, start=20, end=30),
    )
    assert path(trace) == [(1, 0, 10), ("3?", 10, 20), (3, 20, 30)]


@pytest.mark.parametrize(
    "unfinished", [{"end": -1}, {"attributes": {"osprofiler.incomplete": True}, "end": 0}]
)
def test_a_span_without_end_may_have_gone_on(unfinished: dict[str, Any]) -> None:
    """So the time until what is below it began is its own, not that of a queue."""
    trace = traces.trace(
        traces.span(1, **unfinished), traces.span(2, 1, start=2, end=4), traces.span(3, 1, start=6, end=9)
    )
    assert path(trace) == [(1, 0, 2), (2, 2, 4), (1, 4, 6), (3, 6, 9)]


@given(structures(), st.lists(st.integers(1, 5), min_size=41, max_size=41))
@settings(max_examples=400, deadline=None)
def test_the_path_covers_the_longest_tree_once(spans: list[SpanRecord], kinds: list[int]) -> None:
    """Property: from the root's start to the last end below it, without gap or overlap, each segment inside
    its own span, in the wait for it, or after it where something else went on."""
    trace = Trace.from_spans(7, [replace(span, kind=kinds[int(span.name[5:])]) for span in spans])
    by_id = {span.span_id: span for span in trace.spans}
    segments = timing.critical_path(trace)
    root = max(trace.roots, key=lambda root: last_end(trace, root) - root.start_ns)
    reached = root.start_ns
    for span_id, start, end, waiting in segments:
        assert start == reached < end
        reached = end
        span = by_id[span_id]
        if waiting:
            assert max(by_id[span.parent_id].end_ns, root.start_ns) <= start
            assert end <= span.start_ns
        else:
            assert span.start_ns <= start
            assert end <= span.end_ns or any(child.end_ns > span.end_ns for child in trace.children(span))
    assert reached == last_end(trace, root)
    spent = sum(timing.critical_ns(segments).values()) + timing.waiting_ns(segments)
    assert spent == last_end(trace, root) - root.start_ns


@given(structures())
@settings(max_examples=200, deadline=None)
def test_where_nothing_outlives_its_parent_the_path_is_the_usual_one(spans: list[SpanRecord]) -> None:
    """Property: against the definition, written as a recursion over nanoseconds."""
    whole = Trace.from_spans(7, spans)
    ends = {span.span_id: span.end_ns for span in whole.spans}
    trace = Trace.from_spans(
        7, [span for span in whole.spans if span.end_ns <= ends.get(span.parent_id, span.end_ns)]
    )

    def walk(span: SpanRecord, low: int, cursor: int) -> dict[int, int]:
        owners = dict.fromkeys(range(low, cursor), span.span_id)
        while True:
            finished = [
                child
                for child in trace.children(span)
                if child.end_ns <= cursor and max(child.start_ns, low) < child.end_ns
            ]
            if not finished:
                return owners
            last = max(
                finished,
                key=lambda child: (
                    child.end_ns,
                    -max(child.start_ns, low),
                    -child.start_ns,
                    -child.span_id,
                ),
            )
            begin = max(last.start_ns, low)
            owners |= walk(last, begin, last.end_ns)
            cursor = begin

    root = max(trace.roots, key=lambda root: last_end(trace, root) - root.start_ns)
    owners = {
        moment: segment.span_id
        for segment in timing.critical_path(trace)
        for moment in range(segment.start_ns, segment.end_ns)
    }
    assert owners == walk(root, root.start_ns, root.end_ns)


@given(structures())
@settings(max_examples=200, deadline=None)
def test_self_times_lie_between_nothing_and_the_duration(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    selfs = timing.self_times(trace)
    assert all(0 <= selfs[span.span_id] <= span.duration_ns for span in trace.spans)


def test_without_a_duration_there_is_no_path() -> None:
    assert timing.critical_path(traces.trace()) == []
    assert timing.critical_path(traces.trace(traces.span(1, start=3, end=2))) == []


def test_of_several_roots_the_one_of_the_longest_tree_has_the_path() -> None:
    trace = traces.trace(traces.span(1, end=2), traces.span(2, start=1, end=9), traces.span(3, end=1))
    assert path(trace) == [(2, 1, 9)]
    answered_early = traces.trace(*trace.spans, traces.span(4, 1, start=1, end=20))
    assert path(answered_early) == [(1, 0, 1), (4, 1, 20)]


@pytest.mark.parametrize("make", [traces.chain, traces.fan])
def test_any_depth_and_width(make: Callable[[int], Trace]) -> None:
    trace = make(100_000)
    segments = timing.critical_path(trace)
    assert [segment.end_ns - segment.start_ns for segment in segments] == [10 * MS]
    assert sum(timing.self_times(trace).values()) == max(1, len(trace.children(trace.roots[0]))) * 10 * MS


def test_a_deep_chain_of_casts() -> None:
    spans = [traces.span(n, n - 1, kind=CONSUMER, start=2 * n, end=2 * n + 1) for n in range(1, 50_001)]
    segments = timing.critical_path(traces.trace(*spans))
    assert len(segments) == 2 * len(spans) - 1
    assert timing.waiting_ns(segments) == (len(spans) - 1) * MS


def test_what_is_incomplete() -> None:
    assert timing.is_incomplete(traces.span(1, start=2, end=1))
    assert timing.is_incomplete(traces.span(1, attributes={"osprofiler.incomplete": True}))
    assert not timing.is_incomplete(traces.span(1, start=1, end=1))
