"""A counter that many threads add to without a lock."""

from __future__ import annotations

import itertools
from _thread import allocate_lock


class Counter:
    """Counts calls of :attr:`add`.

    ``add`` is one C call, so no thread can come between, no signal handler or finalizer can deadlock on
    it, and no count is lost. Reading takes a lock; it belongs to whoever asks for statistics.
    """

    __slots__ = ("_lock", "_reads", "add")

    def __init__(self) -> None:
        #: Add one. (What it returns has no meaning.)
        self.add = itertools.count().__next__
        self._reads = 0
        self._lock = allocate_lock()

    def value(self) -> int:
        """How often ``add`` was called."""
        with self._lock:
            count = self.add() - self._reads  # reading adds one itself
            self._reads += 1
            return count
