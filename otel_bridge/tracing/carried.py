"""Work that is handed from one thread or greenlet to another, and where a unit of work begins and ends.

Work that a traced unit hands on begins with its trace; what it leaves in the context is taken away at its
end, since pooled threads serve everybody in turn.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.context.context import Context

from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import points
from otel_bridge.tracing.spans import Span

#: Where the context keeps how many hands its work has gone through in this process.
HANDS_KEY = context_api.create_key("otel_bridge-hands")
#: Work that hands itself on again and again goes on untraced after so many times: it is a loop.
MAX_HANDS: Final = 128
#: As how many times counts work that is to run later, as loops do: a timer that sets itself again.
DELAYED: Final = 48

_get, _set, _reset = ctx.get, ctx.set_, ctx.reset
_SPAN_KEY, _OPEN_KEY, _SERVED_KEY = ctx.SPAN_KEY, points.OPEN_KEY, ctx.SERVED_KEY
_put, _pop = dict.__setitem__, dict.pop  # Context refuses item assignment; a copy is not shared yet


def is_traced(context: Context) -> bool:
    """Whether work of this context belongs to a trace that is recorded here."""
    span = context.get(_SPAN_KEY)
    return span.__class__ is Span or _is_traced_so(context, span)


def _is_traced_so(context: Context, span: object) -> bool:
    """:func:`is_traced` where no span of ours is current."""
    return ctx.TRACE_INFO_KEY in context or (isinstance(span, api.Span) and span.is_recording())


def handed_on(context: Context, times: int = 1) -> Context | None:
    """The context for work that is handed on: the same trace, but the open points stay their starter's.

    Args:
        context: that of the unit which hands on.
        times: as how many times it counts; see :data:`MAX_HANDS`.

    Returns:
        None where the work is to go on without: the unit is not traced, or has been handed on too often.
    """
    span = context.get(_SPAN_KEY)
    if span.__class__ is not Span and not _is_traced_so(context, span):
        return None
    hands: Any = context.get(HANDS_KEY, 0)
    if hands + times > MAX_HANDS:
        return None
    changed = Context(context)
    _put(changed, HANDS_KEY, hands + times)
    if _OPEN_KEY in changed:
        _pop(changed, _OPEN_KEY)
    if _SERVED_KEY in changed:
        _pop(changed, _SERVED_KEY)
    return changed


def within(begin: Context, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Do a unit of work that begins with ``begin``, and leave the context as it was.

    What the unit has left open ends with it, marked incomplete.
    """
    before = _get()
    token = None if begin is before else _set(begin)
    try:
        return work(*args, **kwargs)
    finally:
        now = _get()
        if now is not before:
            if now is not begin:
                points.end_open(points.last(now), points.last(begin))
            if token is None:
                _set(before)
        if token is not None:
            try:
                _reset(token)
            except ValueError:  # see ctx.detach
                pass
        # An exception keeps this frame for as long as somebody keeps the exception, as futures do.
        del begin, before, now, token


class Carried:
    """Work and the context that it was handed on in, which it lets go when it is done.

    It passes for the function: its name, signature and attributes are the function's, and what is pickled
    is the function.
    """

    __slots__ = ("__weakref__", "_context", "_function")

    def __init__(self, function: Callable[..., Any], context: Context) -> None:
        self._function = function
        self._context: Context | None = context

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        context = self._context
        if context is None:
            return self._function(*args, **kwargs)
        try:
            return within(context, self._function, *args, **kwargs)
        finally:
            self._context = context = None

    def take(self) -> tuple[Callable[..., Any], Context | None]:
        """The function and the context, for somebody else to carry: from now on it is the mere function."""
        context, self._context = self._context, None
        return self._function, context

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self._function

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial, (self._function,)

    def __repr__(self) -> str:
        return repr(self._function)
