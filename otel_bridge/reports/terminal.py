"""A trace as a tree on the terminal: one line a row, times and a small waterfall on its left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from otel_bridge.analysis import timing
from otel_bridge.analysis.timing import Segment
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import canvas, outline, palette, path_shares, terminal_head, units, walk
from otel_bridge.reports.bars import Bars
from otel_bridge.reports.canvas import Canvas, Part
from otel_bridge.reports.guides import Guides
from otel_bridge.reports.labels import Labels
from otel_bridge.reports.outline import Hidden, Row, View
from otel_bridge.reports.path_shares import Shares
from otel_bridge.reports.style import PLAIN, Style
from otel_bridge.reports.text import cells, inert, wrap

#: A tree is indented by two columns a level, up to here; what is deeper has its depth in digits.
_MAX_LEVELS = 24
_MIN_LEVELS = 4
_FAILURE_LINES = 4
_MIN_FAILURE = 8
#: Below these widths there is no column for the self time, for the start, or no waterfall.
_WIDTH_FOR_SELF = 70
_WIDTH_FOR_START = 100
_DEFAULT_WIDTH = 120
_MAX_BAR = 40


def render(trace: Trace, style: Style = PLAIN, view: View = outline.EVERYTHING) -> Iterator[str]:
    """The lines of the report, without line ends: a head, then the tree. Time and memory are linear."""
    paint = Canvas(style)
    colours = palette.assign(span.service for span in trace.spans)
    path = timing.critical_path(trace)
    yield from terminal_head.lines(trace, paint, colours, path)
    if trace.spans:
        yield ""
        yield from _Tree(trace, view, paint, colours, path).lines()


class _Columns(NamedTuple):
    """What stands on the left of the tree; widths of 0 are columns that there are not."""

    start: int
    total: int
    self: int
    bar: int

    @property
    def width(self) -> int:
        times = sum(width + 2 for width in self[:3] if width)
        return times + path_shares.WIDTH + 2 + (self.bar + 2 if self.bar else 0)


class _Tree:
    def __init__(
        self, trace: Trace, view: View, paint: Canvas, colours: Mapping[str, int], path: Sequence[Segment]
    ) -> None:
        self._trace = trace
        self._view = view
        self._paint = paint
        self._colours = colours
        self._selfs = timing.self_times(trace)
        self._shares = Shares(trace, path)
        self._labels = Labels(trace, paint, colours, self._shares)
        self._rows = list(outline.rows(trace, view))
        self._start = trace.start_ns  # looked for in all spans
        self._extent = trace.end_ns - trace.start_ns
        self._columns = self._choose_columns()
        self._bars = Bars(self._start, self._start + self._extent, self._columns.bar, paint.glyphs, path)
        room = (paint.style.width or _DEFAULT_WIDTH) - self._columns.width
        self._levels = min(_MAX_LEVELS, max(_MIN_LEVELS, room // 7))

    def _choose_columns(self) -> _Columns:
        width = self._paint.style.width or _DEFAULT_WIDTH
        longest = max(_total_ns(row) for row in self._rows)
        time = _widest(max(self._extent, longest))
        return _Columns(
            _widest(self._extent) if width >= _WIDTH_FOR_START else 0,
            time,
            time if width >= _WIDTH_FOR_SELF else 0,
            min(_MAX_BAR, width // 5) if width >= _WIDTH_FOR_START else 0,
        )

    def lines(self) -> Iterator[str]:
        yield self._paint.line([(self._heads(), canvas.DIM)])
        guides = Guides(self._paint.glyphs, self._levels)
        for row in self._rows:
            lead, below = guides.lead(row.depth, last=row.last)
            if isinstance(row.item, Hidden):
                yield self._hidden(row.item, lead)
            else:
                yield from self._row(row, outline.members(row.item), lead, below)

    def _heads(self) -> str:
        """The heads of the columns; above the waterfall its scale."""
        columns, glyphs = self._columns, self._paint.glyphs
        times = zip(("START", "TOTAL", "SELF"), columns[:3], strict=True)
        text = "".join(f"{label:>{width}}  " for label, width in times if width)
        text += f"{glyphs.critical + ' PATH':<{path_shares.WIDTH}}  "
        if columns.bar:
            text += f"0{units.duration(self._extent):>{columns.bar - 1}}"
        return text

    def _left(self, start: str, total: str, own: str, share: Part, bar: Part) -> list[Part]:
        columns = self._columns
        same = canvas.DIM if own == total else ""
        return [
            (f"{start:>{columns.start}}  " if columns.start else "", ""),
            (f"{total:>{columns.total}}  ", ""),
            (f"{own:>{columns.self}}  " if columns.self else "", same),
            (f"{share[0]:<{path_shares.WIDTH}}  ", share[1]),
            (f"{bar[0]:<{columns.bar}}  " if columns.bar else "", bar[1]),
        ]

    def _hidden(self, hidden: Hidden, lead: str) -> str:
        left = self._left("", units.duration(hidden.total_ns), "", ("", ""), ("", ""))
        text = f"{lead}{self._paint.glyphs.ellipsis} {', '.join(outline.left_out(hidden, self._view))}"
        return self._paint.line([(part, canvas.DIM) for part, _ in left] + [(text, canvas.DIM)])

    def _row(self, row: Row, spans: Sequence[SpanRecord], lead: str, below: str) -> Iterator[str]:
        span = spans[0]
        left = self._left(
            units.duration(span.start_ns - self._start),
            "no end" if walk.is_incomplete(span) else units.duration(_total_ns(row)),
            units.duration(sum(self._selfs[member.span_id] for member in spans)),
            self._shares.part(spans, self._paint.glyphs),
            (self._bars.of(spans), canvas.of_service(self._colours, span.service)),
        )
        width = self._paint.style.width
        room = None if width is None else width - self._columns.width - cells(lead)
        parts = [*left, (lead, canvas.DIM), *self._labels.label(row, span, room)]
        if row.context:
            parts = [(text, canvas.DIM) for text, _ in parts]
        yield self._paint.line(parts)
        if span.is_error and not walk.repeats_a_child(self._trace, span):
            yield from self._failure(span, " " * self._columns.width + below + "  ")

    def _failure(self, span: SpanRecord, lead: str) -> Iterator[str]:
        """What went wrong, on lines of its own: cut short it would be of no use."""
        what = inert(walk.failure(span))
        width = self._paint.style.width
        if width is None:
            lines = iter((what,)) if what else iter(())
        else:
            lines = wrap(what, max(width - cells(lead), _MIN_FAILURE), lines=_FAILURE_LINES)
        for line in lines:
            yield self._paint.line([(lead, canvas.DIM), (line, canvas.FAILED)])


def _total_ns(row: Row) -> int:
    return row.item.duration_ns if isinstance(row.item, SpanRecord) else row.item.total_ns


def _widest(ns: int) -> int:
    """Columns that durations up to ``ns`` need."""
    return 7 if ns < 59_950_000_000 else 11
