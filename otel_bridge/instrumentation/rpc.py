"""oslo.messaging's RPC calls, casts and fanouts, where they are sent and where they are served."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import SpanKind

from otel_bridge import gate
from otel_bridge.instrumentation.incoming import incoming_message
from otel_bridge.instrumentation.message_context import CARRIER, TRACE_INFO, serve_below, take
from otel_bridge.instrumentation.message_tracing import (
    MessageTracing,
    begin_sending,
    exchange_of,
    fail,
    ids_of,
    system_of,
)
from otel_bridge.log import warn
from otel_bridge.model.translate import OutgoingMessage
from otel_bridge.model.translate.point import captured
from otel_bridge.model.translate.rpc import CALL, CAST, FANOUT
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries, points
from otel_bridge.tracing.failure import type_name
from otel_bridge.wire.signing import TraceInfo

_SPAN_KEY = ctx.SPAN_KEY
_get = ctx.get
_new = object.__new__


#: The parameters of ``Transport._send`` in all releases so far.
_PARAMETERS = [
    *("self", "target", "ctxt", "message", "wait_for_reply"),
    *("timeout", "call_monitor_timeout", "retry", "transport_options"),
]


# -- sending ------------------------------------------------------------------------------------------


def traced_send(send: Callable[..., Any], tracing: MessageTracing) -> Callable[..., Any]:
    """``Transport._send``, which gets a message after it was serialised."""
    traced = _sending(send, tracing)
    if list(inspect.signature(send, follow_wrapped=False).parameters) != _PARAMETERS:
        return traced

    # To hand arguments on by their places costs an untraced message a fifth of what it costs by their names.
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
        return (traced if _get() else send)(
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

    return _send


def _sending(send: Callable[..., Any], tracing: MessageTracing) -> Callable[..., Any]:
    def _send(
        transport: Any,
        target: Any,
        ctxt: Any,
        message: Any,
        wait_for_reply: Any = None,
        *args: Any,
        **named: Any,
    ) -> Any:
        context = _get()
        if (
            context.get(_SPAN_KEY) is None
            or context.get(_SUPPRESS_INSTRUMENTATION_KEY)
            or not isinstance(message, dict)
            or not tracing.active
        ):
            return send(transport, target, ctxt, message, wait_for_reply, *args, **named)
        kind = SpanKind.CLIENT if wait_for_reply else SpanKind.PRODUCER
        span, ctxt = begin_sending(
            tracing, kind, _outgoing, transport, target, ctxt, message, tracing.trace_info
        )
        if span is None:
            return send(transport, target, ctxt, message, wait_for_reply, *args, **named)
        try:
            return send(transport, target, ctxt, message, wait_for_reply, *args, **named)
        except BaseException as exc:
            fail(span, exc)
            raise
        finally:
            span.end()

    return _send


def _outgoing(
    kind: SpanKind, transport: Any, target: Any, ctxt: Any, message: dict[str, Any]
) -> OutgoingMessage:
    """The point of a message that is sent."""
    point: OutgoingMessage = _new(OutgoingMessage)
    point.request_id = point.function = point.error = point.origin = None  # a slot never set is slow to read
    point.kind = CALL if kind is SpanKind.CLIENT else FANOUT if target.fanout else CAST
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

    def _process_incoming(server: Any, incoming: Any) -> Any:
        message = incoming[0]
        ctxt = message.ctxt
        if ctxt.__class__ is dict and CARRIER not in ctxt and TRACE_INFO not in ctxt:
            return process(server, incoming)
        info = take(message, gate.keys(tracing.keys))
        if info is None or not isinstance(message.message, dict) or not tracing.active:
            return process(server, incoming)
        try:
            span = _begin(server, message, info, tracing)
        except Exception as exc:  # a server, transport or message of another make than we know
            warn(f"an incoming message could not be traced: {type_name(type(exc))}")
            return process(server, incoming)
        context = ctx.with_request(_get(), entries.span_of(span), info)
        token = ctx.set_(context)
        try:
            return process(server, incoming)
        except BaseException as exc:
            fail(span, exc)
            raise
        finally:
            points.leave(token, context)
            message.__dict__.pop("reply", None)
            span.end()

    return _process_incoming


def _begin(server: Any, message: Any, info: TraceInfo, tracing: MessageTracing) -> entries.Recording:
    """The started span of an incoming message, which will learn how the message ends."""
    point = incoming_message(server, message, tracing.endpoints)
    kind = SpanKind.SERVER if point.kind == "call" else SpanKind.CONSUMER
    span: entries.Recording = tracing.entry(info, None, kind, point)
    if isinstance(message.ctxt, dict) and TRACE_INFO in message.ctxt:
        serve_below(message, *ids_of(span))
    _watch_reply(message, span)
    return span


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
