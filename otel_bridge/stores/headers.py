"""Request headers as people write them. No message shows any part of a value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

#: They belong to the request as such.
RESERVED: Final = frozenset(
    ("accept", "accept-encoding", "connection", "content-length", "host", "transfer-encoding")
)

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII).fullmatch
_VALUE = re.compile(r"[\t\x20-\x7e]+").fullmatch


def parse(lines: Iterable[str]) -> dict[str, str]:
    """Headers from lines ``NAME: VALUE``; empty lines and those that begin with ``#`` are passed over.

    Raises:
        ValueError: a line is none; the message says which.
    """
    headers: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not _NAME(name):
            raise ValueError(f"header {number} is not NAME: VALUE")
        if name in RESERVED:
            raise ValueError(f"header {number}, {name}, is set in any case")
        if not _VALUE(value):
            raise ValueError(f"header {number}, {name}, has no value, or one that no header can carry")
        headers[name] = value
    return headers
