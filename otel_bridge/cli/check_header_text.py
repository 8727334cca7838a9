"""Trace headers in whatever people paste: header lines, ``curl -v``, curl commands, logs, an environ."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

#: Most characters that are looked at.
MAX_TEXT: Final = 1024 * 1024
#: Requests of one text that are explained.
MOST_REQUESTS: Final = 20
#: Values of one line, and of one header of a request, that are looked at, and characters of one.
_MOST_VALUES: Final = 50
_MAX_VALUE: Final = 20_000

_NAME = re.compile(
    r"(?<![A-Za-z0-9])(?:HTTP_)?X[-_]Trace[-_](Info|HMAC|Freshness)(?![A-Za-z0-9_-])", re.IGNORECASE
)
_SEPARATOR = re.compile(r"[\"']?[ \t]*(?::|=>|=)[ \t]*(?:\[|b(?=[\"']))?", re.ASCII)
#: How a request begins: a command, as openstack --debug writes it too, or its first line.
_BEGIN = re.compile(r"(?:^|[\s:])curl\s|^>?\s*[A-Z]{3,10} \S+ HTTP/[0-9.]+\s*$")
#: What follows a value without quotation marks, in a command.
_NEXT = re.compile(r"[ \t]+(?:-H|--header)\b")
#: What may stand around a whole header (``-H '…'``) or around its value (``'X-Trace-Info': '…'``).
_QUOTES: Final = "\"'"


class Headers(NamedTuple):
    """The values of each header, in the order in which they stand there."""

    info: tuple[str, ...] = ()
    mac: tuple[str, ...] = ()
    freshness: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.info or self.mac or self.freshness)


def parse(texts: Iterable[str]) -> Headers:
    """The trace headers in these texts; whatever else stands there is passed over."""
    found: dict[str, list[str]] = {"info": [], "hmac": [], "freshness": []}
    for text in texts:
        for line in text[:MAX_TEXT].splitlines():
            for name, value in islice(_in_line(line), _MOST_VALUES):
                if len(found[name]) < _MOST_VALUES:
                    found[name].append(value)
    return Headers(tuple(found["info"]), tuple(found["hmac"]), tuple(found["freshness"]))


def parse_requests(text: str) -> list[Headers]:
    """The trace headers of each request in a text: a log may hold many, each with a curl command or a request
    line before it. One without headers where there is none at all; what comes twice is there once."""
    pieces: list[list[str]] = [[]]
    for line in text[:MAX_TEXT].splitlines():
        if _BEGIN.search(line):
            pieces.append([])
        pieces[-1].append(line)
    found = [headers for headers in (parse(["\n".join(piece)]) for piece in pieces) if headers]
    return list(dict.fromkeys(found))[:MOST_REQUESTS] or [Headers()]


def _in_line(line: str) -> Iterable[tuple[str, str]]:
    for match in _NAME.finditer(line):
        separator = _SEPARATOR.match(line, match.end())
        if separator is None:
            continue
        yield match[1].lower(), _value(line, match.start(), match.end(), separator.end())


def _value(line: str, begin: int, name_end: int, start: int) -> str:
    """The value at ``start``, up to the quotation mark that ends it, or else to the end of the line."""
    around = line[begin - 1] if begin and line[begin - 1] in _QUOTES else ""
    if line[start : start + 1] and line[start] in _QUOTES:  # the value alone
        around, start = line[start], start + 1
    elif around and line[name_end : name_end + 1] == around:  # 'X-Trace-Info': value
        around = ""
    end = line.find(around, start) if around else -1
    value = line[start : start + _MAX_VALUE if end < 0 else min(end, start + _MAX_VALUE)]
    return (value if around else _NEXT.split(value, 1)[0]).strip(" \t")
