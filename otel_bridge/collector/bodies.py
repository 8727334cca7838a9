"""Resources and scopes: each is stored once, however many spans have it, for as long as one has it."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final

#: Distinct bodies whose row is remembered from one transaction to the next.
MAX_REMEMBERED: Final = 4096


class Bodies:
    """The rows of one table, inside a transaction that others begin and end."""

    def __init__(self, connection: sqlite3.Connection, table: str) -> None:
        """
        Args:
            connection: to the store.
            table: ``resources`` or ``scopes``.
        """
        self._connection = connection
        self._table = table
        self._keys: dict[bytes, int] = {}
        self._spans: dict[int, int] = {}

    def forget(self) -> None:
        """Remember nothing: the transaction was rolled back, or somebody else has written."""
        self._keys.clear()
        self._spans.clear()

    def key(self, body: bytes, service: str | None = None) -> int:
        """The key of a body, whose row is made where it is not there yet.

        Args:
            body: an OTLP message.
            service: of a resource, its service.
        """
        digest = hashlib.blake2b(body, digest_size=16).digest()
        key = self._keys.get(digest)
        if key is None:
            execute = self._connection.execute
            if service is None:
                execute(
                    f"INSERT OR IGNORE INTO {self._table}(digest, body) VALUES (?,?)",  # noqa: S608
                    (digest, body),
                )
            else:
                execute(
                    f"INSERT OR IGNORE INTO {self._table}(digest, body, service) "  # noqa: S608
                    "VALUES (?,?,?)",
                    (digest, body, service),
                )
            row = execute(f"SELECT id FROM {self._table} WHERE digest = ?", (digest,))  # noqa: S608
            key = self._keys[digest] = int(row.fetchone()[0])
        self._spans.setdefault(key, 0)
        return key

    def count(self, key: int, spans: int) -> None:
        """So many more spans have this body, or fewer."""
        self._spans[key] = self._spans.get(key, 0) + spans

    def write(self) -> None:
        """Write what was counted, and drop what no span has any more; before the transaction ends."""
        many = self._connection.executemany
        many(
            f"UPDATE {self._table} SET spans = spans + ? WHERE id = ?",  # noqa: S608
            [(more, key) for key, more in self._spans.items() if more],
        )
        unused = [(key,) for key, more in self._spans.items() if more <= 0]
        if unused:
            dropped = many(f"DELETE FROM {self._table} WHERE id = ? AND spans <= 0", unused)  # noqa: S608
            if dropped.rowcount:
                self._keys.clear()  # a key that is free again may get another meaning
        self._spans.clear()
        if len(self._keys) > MAX_REMEMBERED:
            self._keys.clear()
