"""How a report is drawn on a terminal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """What the place that a report goes to can show.

    Attributes:
        width: columns of the terminal; None: nobody counts them (a pipe, a file), so nothing is cut.
        colour: whether ANSI colours may be used. Nothing is said by colour alone.
        ascii: only ASCII characters can be shown.
    """

    width: int | None = None
    colour: bool = False
    ascii: bool = False


#: No limits and no colours: a pipe or a file.
PLAIN = Style()
