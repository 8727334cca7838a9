"""Files of older versions: brought up to date when ``serve`` opens them, in place and in one transaction."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from time import monotonic, time

from otel_bridge.collector.terms import Operation, Terms
from otel_bridge.stores.sqlite_file import BLOCK, SCHEMA_VERSION, packed, version

_LOG = logging.getLogger("otel_bridge.collector")


def migrate(connection: sqlite3.Connection, path: Path, added: Iterable[str]) -> None:
    """Make a store of version 1 one of this version.

    A second or so for a hundred thousand spans. It is done as a whole or not at all.

    Args:
        connection: to the store, without a transaction.
        path: the file, for the log.
        added: statements that make the tables and indexes that version 1 did not have.

    Raises:
        sqlite3.Error: nothing was changed.
        StoreError: see :func:`~otel_bridge.stores.sqlite_file.version`.
    """
    begin = monotonic()
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version(connection, path) == 1:  # another process may have been faster
            spans = _from_1(connection, added)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        else:
            spans = None
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if spans is not None:
        _LOG.info(
            "%s: upgraded from schema 1 to %d, %d spans in %.1f s",
            path,
            SCHEMA_VERSION,
            spans,
            monotonic() - begin,
        )


def _from_1(connection: sqlite3.Connection, added: Iterable[str]) -> int:
    """Version 1 listed traces by service in a table of its own, knew no operations, and removed nothing.

    When its traces were received is not known: as far as their removal goes, it is now.
    """
    execute = connection.execute
    for table in ("traces", "resources", "scopes"):
        column = "received_s" if table == "traces" else "spans"
        execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    execute("ALTER TABLE traces ADD COLUMN terms BLOB NOT NULL DEFAULT x''")
    execute("UPDATE traces SET received_s = ?", (int(time()),))
    execute("DROP TABLE trace_services")
    execute("DROP INDEX traces_by_start")
    execute("DROP INDEX traces_with_errors")
    for statement in added:
        execute(statement)
    return _index(connection)


def _index(connection: sqlite3.Connection) -> int:
    """Fill in the terms of all traces, and how many spans have which resource and scope; how many there
    are."""
    services = dict(connection.execute("SELECT id, service FROM resources"))
    resources, scopes = Counter[int](), Counter[int]()
    terms = Terms(connection)
    spans = connection.execute("SELECT trace, name, resource, scope FROM spans ORDER BY trace, span_id")
    for trace, of_trace in groupby(spans, lambda row: int(row[0])):
        operations: dict[Operation, None] = {}
        for _, name, resource, scope in of_trace:
            operations[services.get(resource, ""), name] = None
            resources[resource] += 1
            scopes[scope] += 1
        found = terms.keys(operations, 0)
        connection.execute("UPDATE traces SET terms = ? WHERE id = ?", (packed(found), trace))
        if trace % BLOCK == 0:
            terms.seal(trace)
            terms.write()
    newest = connection.execute("SELECT coalesce(max(id), 0) FROM traces").fetchone()[0]
    terms.seal(newest)
    terms.write()
    for table, counted in (("resources", resources), ("scopes", scopes)):
        connection.executemany(
            f"UPDATE {table} SET spans = ? WHERE id = ?",  # noqa: S608
            [(number, key) for key, number in counted.items()],
        )
        connection.execute(f"DELETE FROM {table} WHERE spans = 0")  # noqa: S608
    return sum(resources.values())
