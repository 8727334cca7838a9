"""What of a trace is shown, and in which order: filtered, cut at a depth, alike siblings folded.

The tree on the terminal and the graph are drawn from this. Whatever is left out is counted where it would
have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from otel_bridge.analysis import folding
from otel_bridge.analysis.folding import Group
from otel_bridge.analysis.order import children_first
from otel_bridge.analysis.timing import is_incomplete
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import units


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which spans a reader wants to see."""

    #: Levels, the roots being the first; None: all.
    depth: int | None = None
    #: Spans that took less are left out, unless they failed or have no end.
    min_duration_ns: int = 0
    #: Spans of other services are left out; empty: none are.
    services: frozenset[str] = frozenset()
    #: Runs of alike siblings become one row.
    fold: bool = True

    @property
    def filters(self) -> bool:
        return self.min_duration_ns > 0 or bool(self.services)


EVERYTHING = View()


class Below(NamedTuple):
    """Spans below a row, counted."""

    spans: int = 0
    errors: int = 0


class Hidden(NamedTuple):
    """Siblings that the filters left out, with all that is below them."""

    #: Spans that are too short.
    shorter: int
    #: Spans of other services than those that are wanted.
    elsewhere: int
    #: The sum of the durations of the siblings themselves.
    total_ns: int


class Row(NamedTuple):
    item: SpanRecord | Group | Hidden
    #: 0 for a root.
    depth: int
    #: No sibling follows.
    last: bool
    #: It does not pass the filters itself; it leads to something that does.
    context: bool = False
    #: What is below and not shown, since the view is not deep enough.
    cut: Below = Below()
    #: The span above; of a group the one whose children are shown.
    parent: SpanRecord | None = None


def rows(trace: Trace, view: View = EVERYTHING) -> Iterator[Row]:
    """The rows from top to bottom, each above what is below it; below a group are the children of its
    slowest span. Linear, and without recursion."""
    return _Outline(trace, view).rows()


class _Outline:
    def __init__(self, trace: Trace, view: View) -> None:
        self._trace = trace
        self._view = view
        self._shapes = folding.shapes(trace) if view.fold else {}
        self._below: dict[int, Below] = {}
        if view.depth is not None:
            self._count_below()
        #: Spans that pass the filters, and those that are shown; None: all.
        self._passes: set[int] | None = None
        self._shown: set[int] = set()
        self._hidden: dict[int, Hidden] = {}
        if view.filters:
            self._filter()

    def rows(self) -> Iterator[Row]:
        waiting = self._rows(None, self._trace.roots, 0)
        while waiting:
            row = waiting.pop()
            yield row
            if not isinstance(row.item, Hidden) and not row.cut.spans:
                span = row.item.slowest if isinstance(row.item, Group) else row.item
                waiting += self._rows(span, self._trace.children(span), row.depth + 1)

    def _rows(self, parent: SpanRecord | None, spans: Sequence[SpanRecord], depth: int) -> list[Row]:
        """The rows of siblings, in the order in which a stack wants them."""
        items: list[SpanRecord | Group | Hidden] = []
        shown = spans if self._passes is None else [span for span in spans if span.span_id in self._shown]
        items += folding.fold(shown, self._shapes) if self._view.fold else shown
        if len(shown) < len(spans):
            items.append(self._left_out(spans))
        end = len(items) - 1
        return [
            Row(item, depth, index == end, self._is_context(item), self._cut(item, depth), parent)
            for index, item in enumerate(items)
        ][::-1]

    def _is_context(self, item: SpanRecord | Group | Hidden) -> bool:
        if self._passes is None or isinstance(item, Hidden):
            return False
        return self._passes.isdisjoint(span.span_id for span in members(item))

    def _cut(self, item: SpanRecord | Group | Hidden, depth: int) -> Below:
        if self._view.depth is None or depth + 1 < self._view.depth or isinstance(item, Hidden):
            return Below()
        found = [self._below[span.span_id] for span in members(item)]
        return Below(sum(below.spans for below in found), sum(below.errors for below in found))

    def _left_out(self, spans: Sequence[SpanRecord]) -> Hidden:
        found = [span for span in spans if span.span_id not in self._shown]
        counts = [self._hidden[span.span_id] for span in found]
        return Hidden(
            sum(count.shorter for count in counts),
            sum(count.elsewhere for count in counts),
            sum(span.duration_ns for span in found),
        )

    def _count_below(self) -> None:
        for span in children_first(self._trace):
            children = self._trace.children(span)
            found = [self._below[child.span_id] for child in children]
            self._below[span.span_id] = Below(
                len(children) + sum(below.spans for below in found),
                sum(child.is_error for child in children) + sum(below.errors for below in found),
            )

    def _filter(self) -> None:
        view = self._view
        self._passes = set()
        for span in children_first(self._trace):
            wanted = not view.services or span.service in view.services
            long = span.duration_ns >= view.min_duration_ns or span.is_error or is_incomplete(span)
            children = self._trace.children(span)
            if wanted and long:
                self._passes.add(span.span_id)
                self._shown.add(span.span_id)
            elif any(child.span_id in self._shown for child in children):
                self._shown.add(span.span_id)
            else:
                found = [self._hidden[child.span_id] for child in children]
                self._hidden[span.span_id] = Hidden(
                    sum(count.shorter for count in found) + wanted,
                    sum(count.elsewhere for count in found) + (not wanted),
                    0,
                )


def left_out(hidden: Hidden, view: View) -> list[str]:
    """What to say of spans that are not shown, one text for each reason."""
    said = []
    if hidden.shorter:
        said.append(f"{hidden.shorter:,} shorter than {units.round_duration(view.min_duration_ns)}")
    if hidden.elsewhere:
        said.append(f"{hidden.elsewhere:,} of other services")
    return said


def members(item: SpanRecord | Group) -> tuple[SpanRecord, ...]:
    """The spans of a row."""
    return item.spans if isinstance(item, Group) else (item,)
