"""Folded stacks of a trace: one line ``service: name;service: name 1234`` for each path of spans.

Flame graph tools read them (flamegraph.pl, inferno, speedscope).
"""

from __future__ import annotations

from collections.abc import Iterator

from otel_bridge.analysis import timing
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import walk
from otel_bridge.reports.text import inert

#: Spans that are deeper count into the last level: each line repeats all that is above.
MAX_DEPTH = 256
_MAX_FRAME = 300


def folded(trace: Trace) -> Iterator[str]:
    """The lines, without line ends. Values are nanoseconds of self time, so they add up to the time that
    was worked, which is more than the time that passed where spans ran at the same time."""
    selfs = timing.self_times(trace)
    numbers: dict[tuple[int, str], int] = {}
    paths: list[tuple[int, str]] = []  # each with the number of the path above it
    totals: list[int] = []
    above: list[int] = []  # numbers of the paths on the way to the current row
    for span, depth, _last in walk.rows(trace):
        level = min(depth, MAX_DEPTH - 1)
        del above[level:]
        key = (above[-1] if above else -1, frame(span))
        number = numbers.setdefault(key, len(paths))
        if number == len(paths):
            paths.append(key)
            totals.append(0)
        totals[number] += selfs[span.span_id]
        above.append(number)
    for number, total in enumerate(totals):
        if total:
            yield f"{_stack(paths, number)} {total}"


def frame(span: SpanRecord) -> str:
    """What a span is called in a flame graph, with nothing in it that would end a frame or a line."""
    name = inert(f"{span.service}: {span.name}", limit=_MAX_FRAME)
    return name.replace(";", ",")


def _stack(paths: list[tuple[int, str]], number: int) -> str:
    frames = []
    while number >= 0:
        number, name = paths[number]
        frames.append(name)
    return ";".join(reversed(frames))
