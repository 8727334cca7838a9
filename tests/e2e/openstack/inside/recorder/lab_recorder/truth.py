"""Which trace the running code belongs to, by the unit of work that it is part of; and the points in it."""

from __future__ import annotations

import _thread
import contextvars
import itertools
import sys
import time
from typing import Any, NamedTuple

from lab_recorder.writing import write

_now = time.time_ns
_thread_id = _thread.get_native_id  # eventlet replaces neither
_numbers = itertools.count(1)


class State(NamedTuple):
    """What is true where the code runs. Greenlets and threads have one each, and begin without."""

    #: Number of the unit in which it runs.
    unit: int | None = None
    #: The trace that OSProfiler was told of here; None where it has not been.
    base_id: str | None = None
    #: The trace of the unit that handed this work on, where nobody told OSProfiler.
    carried: str | None = None
    #: Number of the innermost point around it.
    point: int | None = None


_state: contextvars.ContextVar[State | None] = contextvars.ContextVar("lab_recorder", default=None)


def current() -> State | None:
    """The state here, None outside of all that is recorded."""
    return _state.get()


def begin_trace(base_id: str | None) -> None:
    """OSProfiler is told that from here on this is part of a trace, or of none."""
    _state.set((_state.get() or State())._replace(base_id=base_id))


def _where() -> dict[str, Any]:
    greenlet = sys.modules.get("greenlet")
    return {"thread": _thread_id(), "greenlet": id(greenlet.getcurrent()) if greenlet else None}


class Unit:
    """A unit of work, from its making to :meth:`end`: what is begun in it ends with it."""

    __slots__ = ("_before", "_begin", "_fields", "_number")

    def __init__(self, kind: str, *, base_id: str | None, **fields: Any) -> None:
        self._before, self._number = _state.get(), next(_numbers)
        self._fields = {"kind": kind, "base_id": base_id, **fields, **_where()}
        _state.set(State(self._number, base_id))
        self._begin = _now()

    def end(self, **more: Any) -> None:
        """The unit has ended; ``more`` is added to what is recorded of it."""
        end = _now()
        _state.set(self._before)
        write("unit", unit=self._number, begin=self._begin, end=end, **self._fields, **more)


class Handed:
    """Work that is done later or elsewhere: made where it is handed on, entered where it is done."""

    __slots__ = ("_before", "_from")

    def __init__(self) -> None:
        self._from = _state.get()

    def __enter__(self) -> None:
        self._before = _state.get()
        # Some executors do it at once, in the caller's own thread: then nothing changes.
        if self._before is None and self._from is not None:
            base_id = self._from.base_id or self._from.carried
            _state.set(self._from._replace(base_id=None, carried=base_id))

    def __exit__(self, *_: object) -> None:
        _state.set(self._before)


class Point:
    """Something that OSProfiler is to record. :meth:`begin` it, and end it if that gave one."""

    __slots__ = ("_begin", "_detail", "_kind", "_name", "_number", "_state")

    @classmethod
    def begin(cls, kind: str, name: str, detail: str) -> Point | None:
        """None outside of traces."""
        state = _state.get()
        if state is None or (state.base_id or state.carried) is None:
            return None
        self = cls()
        self._kind, self._name, self._detail, self._state = kind, name, detail, state
        self._number = next(_numbers)
        self._begin = _now()
        return self

    def enter(self) -> None:
        """Points from here to :meth:`end` lie in this one."""
        _state.set(self._state._replace(point=self._number))

    def leave(self) -> None:
        """Points from here on lie beside this one."""
        _state.set(self._state)

    def end(self, error: object = None) -> None:
        """It has ended, with an exception or another error if there is one."""
        end = _now()
        state, context = self._state, sys.modules.get("oslo_context.context")
        request = context.get_current() if context else None
        write(
            "point",
            point=self._number,
            around=state.point,
            unit=state.unit,
            kind=self._kind,
            name=self._name,
            detail=self._detail,
            base_id=state.base_id or state.carried,
            told=state.base_id is not None,
            begin=self._begin,
            end=end,
            error=type(error).__name__ if isinstance(error, BaseException) else error,
            request_id=getattr(request, "request_id", None),
            **_where(),
        )
