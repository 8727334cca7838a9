"""When traces are removed, and what the log says of it."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from time import monotonic
from typing import Final

from otel_bridge import log
from otel_bridge.collector.retention import Removed, Remover, Retention
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.transaction import transaction
from otel_bridge.reports import units
from otel_bridge.stores.sqlite_file import explained

_LOG = logging.getLogger("otel_bridge.collector")

#: Seconds between two looks whether there is something to remove.
INTERVAL: Final = 5.0
#: Seconds between two lines in the log.
LOG_INTERVAL: Final = 3600.0
#: Spans that are removed in one step at least.
STEP: Final = 1000


class Upkeep:
    """Called by the writer's thread between its transactions."""

    def __init__(self, connection: sqlite3.Connection, rows: Rows, retention: Retention, path: Path) -> None:
        self._connection = connection
        self._rows = rows
        self._path = path
        self._remover = Remover(connection, rows, retention)
        self._next = self._next_line = 0.0

    def wait(self) -> float:
        """Seconds until :meth:`run` wants to be called."""
        return max(0.0, self._next - monotonic())

    def run(self, stored: int = 0) -> None:
        """Do a step if it is time for one. Never raises.

        Args:
            stored: spans that were stored since the last call: more are removed, where some have to be.
        """
        try:
            if self.wait() > 0 and not self._remover.is_over():
                return
            if self._remover.has_work():
                with transaction(self._connection, self._rows):
                    self._remover.step(max(STEP, 2 * stored))
                self._next = monotonic()
            else:
                self._next = monotonic() + INTERVAL
                self._say()
        except Exception as error:
            self._next = monotonic() + INTERVAL
            reason = explained(error, self._path) if isinstance(error, sqlite3.Error) else repr(error)
            log.warn(f"old traces could not be removed: {reason}")

    def _say(self) -> None:
        removed = self._remover.removed
        if not removed.spans or monotonic() < self._next_line:
            return
        self._next_line = monotonic() + LOG_INTERVAL
        self._remover.removed = Removed()
        why = [f"{units.count(removed.too_old, 'trace')} too old (--keep)"] if removed.too_old else []
        if removed.too_many:
            received = units.moment(removed.newest_s * 10**9)
            why.append(
                f"{units.count(removed.too_many, 'trace')} too many (--max-size), received until {received}"
            )
        _LOG.info("removed %s: %s", units.count(removed.spans, "span"), "; ".join(why))
