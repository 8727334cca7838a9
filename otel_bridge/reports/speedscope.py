"""A trace for https://www.speedscope.app (or ``npx speedscope FILE``): its own file format.

A profile there is a stack that frames are opened and closed on, so spans that ran at the same time do not
fit into one. There are three kinds of profiles, and in each the widths are true:

1. the critical path: what each moment of the trace waited for, in order of time;
2. self times: every span as wide as the self times of it and all below; more than passed, where spans ran at
   the same time;
3. the clock: spans where they lie in time. What did not fit below its parent, since it outlives it or ran
   at the same time as a sibling, is in a further profile.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any

from otel_bridge.analysis import timing
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import flame
from otel_bridge.version import __version__
from otel_bridge.wire import ids

#: Profiles of the third kind.
MAX_LANES = 50
_IN_QUEUE = "in a queue"


def document(trace: Trace) -> dict[str, Any]:
    """The whole file; ``json.dumps`` takes it as it is. Times are nanoseconds since the trace's start."""
    frames = _Frames()
    profiles = []
    path = timing.critical_path(trace)
    if path:
        profiles.append(_profile("critical path", _critical(trace, path, frames)))
    profiles.append(_profile("self times", _self_times(trace, frames)))
    lanes, left_out = _lanes(trace)
    of = f" of {len(lanes) + left_out:,}" if left_out else ""
    for number, lane in enumerate(lanes, 1):
        name = f"clock, {number}{of}" if len(lanes) > 1 else "clock"
        profiles.append(_profile(name, lane.events(trace.start_ns, frames), trace.end_ns - trace.start_ns))
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": f"otel-bridge {__version__}",
        "name": f"Trace {ids.base_id(trace.trace_id)}",
        "activeProfileIndex": 0,
        "shared": {"frames": frames.listed},
        "profiles": profiles,
    }


Event = tuple[str, int, int]


class _Frames:
    """Numbers the frames. The file of a frame is its service, by which speedscope colours."""

    def __init__(self) -> None:
        self.listed: list[dict[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def of(self, span: SpanRecord) -> int:
        return self.named(flame.frame(span), span.service)

    def named(self, name: str, file: str = "") -> int:
        number = self._numbers.setdefault((name, file), len(self.listed))
        if number == len(self.listed):
            self.listed.append({"name": name, "file": file} if file else {"name": name})
        return number


def _profile(name: str, events: Iterable[Event], end: int | None = None) -> dict[str, Any]:
    """``end``: where it ends, if that is not with its last event."""
    listed = [{"type": kind, "frame": frame, "at": at} for kind, frame, at in events]
    last = int(listed[-1]["at"]) if listed else 0  # type: ignore[call-overload]
    return {
        "type": "evented",
        "name": name,
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": last if end is None else max(end, last),
        "events": listed,
    }


def _critical(trace: Trace, path: list[timing.Segment], frames: _Frames) -> Iterator[Event]:
    """Each segment below all the spans above its own: these are contiguous on the path."""
    by_id = {span.span_id: span for span in trace.spans}
    parents = {child.span_id: span for span in trace.spans for child in trace.children(span)}
    start = path[0].start_ns
    stack: list[SpanRecord] = []
    is_open: set[int] = set()
    for segment in path:
        at = segment.start_ns - start
        way: list[SpanRecord] = []
        span: SpanRecord | None = by_id[segment.span_id]
        while span is not None and span.span_id not in is_open:
            way.append(span)
            span = parents.get(span.span_id)
        while stack and stack[-1] is not span:
            closed = stack.pop()
            is_open.discard(closed.span_id)
            yield ("C", frames.of(closed), at)
        for span in reversed(way):
            stack.append(span)
            is_open.add(span.span_id)
            yield ("O", frames.of(span), at)
        if segment.waiting:
            queue = frames.named(_IN_QUEUE)
            yield ("O", queue, at)
            yield ("C", queue, segment.end_ns - start)
    for closed in reversed(stack):
        yield ("C", frames.of(closed), path[-1].end_ns - start)


def _self_times(trace: Trace, frames: _Frames) -> Iterator[Event]:
    """Spans one after the other, each first with its own time, then with its children."""
    selfs = timing.self_times(trace)
    at = 0
    waiting: list[tuple[SpanRecord, bool]] = [(span, False) for span in reversed(trace.roots)]
    while waiting:
        span, done = waiting.pop()
        if done:
            yield ("C", frames.of(span), at)
            continue
        yield ("O", frames.of(span), at)
        at += selfs[span.span_id]
        waiting.append((span, True))
        waiting += [(child, False) for child in reversed(trace.children(span))]


class _Lane:
    """Spans that fit into one profile: side by side, each with those that fit below it."""

    def __init__(self) -> None:
        self.tops: list[_Top] = []

    def events(self, start: int, frames: _Frames) -> Iterator[Event]:
        for top in self.tops:
            for kind, span, at in top.events():
                yield (kind, frames.of(span), at - start)


class _Top:
    """A span at the bottom of a stack, and what is above it there."""

    def __init__(self, span: SpanRecord) -> None:
        self.span = span
        self.end = _end(span)
        self.nested: dict[int, list[SpanRecord]] = {}

    def events(self) -> Iterator[tuple[str, SpanRecord, int]]:
        waiting = [(self.span, False)]
        while waiting:
            span, done = waiting.pop()
            if done:
                yield ("C", span, _end(span))
                continue
            yield ("O", span, span.start_ns)
            waiting.append((span, True))
            waiting += [(child, False) for child in reversed(self.nested.get(span.span_id, ()))]


def _lanes(trace: Trace) -> tuple[list[_Lane], int]:
    """As few lanes as there have to be, and how many more there would be."""
    lanes: list[_Lane] = []
    free: list[tuple[int, int]] = []  # when a lane ends, and its number
    for top in sorted(_tops(trace), key=lambda top: (top.span.start_ns, -top.end)):
        if free and free[0][0] <= top.span.start_ns:
            number = heapq.heappop(free)[1]
        else:
            number = len(lanes)
            lanes.append(_Lane())
        lanes[number].tops.append(top)
        heapq.heappush(free, (top.end, number))
    return lanes[:MAX_LANES], max(0, len(lanes) - MAX_LANES)


def _tops(trace: Trace) -> Iterator[_Top]:
    """Every span is one, or is nested in one."""
    waiting: list[tuple[SpanRecord, _Top | None]] = [(span, None) for span in trace.roots]
    while waiting:
        span, top = waiting.pop()
        if top is None:
            top = _Top(span)
            yield top
        reached, end = span.start_ns, _end(span)
        nested = top.nested.setdefault(span.span_id, [])
        for child in trace.children(span):
            if reached <= child.start_ns and _end(child) <= end:
                nested.append(child)
                reached = _end(child)
                waiting.append((child, top))
            else:
                waiting.append((child, None))


def _end(span: SpanRecord) -> int:
    return max(span.start_ns, span.end_ns)
