"""oslo.messaging's notifications, where they are sent and where listeners get them.

A batch may hold messages of several traces: each of them has a CONSUMER span then, and none is current, since
what the listener does belongs to no single one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from opentelemetry import context as context_api
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanContext, SpanKind

from otel_bridge import gate
from otel_bridge.instrumentation.message_context import CARRIER, TRACE_INFO, serve_below, take
from otel_bridge.instrumentation.message_tracing import (
    MessageTracing,
    begin_sending,
    exchange_of,
    fail,
    system_of,
)
from otel_bridge.log import warn
from otel_bridge.model.translate import ReceivedNotification, SentNotification
from otel_bridge.model.translate.point import captured
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries, points
from otel_bridge.tracing.failure import type_name
from otel_bridge.tracing.spans import SAMPLED
from otel_bridge.wire.signing import TraceInfo

#: Where the context keeps what a listener is at work on, for the dispatcher to say how it went.
_LISTENING = context_api.create_key("otel_bridge-notifications")
#: What osprofiler's driver for ``messaging://`` sends: what tracing itself does is no part of a trace.
_OSPROFILER_TOPIC, _OSPROFILER_EVENT = "profiler.info", "profiler."

_get = ctx.get
_new = object.__new__


# -- sending ------------------------------------------------------------------------------------------


def traced_notify(send: Callable[..., Any], tracing: MessageTracing) -> Callable[..., Any]:
    """``Transport._send_notification``: what the drivers ``messaging`` and ``messagingv2`` call."""

    def _send_notification(
        transport: Any, target: Any, ctxt: Any, message: Any, *args: Any, **named: Any
    ) -> Any:
        context = _get()
        if (
            not context
            or context.get(ctx.SPAN_KEY) is None
            or context.get(_SUPPRESS_INSTRUMENTATION_KEY)
            or not isinstance(message, dict)
            or _is_of_osprofiler(target, message)
            or not tracing.active
        ):
            return send(transport, target, ctxt, message, *args, **named)
        # RabbitMQ's driver writes the context into the message, which the service's other notification
        # drivers are given as well: one of them logs it.
        copy = {**message}
        span, ctxt = begin_sending(tracing, SpanKind.PRODUCER, _sent, transport, target, ctxt, message)
        try:
            return send(transport, target, ctxt, copy, *args, **named)
        except BaseException as exc:
            if span is not None:
                fail(span, exc)
            raise
        finally:
            if span is not None:
                span.end()

    return _send_notification


def _is_of_osprofiler(target: Any, message: dict[str, Any]) -> bool:
    return target.topic == _OSPROFILER_TOPIC and str(message.get("event_type")).startswith(_OSPROFILER_EVENT)


def _sent(
    _kind: SpanKind, transport: Any, target: Any, ctxt: Any, message: dict[str, Any]
) -> SentNotification:
    point: SentNotification = _new(SentNotification)
    point.error = point.origin = None
    _describe(point, message, ctxt)
    point.topic = captured(target.topic)
    point.exchange = exchange_of(transport, target)
    point.system = system_of(transport)
    return point


def _describe(point: SentNotification, message: dict[str, Any], ctxt: Any) -> None:
    point.event_type = captured(message.get("event_type"))
    point.message_id = captured(message.get("message_id"))
    point.publisher = captured(message.get("publisher_id"))
    point.priority = (captured(message.get("priority")) or "").lower()
    point.request_id = captured(ctxt.get("request_id")) if isinstance(ctxt, dict) else None


# -- receiving ----------------------------------------------------------------------------------------


def traced_listening(process: Callable[..., Any], tracing: MessageTracing) -> Callable[..., Any]:
    """``_process_incoming`` of ``NotificationServer`` and ``BatchNotificationServer``."""

    def _process_incoming(server: Any, incoming: Any) -> Any:
        for message in incoming:
            ctxt = message.ctxt
            if ctxt.__class__ is not dict or CARRIER in ctxt or TRACE_INFO in ctxt:
                break
        else:
            return process(server, incoming)
        traces = _traces(incoming, tracing)
        if not traces or not tracing.active:
            return process(server, incoming)
        try:
            listening = _Listening(server, traces, tracing)
        except Exception as exc:  # a server, transport or message of another make than we know
            warn(f"incoming notifications could not be traced: {type_name(type(exc))}")
            return process(server, incoming)
        context = listening.context(_get(), len(incoming))
        token = ctx.set_(context)
        try:
            return process(server, incoming)
        finally:
            points.leave(token, context)
            listening.end()

    return _process_incoming


def traced_dispatch(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    """``dispatch`` of the two dispatchers: what it raises (a deserializer mostly) goes no further."""

    def traced(dispatcher: Any, incoming: Any) -> Any:
        try:
            return dispatch(dispatcher, incoming)
        except BaseException as exc:
            listening = _get().get(_LISTENING)
            if listening.__class__ is _Listening:
                listening.failed(exc)
            raise

    return traced


def traced_callback(execute: Callable[..., Any]) -> Callable[..., Any]:
    """``_exec_callback`` of the two dispatchers: what a listener's method raises goes no further."""

    def _exec_callback(dispatcher: Any, callback: Any, messages: Any) -> Any:
        listening: Any = _get().get(_LISTENING)
        if listening.__class__ is _Listening:
            callback = listening.watched(callback, messages)
        return execute(dispatcher, callback, messages)

    return _exec_callback


