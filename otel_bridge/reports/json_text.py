"""JSON text of values that may be nested deeper than the interpreter recurses.

``json.dumps`` gives up at about a thousand levels; a trace may have more, and so its report.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

#: Levels that are indented. Indenting further would make the text grow with the square of the depth.
_MAX_INDENT = 32

#: Parts of the text that are joined before they are handed on.
_PARTS = 500

_encode = json.JSONEncoder(ensure_ascii=True).encode
_quote = json.encoder.encode_basestring_ascii


class _Container:
    """An object or array that is being written."""

    __slots__ = ("empty", "end", "is_object", "items")

    def __init__(self, items: Iterator[Any], end: str) -> None:
        self.items = items
        self.end = end
        self.is_object = end == "}"
        self.empty = True


def pieces(value: Any) -> Iterator[str]:
    """The JSON text of ``value``, indented by two, in pieces to be written one after the other.

    What JSON has no word for is written as OTLP/JSON does: NaN and the infinities as strings, bytes in
    base64; any other object as its ``str``. Everything else is as ``json.dumps`` writes it.
    """
    stack: list[_Container] = []
    parts = [_begin(value, stack)]
    while stack:
        container, level = stack[-1], len(stack)
        between = _newline(level)
        for item in container.items:
            parts.append(between if container.empty else "," + between)
            container.empty = False
            if container.is_object:
                key, item = item
                parts.append(f"{_quote(str(key))}: ")
            parts.append(_begin(item, stack))
            if len(stack) > level or len(parts) > _PARTS:
                break  # first what is in the item; the rest of the items when it is their turn again
        else:
            stack.pop()
            parts.append(container.end if container.empty else _newline(len(stack)) + container.end)
        if len(parts) > _PARTS:
            yield "".join(parts)
            parts.clear()
    yield "".join(parts)


def _begin(value: Any, stack: list[_Container]) -> str:
    """A scalar whole; of a container the opening bracket, and the container put on the stack."""
    if type(value) is str:  # nearly always
        return _quote(value)
    if isinstance(value, Mapping):
        stack.append(_Container(iter(value.items()), "}"))
        return "{"
    if isinstance(value, (list, tuple)):
        stack.append(_Container(iter(value), "]"))
        return "["
    return _scalar(value)


def _newline(level: int) -> str:
    return "\n" + "  " * min(level, _MAX_INDENT)


def _scalar(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    if isinstance(value, (bytes, bytearray)):
        return _encode(base64.b64encode(value).decode("ascii"))
    if value is None or isinstance(value, (str, int, float)):
        return _encode(value)
    return _encode(str(value))
