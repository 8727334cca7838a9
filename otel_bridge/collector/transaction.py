"""A transaction of the writer: all of it, or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from otel_bridge.collector.rows import Rows


@contextmanager
def transaction(connection: sqlite3.Connection, rows: Rows) -> Iterator[None]:
    """Begin before the block and commit after it, with what ``rows`` has to write; if the block raises, or
    the commit fails, the store is as it was before.

    Raises:
        sqlite3.Error: locked, full, damaged...
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        rows.begin()
        yield
        rows.write()
        connection.execute("COMMIT")
    except BaseException:
        rows.forget()
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:  # then the next BEGIN fails, and says why
            pass
        raise
