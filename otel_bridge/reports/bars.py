"""The waterfall on a terminal: where in the whole of a trace a span lies, in a few columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otel_bridge.analysis.timing import Segment
from otel_bridge.model.trace import SpanRecord
from otel_bridge.reports.canvas import Glyphs


class Bars:
    """Draws bars of one trace, all in the same scale."""

    def __init__(
        self, start_ns: int, end_ns: int, width: int, glyphs: Glyphs, path: Iterable[Segment]
    ) -> None:
        """``width``: columns; 0 draws nothing. ``path``: the critical path of the trace."""
        self.width = width
        self._start = start_ns
        self._total = max(1, end_ns - start_ns)
        self._glyphs = glyphs
        self._critical: dict[int, list[tuple[int, int]]] = {}
        for segment in path:
            if not segment.waiting:
                found = self._critical.setdefault(segment.span_id, [])
                found.append((segment.start_ns, segment.end_ns))

    def of(self, spans: Sequence[SpanRecord]) -> str:
        """The bar of spans in one row, sorted by start. Solid is where they themselves were what the trace
        waited for, a thin line where a thread that one of them left behind went on."""
        drawn = [" "] * self.width
        if not drawn:
            return ""
        glyphs = self._glyphs
        for start, end in _union((span.start_ns, max(span.start_ns, span.end_ns)) for span in spans):
            first, length = self._columns(start, end)
            drawn[first : first + length] = glyphs.light * length
            if not length and drawn[first] == " ":
                drawn[first] = glyphs.sliver
        solid = [0] * self.width
        for span in spans:
            ended = max(span.start_ns, span.end_ns)  # an end that never came may be 0
            for start, end in self._critical.get(span.span_id, ()):
                self._count(solid, start, min(end, ended))
                self._draw_thread(drawn, ended, end)
        # A column is solid if half of it is, or half of what lies in it of a span.
        for column, ns in enumerate(solid):
            if drawn[column] == glyphs.light and 2 * ns * self.width >= self._total:
                drawn[column] = glyphs.solid
        return "".join(drawn)

    def _columns(self, start: int, end: int) -> tuple[int, int]:
        first = min((start - self._start) * self.width // self._total, self.width - 1)
        return first, min(round((end - start) * self.width / self._total), self.width - first)

    def _draw_thread(self, drawn: list[str], start: int, end: int) -> None:
        if start < end:
            first, length = self._columns(start, end)
            for column in range(first, first + length):
                if drawn[column] == " ":
                    drawn[column] = self._glyphs.thread

    def _count(self, counted: list[int], start: int, end: int) -> None:
        """Add the nanoseconds between two moments to the columns that they lie in."""
        if start >= end:
            return
        first = (start - self._start) * self.width // self._total
        for column in range(first, self.width):
            begin = self._start + column * self._total // self.width
            finish = self._start + (column + 1) * self._total // self.width
            if begin >= end:
                break
            counted[column] += max(0, min(end, finish) - max(start, begin))


def _union(intervals: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Intervals that are sorted by start, those that touch as one."""
    held: tuple[int, int] | None = None
    for start, end in intervals:
        if held and start <= held[1]:
            held = (held[0], max(held[1], end))
        else:
            if held:
                yield held
            held = (start, end)
    if held:
        yield held
