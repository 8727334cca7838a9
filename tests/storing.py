"""Spans in a file of the embedded store, inserted as its writer inserts them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from otel_bridge.collector import ingest
from otel_bridge.collector.ingest import Batch
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.transaction import transaction
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import otlp_json
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore

#: Tables of which nothing may be left when all traces are removed.
TABLES = ("traces", "spans", "resources", "scopes", "terms", "postings", "removed")


def batch(spans: Iterable[SpanRecord]) -> Batch:
    return ingest.batch(ingest.parse_json(otlp_json.dumps(list(spans))))


def insert(connection: sqlite3.Connection, rows: Rows, spans: Iterable[SpanRecord]) -> int:
    """One transaction; the number of new spans."""
    with transaction(connection, rows):
        return rows.insert(batch(spans))


class Clock:
    """Says what it is told to."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows there are in which table."""
    return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def contents(path: Path, traces: Iterable[int]) -> dict[Any, Any]:
    """All that readers are told of these traces: what is listed by each service and operation, and each."""
    store = SqliteStore(path)
    found: dict[Any, Any] = {"all": store.list(TraceQuery(limit=1000))}
    services, operations = store.suggestions(limit=1000)
    for service in services:
        found[service] = store.list(TraceQuery(limit=1000, service=service))
    for operation in operations:
        found[operation, None] = store.list(TraceQuery(limit=1000, operation=operation))
    for trace_id in traces:
        found[trace_id] = _or_none(lambda trace_id=trace_id: store.get(trace_id))  # type: ignore[misc]
    # What has no traces any more may be suggested for a while.
    return {key: value for key, value in found.items() if value}


def _or_none(read: Callable[[], object]) -> object:
    from otel_bridge.stores import TraceNotFound

    try:
        return read()
    except TraceNotFound:
        return None
