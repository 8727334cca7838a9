"""Attribute values that a span may keep: bounded, immutable copies of what the caller gave.

The span outlives the call that filled it, and is read on another thread. So mutable values are copied,
objects are refused (they would pin memory, and their ``__str__`` is nothing to run elsewhere), and length,
count and depth are limited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

_SCALARS = frozenset((str, bool, int, float, bytes))
_MAX_DEPTH = 8
_MAX_ITEMS = 1024
_MAX_VALUES = 16384


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
    if attributes is None:
        return {}, 0
    try:
        kept = dict(attributes)
    except Exception:  # not a mapping: a mistake of the caller's, not worth its request
        return {}, 1
    longest = limits.attribute_length
    if len(kept) <= limits.attribute_count:
        for value in kept.values():
            kind = type(value)
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
        if issubclass(type(key), str):
            cleaned = clean_value(value, limits)
            if cleaned is not None:
                kept[str.__str__(key)] = cleaned
    return kept, len(attributes) - len(kept)


def clean_value(value: Any, limits: Limits) -> Any:
    """``value`` as a span may keep it; None for what no attribute can hold. Never raises."""
    kind = type(value)  # not __class__: proxies and mocks say what they like there
    if kind is str:
        return value if len(value) <= limits.attribute_length else limits.cut(value)
    if kind is bytes:
        return value[: limits.attribute_length]
    if kind in _SCALARS:
        return value
    try:
        return _copy(value, limits, 0, [_MAX_VALUES])
    except Exception:  # a value that misbehaves while it is looked at is dropped
        return None


def _copy(value: Any, limits: Limits, depth: int, room: list[int]) -> Any:
    """What is kept of ``value``: exactly of the types that OTLP knows, whatever it is derived from.

    Args:
        value: anything. It may raise.
        limits: bounds.
        depth: containers around it.
        room: values that may still be copied; a few lists that hold each other can spell any number.
    """
    room[0] -= 1
    kind = type(value)
    if value is None or kind is bool:
        return value
    if isinstance(value, str):
        return limits.cut(str.__str__(value if issubclass(kind, str) else str(value)))
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value[: limits.attribute_length])
    if depth < _MAX_DEPTH:
        if isinstance(value, Mapping):
            kept = {}
            for key, item in islice(value.items(), _MAX_ITEMS):
                if room[0] <= 0:
                    break
                kept[str.__str__(str(key))] = _copied(item, limits, depth + 1, room)
            return kept
        if isinstance(value, Sequence):
            items = []
            for item in value[:_MAX_ITEMS]:
                if room[0] <= 0:
                    break
                items.append(_copied(item, limits, depth + 1, room))
            return tuple(items)
    return None


def _copied(value: Any, limits: Limits, depth: int, room: list[int]) -> Any:
    try:
        return _copy(value, limits, depth, room)
    except Exception:  # costs itself, and not what stands beside it
        return None
