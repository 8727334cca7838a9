"""A trace as a tree on the terminal: one line a span, times and a small waterfall on its left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import palette, units, walk
from otel_bridge.reports.style import PLAIN, Style
from otel_bridge.reports.text import ELLIPSIS, cells, clip, inert, wrap
from otel_bridge.wire import ids

#: A tree is indented by two columns a level, up to here; what is deeper has its depth in digits.
_MAX_LEVELS = 24
_MIN_LEVELS = 4
_MIN_NAME_WIDTH = 8
_MIN_SERVICE_WIDTH = 8
_TIME_WIDTH = 9
_FAILURE_LINES = 4
#: Below this width the waterfall would cost the names more than it tells.
_MIN_WIDTH_FOR_BARS = 100
_WIDE = 120


class _Glyphs(NamedTuple):
    branch: str
    last: str
    through: str
    bar: str
    sliver: str
    dot: str
    ellipsis: str


_UNICODE = _Glyphs("├─ ", "└─ ", "│ ", "█", "▏", "·", ELLIPSIS)
_ASCII = _Glyphs("|- ", "`- ", "| ", "#", "|", "-", "~")
_TO_ASCII = str.maketrans({ELLIPSIS: "~", "µ": "u"})


def render(trace: Trace, style: Style = PLAIN) -> Iterator[str]:
    """The lines of the report, without line ends: a head, then the tree. Time and memory are linear."""
    painter = _Painter(trace, style)
    yield from painter.head()
    if trace.spans:
        yield ""
        yield from painter.tree()


class _Painter:
    def __init__(self, trace: Trace, style: Style) -> None:
        self._trace = trace
        self._style = style
        self._glyphs = _ASCII if style.ascii else _UNICODE
        self._colours = palette.assign(span.service for span in trace.spans)
        self._start = trace.start_ns
        self._total = max(1, trace.end_ns - trace.start_ns)
        width = _WIDE if style.width is None else style.width
        self._bar_width = min(24, width // 6) if width >= _MIN_WIDTH_FOR_BARS else 0
        self._margin = 2 * (_TIME_WIDTH + 2) + (self._bar_width + 2 if self._bar_width else 0)
        self._service_width = max(_MIN_SERVICE_WIDTH, width // 4)
        self._levels = min(_MAX_LEVELS, max(_MIN_LEVELS, (width - self._margin) // 7))

    def head(self) -> Iterator[str]:
        trace = self._trace
        summary = trace.summary()
        trace_id = trace.trace_id
        yield from self._said(f"Trace {ids.base_id(trace_id)}  ({ids.format_trace_id(trace_id)})", "1")
        facts = [
            units.count(summary.span_count, "span"),
            units.count(len(summary.services), "service"),
            units.count(summary.error_count, "error"),
        ]
        if trace.spans:
            facts += [units.duration(summary.duration_ns), f"started {units.moment(summary.start_ns)}"]
        if len(trace.roots) > 1:
            facts.insert(1, units.count(len(trace.roots), "root"))
        yield from self._said(f" {self._glyphs.dot} ".join(facts))
        for note in walk.notes(trace):
            yield from self._said(note)

    def _said(self, text: str, code: str = "") -> Iterator[str]:
        for line in [text] if self._style.width is None else wrap(text, self._style.width, lines=8):
            yield self._line([(line, code)])

    def tree(self) -> Iterator[str]:
        through, blank = self._glyphs.through, "  "
        guides: list[str] = []  # one a level below the root, as far as the tree is indented
        for row in walk.rows(self._trace):
            level = row.depth - 1  # roots stand at the margin
            del guides[max(level, 0) :]
            if level < 0:
                lead = below = ""
            elif level < self._levels:
                above = "".join(guides)
                lead = above + (self._glyphs.last if row.last else self._glyphs.branch)
                guides.append(blank if row.last else through)
                below = above + guides[-1]
            else:
                below = "".join(guides)
                lead = f"{below}{self._glyphs.ellipsis}{row.depth} "
            yield from self._span(row.span, lead, below)

    def _span(self, span: SpanRecord, lead: str, below: str) -> Iterator[str]:
        took = "no end" if walk.is_incomplete(span) else units.duration(span.duration_ns)
        times = f"{units.duration(span.start_ns - self._start):>{_TIME_WIDTH}}  {took:>{_TIME_WIDTH}}  "
        colour = f"38;5;{palette.TERMINAL[self._colours[span.service]]}"
        service = clip(inert(span.service), self._service_width)
        name = inert(span.name) or "(no name)"
        marks = self._marks(span)
        if self._style.width is not None:
            room = self._style.width - self._margin - cells(lead) - cells(service) - 2
            room -= sum(cells(mark) + 2 for mark, _ in marks)
            if room < _MIN_NAME_WIDTH and marks and marks[0][0].startswith("["):
                room += cells(marks.pop(0)[0]) + 2  # the kind is what can be done without
            if room < _MIN_NAME_WIDTH:  # the marks say more than the end of a service's name
                service = clip(service, max(cells(service) + room - _MIN_NAME_WIDTH, _MIN_SERVICE_WIDTH))
            name = clip(name, max(room, _MIN_NAME_WIDTH))
        parts = [(times, ""), (self._bar(span), colour), (lead, ""), (service, colour), ("  " + name, "")]
        for mark, code in marks:
            parts += [("  ", ""), (mark, code)]
        yield self._line(parts)
        if span.is_error:
            yield from self._failure(span, " " * self._margin + below + "  ")

    def _marks(self, span: SpanRecord) -> list[tuple[str, str]]:
        marks = []
        kind = walk.kind(span)
        if kind:
            marks.append((f"[{kind}]", "2"))
        if span.is_error:
            marks.append(("ERROR", "1;31"))
        if span.span_id in self._trace.orphans:
            marks.append(("(parent missing)", "33"))
        if walk.is_incomplete(span):
            marks.append(("(incomplete)", "33"))
        return marks

    def _failure(self, span: SpanRecord, lead: str) -> Iterator[str]:
        """What went wrong, on lines of its own: cut short it would be of no use."""
        what = ": ".join(filter(None, (walk.error_type(span), walk.error_message(span).strip())))
        if self._style.width is None:
            lines = iter((inert(what),)) if what else iter(())
        else:
            room = max(self._style.width - cells(lead), _MIN_NAME_WIDTH)
            lines = wrap(inert(what), room, lines=_FAILURE_LINES)
        for line in lines:
            yield self._line([(lead, ""), (line, "31")])

    def _bar(self, span: SpanRecord) -> str:
        """Where in the whole of the trace the span lies, in as many columns as there are for it."""
        width = self._bar_width
        if not width:
            return ""
        begin = (span.start_ns - self._start) * width // self._total
        begin = min(begin, width - 1)
        length = min(round(span.duration_ns * width / self._total), width - begin)
        drawn = self._glyphs.bar * length if length else self._glyphs.sliver
        return (" " * begin + drawn).ljust(width + 2)

    def _line(self, parts: list[tuple[str, str]]) -> str:
        """The parts in their colours, in one line that is never longer than the terminal is wide."""
        room = self._style.width
        drawn = []
        for part, code in parts:
            text = part
            if room is not None:
                text = clip(part, room)
                room -= cells(text)
            drawn.append(f"\x1b[{code}m{text}\x1b[0m" if self._style.colour and code and text else text)
        line = "".join(drawn).rstrip()
        return line.translate(_TO_ASCII) if self._style.ascii else line
