"""Text of unknown origin, made fit to be shown: on one line of a terminal or inside a page.

What a span carries was written by whoever could reach a traced service. A terminal obeys escape
sequences, a reader's eye obeys bidirectional marks; neither may happen here. Whatever is not plainly
visible is shown as the escape that Python would write for it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

#: Characters of one value that are looked at; the rest is cut, and said to be cut.
MAX_LENGTH = 2000

ELLIPSIS = "…"


def inert(text: str, *, limit: int = MAX_LENGTH, keep: str = "") -> str:
    """``text`` without anything that acts instead of being seen.

    Control and format characters (ANSI escapes, line ends, bidirectional and zero-width marks), lone
    surrogates, private and unassigned characters become ``\\x1b``, ``\\u202e`` and the like; unusual
    spaces become plain ones.

    Args:
        text: any string.
        limit: characters that are kept; what is longer ends in an ellipsis.
        keep: control characters that may stay, for instance ``"\\n\\t"`` where lines are wanted.
    """
    if len(text) > limit:
        text = text[:limit] + ELLIPSIS
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else " " if _is_space(char) else _escape(char)
        for char in text
    )


def _is_space(char: str) -> bool:
    return unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
    if named:
        return named
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def cells(text: str) -> int:
    """Columns that ``text`` takes on a terminal: wide characters take two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_char_cells, text))


@lru_cache(maxsize=4096)  # lines are drawn with few of them, over and over
def _char_cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clip(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns; an ellipsis stands for what did not fit."""
    if width <= 0:
        return ""
    if cells(text) <= width:
        return text
    kept = _prefix(text, width - 1)
    return text[:kept] + ELLIPSIS


def wrap(text: str, width: int, *, lines: int) -> Iterator[str]:
    """``text`` in at most ``lines`` lines of ``width`` columns; the last one is clipped.

    Lines break after a space where there is one in their second half, else anywhere.
    """
    width = max(width, 1)
    for _ in range(lines - 1):
        if cells(text) <= width:
            break
        end = max(_prefix(text, width), 1)
        space = text.rfind(" ", end // 2, end + 1)
        if space > 0:
            end = space
        yield text[:end].rstrip()
        text = text[end:].lstrip()
    if text:
        yield clip(text, width)


def _prefix(text: str, width: int) -> int:
    """Number of leading characters that fit into ``width`` columns."""
    if text.isascii():
        return min(width, len(text))
    used = 0
    for index, char in enumerate(text):
        used += _char_cells(char)
        if used > width:
            return index
    return len(text)
