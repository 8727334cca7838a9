"""Removes traces that are too old, or too many for the file: whole ones, those first to which nothing was
added for the longest time.

It works in steps that are short, so that spans that arrive need not wait for long. A trace that goes first
loses its row, so that nobody sees a half of it, and then its spans. What is left to do when the process ends
is known from the file.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Final

from otel_bridge.collector.rows import Rows
from otel_bridge.stores.sqlite_file import unpacked

#: When the file has become larger than it may be, it is made so much smaller than that.
_SLACK: Final = 0.05
#: Bytes of a span besides its body and its name: further columns, and its share of the indexes.
_ROW: Final = 60
#: Pages that are given back in one step, and how many unused ones there have to be: the file grows again.
_PAGES: Final = 256
_MANY_UNUSED: Final = 4096
#: Traces that are removed before terms are looked for that no trace has any more.
_SWEEP: Final = 1024


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept."""

    #: Seconds from the receipt of a trace's last span; None: for ever.
    keep: float | None = None
    #: Bytes of the file; None: as many as there come.
    max_size: int | None = None


EVERYTHING: Final = Retention()


@dataclass(slots=True)
class Removed:
    """What was removed, and why."""

    too_old: int = 0
    too_many: int = 0
    spans: int = 0
    #: When the last of the traces that were too many was received, in seconds since the epoch.
    newest_s: int = 0


class Remover:
    """Does one step at a time, each inside a transaction that others begin and end."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        rows: Rows,
        retention: Retention,
        now: Callable[[], float] = time,
    ) -> None:
        """
        Args:
            connection: to the store.
            rows: what else writes to it, in the same transactions.
            retention: what is kept.
            now: the time, in seconds since the epoch.
        """
        self._execute = connection.execute
        self._many = connection.executemany
        self._rows = rows
        self._retention = retention
        self._now = now
        self._shrinking = False
        self._since_sweep = 0
        self._page_size = self._number("PRAGMA page_size")
        self._gives_back = self._number("PRAGMA auto_vacuum") == 2
        #: What was removed since somebody looked; to be replaced by whoever does.
        self.removed = Removed()

    def is_over(self) -> bool:
        """Whether the file is larger than it may be, or not yet so much smaller as it is made then."""
        return self._excess() > 0

    def _excess(self) -> float:
        """Bytes that are too many; what is to be removed where it is more than 0."""
        limit = self._retention.max_size
        if limit is None:
            return 0
        used = self._used()
        self._shrinking = used > (limit * (1 - _SLACK) if self._shrinking else limit)
        return used - limit * (1 - _SLACK) if self._shrinking else 0

    def has_work(self) -> bool:
        """Whether there is something to do for :meth:`step`; needs no transaction."""
        return self._is_removing() or self._has_too_much() or self._has_to_tidy()

    def step(self, spans: int) -> None:
        """Remove up to about so many spans.

        Raises:
            sqlite3.Error: the transaction is to be rolled back.
        """
        if self._is_removing() or self._choose(spans):
            self._remove(spans)
        else:
            self._tidy()

    def _is_removing(self) -> bool:
        return self._execute("SELECT 1 FROM removed LIMIT 1").fetchone() is not None

    def _has_too_much(self) -> bool:
        oldest = self._execute("SELECT min(received_s) FROM traces").fetchone()[0]
        return oldest is not None and (oldest < self._oldest_kept() or self.is_over())

    def _oldest_kept(self) -> float:
        keep = self._retention.keep
        return float("-inf") if keep is None else self._now() - keep

    def _choose(self, spans: int) -> bool:
        """Have the next traces removed, with about so many spans; whether there are any."""
        # Half of what is too much at a time: what a trace takes is only known when its pages are free.
        oldest, excess = self._oldest_kept(), self._excess() / 2
        chosen, total = [], 0
        for row in self._execute(
            "SELECT id, trace_id, span_count, received_s, terms FROM traces ORDER BY received_s, id"
        ):
            if total >= spans or not (excess > 0 or row[3] < oldest):
                break
            chosen.append(row)
            total += row[2]
            excess -= self._size(row[0], spans)
        for key, trace_id, _, received_s, terms in chosen:
            self._rows.drop(key, trace_id, unpacked(terms))
            if received_s < oldest:
                self.removed.too_old += 1
            else:
                self.removed.too_many += 1
                self.removed.newest_s = received_s
        keys = [row[:1] for row in chosen]
        self._many("DELETE FROM traces WHERE id = ?", keys)
        self._many("INSERT INTO removed VALUES (?)", keys)
        self.removed.spans += total
        self._since_sweep += len(chosen)
        return bool(chosen)

    def _size(self, key: int, spans: int) -> int:
        """The bytes of a trace in the file, roughly, or of so many spans of it."""
        row = self._execute(
            "SELECT sum(length(body) + length(name) + ?) FROM "
            "(SELECT body, name FROM spans WHERE trace = ? LIMIT ?)",
            (_ROW, key, spans),
        ).fetchone()
        return int(row[0] or 0)

    def _remove(self, spans: int) -> None:
        resources, scopes = Counter[int](), Counter[int]()
        for (key,) in self._execute("SELECT trace FROM removed LIMIT ?", (spans,)).fetchall():
            found = self._execute(
                "SELECT rowid, resource, scope FROM spans WHERE trace = ? LIMIT ?", (key, spans)
            ).fetchall()
            self._many("DELETE FROM spans WHERE rowid = ?", [row[:1] for row in found])
            resources.update(row[1] for row in found)
            scopes.update(row[2] for row in found)
            spans -= len(found)
            if spans <= 0:  # there may be more of this one
                break
            self._execute("DELETE FROM removed WHERE trace = ?", (key,))
        for table, counted in ((self._rows.resources, resources), (self._rows.scopes, scopes)):
            for key, number in counted.items():
                table.count(key, -number)

    def _has_to_tidy(self) -> bool:
        return self._since_sweep >= _SWEEP or self._has_unused()

    def _has_unused(self) -> bool:
        if not self._gives_back:
            return False
        unused = self._number("PRAGMA freelist_count")
        return unused >= max(_MANY_UNUSED, self._number("PRAGMA page_count") // 4)

    def _tidy(self) -> None:
        """Drop terms that are not needed any more, and give unused pages back."""
        if self._since_sweep >= _SWEEP:
            self._since_sweep = 0
            self._rows.terms.sweep()
        elif self._has_unused():
            for _ in range(_PAGES):  # one by one, for Python takes but one step of this statement
                self._execute("PRAGMA incremental_vacuum(1)")

    def _used(self) -> int:
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        return pages * self._page_size

    def _number(self, pragma: str) -> int:
        return int(self._execute(pragma).fetchone()[0])
