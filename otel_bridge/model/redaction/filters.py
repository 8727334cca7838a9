"""Attribute filters, and the pipeline that they form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from otel_bridge.model.redaction.keys import is_secret_key
from otel_bridge.model.redaction.text import MASK, redact_text

#: What a filter returns to remove the attribute.
DROP: Final = object()

#: ``(key, value) -> value``, or :data:`DROP`.
Filter = Callable[[str, Any], Any]


def truncate(text: str, limit: int) -> str:
    """``text`` cut to at most ``limit`` characters, with a mark that says how many were cut."""
    if len(text) <= limit:
        return text
    mark = f"...[{len(text)} characters]"
    return text[: limit - len(mark)] + mark if limit > len(mark) else text[: max(0, limit)]


def mask_secrets(key: str, value: Any) -> Any:
    """Hide the values of names that stand for secrets."""
    return MASK if is_secret_key(key) and not isinstance(value, bool) else value


def redact_values(key: str, value: Any) -> Any:
    """Hide the secrets inside text values, also in lists of texts."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list | tuple):
        return tuple(redact_text(item) if isinstance(item, str) else item for item in value)
    return value


def truncate_values(limit: int) -> Filter:
    """A filter that cuts texts longer than ``limit`` characters, also in lists of texts."""

    def cut(key: str, value: Any) -> Any:
        if isinstance(value, str):
            return truncate(value, limit)
        if isinstance(value, list | tuple):
            return tuple(truncate(item, limit) if isinstance(item, str) else item for item in value)
        return value

    return cut


def mask_keys(keys: Iterable[str]) -> Filter:
    """A filter that hides the values of these names, upper and lower case alike."""
    hidden = frozenset(key.lower() for key in keys)
    return lambda key, value: MASK if key.lower() in hidden else value


def drop_keys(keys: Iterable[str]) -> Filter:
    """A filter that removes these names, upper and lower case alike."""
    unwanted = frozenset(key.lower() for key in keys)
    return lambda key, value: DROP if key.lower() in unwanted else value


#: What applies to attributes that other people's code sets.
DEFAULT_FILTERS: Final[tuple[Filter, ...]] = (mask_secrets, redact_values)


def filtered(attributes: Mapping[str, Any], filters: Iterable[Filter] = DEFAULT_FILTERS) -> dict[str, Any]:
    """The attributes after every filter, each seeing what the one before it left.

    A filter that raises is an operator's rule that failed: the value is hidden, not shown.
    """
    steps = tuple(filters)
    result: dict[str, Any] = {}
    for key, value in attributes.items():
        for step in steps:
            try:
                value = step(key, value)
            except Exception:
                value = MASK
            if value is DROP:
                break
        else:
            result[key] = value
    return result
