"""Any Python value as an OTLP ``AnyValue``.

Whatever a service puts into an attribute is written: what OTLP has no type for (integers beyond 64 bits,
objects) as a string, what cannot even be read as a note of its type.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from otel_bridge.wire.protobuf import field, length, utf8, varint

#: Body of the ``AnyValue`` that is written instead of a redacted one.
REDACTED: Final = field(b"\x0a", b"***")

# Bytes of one list or map, and what each value in it counts at least. A few short lists that hold each
# other can spell more values than there are atoms.
_LARGEST_CONTAINER = 1 << 20
_ITEM = 8
# Readers refuse messages nested deeper than 100 levels (protobuf's default), and with them the whole
# request. The value of an event's attribute is at the seventh.
_DEEPEST = 93

_MIN_INT64, _MAX_INT64 = -(1 << 63), (1 << 63) - 1
_CONTAINERS = (b"\x2a", b"\x32")
_TOO_LARGE = field(b"\x0a", b"<too large>")
_TOO_DEEP = field(b"\x0a", b"<nested too deeply>")
_double = struct.Struct("<Bd").pack
_name_of_type = type.__dict__["__name__"].__get__


def as_text(value: object) -> str:
    """``str(value)``, or a note of its type where that raises. Always of type ``str`` itself."""
    try:
        return str.__str__(value if isinstance(value, str) else str(value))
    except Exception:  # hexadecimal for integers of more digits than Python writes
        return hex(value) if isinstance(value, int) else unreadable(value)


def unreadable(value: object) -> str:
    """What is written instead of a value that raises when it is looked at."""
    return f"<unreadable {_name_of_type(type(value))}>"


def double(value: float) -> bytes:
    """Body of the ``AnyValue`` of a float: nine bytes."""
    return _double(0x21, value)


class ValueEncoder:
    """Values to bodies of ``AnyValue``. Nothing here raises for any value."""

    __slots__ = ("_key", "_length", "_room")

    def __init__(self, attribute_length: int | None, key: Callable[[object], tuple[bytes, bool]]) -> None:
        """
        Args:
            attribute_length: longest string (characters) and bytes value; the rest is cut off, also in
                lists and maps (OpenTelemetry specification, "Attribute Limits"). None: no limit.
            key: for a key of a map, its field with the tag of the value behind it, and whether the value
                is redacted.
        """
        self._length = attribute_length
        self._key = key
        self._room = 0

    def string(self, text: str) -> bytes:
        """A string, of type ``str`` itself."""
        longest = self._length
        if longest is not None and len(text) > longest:
            text = text[:longest]
        return field(b"\x0a", utf8(text))

    def encode(self, value: Any) -> bytes:
        """Anything."""
        self._room = _LARGEST_CONTAINER
        try:
            return self._encode(value, 0)
        except Exception:
            return self.string(unreadable(value))

    def _encode(self, value: Any, depth: int) -> bytes:
        # The order of the questions is that of OpenTelemetry's encoder: a bool is an int, a str a Sequence.
        if value is None:
            return b""
        if isinstance(value, bool):
            return b"\x10\x01" if value else b"\x10\x00"
        if isinstance(value, str):
            return self.string(as_text(value))
        if isinstance(value, int):
            number = int.__index__(value)
            if _MIN_INT64 <= number <= _MAX_INT64:
                return b"\x18" + varint(number)
            return self.string(as_text(number))
        if isinstance(value, float):
            return double(value)
        if isinstance(value, bytes):
            return field(b"\x3a", value if self._length is None else value[: self._length])
        if isinstance(value, Sequence):
            return self._list(value, depth + 2)
        if isinstance(value, Mapping):
            return self._map(value, depth + 3)
        return self.string(as_text(value))

    def _item(self, value: Any, depth: int) -> bytes:
        self._room -= _ITEM
        try:
            body = self._encode(value, depth)
        except Exception:
            body = self.string(unreadable(value))
        if body[:1] not in _CONTAINERS:
            self._room -= len(body)
        return body

    def _list(self, values: Sequence[Any], depth: int) -> bytes:
        if depth > _DEEPEST:
            return _TOO_DEEP
        parts = []
        for value in values:
            if self._room <= 0:
                parts.append(field(b"\x0a", _TOO_LARGE))
                break
            parts.append(field(b"\x0a", self._item(value, depth)))
        return field(b"\x2a", b"".join(parts))

    def _map(self, values: Mapping[Any, Any], depth: int) -> bytes:
        if depth > _DEEPEST:
            return _TOO_DEEP
        parts = []
        for name, value in values.items():
            if self._room <= 0:
                parts.append(field(b"\x0a", field(b"\x0a", b"...") + field(b"\x12", _TOO_LARGE)))
                break
            key, redacted = self._key(name)
            self._room -= len(key)
            body = REDACTED if redacted else self._item(value, depth)
            parts.append(field(b"\x0a", key + length(len(body)) + body))
        return field(b"\x32", b"".join(parts))
