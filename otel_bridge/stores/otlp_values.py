"""OTLP/JSON's ``AnyValue`` <-> Python values, in both directions."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from sys import intern
from typing import Any

from otel_bridge.stores.fields import as_object, integer, objects, text

_INT64 = range(-(1 << 63), 1 << 63)


def attributes(parent: Mapping[str, Any], name: str = "attributes") -> dict[str, Any]:
    """A list of ``KeyValue`` as a dict; of a key that came twice, which OTLP forbids, the last value.

    Raises:
        ValueError: it is none; the message names the field.
    """
    # The same few names stand in each span: one copy of each is enough.
    return {intern(text(pair, "key")): value(pair.get("value")) for pair in objects(parent, name)}


def value(any_value: object) -> Any:
    """An ``AnyValue``: lists become tuples, key-value lists become dicts, nothing becomes None.

    Raises:
        ValueError: it is none.
    """
    if not any_value:
        return None
    for kind, content in as_object(any_value, "value").items():
        if kind == "stringValue" and isinstance(content, str):  # nearly always
            return content
        reader = _READERS.get(kind)
        if reader is not None and content is not None:
            return reader(content)
    return None


def _read_string(content: object) -> str:
    if isinstance(content, str):
        return content
    raise ValueError("stringValue is not a string")


def _read_bool(content: object) -> bool:
    if isinstance(content, bool):
        return content
    raise ValueError("boolValue is not true or false")


def _read_int(content: object) -> int:
    number = integer(content, "intValue")
    if number in _INT64:
        return number
    raise ValueError("intValue is not a 64-bit integer")


def _read_double(content: object) -> float:
    try:
        if isinstance(content, (str, int, float)):
            return float(content)  # also "NaN", "Infinity", "-Infinity"
    except (ValueError, OverflowError):
        pass
    raise ValueError("doubleValue is not a number")


def _read_bytes(content: object) -> bytes:
    try:
        if isinstance(content, str):
            return base64.b64decode(content, validate=True)
    except ValueError:
        pass
    raise ValueError("bytesValue is not base64")


def _read_array(content: object) -> tuple[Any, ...]:
    return tuple(value(item) for item in objects(as_object(content, "arrayValue"), "values"))


def _read_map(content: object) -> dict[str, Any]:
    return attributes(as_object(content, "kvlistValue"), "values")


_READERS: dict[str, Callable[[object], Any]] = {
    "stringValue": _read_string,
    "intValue": _read_int,
    "boolValue": _read_bool,
    "doubleValue": _read_double,
    "arrayValue": _read_array,
    "kvlistValue": _read_map,
    "bytesValue": _read_bytes,
}


def pairs(mapping: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A list of ``KeyValue``."""
    return [{"key": key, "value": any_value(value)} for key, value in mapping.items()]


def any_value(value: Any) -> dict[str, Any]:
    """The ``AnyValue`` of a value; what OTLP has no form for becomes text."""
    match value:
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int() if value in _INT64:
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else _non_finite(value)}
        case None:
            return {}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode("ascii")}
        case Mapping():
            return {"kvlistValue": {"values": pairs(value)}}
        case list() | tuple():
            return {"arrayValue": {"values": [any_value(item) for item in value]}}
    return {"stringValue": str(value)}


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
