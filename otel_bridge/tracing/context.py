"""The current OpenTelemetry context, without a detour.

``opentelemetry.context`` looks up its runtime on every call and logs failures. The hot path goes to the
context variable itself; a runtime context other than the default one is used through its interface.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from typing import Any

from opentelemetry import context as context_api
from opentelemetry.context.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace.propagation import _SPAN_KEY

from otel_bridge.wire.signing import TraceInfo

#: Where the OpenTelemetry API keeps the current span.
SPAN_KEY: str = _SPAN_KEY
#: Where a signed request keeps its :class:`~otel_bridge.wire.signing.TraceInfo`: what signs that which
#: it sends on. A private key of the context: never baggage, so no propagator carries it away.
TRACE_INFO_KEY: str = context_api.create_key("otel_bridge-trace-info")
#: Where the process keeps what it knows of the RPC message that it serves, for the first point below it.
SERVED_KEY: str = context_api.create_key("otel_bridge-served-message")

_runtime = context_api._RUNTIME_CONTEXT
if type(_runtime) is ContextVarsRuntimeContext:
    _variable = _runtime._current_context
    get: Callable[[], Context] = _variable.get
    set_: Callable[[Context], Token[Context]] = _variable.set
    reset: Callable[[Token[Context]], None] = _variable.reset
else:  # OTEL_PYTHON_CONTEXT names another implementation
    get, set_, reset = _runtime.get_current, _runtime.attach, _runtime.detach

_put = dict.__setitem__  # Context refuses item assignment; here it is not shared yet


def with_span(context: Context, span: ApiSpan) -> Context:
    """A copy of ``context`` in which ``span`` is the current one."""
    changed = Context(context)
    _put(changed, SPAN_KEY, span)
    return changed


def with_request(context: Context, span: ApiSpan, info: TraceInfo) -> Context:
    """A copy of ``context`` for a signed request: ``span`` is current, ``info`` signs what it sends on."""
    if not context:  # as where a request or message comes in
        return Context({SPAN_KEY: span, TRACE_INFO_KEY: info})
    changed = Context(context)
    _put(changed, SPAN_KEY, span)
    _put(changed, TRACE_INFO_KEY, info)
    return changed


def attach(span: ApiSpan, info: TraceInfo) -> Token[Context]:
    """Make ``span`` of a signed request current; give the token to :func:`detach`."""
    return set_(with_request(get(), span, info))


def detach(token: Token[Context]) -> None:
    """Restore what was there before :func:`attach`; harmless in another context than the token's."""
    try:
        reset(token)
    except ValueError:  # ended in another thread, greenlet or task: there is nothing of ours there
        pass


def trace_info(context: Context | None = None) -> TraceInfo | None:
    """The trace info of the signed request in ``context`` (the current one by default)."""
    found: Any = (get() if context is None else context).get(TRACE_INFO_KEY)
    return found if isinstance(found, TraceInfo) else None
