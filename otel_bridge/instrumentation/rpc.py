"""oslo.messaging's RPC calls, casts and fanouts, where they are sent and where they are served."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import SpanKind

from otel_bridge import gate
from otel_bridge.instrumentation.incoming import IncomingMessages
from otel_bridge.instrumentation.message_context import CARRIER, TRACE_INFO, serve_below, take
from otel_bridge.instrumentation.message_tracing import (
    MessageTracing,
    begin_sending,
    exchange_of,
    fail,
    system_of,
)
from otel_bridge.log import warn
from otel_bridge.model.translate import OutgoingMessage, outgoing_kind
from otel_bridge.model.translate.point import captured
from otel_bridge.model.translate.rpc import CALL
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries, points
from otel_bridge.tracing.failure import type_name

_SPAN_KEY = ctx.SPAN_KEY
_get, _set = ctx.get, ctx.set_
_new = object.__new__
# Python 3.11 runs a function of its own for each look-up of an enumeration's member.
_CLIENT, _SERVER = SpanKind.CLIENT, SpanKind.SERVER
_PRODUCER, _CONSUMER = SpanKind.PRODUCER, SpanKind.CONSUMER


#: The parameters of ``Transport._send`` in all releases so far.
_PARAMETERS = [
    *("self", "target", "ctxt", "message", "wait_for_reply"),
    *("timeout", "call_monitor_timeout", "retry", "transport_options"),
]


# -- sending ------------------------------------------------------------------------------------------


def traced_send(send: Callable[..., Any], tracing: MessageTracing) -> Callable[..., Any]:
    """``Transport._send``, which gets a message after it was serialised."""
    if list(inspect.signature(send, follow_wrapped=False).parameters) == _PARAMETERS:
        return _sending(send, tracing)

    def _send(
        transport: Any,
        target: Any,
        ctxt: Any,
        message: Any,
        wait_for_reply: Any = None,
        *args: Any,
        **named: Any,
    ) -> Any:
        def call(transport: Any, target: Any, ctxt: Any, message: Any, wait: Any, *_rest: Any) -> Any:
            return send(transport, target, ctxt, message, wait, *args, **named)

        return _sending(call, tracing)(transport, target, ctxt, message, wait_for_reply)

    return _send


def _sending(send: Callable[..., Any], tracing: MessageTracing) -> Callable[..., Any]:
    """Of a function with these very parameters: by their places they are handed on at a fifth of the cost."""

    def _send(
        self: Any,
        target: Any,
        ctxt: Any,
        message: Any,
        wait_for_reply: Any = None,
        timeout: Any = None,
        call_monitor_timeout: Any = None,
        retry: Any = None,
        transport_options: Any = None,
    ) -> Any:
        context = _get()
        span = None
        if (
            context
            and context.get(_SPAN_KEY) is not None
            and not context.get(_SUPPRESS_INSTRUMENTATION_KEY)
            and isinstance(message, dict)
            and tracing.active
        ):
            kind = _CLIENT if wait_for_reply else _PRODUCER
            trace_info = tracing.trace_info
            span, ctxt = begin_sending(tracing, kind, _outgoing, self, target, ctxt, message, trace_info)
        try:
            return send(
                self,
                target,
                ctxt,
                message,
                wait_for_reply,
                timeout,
                call_monitor_timeout,
                retry,
                transport_options,
            )
        except BaseException as exc:
            if span is not None:
                fail(span, exc)
            raise
        finally:
            if span is not None:
                span.end()

    return _send


def _outgoing(
    kind: SpanKind, transport: Any, target: Any, ctxt: Any, message: dict[str, Any]
) -> OutgoingMessage:
    """The point of a message that is sent."""
    point: OutgoingMessage = _new(OutgoingMessage)
    point.request_id = point.function = point.error = point.origin = None  # a slot never set is slow to read
    point.kind = outgoing_kind(kind is _CLIENT, target.fanout)
    point.method = message.get("method")
    point.namespace = message.get("namespace")
    point.version = message.get("version")
    point.topic = target.topic
    point.server = target.server
    point.system = system_of(transport)
    point.exchange = exchange_of(transport, target)
    if isinstance(ctxt, dict):
        point.request_id = captured(ctxt.get("request_id"))
    return point


# -- serving ------------------------------------------------------------------------------------------


def traced_process(process: Callable[..., Any], tracing: MessageTracing) -> Callable[..., Any]:
    """``RPCServer._process_incoming``, which gets a message before its context is deserialised."""
    make_point = IncomingMessages().point

    def _process_incoming(server: Any, incoming: Any) -> Any:
        message = incoming[0]
        ctxt = message.ctxt
        if ctxt.__class__ is dict and CARRIER not in ctxt and TRACE_INFO not in ctxt:
            return process(server, incoming)
        info = take(message, gate.keys(tracing.keys))
        if info is None or not isinstance(message.message, dict) or not tracing.active:
            return process(server, incoming)
        try:
            point = make_point(server, message)
            kind = _SERVER if point.kind == CALL else _CONSUMER
            span: Any = tracing.entry(info, None, kind, point)
            if ctxt.__class__ is not dict or TRACE_INFO in ctxt:
                serve_below(message, *entries.ids_of(span))
            _watch_reply(message, span)
        except Exception as exc:  # a server, transport or message of another make than we know
            warn(f"an incoming message could not be traced: {type_name(type(exc))}")
            return process(server, incoming)
        context = ctx.with_request(_get(), entries.span_of(span), info)
        token = _set(context)
        try:
            return process(server, incoming)
        except BaseException as exc:
            fail(span, exc)
            raise
        finally:
            points.leave(token, context)
            try:
                del message.reply
            except AttributeError:  # somebody else was faster
                pass
            span.end()

    return _process_incoming


def _watch_reply(message: Any, span: entries.Recording) -> None:
    """Learn how a message ends from what it is answered.

    Exceptions of an endpoint do not leave ``_process_incoming``: it hands them to ``reply``, for casts too.
    """
    send = message.reply

    def reply(reply: Any = None, failure: Any = None) -> Any:
        if failure:
            fail(span, failure[1])
        try:
            return send(reply, failure=failure)
        except BaseException as exc:
            fail(span, exc)
            raise

    message.reply = reply
