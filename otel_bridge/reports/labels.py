"""What a row of the tree says of its spans: service, name, and whatever else there is room for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from otel_bridge.analysis.folding import Group
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import canvas, units, walk
from otel_bridge.reports.canvas import Canvas, Part
from otel_bridge.reports.outline import Row
from otel_bridge.reports.path_shares import Shares
from otel_bridge.reports.text import ELLIPSIS, cells, clip, inert

#: Below this width a service is named only where it is another one than that of the row above.
_WIDTH_FOR_SERVICES = 140
_MIN_NAME = 8
_MIN_SERVICE = 8
#: Columns that a name keeps before something goes that is worth more than the rest of the name.
_GOOD_NAME = 20
_MAX_DETAIL = 40


class _Mark(NamedTuple):
    """Something that is said after the name of a span."""

    text: str
    code: str
    #: It goes where the name has less room than this; 0: it stays. The last ones go first.
    needs: int = 0
    #: Spaces before it.
    gap: int = 2

    @property
    def cells(self) -> int:
        return self.gap + cells(self.text)


_WHOLE_NAME = 1 << 30


class Labels:
    """Makes the labels of the rows of one trace."""

    def __init__(self, trace: Trace, paint: Canvas, colours: Mapping[str, int], shares: Shares) -> None:
        self._trace = trace
        self._paint = paint
        self._colours = colours
        self._shares = shares
        width = paint.style.width
        self._elides = width is not None and width < _WIDTH_FOR_SERVICES
        self._service_width = max(_MIN_SERVICE, (width or _WIDTH_FOR_SERVICES) // 4)

    def label(self, row: Row, span: SpanRecord, room: int | None) -> list[Part]:
        """The label of a row in ``room`` columns (None: any number); ``span`` is its first span."""
        colour = canvas.of_service(self._colours, span.service)
        elided = self._elides and row.parent is not None and row.parent.service == span.service
        service = "" if elided else clip(inert(span.service), self._service_width)
        name = inert(span.name) or "(no name)"
        before, after = "()" if row.context else ("", "")
        marks = list(self._marks(row, span))
        if room is not None:
            room -= (cells(service) + 2 if service else 0) + len(before + after)
            marks, room = _fitting(marks, cells(name), room)
            least = min(cells(name), _MIN_NAME)
            if service and room < least:  # the marks say more than the end of a service's name
                service = clip(service, max(cells(service) + room - least, _MIN_SERVICE))
            name = _shortened(name, max(room, least))
        if elided:
            parts: list[Part] = [(before, ""), (name, colour), (after, "")]
        else:
            parts = [(before, ""), (service, colour), (f"  {name}{after}", "")]
        for mark in marks:
            parts += [(" " * mark.gap, ""), (mark.text, mark.code)]
        return parts

    def _marks(self, row: Row, span: SpanRecord) -> Iterator[_Mark]:
        group = row.item if isinstance(row.item, Group) else None
        if group:
            yield _Mark(f"{self._paint.glyphs.times}{len(group.spans):,}", canvas.BOLD, gap=1)
            slowest = group.slowest
            below = " (below)" if self._trace.children(slowest) and not row.cut.spans else ""
            yield _Mark(f"slowest{below} {units.duration(slowest.duration_ns)}", "", _GOOD_NAME)
        if span.is_error:
            yield _Mark("ERROR", canvas.ERROR)
        if span.span_id in self._trace.orphans:
            yield _Mark("(parent missing)", canvas.WARNING)
        if walk.is_incomplete(span):
            yield _Mark("(incomplete)", canvas.WARNING)
        if row.cut.errors:
            yield _Mark(units.count(row.cut.errors, "error") + " below", canvas.ERROR)
        early, late = walk.early_ns(span, row.parent), walk.late_ns(span, row.parent)
        if early:
            yield _Mark(f"({units.duration(early)} before its parent)", canvas.WARNING, _GOOD_NAME)
        if late:
            yield _Mark(f"({units.duration(late)} after its client)", canvas.WARNING, _GOOD_NAME)
        waited, went_on = self._shares.around(group.spans if group else (span,))
        if waited:
            yield _Mark(f"queued {units.duration(waited)}", canvas.CRITICAL, _GOOD_NAME)
        if went_on:
            yield _Mark(f"thread +{units.duration(went_on)}", canvas.CRITICAL, _GOOD_NAME)
        if row.cut.spans:
            yield _Mark(f"+{row.cut.spans:,} below", canvas.DIM, _GOOD_NAME)
        kind = walk.kind(span)
        if kind:
            yield _Mark(f"[{kind}]", canvas.DIM, _WHOLE_NAME)
        if group and group.in_turn:
            yield _Mark("in turn", canvas.DIM, _WHOLE_NAME)
        nothing_below = bool(row.cut.spans) or not self._trace.children(span)
        if not group and nothing_below and walk.detail(span):
            yield _Mark(clip(inert(walk.detail(span)), _MAX_DETAIL), canvas.DIM, _WHOLE_NAME)


def _fitting(marks: list[_Mark], name: int, room: int) -> tuple[list[_Mark], int]:
    """The marks that are kept where there are ``room`` columns for them and for a name of ``name``, and
    what they leave to the name."""
    room -= sum(mark.cells for mark in marks)
    kept = []
    for mark in reversed(marks):
        if mark.needs and room < min(mark.needs, name):
            room += mark.cells
        else:
            kept.append(mark)
    return kept[::-1], room


def _shortened(name: str, width: int) -> str:
    """A name in a few columns. Of a qualified one, such as ``ComputeManager.build``, the end says most."""
    above, _, last = name.rpartition(".")
    if cells(name) <= width or " " in name or not above:
        return clip(name, width)
    room = width - cells(last)
    return clip(above, room) + last if room > 0 else clip(ELLIPSIS + last, width)