def _traces(incoming: Iterable[Any], tracing: MessageTracing) -> dict[int, list[tuple[TraceInfo, Any]]]:
    """The messages of each trace, as verified; nothing of those that are not. Takes the carriers out."""
    keys = gate.keys(tracing.keys)
    traces: dict[int, list[tuple[TraceInfo, Any]]] = {}
    for message in incoming:
        info = take(message, keys)
        if info is not None and isinstance(message.message, dict):
            traces.setdefault(info.trace_id, []).append((info, message))
    return traces


class _Consumed:
    """The span of one trace's messages."""

    __slots__ = ("ids", "info", "point", "span", "taken")

    def __init__(self, taken: Sequence[tuple[TraceInfo, Any]], point: ReceivedNotification) -> None:
        self.taken = taken
        self.point = point
        self.info = taken[0][0]
        self.ids = {captured(message.message.get("message_id")) for _, message in taken}
        self.span: Any = None

    def begin(self, tracing: MessageTracing) -> None:
        self.span = tracing.entry(self.info, None, SpanKind.CONSUMER, self.point)
        for info, _ in self.taken[1:]:
            if info.parent_span_id:
                sender = SpanContext(info.trace_id, info.parent_span_id, True, SAMPLED)
                entries.span_of(self.span).add_link(sender)
        ids = entries.ids_of(self.span)
        for _, message in self.taken:
            serve_below(message, *ids)

    def concerns(self, messages: Any) -> bool:
        """Whether a listener's method that is given these messages is given one of this trace."""
        given = messages if isinstance(messages, list) else [messages]
        ids = {captured(message["metadata"].get("message_id")) for message in given}
        return None in ids or not ids.isdisjoint(self.ids)


class _Listening:
    """What a listener is at work on: the spans of the traces in what it was given."""

    __slots__ = ("_consumed",)

    def __init__(
        self,
        server: Any,
        traces: dict[int, list[tuple[TraceInfo, Any]]],
        tracing: MessageTracing,
    ) -> None:
        self._consumed = [_Consumed(taken, _received(server, taken)) for taken in traces.values()]
        for consumed in self._consumed:
            consumed.begin(tracing)

    def context(self, around: Context, count: int) -> Context:
        """The context to work in; the one trace that all of ``count`` messages are of is current in it."""
        first = self._consumed[0]
        if len(first.taken) == count:
            context = ctx.with_request(around, entries.span_of(first.span), first.info)
        else:
            context = Context(around)
        dict.__setitem__(context, _LISTENING, self)
        return context

    def watched(self, callback: Callable[..., Any], messages: Any) -> Callable[..., Any]:
        """``callback``, with its exceptions noted on the spans that it is called for."""
        try:
            concerned = [consumed for consumed in self._consumed if consumed.concerns(messages)]
        except Exception:  # messages of another make
            concerned = self._consumed
        for consumed in concerned:
            if consumed.point.function is None:
                consumed.point.function = _name_of(callback)

        def call(*args: Any, **named: Any) -> Any:
            try:
                return callback(*args, **named)
            except Exception as exc:
                for consumed in concerned:
                    fail(consumed.span, exc)
                raise

        return call

    def failed(self, exc: BaseException) -> None:
        for consumed in self._consumed:
            fail(consumed.span, exc)

    def end(self) -> None:
        """End the spans, and let the messages go: work that was handed on may keep this for long."""
        ended, self._consumed = self._consumed, []
        for consumed in ended:
            consumed.span.end()


def _received(server: Any, taken: Sequence[tuple[TraceInfo, Any]]) -> ReceivedNotification:
    """The point of one trace's messages: of several it says what they have in common."""
    point: ReceivedNotification = _new(ReceivedNotification)
    point.error = point.origin = point.function = point.count = None
    _describe(point, taken[0][1].message, taken[0][1].ctxt)
    if len(taken) > 1:
        point.count = len(taken)
        point.message_id = None
        for _, message in taken[1:]:
            other: SentNotification = _new(SentNotification)
            _describe(other, message.message, message.ctxt)
            for name in ("event_type", "publisher", "priority", "request_id"):
                if getattr(other, name) != getattr(point, name):
                    setattr(point, name, None)
    targets = {(target.topic, exchange_of(server.transport, target)) for target in server.targets}
    point.topic = point.exchange = None
    point.system = system_of(server.transport)
    if len(targets) == 1:  # else it is not known here from which of them a message came
        topic, point.exchange = targets.pop()
        point.topic = f"{topic}.{point.priority}" if point.priority else captured(topic)
    return point


def _name_of(callback: Any) -> str | None:
    module = captured(getattr(callback, "__module__", None))
    name = captured(getattr(callback, "__qualname__", None))
    return f"{module}.{name}" if module and name else None
