"""Where a unit of work begins and ends on a thread or greenlet that is used again.

What a unit leaves in the context is taken away at its end, and work that a traced unit hands to a pool begins
with its trace. Four kinds of place are enough for every OpenStack service: WSGI requests, which
:mod:`otel_bridge.web` takes care of; RPC messages and notifications of oslo.messaging; and the work items of
futurist and concurrent.futures, by which all their executors run what is submitted, those of the services and
of oslo.messaging included.

The context is restored at the end, not cleared at the beginning: an executor may run an item in the caller.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from opentelemetry import trace as api
from opentelemetry.context.context import Context

from otel_bridge.adopt.activate import after_import
from otel_bridge.instrumentation.infrastructure import is_loop
from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import points
from otel_bridge.tracing.carried import HANDS_KEY, Carried, handed_on, within

_get = ctx.get
_TRACE_INFO = ctx.TRACE_INFO_KEY
#: What of the context belongs to a trace.
_OURS = (points.OPEN_KEY, ctx.SERVED_KEY, HANDS_KEY, ctx.TRACE_INFO_KEY, ctx.SPAN_KEY)
#: Attribute of a work item: the context that it was submitted in, if that was traced.
_CARRIED = "_otel_bridge_context"


def install(replacements: Replacements) -> None:
    """Put the boundaries in place, in each library as soon as the service has imported it."""
    after_import("oslo_messaging.rpc.server", lambda module: _rpc(module, replacements))
    after_import("oslo_messaging.notify.listener", lambda module: _notifications(module, replacements))
    after_import("futurist._utils", lambda module: _work_items(module.WorkItem, replacements))
    after_import("concurrent.futures.thread", lambda module: _work_items(module._WorkItem, replacements))


def _rpc(module: ModuleType, replacements: Replacements) -> None:
    from otel_bridge.adopt.messages import served_message

    process = module.RPCServer.__dict__["_process_incoming"]

    @functools.wraps(process)
    def _process_incoming(server: Any, incoming: Any) -> Any:
        begin = _for_message(_get())
        served = served_message(server, incoming)
        if served is not None:
            begin = Context(begin)
            dict.__setitem__(begin, ctx.SERVED_KEY, served)
        return within(begin, process, server, incoming)

    replacements.replace(module.RPCServer, "_process_incoming", _process_incoming)


def _notifications(module: ModuleType, replacements: Replacements) -> None:
    for cls in (module.NotificationServer, module.BatchNotificationServer):
        if "_process_incoming" in cls.__dict__:
            made = _listening(cls.__dict__["_process_incoming"])
            replacements.replace(cls, "_process_incoming", made)


def _listening(process: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(process)
    def _process_incoming(server: Any, incoming: Any) -> Any:
        return within(_for_message(_get()), process, server, incoming)

    return _process_incoming


def _work_items(cls: type, replacements: Replacements) -> None:
    """Items begin with the trace that they were submitted in, or with none, and leave what was there."""
    make, work = cls.__dict__["__init__"], cls.__dict__["run"]

    @functools.wraps(make)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        function = getattr(self, "fn", None)
        if function.__class__ is Carried:  # by the instrumentation of threads: it is carried once
            function, carried = function.take()
            self.fn = function
        else:
            context = _get()
            carried = handed_on(context) if _TRACE_INFO in context and not is_loop(function) else None
        if carried is not None:
            try:
                setattr(self, _CARRIED, carried)
            except AttributeError:  # an item with slots: it begins without a trace
                return

    @functools.wraps(work)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        return within(getattr(self, _CARRIED, None) or _untraced(_get()), work, self, *args, **kwargs)

    replacements.replace(cls, "__init__", __init__)
    replacements.replace(cls, "run", run)


def _for_message(context: Context) -> Context:
    """``context`` without what another unit of work has left in it."""
    span = context.get(ctx.SPAN_KEY)
    if isinstance(span, api.Span) and span.is_recording() and points.OPEN_KEY not in context:
        return context  # an instrumentation of oslo.messaging has just begun the span of this message
    return _untraced(context)


def _untraced(context: Context) -> Context:
    """``context`` itself, or a copy without the trace that it belongs to."""
    if _TRACE_INFO not in context and points.OPEN_KEY not in context:
        return context
    changed = Context(context)
    for key in _OURS:
        dict.pop(changed, key, None)
    return changed
