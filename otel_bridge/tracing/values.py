"""Attribute values that a span may keep: bounded, immutable copies of what the caller gave.

The span outlives the call that filled it, and is read on another thread. So mutable values are copied,
objects are refused (they would pin memory, and their ``__str__`` is nothing to run elsewhere), and length,
count and depth are limited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SCALARS = frozenset((str, bool, int, float, bytes))
_MAX_DEPTH = 8
_MAX_ITEMS = 1024


class Limits:
    """Bounds on what one span holds (``OTEL_ATTRIBUTE_*``, ``OTEL_SPAN_*`` of the specification)."""

    __slots__ = ("attribute_count", "attribute_length", "event_count", "link_count")

    def __init__(
        self,
        attribute_count: int = 128,
        attribute_length: int = 16384,
        event_count: int = 128,
        link_count: int = 128,
    ) -> None:
        """
        Args:
            attribute_count: attributes of a span, an event or a link.
            attribute_length: characters of a string value.
            event_count: events of a span.
            link_count: links of a span.
        """
        self.attribute_count = attribute_count
        self.attribute_length = attribute_length
        self.event_count = event_count
        self.link_count = link_count

    def cut(self, text: str) -> str:
        """``text`` without what is over the length limit."""
        return text[: self.attribute_length]


def clean_attributes(attributes: Any, limits: Limits) -> tuple[dict[str, Any], int]:
    """A copy of a caller's attributes that keeps to the limits, and how many were dropped. Never raises."""
    if not attributes:
        return {}, 0
    try:
        kept = dict(attributes)
    except Exception:  # not a mapping: a mistake of the caller's, not worth its request
        return {}, 1
    longest = limits.attribute_length
    if len(kept) <= limits.attribute_count:
        for value in kept.values():
            kind = value.__class__
            if kind is str:
                if len(value) > longest:
                    break
            elif kind not in _SCALARS:
                break
        else:
            return kept, 0
    return _clean_slowly(kept, limits)


def _clean_slowly(attributes: dict[Any, Any], limits: Limits) -> tuple[dict[str, Any], int]:
    kept: dict[str, Any] = {}
    for key, value in attributes.items():
        if len(kept) == limits.attribute_count:
            break
        if isinstance(key, str):
            cleaned = clean_value(value, limits)
            if cleaned is not None:
                kept[key] = cleaned
    return kept, len(attributes) - len(kept)


def clean_value(value: Any, limits: Limits, depth: int = 0) -> Any:
    """``value`` as a span may keep it; None for what no attribute can hold."""
    kind = value.__class__
    if kind is str:
        return value if len(value) <= limits.attribute_length else limits.cut(value)
    if kind is bytes:
        return value[: limits.attribute_length]
    if kind in _SCALARS:
        return value
    try:
        if isinstance(value, str):
            return limits.cut(str.__str__(value))
        if isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value[: limits.attribute_length])
        if depth < _MAX_DEPTH:
            if isinstance(value, Mapping):
                return {
                    str(key): clean_value(item, limits, depth + 1)
                    for key, item in list(value.items())[:_MAX_ITEMS]
                }
            if isinstance(value, Sequence):
                return tuple([clean_value(item, limits, depth + 1) for item in value[:_MAX_ITEMS]])
    except Exception:  # a value that misbehaves while it is looked at is dropped
        return None
    return None
