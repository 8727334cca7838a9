"""The embedded store's file, read directly; another process may be writing it meanwhile."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_bridge.model.trace import Trace, TraceSummary
from otel_bridge.stores import otlp_proto, sqlite_file
from otel_bridge.stores.protocol import EVERYTHING, StoreError, Summaries, TraceNotFound, TraceQuery
from otel_bridge.wire import ids

#: Seconds to wait for a lock. Readers do not wait for writers (WAL), only for exclusive owners.
BUSY_TIMEOUT = 5.0

_INT64_MAX = (1 << 63) - 1
_COLUMNS = (
    "t.trace_id, t.root_name, t.root_service, t.start_ns, t.end_ns, t.span_count, t.error_count, t.services"
)
_Result = TypeVar("_Result")


class SqliteStore:
    """A :class:`~otel_bridge.stores.TraceStore`; each call opens and closes the file."""

    def __init__(self, path: str | Path, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        """
        Args:
            path: file of the store; ``~`` is the home directory.
            busy_timeout: seconds to wait for a lock.
        """
        self._path = Path(path).expanduser()
        self._busy_timeout = busy_timeout

    @property
    def url(self) -> str:
        return f"sqlite:{self._path}"

    def get(self, trace_id: int) -> Trace:
        """See :meth:`TraceStore.get <otel_bridge.stores.TraceStore.get>`."""
        spans = self._read(lambda connection: _spans(connection, trace_id))
        if not spans:
            raise TraceNotFound(f"no trace {ids.format_trace_id(trace_id)} in {self._path}")
        return Trace.from_spans(trace_id, spans)

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """See :meth:`TraceStore.list <otel_bridge.stores.TraceStore.list>`."""
        source, order = "traces t", "t"
        where: list[str] = []
        values: list[Any] = []
        if query.service is not None:
            # That table is ordered as the answer is, so that nothing has to be sorted.
            source, order = "trace_services s JOIN traces t ON t.id = s.trace", "s"
            where.append("s.service = ?")
            values.append(query.service)
        if query.since_ns is not None:
            where.append(f"{order}.start_ns >= ?")
            values.append(min(query.since_ns, _INT64_MAX))
        if query.errors_only:
            where.append("t.error_count > 0")
        if query.min_duration_ns is not None:
            where.append("t.end_ns - t.start_ns >= ?")
            values.append(min(query.min_duration_ns, _INT64_MAX))
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        statement = (
            f"SELECT {_COLUMNS} FROM {source} {condition} "  # noqa: S608 - made of constants
            f"ORDER BY {order}.start_ns DESC, {'s.trace' if order == 's' else 't.id'} DESC LIMIT ?"
        )
        values.append(max(0, min(query.limit, _INT64_MAX)))
        rows = self._read(lambda connection: connection.execute(statement, values).fetchall())
        return [_summary(row) for row in rows]

    def _read(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        try:
            exists = self._path.is_file()
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be read ({error.strerror}): this user needs access to it"
            ) from error
        if not exists:
            raise StoreError(
                f"{self._path}: no such file; otel-bridge serve --db makes it, or name another store"
            )
        try:
            try:
                return self._query(query)
            except sqlite3.OperationalError as error:
                # To share a file with its writer, SQLite keeps others beside it. Where those may not be
                # made, and are not there, there is no writer either.
                denied = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
                if not denied or self._has_log():
                    raise
                return self._query(query, at_rest=True)
        except sqlite3.Error as error:
            raise sqlite_file.explained(error, self._path) from error

    def _has_log(self) -> bool:
        try:
            return self._path.with_name(f"{self._path.name}-wal").stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def _query(self, query: Callable[[sqlite3.Connection], _Result], *, at_rest: bool = False) -> _Result:
        with closing(
            sqlite_file.connect(self._path, "ro", self._busy_timeout, at_rest=at_rest)
        ) as connection:
            connection.execute("BEGIN")  # one state of the file for all that is read
            if not sqlite_file.check_header(connection, self._path):
                raise StoreError(f"{self._path} is empty: otel-bridge serve has not written to it yet")
            return query(connection)


def _spans(connection: sqlite3.Connection, trace_id: int) -> Any:
    row = connection.execute(
        "SELECT id FROM traces WHERE trace_id = ?", (trace_id.to_bytes(16, "big"),)
    ).fetchone()
    if row is None:
        return []
    resources: dict[int, dict[str, Any]] = {}
    scopes: dict[int, str] = {}
    spans = []
    for resource, scope, body in connection.execute(
        "SELECT resource, scope, body FROM spans WHERE trace = ?", row
    ):
        if resource not in resources:
            resources[resource] = _resource(connection, resource)
        if scope not in scopes:
            scopes[scope] = _scope(connection, scope)
        spans.append(otlp_proto.record(Span.FromString(body), resources[resource], scopes[scope]))
    return spans


def _resource(connection: sqlite3.Connection, row_id: int) -> dict[str, Any]:
    row = connection.execute("SELECT body FROM resources WHERE id = ?", (row_id,)).fetchone()
    return otlp_proto.attributes(Resource.FromString(row[0]).attributes) if row else {}


def _scope(connection: sqlite3.Connection, row_id: int) -> str:
    row = connection.execute("SELECT body FROM scopes WHERE id = ?", (row_id,)).fetchone()
    return InstrumentationScope.FromString(row[0]).name if row else ""


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
