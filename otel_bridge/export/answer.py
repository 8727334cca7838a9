"""What an OTLP/HTTP server answers: partial success, error messages, ``Retry-After``.

An answer is a few bytes of two message types, ``ExportTraceServiceResponse`` and ``google.rpc.Status``,
so they are read by hand. Nothing here raises for anything a server may send. Texts are as the server wrote
them: :func:`one_line` makes them fit for a log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

#: Longest text of a server, in characters, that an operator gets to see.
MAX_TEXT: Final = 200

_UINT64 = (1 << 64) - 1
_INT64_SIGN = 1 << 63
_SECONDS = re.compile(r"[0-9]{1,12}")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class PartialSuccess(NamedTuple):
    """``ExportTracePartialSuccess``; all zero when the answer holds none."""

    rejected_spans: int = 0
    error_message: str = ""


def partial_success(body: bytes, content_type: str = "") -> PartialSuccess:
    """The partial success in the body of a 2xx answer, protobuf or JSON; what is malformed counts as none."""
    try:
        if _is_json(content_type):
            content = _member(json.loads(body), "partialSuccess", "partial_success")
            rejected = _member(content, "rejectedSpans", "rejected_spans")
            message = _member(content, "errorMessage", "error_message")
            # 64-bit integers are strings in protobuf's JSON; numbers are to be taken, too.
            number = int(rejected) if isinstance(rejected, (str, int)) else 0
            return PartialSuccess(max(0, number), message if isinstance(message, str) else "")
        number, text = 0, b""
        for field, value in _fields(body):
            if field == 1 and isinstance(value, bytes):
                for inner, content in _fields(value):
                    if inner == 1 and isinstance(content, int):
                        number = content - (1 << 64) if content & _INT64_SIGN else content
                    elif inner == 2 and isinstance(content, bytes):
                        text = content
        return PartialSuccess(max(0, number), text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return PartialSuccess()


def error_message(body: bytes, content_type: str = "") -> str:
    """What the body of an error answer says: ``Status.message`` of protobuf or JSON, or plain text."""
    try:
        if _is_json(content_type):
            content = json.loads(body)
            message = _member(content, "message", "error")
            return message if isinstance(message, str) else ""
        if content_type.lower().startswith("text/plain"):
            return body.decode("utf-8", "replace")
        if content_type.lower().startswith("application/x-protobuf"):
            for field, value in _fields(body):
                if field == 2 and isinstance(value, bytes):
                    return value.decode("utf-8", "replace")
    except (ValueError, RecursionError):
        pass
    return ""


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` header (RFC 9110, 10.2.3); None when it says nothing.

    Args:
        value: the header: a number of seconds or an HTTP date.
        now: seconds since the epoch, to compare a date with.
    """
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, date.timestamp() - now)
    except Exception:  # the parser promises nothing about what it raises for rubbish
        return None


def one_line(text: str) -> str:
    """A server's text as it may stand in a log line: no control characters, not too long."""
    text = _UNPRINTABLE.sub(" ", text[: 4 * MAX_TEXT]).strip()
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _is_json(content_type: str) -> bool:
    return content_type.lower().startswith("application/json")


def _member(content: Any, *names: str) -> Any:
    if isinstance(content, dict):
        for name in names:
            if name in content:
                return content[name]
    return None


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each varint and length-delimited field of a protobuf message.

    Raises:
        ValueError: the bytes are no message, or one with groups.
    """
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind == 1:
            size = 8
        elif kind == 5:
            size = 4
        else:
            raise ValueError("unknown wire type")
        if size > end - position:
            raise ValueError("truncated")
        if kind == 2:
            yield tag >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[position : position + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & _UINT64, position + index + 1
    raise ValueError("truncated")
