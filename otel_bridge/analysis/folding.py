"""Which siblings are alike, so that a reader needs to see only one line for all of them.

The Keystone part of a server's creation is mostly such runs: thirty-seven times the same ``SELECT``, or
two of them in turn. A group says how many there are, how long they took together, and the slowest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from otel_bridge.analysis.order import children_first
from otel_bridge.analysis.timing import is_incomplete
from otel_bridge.model.trace import SpanRecord, Trace

#: Siblings that make a group; two lines are read as fast as one with a number in it.
FEWEST = 3
#: Different siblings that may take turns in one run, and how far their pattern has to show itself.
_MOST_IN_TURN = 8
_LOOK_AHEAD = 64

#: The shape of what never folds: a failed or unfinished span, or one above such.
UNIQUE = -1


class Group(NamedTuple):
    """Siblings that are alike, in order of their start; at least :data:`FEWEST`."""

    spans: tuple[SpanRecord, ...]
    #: Others, which are a group of their own right before or after this one, ran in between.
    in_turn: bool = False

    @property
    def first(self) -> SpanRecord:
        return self.spans[0]

    @property
    def slowest(self) -> SpanRecord:
        return max(self.spans, key=lambda span: span.duration_ns)

    @property
    def total_ns(self) -> int:
        """The sum of their durations; more than the time that passed where they ran at the same time."""
        return sum(span.duration_ns for span in self.spans)

    @property
    def start_ns(self) -> int:
        return self.spans[0].start_ns

    @property
    def end_ns(self) -> int:
        return max(span.end_ns for span in self.spans)


def shapes(trace: Trace) -> dict[int, int]:
    """A number for each span (by its id): spans with the same number look alike, and so does all below.

    Alike are spans of the same service, name and kind whose children are alike in the same order. How
    often something repeats below does not matter from :data:`FEWEST` times on, since it is folded there
    too. Above a failed or unfinished span, and for itself, the number is :data:`UNIQUE`.
    """
    numbers: dict[object, int] = {}
    found: dict[int, int] = {}
    for span in children_first(trace):
        below = [found[child.span_id] for child in trace.children(span)]
        if span.is_error or is_incomplete(span) or UNIQUE in below:
            found[span.span_id] = UNIQUE
        else:
            outline = tuple(_outline(below)) if below else ()
            key = (span.service, span.name, span.kind, outline)
            found[span.span_id] = numbers.setdefault(key, len(numbers))
    return found


def _outline(below: Sequence[int]) -> Iterator[int | tuple[int, ...]]:
    """The shapes of siblings as they look folded: repetitions without their number."""
    for start, end in _runs(below):
        if end - start == 1:
            yield below[start]
        else:
            yield tuple(dict.fromkeys(below[start:end]))


def fold(
    siblings: Sequence[SpanRecord],
    shape_of: Mapping[int, int],
    is_plain: Callable[[SpanRecord], bool] | None = None,
) -> list[SpanRecord | Group]:
    """The siblings in their order, with a :class:`Group` in place of each run of alike ones.

    A run is of one shape (A A A A), or of up to eight that take turns (A B A B A B, also unevenly): these
    become a group each, one after the other, with ``in_turn`` set.

    Args:
        siblings: children of one span, or roots; sorted by start.
        shape_of: what :func:`shapes` says of the trace.
        is_plain: whether a span may be in a group; None: all that are not :data:`UNIQUE`.
    """
    numbers = [shape_of[span.span_id] if is_plain is None or is_plain(span) else UNIQUE for span in siblings]
    folded: list[SpanRecord | Group] = []
    for start, end in _runs(numbers):
        if end - start == 1:
            folded.append(siblings[start])
            continue
        members: dict[int, list[SpanRecord]] = {}
        for index in range(start, end):
            members.setdefault(numbers[index], []).append(siblings[index])
        folded += [Group(tuple(spans), in_turn=len(members) > 1) for spans in members.values()]
    return folded


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where runs start and end, and what stands alone; each shape of a run is in it often enough."""
    start = 0
    while start < len(numbers):
        end = _run_end(numbers, start)
        yield start, end
        start = end


def _run_end(numbers: Sequence[int], start: int) -> int:
    counts: dict[int, int] = {}
    for index in range(start, min(start + _LOOK_AHEAD, len(numbers))):
        number = numbers[index]
        if number == UNIQUE or (number not in counts and len(counts) == _MOST_IN_TURN):
            break
        counts[number] = counts.get(number, 0) + 1
        if counts[number] == FEWEST and min(counts.values()) >= FEWEST:
            end = index + 1
            while end < len(numbers) and numbers[end] in counts:
                end += 1
            return end
    return start + 1
