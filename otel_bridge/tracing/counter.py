"""A counter that many threads add to without a lock."""

from __future__ import annotations

import itertools


class Counter:
    """Counts calls of :attr:`add`.

    ``add`` is one C call, so no thread can come between, no signal handler or finalizer can deadlock on
    it, and no count is lost. Reading is one as well: a signal handler may read what it has interrupted the
    reading of, and a process may fork meanwhile.
    """

    __slots__ = ("_count", "add")

    def __init__(self) -> None:
        self._count = itertools.count()
        #: Add one. (What it returns has no meaning.)
        self.add = self._count.__next__

    def value(self) -> int:
        """How often ``add`` was called."""
        # The one way to look at a count without moving it on: it is shown as "count(5)".
        return int(repr(self._count)[6:-1])
