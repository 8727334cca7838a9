"""Texts of a report's data: each is there once, fit to be shown, and all together within a bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from otel_bridge.reports import json_text, units
from otel_bridge.reports.text import ELLIPSIS, inert

#: Characters of one name (of a span, a service, a key) and of one value that are kept.
MAX_NAME: Final = 500
MAX_VALUE: Final = 16_384
#: Characters of all texts together, from which on a single one is kept to so many.
MAX_TOTAL: Final = 24_000_000
MAX_LATE: Final = 200
#: Attributes, events and links of all spans together.
MAX_ITEMS: Final = 3_000_000

_LEFT_OUT: Final = f"{ELLIPSIS} (left out, for this page would be too large)"
_WORDS: Final = {True: "true", False: "false", None: "null"}


class Texts:
    """Gives each distinct text a number: its place in :attr:`table`."""

    def __init__(self) -> None:
        self.table: list[str] = []
        #: Keys of attributes that occur together, sorted; their place here is what :meth:`pairs` gives.
        self.keys: list[list[int]] = []
        #: Texts that were cut further, or left out, because the table is long.
        self.late = 0
        #: Attributes, events and links that found no room.
        self.left_out = 0
        self._places: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self._values: dict[str, int] = {}
        self._shapes: dict[tuple[str, ...], tuple[int, Sequence[str]]] = {}
        self._size = 0
        self._room = MAX_ITEMS

    def name(self, text: str) -> int:
        """The number of a short text, which is shown on one line."""
        place = self._names.get(text)
        if place is None:
            place = self._names[text] = self._place(text, MAX_NAME, "")
        return place

    def value(self, value: Any) -> int:
        """The number of what is shown for the value of an attribute. Its line ends and tabs stay."""
        text = value if isinstance(value, str) else _as_text(value)
        place = self._values.get(text)
        if place is None:
            place = self._values[text] = self._place(text, MAX_VALUE, "\n\t")
        return place

    def pairs(self, attributes: Mapping[str, Any]) -> tuple[int, list[int]]:
        """The place of the attributes' keys in :attr:`keys`, and the numbers of their values."""
        found = tuple(attributes)
        if len(found) > self._room:
            self.left_out += len(found) - self._room
            found = found[: self._room]
        self._room -= len(found)
        shape = self._shapes.get(found)
        if shape is None:
            ordered = sorted(found, key=str)
            shape = self._shapes[found] = (len(self.keys), ordered)
            self.keys.append([self.name(str(key)) for key in ordered])
        known, values = self._values, []
        for key in shape[1]:
            value = attributes[key]
            place = known.get(value) if type(value) is str else None
            values.append(self.value(value) if place is None else place)
        return shape[0], values

    def has_room(self) -> bool:
        """Whether there may be one more event or link; what gets none is counted."""
        if self._room > 0:
            self._room -= 1
            return True
        self.left_out += 1
        return False

    def notes(self) -> list[str]:
        """A sentence for each thing that is not shown whole."""
        notes = []
        if self.late:
            notes.append(
                f"{units.count(self.late, 'text')} cut to {MAX_LATE} characters or left out: "
                "this page would be too large"
            )
        if self.left_out:
            notes.append(
                f"{self.left_out:,} attributes, events or links left out: this page would be too large"
            )
        return notes

    def _place(self, text: str, limit: int, keep: str) -> int:
        length = len(text)
        if self._size > MAX_TOTAL and length > MAX_LATE:
            self.late += 1
            limit = MAX_LATE
        if self._size > 2 * MAX_TOTAL:
            self.late += length <= MAX_LATE
            shown = _LEFT_OUT
        else:
            shown = inert(text, limit=limit, keep=keep)
            if length > limit:
                shown = f"{shown} ({length:,} characters)"
        place = self._places.get(shown)
        if place is None:
            place = self._places[shown] = len(self.table)
            self.table.append(shown)
            self._size += len(shown)
        return place


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, (int, float)):
        return str(value)
    return "".join(json_text.pieces(value))
