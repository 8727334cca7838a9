"""What is asked of the viewer, as the parameters of its addresses say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, urlencode

from otel_bridge.collector.body import Refusal
from otel_bridge.reports import units
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite_search import Position

#: Traces that one answer of the API has at most, and how many it has where nobody says.
MAX_LIMIT: Final = 1000
API_LIMIT: Final = 20
#: How many traces a page may have; the first one is usual.
PAGE_LIMITS: Final = (50, 20, 100, 200)

_SECOND: Final = 10**9
#: How far back a page looks: what the address says, what people read, seconds.
RANGES: Final = (
    ("15m", "last 15 minutes", 900),
    ("1h", "last hour", 3600),
    ("6h", "last 6 hours", 21600),
    ("24h", "last 24 hours", 86400),
    ("", "any time", None),
)
#: The range whose ends are given by ``from`` and ``until``.
CUSTOM: Final = "custom"

_MAX_FIELDS: Final = 20
_MAX_TEXT: Final = 1000
#: Digits that are enough to be meant as the beginning of an id.
_MIN_PREFIX: Final = 4
_HEX: Final = re.compile(r"[0-9a-f]{1,32}").fullmatch
_POSITION: Final = re.compile(r"([0-9]{1,19})-([0-9a-f]{32})").fullmatch
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parameters(text: str) -> dict[str, list[str]]:
    """The parameters of an address; those without a value are left out.

    Raises:
        Refusal: there are more than anybody needs.
    """
    try:
        return parse_qs(text, max_num_fields=_MAX_FIELDS, errors="replace")
    except ValueError as error:
        raise Refusal(400, "too many parameters") from error


def digits(text: str) -> str | None:
    """The hexadecimal digits of an id or of its beginning, in lower case; None: it is neither."""
    plain = text.strip().lower().replace("-", "")
    return plain if _HEX(plain) else None


def api_query(text: str) -> TraceQuery:
    """What ``/api/traces`` is asked for: the fields of :class:`TraceQuery`, and ``errors=1``.

    Raises:
        Refusal: a parameter is malformed; the reason names it.
    """
    given = {name: values[-1] for name, values in parameters(text).items()}
    limit = _number(given, "limit")
    prefix = given.get("id_prefix")
    if prefix is not None and digits(prefix) is None:
        raise Refusal(400, f"id_prefix={prefix[:50]!r} is not the beginning of a trace id")
    return TraceQuery(
        limit=API_LIMIT if limit is None else min(limit, MAX_LIMIT),
        since_ns=_number(given, "since_ns"),
        until_ns=_number(given, "until_ns"),
        service=given.get("service"),
        operation=given.get("operation"),
        errors_only=_is_set(given.get("errors", given.get("errors_only"))),
        min_duration_ns=_number(given, "min_duration_ns"),
        max_duration_ns=_number(given, "max_duration_ns"),
        id_prefix=None if prefix is None else digits(prefix),
    )


def _number(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Refusal(400, f"{name}={text[:50]!r} is not a number")
    return int(text)


def _is_set(text: str | None) -> bool:
    return text not in (None, "0", "false")


@dataclass(frozen=True, slots=True)
class Search:
    """What a page of the list is asked for, in people's words; empty: nothing is said of that."""

    #: An id, the beginning of one, or a part of a service's or an operation's name.
    q: str = ""
    service: str = ""
    operation: str = ""
    #: Durations: ``5ms``, ``1.2s``.
    min: str = ""
    max: str = ""
    #: One of :data:`RANGES`, or :data:`CUSTOM`.
    range: str = ""
    #: Times of ISO 8601, in UTC where they do not say otherwise.
    since: str = ""
    until: str = ""
    errors: bool = False
    limit: int = PAGE_LIMITS[0]
    #: The position of the last trace of the page before.
    before: str = ""

    @classmethod
    def parse(cls, text: str) -> Search:
        """The search of an address.

        Raises:
            Refusal: there are too many parameters.
        """
        given = {name: values[-1].strip()[:_MAX_TEXT] for name, values in parameters(text).items()}
        said = {field.name: given.get(field.name, "") for field in fields(cls) if field.type == "str"}
        limit = given.get("limit", "")
        if (said["since"] or said["until"]) and not said["range"]:
            said["range"] = CUSTOM
        if said["range"] != CUSTOM:
            said["since"] = said["until"] = ""
        return cls(
            **said,
            errors=_is_set(given.get("errors")),
            limit=int(limit) if limit in map(str, PAGE_LIMITS) else PAGE_LIMITS[0],
        )

    def url(self, path: str = "/", **changes: str) -> str:
        """The address of this search, or of one that differs from it in ``changes``."""
        other = replace(self, **changes)  # type: ignore[arg-type]
        said = {
            field.name: "1" if value is True else str(value)
            for field in fields(other)
            if (value := getattr(other, field.name)) != field.default
        }
        return f"{path}?{urlencode(said, errors='replace')}" if said else path

    @property
    def is_filtered(self) -> bool:
        """Whether some traces are not meant."""
        return replace(self, limit=PAGE_LIMITS[0], before="") != Search()

    @property
    def position(self) -> Position | None:
        """Where the page before ended.

        Raises:
            ValueError: as for :meth:`query`.
        """
        if not self.before:
            return None
        found = _POSITION(self.before)
        if found is None:
            raise ValueError("the place to go on from is none: begin with the newest traces")
        return Position(int(found[1]), int(found[2], 16))

    @property
    def prefix(self) -> str | None:
        """The digits of ``q``, where it may be an id or the beginning of one."""
        found = digits(self.q)
        return found if found is not None and len(found) >= _MIN_PREFIX else None

    def query(self, now_ns: int) -> TraceQuery:
        """All of it but ``q`` and ``before``.

        Raises:
            ValueError: something in it cannot be understood; the message is for people and names it.
        """
        since = _time("From", self.since)
        for value, _, seconds in RANGES:
            if seconds is not None and value == self.range:
                since = now_ns - seconds * _SECOND
        query = TraceQuery(
            limit=self.limit,
            since_ns=since,
            until_ns=_time("Until", self.until),
            service=self.service or None,
            operation=self.operation or None,
            errors_only=self.errors,
            min_duration_ns=_duration("At least", self.min),
            max_duration_ns=_duration("At most", self.max),
        )
        if _is_above(query.min_duration_ns, query.max_duration_ns):
            raise ValueError("No duration is at least and at most that: the first is the longer one")
        if _is_above(query.since_ns, query.until_ns):
            raise ValueError("No time is between these two: the first is the later one")
        return query


def position(start_ns: int, trace_id: int) -> str:
    """What ``before`` is for the page after this trace."""
    return f"{max(0, start_ns)}-{trace_id:032x}"


def _is_above(least: int | None, most: int | None) -> bool:
    return least is not None and most is not None and least > most


def _duration(field: str, text: str) -> int | None:
    if not text:
        return None
    try:
        return units.parse_duration(text[:50])
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error


def _time(field: str, text: str) -> int | None:
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text.upper())
        since = (when if when.tzinfo else when.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        raise ValueError(f"{field}: {text[:50]!r} is no time: write 2026-11-22 14:06:01 (UTC)") from None
    return max(0, (since.days * 86400 + since.seconds) * _SECOND + since.microseconds * 1000)
