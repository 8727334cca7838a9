"""Spans -> rows: what the writer does inside a transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence

from otel_bridge.collector import summaries
from otel_bridge.collector.ingest import Batch, SpanRow
from otel_bridge.collector.summaries import Node, Summary
from otel_bridge.stores.sqlite_file import signed, unsigned

#: Distinct resources, and scopes, whose row is remembered.
MAX_REMEMBERED = 4096


class Rows:
    """Inserts batches, inside a transaction that others begin and end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._resources: dict[bytes, int] = {}
        self._scopes: dict[bytes, int] = {}
        self._next_trace = 0

    def forget(self) -> None:
        """Remember no row: those of a transaction that was rolled back are not there."""
        self._resources.clear()
        self._scopes.clear()

    def insert(self, batch: Batch) -> int:
        """The number of spans that were not there before."""
        self._next_trace = 0
        resources = [self._resource(service, body) for service, body in batch.resources]
        scopes = [self._scope(body) for body in batch.scopes]
        services = [resource.service for resource in batch.resources]
        return sum(
            self._trace(trace_id, rows, resources, scopes, services)
            for trace_id, rows in batch.traces.items()
        )

    def _trace(
        self,
        trace_id: bytes,
        rows: Sequence[SpanRow],
        resources: Sequence[int],
        scopes: Sequence[int],
        services: Sequence[str],
    ) -> int:
        execute = self._execute
        key, before = self._load(trace_id)
        new = []
        for row in rows:
            span_id, parent_id, name, start_ns, end_ns, status, resource, scope, body = row
            cursor = execute(
                "INSERT OR IGNORE INTO spans VALUES (?,?,?,?,?,?,?,?,?,?)",
                (
                    key,
                    span_id,
                    parent_id,
                    name,
                    start_ns,
                    end_ns,
                    status,
                    resources[resource],
                    scopes[scope],
                    body,
                ),
            )
            if cursor.rowcount:
                new.append(
                    Node(
                        start_ns,
                        unsigned(span_id),
                        unsigned(parent_id),
                        end_ns,
                        status,
                        name,
                        services[resource],
                    )
                )
        if new:
            start = before.start_ns if before else None
            known = set(before.services) if before else set()
            after = summaries.extended(
                before, new, lambda span_id: self._is_stored(key, span_id), lambda: self._earliest_root(key)
            )
            self._save(key, trace_id, after, is_new=before is None)
            self._list(key, after, known, start)
        return len(new)

    def _load(self, trace_id: bytes) -> tuple[int, Summary | None]:
        """The key of a trace and its row; a new key and None where there is no such trace yet."""
        found = self._execute(
            "SELECT id, start_ns, end_ns, span_count, error_count, root_span_id, root_parent_id, "
            "root_start_ns, root_name, root_service, services FROM traces WHERE trace_id = ?",
            (trace_id,),
        ).fetchone()
        if found is None:
            return self._new_trace(), None
        (
            key,
            start_ns,
            end_ns,
            span_count,
            error_count,
            span_id,
            parent_id,
            root_start,
            name,
            service,
            all_,
        ) = found
        root = Node(root_start, unsigned(span_id), unsigned(parent_id), root_start, 0, name, service)
        return key, Summary(start_ns, end_ns, root, span_count, error_count, set(json.loads(all_)))

    def _new_trace(self) -> int:
        if not self._next_trace:  # looked up with each batch: another process may have written meanwhile
            self._next_trace = int(self._execute("SELECT coalesce(max(id), 0) + 1 FROM traces").fetchone()[0])
        self._next_trace += 1
        return self._next_trace - 1

    def _save(self, key: int, trace_id: bytes, summary: Summary, *, is_new: bool) -> None:
        root = summary.root
        values = (
            summary.start_ns,
            summary.end_ns,
            summary.span_count,
            summary.error_count,
            signed(root.span_id),
            signed(root.parent_id),
            root.start_ns,
            root.name,
            root.service,
            json.dumps(sorted(summary.services)),
            trace_id,
            key,
        )
        if is_new:
            self._execute(
                "INSERT INTO traces(start_ns, end_ns, span_count, error_count, root_span_id, "
                "root_parent_id, root_start_ns, root_name, root_service, services, trace_id, id) "
                "VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                values,
            )
        else:
            self._execute(
                "UPDATE traces SET start_ns = ?, end_ns = ?, span_count = ?, error_count = ?, "
                "root_span_id = ?, root_parent_id = ?, root_start_ns = ?, root_name = ?, "
                "root_service = ?, services = ? WHERE trace_id = ? AND id = ?",
                values,
            )

    def _list(self, key: int, summary: Summary, known: set[str], start_ns: int | None) -> None:
        """Keep ``trace_services`` in step; ``known`` and ``start_ns`` are what it has of the trace."""
        if start_ns is not None and start_ns != summary.start_ns:
            for service in known:
                self._execute(
                    "DELETE FROM trace_services WHERE service = ? AND start_ns = ? AND trace = ?",
                    (service, start_ns, key),
                )
            known = set()
        for service in summary.services - known:
            self._execute("INSERT INTO trace_services VALUES (?,?,?)", (service, summary.start_ns, key))

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

    def _resource(self, service: str, body: bytes) -> int:
        digest = _digest(body)
        key = self._resources.get(digest)
        if key is None:
            self._execute(
                "INSERT OR IGNORE INTO resources(digest, service, body) VALUES (?,?,?)",
                (digest, service, body),
            )
            key = self._key("SELECT id FROM resources WHERE digest = ?", digest)
            _remember(self._resources, digest, key)
        return key

    def _scope(self, body: bytes) -> int:
        digest = _digest(body)
        key = self._scopes.get(digest)
        if key is None:
            self._execute("INSERT OR IGNORE INTO scopes(digest, body) VALUES (?,?)", (digest, body))
            key = self._key("SELECT id FROM scopes WHERE digest = ?", digest)
            _remember(self._scopes, digest, key)
        return key

    def _key(self, statement: str, digest: bytes) -> int:
        return int(self._execute(statement, (digest,)).fetchone()[0])


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _remember(keys: dict[bytes, int], digest: bytes, key: int) -> None:
    if len(keys) >= MAX_REMEMBERED:
        keys.clear()
    keys[digest] = key
