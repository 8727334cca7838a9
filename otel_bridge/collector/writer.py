"""The one thread that writes the store.

SQLite has one writer at a time anyway. Requests that arrive together share a transaction; each is told
when its spans are committed. Between two transactions, and while nothing arrives, old traces are removed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from otel_bridge.collector.ingest import Batch
from otel_bridge.collector.retention import EVERYTHING, Retention
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.schema import open_for_writing
from otel_bridge.collector.transaction import transaction
from otel_bridge.collector.upkeep import Upkeep
from otel_bridge.stores.protocol import StoreError
from otel_bridge.stores.sqlite_file import explained

#: Requests that share one transaction at most, so that the first of them need not wait for long.
MAX_SHARED = 32


class _Job(NamedTuple):
    batch: Batch
    done: Future[int]


class Writer:
    """Writes batches into the store, in the order in which they come."""

    def __init__(self, path: Path, retention: Retention = EVERYTHING) -> None:
        """
        Args:
            path: the store's file; made if there is none.
            retention: what is kept.

        Raises:
            StoreError: it cannot be used; see :func:`~otel_bridge.collector.schema.open_for_writing`.
        """
        self._path = path
        self._retention = retention
        self._connection = open_for_writing(path)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="otel-bridge-store", daemon=True)
        self._closing = threading.Lock()
        self._closed = False

    def start(self) -> None:
        self._thread.start()

    def write(self, batch: Batch, timeout: float) -> int:
        """Store a batch, and wait until it is committed; the number of spans that were new.

        Args:
            batch: what to store; a span that is there already is left as it is.
            timeout: seconds to wait.

        Raises:
            StoreError: nothing of it was stored.
            TimeoutError: it is still waiting its turn; it may be stored later.
        """
        job = _Job(batch, Future())
        with self._closing:
            if self._closed:
                raise StoreError(f"{self._path} is closed: the server is stopping")
            self._jobs.put(job)
        return job.done.result(timeout)

    def stop(self) -> None:
        """Write what was handed in, and close the file."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        rows = Rows(self._connection)
        upkeep = Upkeep(self._connection, rows, self._retention, self._path)
        jobs: Sequence[_Job] | None
        while (jobs := self._next(upkeep.wait())) is not None:
            stored = self._store(rows, jobs) if len(jobs) > 1 else None
            if not isinstance(stored, int):
                # Alone, so that what is wrong with one is not the others' fault.
                stored = sum(self._alone(rows, job) for job in jobs)
            upkeep.run(stored)

    def _next(self, timeout: float) -> Sequence[_Job] | None:
        """What waits to be stored, after so many seconds at most; None: nothing comes any more."""
        jobs: list[_Job] = []
        try:
            while len(jobs) < MAX_SHARED:
                job = self._jobs.get(timeout=timeout) if not jobs and timeout else self._jobs.get_nowait()
                if job is None:
                    self._jobs.put(None)  # for the next call
                    return jobs or None
                jobs.append(job)
        except Empty:
            pass
        return jobs

    def _alone(self, rows: Rows, job: _Job) -> int:
        stored = self._store(rows, [job])
        if isinstance(stored, Exception):
            job.done.set_exception(stored)
            return 0
        return stored

    def _store(self, rows: Rows, jobs: Sequence[_Job]) -> int | Exception:
        """Store some jobs together, or none of them: the number of spans, or why."""
        try:
            with transaction(self._connection, rows):
                stored = [rows.insert(job.batch) for job in jobs]
        except Exception as error:
            return explained(error, self._path) if isinstance(error, sqlite3.Error) else error
        for job, new in zip(jobs, stored, strict=True):
            job.done.set_result(new)
        return sum(stored)
