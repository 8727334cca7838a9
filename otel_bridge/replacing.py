"""Attributes of other people's modules and classes, replaced until they are put back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_ABSENT: Any = object()


class Replacements:
    """What was replaced, in order; :meth:`undo` leaves everything as it was found."""

    __slots__ = ("_done", "_over")

    def __init__(self) -> None:
        self._done: list[Callable[[], object]] = []
        self._over = False

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Set ``owner.name``; ``owner`` is a module, a class or a function (``__code__``).

        Does nothing after :meth:`undo`: what waits for a module's import may come by when all is over.
        """
        if self._over:
            return
        found = _attribute(owner, name)
        setattr(owner, name, value)

        def put_back() -> None:
            if _attribute(owner, name) is not value:  # somebody else has replaced ours since
                return
            if found is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, found)

        self._done.append(put_back)

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace a function by what ``make`` makes of it; it keeps name, signature and documentation.

        Raises:
            AttributeError: there is none.
        """
        found = getattr(owner, name)  # bound to the class, which wrapt's wrappers have to be to know self
        self.replace(owner, name, functools.wraps(found)(make(found)))

    def at_undo(self, call: Callable[[], object]) -> None:
        """Have :meth:`undo` call this as well, in its turn."""
        self._done.append(call)

    def undo(self) -> None:
        """Put back what was found, the last one first; not where somebody else has replaced ours since."""
        self._over = True
        while self._done:
            self._done.pop()()


def _attribute(owner: Any, name: str) -> Any:
    if isinstance(owner, type):  # of a class its own attribute, and not as a bound one
        return owner.__dict__.get(name, _ABSENT)
    return getattr(owner, name, _ABSENT)
