"""What traces are searched for, kept in step with their spans: services, and operations of services.

A row for each trace and each of its terms would be as many as there are spans. So the row of a trace says
which terms it has, and only when some newer traces are there does a block of them get sealed: then each
term has a row with a bit for each trace of the block. Who searches looks at these rows, and at the traces
that are not in a sealed block yet, some two thousand at most.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final, TypeAlias

from otel_bridge.stores.sqlite_file import BLOCK, from_blob, term, to_blob, unpacked

#: Operations, and rows of bits, that are remembered from one transaction to the next.
MAX_REMEMBERED: Final = 16_384
#: Operations by which a trace can be found; those that come later are not marked.
MAX_OPERATIONS: Final = 2048

#: A service, and the name of a span of it.
Operation: TypeAlias = tuple[str, str]
#: Block and term, as they are ordered in the file -> bits.
_Bits: TypeAlias = dict[tuple[int, int], int]


class Terms:
    """Terms and their bits, inside a transaction that others begin and end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        #: The keys of an operation's terms: its service, and itself.
        self._keys: dict[Operation, tuple[int, int]] = {}
        self._stored: _Bits = {}
        self._added: _Bits = {}
        self._removed: _Bits = {}
        self._last_sealed: int | None = None

    def forget(self) -> None:
        """Remember nothing: the transaction was rolled back, or somebody else has written."""
        for remembered in (self._keys, self._stored, self._added, self._removed):
            remembered.clear()
        self._last_sealed = None

    def keys(self, operations: Collection[Operation], known: int) -> set[int]:
        """The keys of the terms of some operations, those of their services included.

        Args:
            operations: of one trace.
            known: how many terms the trace has.
        """
        keys = set[int]()
        remembered = self._keys
        for operation in islice(operations, max(0, MAX_OPERATIONS - known)):
            keys.update(remembered.get(operation) or self._find(operation))
        return keys

    def add(self, trace: int, terms: Iterable[int]) -> None:
        """The trace with this key has more terms."""
        self._mark(self._added, trace, terms)

    def remove(self, trace: int, terms: Iterable[int]) -> None:
        """The trace is there no more."""
        self._mark(self._removed, trace, terms)

    def _mark(self, marks: _Bits, trace: int, terms: Iterable[int]) -> None:
        block, position = divmod(trace, BLOCK)
        if block <= self._sealed():
            mask = 1 << position
            for key in terms:
                place = block, key
                marks[place] = marks.get(place, 0) | mask

    def seal(self, newest: int) -> None:
        """Seal what is older than the newest trace's block and the one before, which still get many spans.

        To be called when the rows of the traces are written.
        """
        first, end = self._sealed() + 1, newest // BLOCK - 1
        if first >= end:
            return
        self._last_sealed = end - 1
        for trace, blob in self._connection.execute(
            "SELECT id, terms FROM traces WHERE id >= ? AND id < ?", (first * BLOCK, end * BLOCK)
        ):
            self._mark(self._added, trace, unpacked(blob))
        for place in self._added:
            if place[0] >= first:
                self._stored[place] = 0  # so that nobody looks it up

    def _sealed(self) -> int:
        if self._last_sealed is None:
            row = self._connection.execute("SELECT max(block) FROM postings").fetchone()
            self._last_sealed = -1 if row[0] is None else int(row[0])
        return self._last_sealed

    def write(self) -> None:
        """Write what was marked; to be called before the transaction ends."""
        if not self._added and not self._removed:
            return
        changed, gone = [], []
        for place in self._added | self._removed:
            before = self._bits(place)
            bits = (before | self._added.get(place, 0)) & ~self._removed.get(place, 0)
            self._stored[place] = bits
            if bits:
                changed.append((*place, to_blob(bits)))
            else:
                gone.append(place)
        self._added.clear()
        self._removed.clear()
        many = self._connection.executemany
        many("INSERT OR REPLACE INTO postings(block, term, traces) VALUES (?,?,?)", changed)
        many("DELETE FROM postings WHERE block = ? AND term = ?", gone)
        if len(self._stored) > MAX_REMEMBERED or len(self._keys) > MAX_REMEMBERED:
            self.forget()

    def sweep(self) -> None:
        """Drop the terms that no trace has any more; after :meth:`write`. It looks at all terms and bits."""
        execute = self._connection.execute
        unused = {row[0] for row in execute("SELECT id FROM terms EXCEPT SELECT DISTINCT term FROM postings")}
        for (blob,) in execute("SELECT terms FROM traces WHERE id >= ?", ((self._sealed() + 1) * BLOCK,)):
            unused.difference_update(unpacked(blob))
        self._connection.executemany("DELETE FROM terms WHERE id = ?", [(key,) for key in unused])
        self.forget()  # a key that is free again may get another meaning

    def _bits(self, place: tuple[int, int]) -> int:
        bits = self._stored.get(place)
        if bits is None:
            row = self._connection.execute(
                "SELECT traces FROM postings WHERE block = ? AND term = ?", place
            ).fetchone()
            bits = from_blob(row[0]) if row else 0
        return bits

    def _find(self, operation: Operation) -> tuple[int, int]:
        service, name = operation
        keys = self._key(term(service), None), self._key(term(service), term(name))
        self._keys[operation] = keys
        return keys

    def _key(self, service: str, name: str | None) -> int:
        execute = self._connection.execute
        row = execute("SELECT id FROM terms WHERE service = ? AND name IS ?", (service, name)).fetchone()
        if row is None:
            execute("INSERT INTO terms(service, name) VALUES (?,?)", (service, name))
            row = execute("SELECT last_insert_rowid()").fetchone()
        return int(row[0])
