"""Where the time of a trace went: self times, and the critical path.

Clocks of different hosts disagree, and services die before they end a span; so a child may lie outside its
parent and a span may end before it starts. Children are clipped to their parent here, and such a span takes
no time: nothing is counted twice, and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from otel_bridge.analysis.order import children_first
from otel_bridge.model.trace import SpanRecord, Trace

_SERVER, _CLIENT, _CONSUMER = 2, 3, 5


class Segment(NamedTuple):
    """A stretch of the critical path: from ``start_ns`` to ``end_ns`` the span was what took time.

    It may lie after the end of its span: there the thread that the span left behind went on.
    """

    span_id: int
    start_ns: int
    end_ns: int
    #: The span had not begun yet; what started it had ended, so nothing ran but the message to it.
    waiting: bool = False


class _Stretch(NamedTuple):
    """A span, with its start and end clipped to those of what is above it."""

    span: SpanRecord
    start: int
    end: int
    #: It reaches beyond the end of the span, since work went on there.
    goes_on: bool = False


def is_incomplete(span: SpanRecord) -> bool:
    """Whether the end of the span is not known: its stop never arrived."""
    return bool(span.attributes.get("osprofiler.incomplete")) or span.end_ns < span.start_ns


def self_times(trace: Trace) -> dict[int, int]:
    """Nanoseconds that each span (by its id) spent in itself, not in its children.

    That is its duration without the union of its children's intervals, so children that run at the same
    time are not subtracted twice. It is never negative and never longer than the span.
    """
    return {span.span_id: span.duration_ns - _covered(span, trace.children(span)) for span in trace.spans}


def _covered(span: SpanRecord, children: Iterable[SpanRecord]) -> int:
    """Nanoseconds of the span in which at least one child ran. The children are sorted by start."""
    covered = 0
    reached = span.start_ns
    for child in children:
        start, end = max(child.start_ns, reached), min(child.end_ns, span.end_ns)
        if start < end:
            covered += end - start
            reached = end
    return covered


def critical_path(trace: Trace) -> list[Segment]:
    """What the end of the trace waited for: segments that follow each other from the start of the root to
    the last end below it, without a gap and without an overlap.

    Of several roots it is that of the longest tree. A trace without spans, or without any duration, has no
    path. OpenStack answers a request early and works on by casts and threads, so the path begins at the span
    that ends last and goes back from there: the child that finished last before this moment is on the path,
    the gap after it is its parent's own; within the child the same again, then further back from its start.
    From the start of that last span it goes on in its parent in the same way, and so up to the root. Where
    nothing outlives its parent, this is the usual definition.

    A parent may have ended before its child began. If the child got a message, that was in its queue: the
    time between them is the child's, ``waiting``. Else the parent left a thread behind, and the time is the
    parent's, as are the gaps between what that thread did.

    A child that outlives its parent, elsewhere than on the way to that last span, was waited for by nobody,
    so it is not on the path. A called server (SERVER below CLIENT) is, since its client waited: what of it
    lies outside is the difference of two clocks, or work that went on after a time-out, and is clipped.
    """
    way = _way_to_the_last_end(trace)
    if not way:
        return []
    lows = list(accumulate((span.start_ns for span in way), max))
    cursor = _known_end(way[-1])
    segments = list(_walk_back(trace, _Stretch(way[-1], lows[-1], cursor), cursor))
    for span, low, child, began in reversed(list(zip(way, lows, way[1:], lows[1:], strict=False))):
        end = max(span.end_ns, low)
        goes_on = end < began and _goes_on(trace, span, child)
        if end < began and not goes_on:
            segments.append(Segment(child.span_id, end, began, waiting=True))
        stretch = _Stretch(span, low, began if goes_on else end, goes_on)
        segments += _walk_back(trace, stretch, min(began, stretch.end))
    return sorted(segments, key=lambda segment: segment.start_ns)


def critical_ns(segments: Iterable[Segment]) -> dict[int, int]:
    """Nanoseconds of the path in which each span (by its id) was what took time; without those in which it
    was waiting to begin. Spans without any are absent."""
    spent: dict[int, int] = {}
    for span_id, start, end, waiting in segments:
        if not waiting:
            spent[span_id] = spent.get(span_id, 0) + end - start
    return spent


def waiting_ns(segments: Iterable[Segment]) -> int:
    """Nanoseconds of the path in which nothing ran: messages were in their queues."""
    return sum(segment.end_ns - segment.start_ns for segment in segments if segment.waiting)


def _way_to_the_last_end(trace: Trace) -> list[SpanRecord]:
    """From the root of the longest tree to the span in it that ends last, of several the uppermost."""
    last: dict[int, SpanRecord] = {}
    for span in children_first(trace):
        last[span.span_id] = max(
            (span, *(last[child.span_id] for child in trace.children(span))), key=_known_end
        )
    root = max(trace.roots, key=lambda root: _known_end(last[root.span_id]) - root.start_ns, default=None)
    if root is None:
        return []
    way = [root]
    while way[-1] is not last[root.span_id]:
        way.append(
            next(child for child in trace.children(way[-1]) if last[child.span_id] is last[root.span_id])
        )
    return way


def _known_end(span: SpanRecord) -> int:
    return max(span.start_ns, span.end_ns)


def _walk_back(trace: Trace, stretch: _Stretch, cursor: int) -> Iterator[Segment]:
    """The path from ``cursor`` back to the start of ``stretch``, through what is below it."""
    to_do = [(stretch, cursor)]
    while to_do:
        stretch, cursor = to_do.pop()
        for child in _waited_for(trace, stretch):
            if child.end <= cursor:
                if child.end < cursor:
                    yield Segment(stretch.span.span_id, child.end, cursor)
                to_do.append((child, child.end))
                cursor = child.start
        if stretch.start < cursor:
            yield Segment(stretch.span.span_id, stretch.start, cursor)


def _waited_for(trace: Trace, stretch: _Stretch) -> list[_Stretch]:
    """The children that the span may have waited for, clipped to its stretch: the last to end first, of
    those that are cut the one that went on longest, then the longest."""
    found = []
    for child in trace.children(stretch.span):
        start, end = max(child.start_ns, stretch.start), min(child.end_ns, stretch.end)
        if start < end and _may_be_waited_for(child, stretch):
            found.append(_Stretch(child, start, end))
    found.sort(key=lambda child: (-child.end, -child.span.end_ns, child.start))
    return found


def _may_be_waited_for(child: SpanRecord, stretch: _Stretch) -> bool:
    parent = stretch.span
    if child.end_ns <= parent.end_ns:
        return True
    if stretch.goes_on:
        return child.kind != _CONSUMER
    return child.kind == _SERVER and parent.kind == _CLIENT


def _goes_on(trace: Trace, span: SpanRecord, child: SpanRecord) -> bool:
    """Whether it was a thread of ``span`` that started ``child`` after the span had ended, and not a message
    that was sent before and came late."""
    got_a_message = child.kind == _CONSUMER or (child.kind == _SERVER and span.kind == _CLIENT)
    return (
        not got_a_message
        or is_incomplete(span)
        or any(
            span.end_ns <= other.start_ns < child.start_ns and other.kind != _CONSUMER
            for other in trace.children(span)
        )
    )
