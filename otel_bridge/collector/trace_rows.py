"""The rows of ``traces``: read before spans are added to a trace, written after."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Final

from otel_bridge.collector.summaries import Node, Summary
from otel_bridge.stores.sqlite_file import packed, signed, unpacked, unsigned

#: Seconds by which the time of the last receipt may be behind: an index is ordered by it, which would have
#: to be changed with each batch.
RECEIPT_STEP: Final = 10
#: Traces whose rows are remembered from one batch to the next.
MAX_REMEMBERED: Final = 256

_COLUMNS: Final = (
    "start_ns", "end_ns", "span_count", "error_count", "root_span_id", "root_parent_id", "root_start_ns",
    "root_name", "root_service", "services", "terms",
)  # fmt: skip
_INSERT: Final = (
    f"INSERT INTO traces({', '.join(_COLUMNS)}, id, trace_id, received_s) "  # noqa: S608
    f"VALUES ({', '.join('?' * (len(_COLUMNS) + 3))})"
)
_UPDATE: Final = f"UPDATE traces SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE id = ?"  # noqa: S608
_RECEIVED: Final = "UPDATE traces SET received_s = ? WHERE id = ?"
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)}, id, received_s FROM traces WHERE trace_id = ?"  # noqa: S608


@dataclass(slots=True)
class TraceRow:
    """What is stored of a trace, its spans aside."""

    key: int
    trace_id: bytes
    #: None: it has no span yet.
    summary: Summary | None = None
    terms: set[int] = field(default_factory=set)
    #: When spans came last, in seconds since the epoch, as far as the file says; None: it has no row yet.
    received_s: int | None = None


class TraceRows:
    """Loads and saves rows, inside a transaction that others begin and end."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], float]) -> None:
        self._connection = connection
        self._now = now
        self._recent: dict[bytes, TraceRow] = {}
        self._changed: dict[bytes, TraceRow] = {}
        self.newest = 0

    def forget(self) -> None:
        """Remember nothing: the transaction was rolled back, or rows were written by somebody else."""
        self._recent.clear()
        self._changed.clear()
        self.newest = 0

    def load(self, trace_id: bytes) -> TraceRow:
        """The row of a trace; where there is none, one with a new key."""
        row = self._changed.get(trace_id) or self._recent.get(trace_id)
        if row is not None:
            return row
        found = self._connection.execute(_SELECT, (trace_id,)).fetchone()
        if found is None:
            return TraceRow(self._new_key(), trace_id)
        start_ns, end_ns, spans, errors, span_id, parent_id, root_start_ns, name, service = found[:9]
        services, terms, key, received_s = found[9:]
        # When the root ends and its status do not matter any more.
        root = Node(root_start_ns, unsigned(span_id), unsigned(parent_id), root_start_ns, 0, name, service)
        summary = Summary(start_ns, end_ns, root, spans, errors, set(json.loads(services)))
        return TraceRow(key, trace_id, summary, set(unpacked(terms)), received_s)

    def save(self, row: TraceRow) -> None:
        """To be called when spans were added to a trace; it is written by :meth:`write`."""
        self._changed[row.trace_id] = row

    def drop(self, trace_id: bytes) -> None:
        """Forget the row of a trace that is removed."""
        self._recent.pop(trace_id, None)
        self.newest = 0  # its key may be the newest one

    def write(self) -> None:
        """Write what was saved; to be called before the transaction ends."""
        now = int(self._now())
        inserts, updates, receipts = [], [], []
        for row in self._changed.values():
            if row.received_s is None:
                inserts.append((*_values(row), row.key, row.trace_id, now))
                row.received_s = now
            else:
                updates.append((*_values(row), row.key))
                if not 0 <= now - row.received_s < RECEIPT_STEP:
                    receipts.append((now, row.key))
                    row.received_s = now
            self._recent.pop(row.trace_id, None)
            self._recent[row.trace_id] = row
        self._changed.clear()
        self._connection.executemany(_INSERT, inserts)
        self._connection.executemany(_UPDATE, updates)
        self._connection.executemany(_RECEIVED, receipts)
        for trace_id in list(islice(self._recent, max(0, len(self._recent) - MAX_REMEMBERED))):
            del self._recent[trace_id]

    def _new_key(self) -> int:
        if not self.newest:
            # Of a trace that is being removed spans are there still.
            row = self._connection.execute(
                "SELECT max((SELECT coalesce(max(id), 0) FROM traces), "
                "(SELECT coalesce(max(trace), 0) FROM removed))"
            ).fetchone()
            self.newest = int(row[0])
        self.newest += 1
        return self.newest


def _values(row: TraceRow) -> tuple[object, ...]:
    summary = row.summary
    assert summary is not None
    root = summary.root
    return (
        summary.start_ns,
        summary.end_ns,
        summary.span_count,
        summary.error_count,
        signed(root.span_id),
        signed(root.parent_id),
        root.start_ns,
        root.name,
        root.service,
        _names(tuple(sorted(summary.services))),
        packed(row.terms),
    )


@lru_cache(maxsize=1024)
def _names(services: tuple[str, ...]) -> str:
    return json.dumps(services)
