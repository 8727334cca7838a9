"""Fields of OTLP messages from values that nobody has checked: what is out of range is brought into it.

Where a value is as it should be, this is what OpenTelemetry's own encoder writes: nothing for what proto3
takes for granted (zero, the empty string).
"""

from __future__ import annotations

import struct
from typing import Any

from otel_bridge.wire.protobuf import field, utf8, varint
from otel_bridge.wire.values import as_text

_MAX_UINT32 = (1 << 32) - 1
_MAX_UINT64 = (1 << 64) - 1
_fixed64 = struct.Struct("<BQ").pack

# span.kind; the API's SpanKind is one less than OTLP's
KINDS = (b"\x30\x01", b"\x30\x02", b"\x30\x03", b"\x30\x04", b"\x30\x05")


def read(thing: Any, name: str) -> Any:
    """A property, None where it is missing or raises."""
    try:
        return getattr(thing, name)
    except Exception:
        return None


def text(tag: bytes, value: Any) -> bytes:
    """A string field."""
    content = "" if value is None else as_text(value)
    return field(tag, utf8(content)) if content else b""


def count(tag: bytes, value: Any, more: int = 0) -> bytes:
    """A uint32 field with ``value + more``."""
    number = min(max(value if isinstance(value, int) else 0, 0) + more, _MAX_UINT32)
    return tag + varint(number) if number else b""


def identifier(value: Any, size: int) -> bytes:
    """An id in ``size`` bytes: the low ones of an integer that has more, zeros for what is none."""
    return (value & ((1 << 8 * size) - 1)).to_bytes(size, "big") if isinstance(value, int) else bytes(size)


def ids(span_id: Any, state: Any, parent_id: Any) -> bytes:
    """span_id, trace_state and parent_span_id (None: no parent) of a span."""
    parent = b"" if parent_id is None else b"\x22\x08" + identifier(parent_id, 8)
    try:
        entries = ",".join([f"{key}={value}" for key, value in state.items()]) if state else ""
    except Exception:
        entries = ""
    return b"\x12\x08" + identifier(span_id, 8) + text(b"\x1a", entries) + parent


def kind(value: Any) -> bytes:
    """kind of a span; left out ("unspecified") for what is no ``SpanKind``."""
    number = read(value, "_value_")
    return KINDS[number] if isinstance(number, int) and 0 <= number < len(KINDS) else b""


def moment(tag: int, nanoseconds: int) -> bytes:
    """A fixed64 field."""
    return _fixed64(tag, nanoseconds) if nanoseconds else b""


def nanoseconds(value: Any) -> int:
    """A moment in the range of a fixed64; 0 for what is none."""
    try:
        return min(max(int(value or 0), 0), _MAX_UINT64)
    except Exception:
        return 0


def times(start: Any, end: Any) -> bytes:
    """Both times of a span; an end before the start (a clock set back, or no end) becomes the start."""
    first = nanoseconds(start)
    return moment(0x39, first) + moment(0x41, max(nanoseconds(end), first))


def status(value: Any) -> bytes:
    """status of a span."""
    if value is None:
        return b""
    code = read(read(value, "status_code"), "value")
    known = isinstance(code, int) and 0 < code <= 2
    return field(
        b"\x7a", text(b"\x12", read(value, "description")) + (b"\x18" + varint(code) if known else b"")
    )
