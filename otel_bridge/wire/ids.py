"""OSProfiler's UUID strings and OpenTelemetry's integer ids, in both directions.

An OpenTelemetry trace id is the 128 bits of the ``base_id``; a span id is the low 64 bits of the trace
point's UUID. This is what osprofiler's own OTLP and Jaeger drivers do
(``osprofiler._utils.uuid_to_int128``, ``shorten_id``), so that a service on plain osprofiler and one on
otel_bridge agree on every id.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from binascii import unhexlify
from functools import lru_cache

TRACE_ID_BITS = 128
SPAN_ID_MASK = (1 << 64) - 1

_HEX_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")


def _bits(text: str) -> int:
    """The 128 bits of an OSProfiler id.

    ``uuid.UUID`` decides what is a UUID, as in osprofiler. Anything else is hashed: osprofiler makes up a
    random id at that point, in each process another one, which tears the trace apart.
    """
    try:
        raw = unhexlify(text.replace("-", ""))  # nearly always: a tenth of the cost of uuid.UUID
        if len(raw) == 16:
            return int.from_bytes(raw, "big")
    except ValueError:
        pass
    try:
        return uuid.UUID(text).int
    except ValueError:
        digest = hashlib.sha256(b"otel_bridge:" + text.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:16], "big")


def trace_id(base_id: str) -> int:
    """The trace id of a ``base_id``; 0, which is invalid in OpenTelemetry, only for the nil UUID."""
    return _bits(base_id)


def span_id(point_id: str) -> int:
    """The span id of a trace point's id (``trace_id`` or ``parent_id`` in an OSProfiler event)."""
    return _bits(point_id) & SPAN_ID_MASK


def parent_span_id(base_id: str, parent_id: str | None) -> int:
    """The span id of the parent, 0 for a root.

    ``parent_id == base_id`` (or none given) is how OSProfiler says that there is no point above.
    """
    if not parent_id or parent_id == base_id:
        return 0
    bits = _bits(parent_id)
    return 0 if bits == _bits(base_id) else bits & SPAN_ID_MASK


def stand_in(trace_id: int) -> int:
    """The span id that says "no span above" where a format has to have one, as ``traceparent`` does.

    It is what the ``base_id`` gives as a point's id, or 1 where that would be the invalid 0.
    """
    return trace_id & SPAN_ID_MASK or 1


def parent_id(trace_id: int, span_id: int, base_id: str | None = None) -> str:
    """What OSProfiler calls the parent: the UUID of a span id, and the ``base_id`` where there is no span.

    Args:
        trace_id: of the trace.
        span_id: of the span above; 0 and :func:`stand_in` say that there is none.
        base_id: how the trace is named, where that is not the UUID of ``trace_id``.
    """
    if span_id and span_id != stand_in(trace_id):
        return _canonical(span_id)
    return _canonical(trace_id) if base_id is None else base_id


def base_id(trace_id: int) -> str:
    """The ``base_id`` of a trace id, as a UUID string."""
    return _canonical(trace_id)


def point_id(span_id: int) -> str:
    """The UUID string that stands for a span id where OSProfiler wants a trace point's id."""
    return _canonical(span_id)


def _canonical(bits: int) -> str:
    # str(uuid.UUID(int=bits)) at a fifth of its cost
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_uuid(text: str) -> bool:
    """Whether a base id is a UUID, in any spelling: then the trace id is the id itself. Of anything else it
    is a hash, from which nothing comes back."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def parse_trace_id(text: str) -> int:
    """The trace id that a person typed: a UUID or 32 hexadecimal digits, in any case.

    Raises:
        ValueError: it is neither, or it is all zeros; the message says so.
    """
    digits = text.strip().replace("-", "")
    if not _HEX_TRACE_ID.fullmatch(digits):
        raise ValueError(f"{text!r} is no trace id: expected a UUID or 32 hexadecimal digits")
    value = int(digits, 16)
    if value == 0:
        raise ValueError("a trace id of zeros names no trace")
    return value


def format_trace_id(trace_id: int) -> str:
    """32 lower-case hexadecimal digits, as OTLP/JSON and Jaeger write a trace id."""
    return f"{trace_id:032x}"


def format_span_id(span_id: int) -> str:
    """16 lower-case hexadecimal digits."""
    return f"{span_id:016x}"


@lru_cache(maxsize=256)
def traceparent_begin(trace_id: int) -> str:
    """How each ``traceparent`` of a trace begins, up to the span id: what costs as much as all the rest."""
    return f"00-{trace_id:032x}-"


def new_base_id() -> str:
    """A new ``base_id``: a random UUID, as osprofiler makes it."""
    return str(uuid.uuid4())


def new_trace_id() -> int:
    """:func:`new_base_id` as a trace id. It comes from the operating system, so it is another one in each
    process, however that was forked."""
    bits = int.from_bytes(os.urandom(16), "big")
    return bits & ~_FIXED | _VERSION_4


#: The six bits by which a UUID says that it is one of version 4.
_FIXED = 0xF << 76 | 0x3 << 62
_VERSION_4 = 0x4 << 76 | 0x2 << 62
