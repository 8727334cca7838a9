"""Spans -> rows: what the writer does inside a transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from time import time

from otel_bridge.collector import summaries
from otel_bridge.collector.bodies import Bodies
from otel_bridge.collector.ingest import Batch, SpanRow
from otel_bridge.collector.summaries import Node
from otel_bridge.collector.terms import Terms
from otel_bridge.collector.trace_rows import TraceRow, TraceRows
from otel_bridge.stores.sqlite_file import signed, unsigned


class Rows:
    """Inserts batches, inside a transaction that others begin and end."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], float] = time) -> None:
        """
        Args:
            connection: to the store.
            now: the time, in seconds since the epoch.
        """
        self._connection = connection
        self._execute = connection.execute
        self.terms = Terms(connection)
        self.resources = Bodies(connection, "resources")
        self.scopes = Bodies(connection, "scopes")
        self._traces = TraceRows(connection, now)
        self._version = -1
        self._last_span = 0

    def begin(self) -> None:
        """To be called first in each transaction: another process may have written since the last one."""
        version = int(self._execute("PRAGMA data_version").fetchone()[0])
        if version != self._version:
            self._version = version
            self.forget()
        # Spans get the next numbers, in the order in which they are inserted.
        self._last_span = self._execute("SELECT max(rowid) FROM spans").fetchone()[0] or 0

    def forget(self) -> None:
        """Remember no row: those of a transaction that was rolled back are not there."""
        for table in (self.terms, self.resources, self.scopes, self._traces):
            table.forget()

    def write(self) -> None:
        """To be called last in each transaction."""
        self._traces.write()
        self.terms.seal(self._traces.newest)
        for table in (self.terms, self.resources, self.scopes):
            table.write()

    def insert(self, batch: Batch) -> int:
        """The number of spans that were not there before."""
        resources = _Keys(
            lambda index: self.resources.key(batch.resources[index].body, batch.resources[index].service)
        )
        scopes = _Keys(lambda index: self.scopes.key(batch.scopes[index]))
        traces = [(self._traces.load(trace_id), spans) for trace_id, spans in batch.traces.items()]
        values = [
            (row.key, *span[:6], resources[span.resource], scopes[span.scope], span.body)
            for row, spans in traces
            for span in spans
        ]
        last, changes = self._last_span, self._connection.total_changes
        self._connection.executemany("INSERT OR IGNORE INTO spans VALUES (?,?,?,?,?,?,?,?,?,?)", values)
        inserted = self._connection.total_changes - changes
        self._last_span += inserted
        if inserted < len(values):
            traces = [(row, self._new(row.key, spans, last)) for row, spans in traces]
        for row, spans in traces:
            if spans:
                self._extend(row, spans, [batch.resources[span.resource].service for span in spans])
        for table, keys, used in (
            (self.resources, resources, [span.resource for _, spans in traces for span in spans]),
            (self.scopes, scopes, [span.scope for _, spans in traces for span in spans]),
        ):
            for index, number in Counter(used).items():
                table.count(keys[index], number)
        return inserted

    def drop(self, key: int, trace_id: bytes, terms: Iterable[int]) -> None:
        """Forget a trace whose row was deleted."""
        self._traces.drop(trace_id)
        self.terms.remove(key, terms)

    def _new(self, key: int, spans: Sequence[SpanRow], last: int) -> list[SpanRow]:
        """Those of the spans of a trace that were inserted after the ``last`` one: some came before, or come
        twice, and then the first one counts."""
        found = self._execute("SELECT span_id FROM spans WHERE trace = ? AND rowid > ?", (key, last))
        inserted = {row[0] for row in found}
        new: dict[int, SpanRow] = {}
        for span in spans:
            if span.span_id in inserted:
                new.setdefault(span.span_id, span)
        return list(new.values())

    def _extend(self, row: TraceRow, new: Sequence[SpanRow], services: Sequence[str]) -> None:
        """Keep a trace's row and terms in step with its spans."""
        key = row.key
        nodes = [
            Node(
                span.start_ns,
                unsigned(span.span_id),
                unsigned(span.parent_id),
                span.end_ns,
                span.status,
                span.name,
                service,
            )
            for span, service in zip(new, services, strict=True)
        ]
        row.summary = summaries.extended(
            row.summary,
            nodes,
            lambda span_id: self._is_stored(key, span_id),
            lambda: self._earliest_root(key),
        )
        operations = {(node.service, node.name) for node in nodes}
        terms = self.terms.keys(operations, len(row.terms)) - row.terms
        self.terms.add(key, terms)
        row.terms |= terms
        self._traces.save(row)

    def _is_stored(self, key: int, span_id: int) -> bool:
        row = self._execute("SELECT 1 FROM spans WHERE trace = ? AND span_id = ?", (key, signed(span_id)))
        return row.fetchone() is not None

    def _earliest_root(self, key: int) -> Node:
        """The earliest span whose parent is not there; where all spans are each other's ancestors, the
        earliest of them."""
        columns = (
            "SELECT s.start_ns, s.span_id, s.parent_id, s.end_ns, s.status, s.name, r.service "
            "FROM spans s JOIN resources r ON r.id = s.resource WHERE s.trace = ?"
        )
        without_parent = (
            " AND NOT EXISTS (SELECT 1 FROM spans p WHERE p.trace = s.trace AND p.span_id = s.parent_id "
            "AND p.span_id <> s.span_id)"
        )
        order = " ORDER BY s.start_ns, s.span_id < 0, s.span_id LIMIT 1"  # as unsigned numbers
        row = (
            self._execute(columns + without_parent + order, (key,)).fetchone()
            or self._execute(columns + order, (key,)).fetchone()
        )
        start_ns, span_id, parent_id, end_ns, status, name, service = row
        return Node(start_ns, unsigned(span_id), unsigned(parent_id), end_ns, status, name, service)


class _Keys(dict[int, int]):
    """Keys of rows by index in a batch, looked up when a span needs them: there may be none that does."""

    def __init__(self, find: Callable[[int], int]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, index: int) -> int:
        key = self[index] = self._find(index)
        return key
