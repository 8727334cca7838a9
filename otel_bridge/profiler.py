"""``osprofiler.profiler``, on the OpenTelemetry context.

A drop-in: the same functions, the same signatures. Trace points are spans of our tracer, so they nest
with every other OpenTelemetry span. What osprofiler gets wrong is right here: state lives in the context
and not on the thread, so a pooled thread keeps nothing; ``init`` always begins anew; nothing is shared
between calls of a decorated function; arguments and results are looked at only when the operator opted in.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.context.context import Context

from otel_bridge import gate
from otel_bridge.profiler_decorators import TracedMeta, trace, trace_cls
from otel_bridge.profiler_decorators import callable_name as callable_name
from otel_bridge.profiler_decorators import traced_call as traced_call
from otel_bridge.profiler_points import Info, Trace, start, stop
from otel_bridge.profiler_points import capture as capture
from otel_bridge.profiler_points import use as use
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import points
from otel_bridge.tracing.points import OPEN_KEY, end_open
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.spans import Span
from otel_bridge.wire import ids
from otel_bridge.wire.signing import TraceInfo

__all__ = [
    "Trace",
    "TracedMeta",
    "clean",
    "get",
    "init",
    "start",
    "stop",
    "trace",
    "trace_cls",
]

_get, _set = ctx.get, ctx.set_
_put, _drop = dict.__setitem__, dict.pop


# -- the current profiler -----------------------------------------------------------------------------


def init(hmac_key: str, base_id: str | None = None, parent_id: str | None = None) -> _Profiler:
    """Begin (or go on with) a trace in the current context; what was there before is left.

    Args:
        hmac_key: signs what this unit of work sends on. Nothing is traced without one, or with one that
            this process does not accept (:func:`otel_bridge.gate.key_for`).
        base_id: id of the trace; a new one by default.
        parent_id: id of the point above; by default there is none.

    Returns:
        The profiler; :func:`get` gives it as well from now on.
    """
    profiler = _Profiler(hmac_key, base_id, parent_id)
    if profiler._remote is None:
        _leave()
    else:
        remote = profiler._remote
        context = Context(_get())
        _drop(context, OPEN_KEY, None)
        if not _is_span(context.get(ctx.SPAN_KEY), remote):
            _put(context, ctx.SPAN_KEY, remote)
        _put(context, ctx.TRACE_INFO_KEY, remote.info)
        _set(context)
    return profiler


def _is_span(current: Any, remote: Remote) -> bool:
    """Whether the parent is the current span itself: work was handed to a pool, and its trace with it."""
    return (
        current.__class__ is Span
        and current._span_id == remote.parent_id
        and current._trace.id == remote.info.trace_id
    )


def get() -> _Profiler | None:
    """The profiler of the current context, or None when it is not traced."""
    info = ctx.trace_info()
    return None if info is None else _Profiler._of(info)


def clean() -> None:
    """Leave the trace. Points that were started and not stopped end here, marked incomplete."""
    end_open(points.last(_get()))
    _leave()


def _leave() -> None:
    context = _get()
    if ctx.TRACE_INFO_KEY in context or OPEN_KEY in context:
        context = Context(context)
        for key in (OPEN_KEY, ctx.TRACE_INFO_KEY, ctx.SPAN_KEY):
            _drop(context, key, None)
        _set(context)


# -- what get() gives ---------------------------------------------------------------------------------


class _Profiler:
    """The current trace, as osprofiler's callers know it. Ids are UUID strings."""

    __slots__ = ("_info", "_remote")

    def __init__(self, hmac_key: str, base_id: str | None = None, parent_id: str | None = None) -> None:
        self._remote: Remote | None = None
        self._info: TraceInfo | None = None
        key = gate.key_for(hmac_key)
        if key is None:
            return
        # What a message said is handed on to us as it is.
        base: Any = base_id or ids.new_base_id()
        if not isinstance(parent_id, str):
            parent_id = None
        info = self._info = TraceInfo.of(base, parent_id, key) if isinstance(base, str) else None
        if info is not None:
            self._remote = Remote(info, point_id=parent_id)

    @classmethod
    def _of(cls, info: TraceInfo) -> _Profiler:
        profiler = object.__new__(cls)
        profiler._info = info
        profiler._remote = None
        return profiler

    @property
    def hmac_key(self) -> str | None:
        """The secret itself; services put it into their RPC context."""
        return None if self._info is None else self._info.key.reveal()

    def get_shorten_id(self, uuid_id: str | int) -> str:
        """The span id of a trace point's UUID, in hexadecimal digits."""
        if isinstance(uuid_id, int):
            return format(uuid_id & ids.SPAN_ID_MASK, "x")
        return format(ids.span_id(uuid_id), "x")

    def get_base_id(self) -> str:
        """The id of the trace."""
        info = self._info
        return "" if info is None else info.base_id or ids.base_id(info.trace_id)

    def get_id(self) -> str:
        """The id of the current point; that of the parent, or of the trace, when none is started."""
        current = self._current()
        if current.__class__ is Remote:
            return current.point_id or self._point(current.parent_id)
        return self._point(0 if current is None else current.get_span_context().span_id)

    def get_parent_id(self) -> str:
        """The id of the point above the current one; that of the trace when there is none."""
        current = self._current()
        if current is None or current.__class__ is Remote:
            return self.get_base_id()
        parent = getattr(current, "parent", None)
        return self._point(0 if parent is None else parent.span_id)

    def start(self, name: str, info: Info = None) -> None:
        """:func:`start`."""
        start(name, info)

    def stop(self, info: Info = None) -> None:
        """:func:`stop`."""
        stop(info)

    def _current(self) -> Any:
        """The current span, if it belongs to this trace; else the parent that ``init`` was told."""
        found: Any = _get().get(ctx.SPAN_KEY)
        info = self._info
        if found is not None and info is not None and found.get_span_context().trace_id == info.trace_id:
            return found
        return self._remote

    def _point(self, span_id: int) -> str:
        info = self._info
        return "" if info is None else ids.parent_id(info.trace_id, span_id, info.base_id)

    def __repr__(self) -> str:
        return f"_Profiler(base_id={self.get_base_id()!r})"
