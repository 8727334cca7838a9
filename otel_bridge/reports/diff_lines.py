"""How the lines of a comparison are drawn on a terminal: columns of times, bars to both sides, colours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from otel_bridge.reports import units
from otel_bridge.reports.canvas import BOLD, DIM, Canvas, Part, of_service
from otel_bridge.reports.diff_words import TIMES, signed
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import cells, clip, inert, wrap

SLOWER, FASTER = "31", "32"

_TIME_WIDTH: Final = 9
_CHANGE_WIDTH: Final = 10
#: From this width on there are bars, and the change on the critical path in the tree.
_WIDE: Final = 120
_UNCOUNTED: Final = 160
_BAR_WIDTH: Final = 16
_MAX_LEVELS: Final = 24
_MIN_LEVELS: Final = 4
_MIN_NAME_WIDTH: Final = 12
_MIN_SERVICE_WIDTH: Final = 8
_SENTENCE_LINES: Final = 8

_TO_ASCII: Final = str.maketrans({"→": "->", "·": "-", "█": "#", TIMES: "x"})


class Pen(Canvas):
    """Draws the lines of a comparison."""

    def __init__(self, style: Style, colours: Mapping[str, int]) -> None:
        """
        Args:
            style: what the terminal can show.
            colours: slot of the palette by service.
        """
        super().__init__(style)
        self._colours = colours
        width = _UNCOUNTED if style.width is None else style.width
        self.wide = width >= _WIDE
        #: Levels of a tree that can be indented.
        self.levels = max(_MIN_LEVELS, min(_MAX_LEVELS, (width - 2 * _TIME_WIDTH) // 8))

    def line(self, parts: Sequence[Part]) -> str:
        return super().line(self._shown(parts))

    def _shown(self, parts: Sequence[Part]) -> Sequence[Part]:
        """The parts in characters that the terminal has, of which there may be more."""
        return [(text.translate(_TO_ASCII), code) for text, code in parts] if self.style.ascii else parts

    def wrapped(self, text: str, code: str = "") -> Iterator[str]:
        """A sentence; what does not fit on its first line is indented."""
        lines = [text]
        if self.style.width is not None:
            lines = list(wrap(text, self.style.width - 2, lines=_SENTENCE_LINES))
        for number, line in enumerate(lines):
            yield self.line([("  " if number else "", ""), (line, code)])

    def title(self, text: str, *, tree: bool = False) -> Iterator[str]:
        """The head of a table or of the tree."""
        heads = f"{'A':>{_TIME_WIDTH}} {'B':>{_TIME_WIDTH}} {'change':>{_CHANGE_WIDTH}}"
        if tree:
            heads += f"{'on path':>{_CHANGE_WIDTH + 1}}   " if self.wide else "   "
        else:
            heads += f"{'':{_BAR_WIDTH + 2 if self.wide else 0}}  "
        yield ""
        yield self.line([(heads, DIM), (text, BOLD)])

    def times(self, a_ns: int | None, b_ns: int | None) -> list[Part]:
        """Before, after and the change; None is left empty."""
        before, after = ("" if ns is None else units.duration(ns) for ns in (a_ns, b_ns))
        return [
            (f"{before:>{_TIME_WIDTH}} {after:>{_TIME_WIDTH}} ", ""),
            self.change((b_ns or 0) - (a_ns or 0), _CHANGE_WIDTH),
        ]

    def change(self, delta_ns: int, width: int = _CHANGE_WIDTH + 1) -> tuple[str, str]:
        text = signed(delta_ns) if delta_ns else "·"
        return f"{text:>{width}}", SLOWER if delta_ns > 0 else FASTER if delta_ns < 0 else DIM

    def bar(self, delta_ns: int, largest_ns: int) -> list[Part]:
        """To the left what became less, to the right what became more; nothing where it is too narrow."""
        if not self.wide:
            return []
        half = _BAR_WIDTH // 2
        length = min(half, -(-abs(delta_ns) * half // largest_ns)) if largest_ns else 0
        less = ("█" * length if delta_ns < 0 else "").rjust(half)
        more = ("█" * length if delta_ns > 0 else "").ljust(half)
        return [("  ", ""), (less, FASTER), (more, SLOWER)]

    def operation(self, service: str, name: str) -> list[Part]:
        return [(inert(service), self._colour(service)), (f"  {inert(name) or '(no name)'}", "")]

    def row(self, before: list[Part], service: str, name: str, after: list[Part]) -> str:
        """A line in which the names are what is cut, if they must be."""
        colour = self._colour(service)
        shown_service, shown_name = inert(service), inert(name) or "(no name)"
        if self.style.width is not None:
            used = sum(cells(text) for text, _ in self._shown([*before, *after])) + 2
            shown_service = clip(shown_service, max(_MIN_SERVICE_WIDTH, self.style.width // 4))
            room = self.style.width - used - cells(shown_service)
            missing = min(cells(shown_name), _MIN_NAME_WIDTH) - room
            if missing > 0:
                kept = max(_MIN_SERVICE_WIDTH, cells(shown_service) - missing)
                room += max(0, cells(shown_service) - kept)
                shown_service = clip(shown_service, kept)
            shown_name = clip(shown_name, max(_MIN_NAME_WIDTH, room))
        names = [(shown_service, colour), (f"  {shown_name}", "")]
        return self.line([*before, *names, *after])

    def _colour(self, service: str) -> str:
        return of_service(self._colours, service)
