"""Which traces of an embedded store are listed: plans for SQLite, so that none looks at every trace's row.

All that a query says of a trace itself is in the indexes: at worst one of them is walked from end to end.
What it says of the trace's spans, services and operations, is looked up in ``postings`` first.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from otel_bridge.model.trace import TraceSummary
from otel_bridge.stores.protocol import StoreError, Summaries, TraceQuery
from otel_bridge.stores.sqlite_file import BLOCK, from_blob, term, unpacked

_INT64_MAX: Final = (1 << 63) - 1
_PREFIX: Final = re.compile(r"[0-9a-f]{1,32}").fullmatch
_COLUMNS: Final = (
    "t.trace_id, t.root_name, t.root_service, t.start_ns, t.end_ns, t.span_count, t.error_count, t.services"
)
_ORDER: Final = "ORDER BY t.start_ns DESC, t.trace_id DESC LIMIT ?"

#: So many traces are looked up one by one, by their keys or by their ids; where more are in question, all
#: are walked in their order.
_FEW_KEYS: Final = 20_000
_FEW_IDS: Final = 2_000
#: Services and operations that a text may stand for.
_MAX_TERMS: Final = 200
_LONGEST_SUGGESTION: Final = 200


class Position(NamedTuple):
    """Of a trace in the list of all traces, which is in the order of their starts, the newest first."""

    start_ns: int
    trace_id: int


def listed(
    connection: sqlite3.Connection, query: TraceQuery, text: str = "", before: Position | None = None
) -> Summaries:
    """The traces that are asked for, the newest first.

    Args:
        connection: to the store, inside a transaction.
        query: what to list.
        text: only traces with a service or an operation whose name has this in it, in any case.
        before: only traces that come after this position in the list.

    Raises:
        StoreError: the query is no query.
        sqlite3.Error: as it comes.
    """
    limit = max(0, min(query.limit, _INT64_MAX))
    conditions = _Conditions(query, before)
    wanted = _with_terms(connection, query, text)
    if wanted is None:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM {conditions.table(connection)} {conditions.where} {_ORDER}",  # noqa: S608
            (*conditions.values, limit),
        ).fetchall()
        return [_summary(row) for row in rows]
    keys: Iterable[int] = _keys(wanted)
    if sum(bits.bit_count() for bits in wanted.values()) > _FEW_KEYS:
        keys = _walked(connection, conditions, wanted, limit)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM json_each(?) j CROSS JOIN traces t ON t.id = j.value "  # noqa: S608
        f"{conditions.where} {_ORDER}",
        (json.dumps(list(keys)), *conditions.values, limit),
    ).fetchall()
    return [_summary(row) for row in rows]


def suggestions(
    connection: sqlite3.Connection, service: str | None, limit: int
) -> tuple[list[str], list[str]]:
    """What a query may ask for: services, and the operations of all of them or of one; in alphabetical
    order, up to so many of each, without names that nobody would choose."""
    condition, values = ("AND service = ?", [term(service)]) if service else ("", [])
    return (
        [
            row[0]
            for row in connection.execute(
                "SELECT service FROM terms WHERE name IS NULL AND length(service) BETWEEN 1 AND ? "
                "ORDER BY service LIMIT ?",
                (_LONGEST_SUGGESTION, limit),
            )
        ],
        [
            row[0]
            for row in connection.execute(
                "SELECT DISTINCT name FROM terms WHERE length(name) BETWEEN 1 AND ? "  # noqa: S608
                f"{condition} ORDER BY name LIMIT ?",
                (_LONGEST_SUGGESTION, *values, limit),
            )
        ],
    )


class _Conditions:
    """What a query says of a trace itself, as SQL."""

    def __init__(self, query: TraceQuery, before: Position | None) -> None:
        self.values: list[Any] = []
        self._said: list[str] = []
        self._errors_only = query.errors_only
        self._prefix: tuple[bytes, bytes] | None = None
        if query.since_ns is not None:
            self._say("t.start_ns >= ?", min(query.since_ns, _INT64_MAX))
        if query.until_ns is not None:
            self._say("t.start_ns < ?", max(min(query.until_ns, _INT64_MAX), -_INT64_MAX))
        if before is not None:
            start_ns, trace_id = before
            self._say("(t.start_ns, t.trace_id) < (?, ?)", start_ns, trace_id.to_bytes(16, "big"))
        if query.errors_only:
            self._say("t.error_count > 0")
        if query.min_duration_ns is not None and query.min_duration_ns > 0:
            self._say("t.end_ns - t.start_ns >= ?", min(query.min_duration_ns, _INT64_MAX))
        if query.max_duration_ns is not None:
            self._say("t.end_ns - t.start_ns <= ?", min(query.max_duration_ns, _INT64_MAX))
        if query.id_prefix:
            # The first and the last trace id that begin with these digits.
            if not _PREFIX(query.id_prefix):
                raise StoreError(
                    f"{query.id_prefix!r} is no beginning of a trace id: give hexadecimal digits"
                )
            first, last = query.id_prefix.ljust(32, "0"), query.id_prefix.ljust(32, "f")
            self._prefix = bytes.fromhex(first), bytes.fromhex(last)
            self._say("t.trace_id BETWEEN ? AND ?", *self._prefix)

    def _say(self, condition: str, *values: Any) -> None:
        self._said.append(condition)
        self.values += values

    @property
    def where(self) -> str:
        return f"WHERE {' AND '.join(self._said)}" if self._said else ""

    def table(self, connection: sqlite3.Connection) -> str:
        """``traces t`` by the index that has the fewest traces to look at."""
        if self._prefix is not None:
            few = connection.execute(
                "SELECT count(*) FROM (SELECT 1 FROM traces WHERE trace_id BETWEEN ? AND ? LIMIT ?)",
                (*self._prefix, _FEW_IDS),
            ).fetchone()[0]
            if few < _FEW_IDS:
                return "traces t INDEXED BY sqlite_autoindex_traces_1"
        return f"traces t INDEXED BY {'traces_with_errors' if self._errors_only else 'traces_by_start'}"


def _with_terms(connection: sqlite3.Connection, query: TraceQuery, text: str) -> dict[int, int] | None:
    """The traces that have the service, the operation and the text, as bits of blocks; None: none is asked
    for, so that all have them."""
    found: dict[int, int] | None = None
    for terms in _terms(connection, query, text):
        bits = _bits(connection, terms)
        found = (
            bits if found is None else {block: found[block] & bits[block] for block in found.keys() & bits}
        )
    return found


def _terms(connection: sqlite3.Connection, query: TraceQuery, text: str) -> Iterator[set[int]]:
    """For each thing that is asked for, the terms of which a trace has to have one."""
    values: tuple[str, ...] = ()
    if query.operation is not None and query.service is not None:
        condition, values = "service = ? AND name = ?", (term(query.service), term(query.operation))
    elif query.operation is not None:
        condition, values = "name = ?", (term(query.operation),)
    elif query.service is not None:
        condition, values = "service = ? AND name IS NULL", (term(query.service),)
    else:
        condition = ""
    if condition:
        yield _first_column(connection, f"SELECT id FROM terms WHERE {condition}", values)  # noqa: S608
    if text:
        like = "%{}%".format("".join(f"\\{char}" if char in "\\%_" else char for char in text))
        yield _first_column(
            connection,
            "SELECT id FROM terms WHERE ifnull(name, service) LIKE ? ESCAPE '\\' LIMIT ?",
            (like, _MAX_TERMS),
        )


def _first_column(connection: sqlite3.Connection, statement: str, values: Iterable[Any]) -> set[int]:
    return {row[0] for row in connection.execute(statement, tuple(values))}


def _bits(connection: sqlite3.Connection, terms: set[int]) -> dict[int, int]:
    """The traces that have one of the terms."""
    found: dict[int, int] = {}
    if not terms:
        return found
    last = connection.execute("SELECT max(block) FROM postings").fetchone()[0]
    sealed = -1 if last is None else int(last)
    first = connection.execute("SELECT min(block) FROM postings").fetchone()[0] or 0
    for block, blob in connection.execute(
        "SELECT p.block, p.traces FROM json_each(?) b CROSS JOIN json_each(?) k "
        "CROSS JOIN postings p ON p.block = b.value AND p.term = k.value",
        (json.dumps(list(range(first, sealed + 1))), json.dumps(sorted(terms))),
    ):
        found[block] = found.get(block, 0) | from_blob(blob)
    for trace, blob in connection.execute(
        "SELECT id, terms FROM traces WHERE id >= ?", ((sealed + 1) * BLOCK,)
    ):
        if not terms.isdisjoint(unpacked(blob)):
            block, position = divmod(trace, BLOCK)
            found[block] = found.get(block, 0) | 1 << position
    return found


def _keys(found: dict[int, int]) -> Iterator[int]:
    for block, bits in found.items():
        while bits:
            lowest = bits & -bits
            yield block * BLOCK + lowest.bit_length() - 1
            bits ^= lowest


def _walked(
    connection: sqlite3.Connection, conditions: _Conditions, wanted: dict[int, int], limit: int
) -> list[int]:
    """The keys of the newest traces that are wanted and meet the conditions."""
    rows = connection.execute(
        f"SELECT t.id FROM {conditions.table(connection)} {conditions.where} "  # noqa: S608
        "ORDER BY t.start_ns DESC, t.trace_id DESC",
        conditions.values,
    )
    get = wanted.get
    return list(islice((key for (key,) in rows if get(key // BLOCK, 0) >> key % BLOCK & 1), limit))


def _summary(row: tuple[Any, ...]) -> TraceSummary:
    trace_id, root_name, root_service, start_ns, end_ns, span_count, error_count, services = row
    return TraceSummary(
        trace_id=int.from_bytes(trace_id, "big"),
        root_name=root_name,
        root_service=root_service,
        start_ns=start_ns,
        duration_ns=max(0, end_ns - start_ns),
        span_count=span_count,
        error_count=error_count,
        services=tuple(json.loads(services)),
    )
