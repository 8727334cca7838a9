"""Fields of JSON objects, checked: what somebody else wrote may be anything.

Everything raises ``ValueError`` with a message that names the field. null and a missing field are the same.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from otel_bridge.stores.json_stream import Reader


def as_object(value: object, name: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{name} is not an object")


def objects(parent: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = parent.get(name)
    if not value:
        return []
    if isinstance(value, list):
        for item in value:
            if not isinstance(item, dict):
                break
        else:
            return value
    raise ValueError(f"{name} is not a list of objects")


def text(parent: Mapping[str, Any], name: str) -> str:
    value = parent.get(name) or ""
    if isinstance(value, str):
        return value
    raise ValueError(f"{name} is not a string")


def integer(value: object, name: str) -> int:
    """A whole number; also as a string, as JSON has those of 64 bits."""
    try:
        if isinstance(value, str) or (isinstance(value, float) and value.is_integer()):
            return int(value)
        if isinstance(value, int):
            return value
    except ValueError:
        pass
    raise ValueError(f"{name} is not an integer")


def whole_id(value: object, name: str, length: int) -> int:
    """An id of ``length`` bytes: hexadecimal, OTLP/JSON's way, or base64, protobuf's and Tempo's."""
    if isinstance(value, str):
        try:
            if len(value) == 2 * length:
                return int.from_bytes(bytes.fromhex(value), "big")
            raw = base64.b64decode(value, validate=True)
            if len(raw) == length:
                return int.from_bytes(raw, "big")
        except ValueError:
            pass
    raise _wrong_id(name)


def short_id(value: object, name: str, length: int) -> int:
    """An id of at most ``length`` bytes, hexadecimal, that may lack leading zeros."""
    if isinstance(value, str) and 0 < len(value) <= 2 * length:
        try:
            return int.from_bytes(bytes.fromhex(value.rjust(2 * length, "0")), "big")
        except ValueError:
            pass
    raise _wrong_id(name)


def begins(reader: Reader, kind: str, name: str) -> bool:
    """Whether a list (``[``) or an object (``{``) stands at ``reader``; null, which is passed over, counts as
    an empty one."""
    if reader.kind() == kind:
        return True
    if reader.value() is None:
        return False
    raise ValueError(f"{name} is not {'a list of objects' if kind == '[' else 'an object'}")


def _wrong_id(name: str) -> ValueError:
    return ValueError(f"{name} is not hexadecimal digits of the right number")
