"""The one thread that writes the store.

SQLite has one writer at a time anyway. Requests that arrive together share a transaction; each is told
when its spans are committed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from otel_bridge.collector.ingest import Batch
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.schema import open_for_writing
from otel_bridge.stores.protocol import StoreError
from otel_bridge.stores.sqlite_file import explained

#: Requests that share one transaction at most, so that the first of them need not wait for long.
MAX_SHARED = 32


class _Job(NamedTuple):
    batch: Batch
    done: Future[int]


class Writer:
    """Writes batches into the store, in the order in which they come."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: the store's file; made if there is none.

        Raises:
            StoreError: it cannot be used; see :func:`~otel_bridge.collector.schema.open_for_writing`.
        """
        self._path = path
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
        for jobs in self._shared():
            if len(jobs) > 1 and self._commit(rows, jobs) is None:
                continue
            for job in jobs:  # alone, so that what is wrong with one is not the others' fault
                error = self._commit(rows, [job])
                if error is not None:
                    job.done.set_exception(error)

    def _shared(self) -> Iterator[Sequence[_Job]]:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            ended = False
            while len(jobs) < MAX_SHARED and not ended:
                try:
                    more = self._jobs.get_nowait()
                except Empty:
                    break
                if more is None:
                    ended = True
                else:
                    jobs.append(more)
            yield jobs
            if ended:
                return

    def _commit(self, rows: Rows, jobs: Sequence[_Job]) -> Exception | None:
        """Store some jobs together, or none of them: then why."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            stored = [rows.insert(job.batch) for job in jobs]
            self._connection.execute("COMMIT")
        except Exception as error:
            rows.forget()
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error:  # then the next BEGIN fails, and says why
                pass
            return explained(error, self._path) if isinstance(error, sqlite3.Error) else error
        for job, new in zip(jobs, stored, strict=True):
            job.done.set_result(new)
        return None
