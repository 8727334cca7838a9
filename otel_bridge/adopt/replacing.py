"""Attributes of other people's modules and classes, replaced until they are put back."""

from __future__ import annotations

from typing import Any

_ABSENT: Any = object()


class Replacements:
    """What was replaced, in order; :meth:`undo` leaves everything as it was found."""

    __slots__ = ("_done",)

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Set ``owner.name``; ``owner`` is a module, a class or a function (``__code__``)."""
        if isinstance(owner, type):  # of a class its own attribute, and not as a bound one
            found = owner.__dict__.get(name, _ABSENT)
        else:
            found = getattr(owner, name, _ABSENT)
        setattr(owner, name, value)
        self._done.append((owner, name, found, value))

    def undo(self) -> None:
        """Put back what was found, the last one first; not where somebody else has replaced ours since."""
        while self._done:
            owner, name, found, value = self._done.pop()
            now = owner.__dict__.get(name) if isinstance(owner, type) else getattr(owner, name, None)
            if now is not value:
                continue
            if found is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, found)
