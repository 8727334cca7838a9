"""The lines that lead to the rows of a tree on a terminal."""

from __future__ import annotations

from typing import NamedTuple

from otel_bridge.reports.canvas import Glyphs


class Lead(NamedTuple):
    """What stands before the text of a row, and before further lines that belong to it."""

    first: str
    below: str


class Guides:
    """Indents rows that come from top to bottom, each above those below it.

    Roots stand at the margin. From a level on a tree is not indented any further: rows there have their depth
    in digits.
    """

    def __init__(self, glyphs: Glyphs, levels: int) -> None:
        """``levels``: those that are indented."""
        self._glyphs = glyphs
        self._levels = levels
        self._open: list[str] = []  # one a level below the root, as far as the tree is indented

    def lead(self, depth: int, *, last: bool) -> Lead:
        """Of the next row; ``depth`` is 0 for a root, ``last`` says that no sibling follows."""
        level = depth - 1
        del self._open[max(level, 0) :]
        above = "".join(self._open)
        if level < 0:
            return Lead("", "")
        if level >= self._levels:
            return Lead(f"{above}{self._glyphs.ellipsis}{depth} ", above)
        self._open.append("  " if last else self._glyphs.through)
        return Lead(above + (self._glyphs.last if last else self._glyphs.branch), above + self._open[-1])
