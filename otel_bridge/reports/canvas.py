"""Lines of a terminal: parts in colours, never wider than the terminal is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from otel_bridge.reports import palette
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import ELLIPSIS, cells, clip, wrap

#: A text and the ANSI code (SGR parameters) of its colour; empty: none.
Part: TypeAlias = tuple[str, str]

BOLD = "1"
DIM = "2"
FAILED = "31"
ERROR = "1;31"
WARNING = "33"
CRITICAL = "1;35"


def of_service(colours: Mapping[str, int], service: str) -> str:
    """The code of a service's colour; ``colours`` is what ``palette.assign`` says."""
    return f"38;5;{palette.TERMINAL[colours[service]]}"


class Glyphs(NamedTuple):
    branch: str
    last: str
    through: str
    #: Of a bar: the span itself is on the critical path; it is not; too short for a column; went on later.
    solid: str
    light: str
    sliver: str
    thread: str
    dot: str
    ellipsis: str
    #: On the critical path, with a share of at least one percent, or less.
    critical: str
    barely: str
    times: str
    failed: str


UNICODE = Glyphs("├─ ", "└─ ", "│ ", "█", "▒", "▏", "┄", "·", ELLIPSIS, "◆", "◇", "×", "✗")  # noqa: RUF001
ASCII = Glyphs("|- ", "`- ", "| ", "#", "=", "|", ".", "-", "~", "*", "+", "x", "!")
_TO_ASCII = str.maketrans({ELLIPSIS: "~", "µ": "u"})


class Canvas:
    """Makes lines in a style."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.glyphs = ASCII if style.ascii else UNICODE

    def line(self, parts: Sequence[Part]) -> str:
        """The parts in their colours, in one line that is never longer than the terminal is wide."""
        room = self.style.width
        fitting: list[Part] = []
        for text, code in parts:
            if room is not None:
                text = clip(text, room)
                room -= cells(text)
            fitting.append((text, code))
        while fitting and not fitting[-1][0].rstrip():
            fitting.pop()
        if fitting:
            fitting[-1] = (fitting[-1][0].rstrip(), fitting[-1][1])
        line = "".join(self._painted(text, code) for text, code in fitting)
        return line.translate(_TO_ASCII) if self.style.ascii else line

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.style.colour and code and text else text

    def said(self, text: str, code: str = "", *, lines: int = 8) -> Iterator[str]:
        """A text in one colour, in as many lines as it needs, up to ``lines``."""
        for line in [text] if self.style.width is None else wrap(text, self.style.width, lines=lines):
            yield self.line([(line, code)])

    def flow(self, lead: Sequence[Part], items: Sequence[Sequence[Part]]) -> Iterator[str]:
        """Items one after the other, with dots between them, in lines that break between items only."""
        dot: Part = (f" {self.glyphs.dot} ", DIM)
        line = list(lead)
        used = sum(cells(text) for text, _ in line)
        begun = False
        for item in items:
            wide = sum(cells(text) for text, _ in item)
            if begun and self.style.width is not None and used + 3 + wide > self.style.width:
                yield self.line(line)
                line, used, begun = [("  ", "")], 2, False
            if begun:
                line.append(dot)
                used += 3
            line += item
            used += wide
            begun = True
        yield self.line(line)
