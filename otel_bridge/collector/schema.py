"""The tables of the embedded store, and opening its file for writing.

What was measured decides the layout. A rowid table with a unique index over (trace, span_id), where
``trace`` is a small integer that grows, takes twice the spans a second of a table that is clustered by its
16 random bytes, because new rows and new index entries land next to each other.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from otel_bridge.collector.migration import migrate
from otel_bridge.stores.protocol import StoreError
from otel_bridge.stores.sqlite_file import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    connect,
    explained,
    version,
)

#: Seconds to wait for another process that writes.
BUSY_TIMEOUT: Final = 5.0

_TERMS: Final = (
    """CREATE TABLE terms(
        id INTEGER PRIMARY KEY,
        service TEXT NOT NULL,
        name TEXT,
        UNIQUE(service, name)
    )""",
    "CREATE INDEX terms_by_name ON terms(name)",
    # Blocks first: what is written together, the bits of the newest traces, lies together.
    """CREATE TABLE postings(
        block INTEGER NOT NULL,
        term INTEGER NOT NULL,
        traces BLOB NOT NULL,
        PRIMARY KEY(block, term)
    ) WITHOUT ROWID""",
    "CREATE TABLE removed(trace INTEGER PRIMARY KEY)",
)
# All that a list is filtered and sorted by is in them, so that it need not look at the table for the
# traces that it does not show.
_INDEXES: Final = (
    "CREATE INDEX traces_by_start ON traces(start_ns, trace_id, end_ns, error_count)",
    "CREATE INDEX traces_with_errors ON traces(start_ns, trace_id, end_ns) WHERE error_count > 0",
    "CREATE INDEX traces_by_receipt ON traces(received_s)",
)
_TABLES: Final = (
    """CREATE TABLE traces(
        id INTEGER PRIMARY KEY,
        trace_id BLOB NOT NULL UNIQUE,
        start_ns INTEGER NOT NULL,
        end_ns INTEGER NOT NULL,
        span_count INTEGER NOT NULL,
        error_count INTEGER NOT NULL,
        root_span_id INTEGER NOT NULL,
        root_parent_id INTEGER NOT NULL,
        root_start_ns INTEGER NOT NULL,
        root_name TEXT NOT NULL,
        root_service TEXT NOT NULL,
        services TEXT NOT NULL,
        received_s INTEGER NOT NULL DEFAULT 0,
        terms BLOB NOT NULL DEFAULT x''
    )""",
    """CREATE TABLE spans(
        trace INTEGER NOT NULL,
        span_id INTEGER NOT NULL,
        parent_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        start_ns INTEGER NOT NULL,
        end_ns INTEGER NOT NULL,
        status INTEGER NOT NULL,
        resource INTEGER NOT NULL,
        scope INTEGER NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX spans_by_id ON spans(trace, span_id)",
    # By digest, for a resource may be long. ``spans``: how many have it.
    """CREATE TABLE resources(
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        service TEXT NOT NULL,
        body BLOB NOT NULL,
        spans INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE scopes(
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        body BLOB NOT NULL,
        spans INTEGER NOT NULL DEFAULT 0
    )""",
    *_INDEXES,
    *_TERMS,
)


def open_for_writing(path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """A connection to the store at ``path``, which is made if there is none.

    The journal is a write-ahead log, so that others read while we write. A commit is safe from a crash of
    this process; the last ones may be lost when the machine loses power.

    Args:
        path: the file; its directory exists.
        busy_timeout: seconds to wait for another process' lock, now and with each write.

    Raises:
        StoreError: no such directory, no access, not a store, of a newer schema, locked.
    """
    if not path.absolute().parent.is_dir():
        raise StoreError(f"{path}: there is no directory {path.absolute().parent}; make it, or name another")
    try:
        # Made here and not by SQLite: traces are nobody else's business.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}): name another file") from error
    connection = None
    try:
        connection = connect(path, "rw", busy_timeout)
        # Looked at before anything is set, for it may be somebody else's; and in one state, for another
        # process may be making it.
        connection.execute("BEGIN")
        known = version(connection, path)
        connection.execute("COMMIT")
        if not known:  # has to be said before anything is written: pages are given back (retention.py)
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        if _write_ahead(connection, busy_timeout) != "wal":
            raise StoreError(
                f"{path}: its file system has no shared memory: choose one of this machine's own"
            )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")  # 64 MiB: the index of a million trace ids
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if not known:
            _create(connection, path)
        elif known < SCHEMA_VERSION:
            migrate(connection, path, (*_INDEXES, *_TERMS))
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise explained(error, path) from error
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection, busy_timeout: float) -> str:
    """Turn the write-ahead log on; the journal mode that the file then has.

    The one statement for which SQLite does not always wait for a lock.
    """
    deadline = monotonic() + busy_timeout
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.01)


def _create(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if not version(connection, path):  # another process may have been faster
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
