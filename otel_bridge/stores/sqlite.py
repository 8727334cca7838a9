"""The embedded store's file, read directly; another process may be writing it meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.stores import otlp_proto, sqlite_file, sqlite_search
from otel_bridge.stores.options import Observer
from otel_bridge.stores.protocol import EVERYTHING, StoreError, Summaries, TraceNotFound, TraceQuery
from otel_bridge.stores.sqlite_file import SCHEMA_VERSION
from otel_bridge.stores.sqlite_search import Position
from otel_bridge.stores.watching import Watch
from otel_bridge.wire import ids

#: Seconds to wait for a lock. Readers do not wait for writers (WAL), only for exclusive owners.
BUSY_TIMEOUT = 5.0

#: Services, and operations. (A name of its own, because ``list`` is a method below.)
Suggestions: TypeAlias = tuple[list[str], list[str]]
_Result = TypeVar("_Result")


class SqliteStore:
    """A :class:`~otel_bridge.stores.TraceStore`; each call opens and closes the file."""

    def __init__(
        self, path: str | Path, *, busy_timeout: float = BUSY_TIMEOUT, observer: Observer | None = None
    ) -> None:
        """
        Args:
            path: file of the store; ``~`` is the home directory.
            busy_timeout: seconds to wait for a lock.
            observer: is told how reading a trace comes along.
        """
        self._path = Path(path).expanduser()
        self._busy_timeout = busy_timeout
        self._observer = observer

    @property
    def url(self) -> str:
        return f"sqlite:{self._path}"

    def get(self, trace_id: int) -> Trace:
        """See :meth:`TraceStore.get <otel_bridge.stores.TraceStore.get>`."""
        with Watch(self._observer) as watch:
            trace = self._read(
                lambda connection: Trace.from_spans(trace_id, watch.spans(_spans(connection, trace_id)))
            )
        if not trace.spans:
            raise TraceNotFound(f"no trace {ids.format_trace_id(trace_id)} in {self._path}")
        return trace

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """See :meth:`TraceStore.list <otel_bridge.stores.TraceStore.list>`."""
        return self.page(query)

    def page(self, query: TraceQuery, text: str = "", before: Position | None = None) -> Summaries:
        """See :func:`otel_bridge.stores.sqlite_search.listed`.

        Raises:
            StoreError: as for :meth:`list`.
        """
        return self._read(
            lambda connection: sqlite_search.listed(connection, query, text, before), SCHEMA_VERSION
        )

    def suggestions(self, service: str | None = None, limit: int = 200) -> Suggestions:
        """See :func:`otel_bridge.stores.sqlite_search.suggestions`.

        Raises:
            StoreError: as for :meth:`list`.
        """
        return self._read(
            lambda connection: sqlite_search.suggestions(connection, service, limit), SCHEMA_VERSION
        )

    def span_count(self, trace_id: int) -> int:
        """The number of spans of a trace, 0 where there is none: it grows whenever :meth:`get` has more.

        Raises:
            StoreError: as for :meth:`list`.
        """
        row = self._read(
            lambda connection: connection.execute(
                "SELECT span_count FROM traces WHERE trace_id = ?", (trace_id.to_bytes(16, "big"),)
            ).fetchone()
        )
        return int(row[0]) if row else 0

    def ui_link(self, trace_id: int) -> str | None:
        """None: a file has no pages."""
        return None

    def _read(self, query: Callable[[sqlite3.Connection], _Result], version: int = 1) -> _Result:
        """What ``query`` finds; it needs a file of this schema version or a newer one."""
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
                return self._query(query, version)
            except sqlite3.OperationalError as error:
                # To share a file with its writer, SQLite keeps others beside it. Where those may not be
                # made, and are not there, there is no writer either.
                denied = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
                if not denied or self._has_log():
                    raise
                return self._query(query, version, at_rest=True)
        except sqlite3.Error as error:
            raise sqlite_file.explained(error, self._path) from error

    def _has_log(self) -> bool:
        try:
            return self._path.with_name(f"{self._path.name}-wal").stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def _query(
        self, query: Callable[[sqlite3.Connection], _Result], version: int, *, at_rest: bool = False
    ) -> _Result:
        with closing(
            sqlite_file.connect(self._path, "ro", self._busy_timeout, at_rest=at_rest)
        ) as connection:
            connection.execute("PRAGMA cache_size = -65536")  # KiB: an index is walked without reading twice
            connection.execute("BEGIN")  # one state of the file for all that is read
            found = sqlite_file.version(connection, self._path)
            if not found:
                raise StoreError(f"{self._path} is empty: otel-bridge serve has not written to it yet")
            if found < version:
                raise StoreError(
                    f"{self._path} has schema {found}, of an older otel-bridge: otel-bridge serve --db "
                    f"{self._path} brings it up to date"
                )
            return query(connection)


def _spans(connection: sqlite3.Connection, trace_id: int) -> Iterator[SpanRecord]:
    row = connection.execute(
        "SELECT id FROM traces WHERE trace_id = ?", (trace_id.to_bytes(16, "big"),)
    ).fetchone()
    if row is None:
        return
    resources: dict[int, dict[str, Any]] = {}
    scopes: dict[int, str] = {}
    for resource, scope, body in connection.execute(
        "SELECT resource, scope, body FROM spans WHERE trace = ?", row
    ):
        if resource not in resources:
            resources[resource] = _resource(connection, resource)
        if scope not in scopes:
            scopes[scope] = _scope(connection, scope)
        yield otlp_proto.record(Span.FromString(body), resources[resource], scopes[scope])


def _resource(connection: sqlite3.Connection, row_id: int) -> dict[str, Any]:
    row = connection.execute("SELECT body FROM resources WHERE id = ?", (row_id,)).fetchone()
    return otlp_proto.attributes(Resource.FromString(row[0]).attributes) if row else {}


def _scope(connection: sqlite3.Connection, row_id: int) -> str:
    row = connection.execute("SELECT body FROM scopes WHERE id = ?", (row_id,)).fetchone()
    return InstrumentationScope.FromString(row[0]).name if row else ""
