"""oslo.messaging: spans for RPC calls, casts and fanouts, on the sending and on the serving side.

Two methods are replaced, on their classes, so that transports and servers which exist already are covered:
``Transport._send``, which gets a message after it was serialised, and ``RPCServer._process_incoming``, which
gets one before its context is deserialised. Serializers that drop what they do not know therefore lose
nothing.

The trace travels in the message context: :mod:`otel_bridge.instrumentation.message_context`.

To import this module is to import oslo.messaging, which makes oslo.service choose its backend: a service that
calls ``oslo_service.backend.init_backend`` does that first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from typing import Any

from opentelemetry import trace as trace_api
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.trace import SpanKind
from oslo_messaging.rpc.client import RemoteError
from oslo_messaging.rpc.server import RPCServer
from oslo_messaging.transport import Transport

from otel_bridge import gate
from otel_bridge.instrumentation.endpoints import Endpoints
from otel_bridge.instrumentation.incoming import incoming_message
from otel_bridge.instrumentation.message_context import CARRIER, TRACE_INFO, carrying, serve_below, take
from otel_bridge.log import warn
from otel_bridge.model.translate import OutgoingMessage
from otel_bridge.model.translate.point import captured
from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries, points
from otel_bridge.tracing.failure import text_of, type_name
from otel_bridge.tracing.propagation import outgoing
from otel_bridge.version import __version__
from otel_bridge.wire.signing import KeyRing, TraceInfo

_SPAN_KEY = ctx.SPAN_KEY
_get = ctx.get
_new = object.__new__
#: What oslo.messaging's drivers append to the class and module of an exception that another process raised.
_REMOTE = "_Remote"


class MessagingInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Traces RPC over every driver of oslo.messaging.

    ``instrument()`` takes:

    - ``tracer_provider``: an OpenTelemetry tracer provider; the global one by default.
    - ``keys``: a :class:`~otel_bridge.wire.signing.KeyRing`, which incoming messages are verified with
      unless :mod:`otel_bridge.gate` has other ones. Without keys nothing that comes in is traced.
    - ``conf``: the service's ``ConfigOpts``; see :func:`register_options`.
    """

    _replacements: Replacements | None = None
    _tracing: _Tracing | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        return ("oslo.messaging >= 14.0",)

    def _instrument(
        self,
        *,
        tracer_provider: trace_api.TracerProvider | None = None,
        keys: KeyRing | None = None,
        conf: Any = None,
        **_options: Any,
    ) -> None:
        if conf is not None:
            register_options(conf)
        tracer = trace_api.get_tracer(__name__, __version__, tracer_provider)
        tracing = self._tracing = _Tracing(entries.leaf(tracer), entries.entry(tracer), keys)
        replacements = self._replacements = Replacements()
        replacements.wrap(Transport, "_send", lambda found: _traced_send(found, tracing))
        replacements.wrap(RPCServer, "_process_incoming", lambda found: _traced_process(found, tracing))

    def _uninstrument(self, **_options: Any) -> None:
        if self._tracing is not None:
            self._tracing.active = False
            self._tracing = None
        if self._replacements is not None:
            self._replacements.undo()
            self._replacements = None


def register_options(conf: Any) -> None:
    """Register those of oslo.messaging's options that it registers on the global ``cfg.CONF`` only.

    oslo.messaging 18 reads them from the ``ConfigOpts`` of the transport: without them an RPC over a private
    ``ConfigOpts`` ends with ``NoSuchOptError``. Harmless where they are registered, or do not exist.

    Args:
        conf: the ``ConfigOpts`` that transports are made with.
    """
    for module, group in (("_tracing", "oslo_messaging_tracing"), ("_metrics", "oslo_messaging_metrics")):
        try:
            found = importlib.import_module(f"oslo_messaging.{module}.client")
        except ImportError:  # a release that has none, or one that needs a package which is not there
            continue
        conf.register_opts(getattr(found, group, ()), group=group)
    if getattr(getattr(conf, "oslo_messaging_tracing", None), "tracing_enabled", False):
        warn(
            "[oslo_messaging_tracing] tracing_enabled is set: oslo.messaging's own spans will stand beside "
            "those of otel_bridge; unset it"
        )


class _Tracing:
    """What the traced methods work with, for as long as the instrumentation is on."""

    __slots__ = ("active", "endpoints", "entry", "keys", "leaf")

    def __init__(self, leaf: entries.Leaf, entry: entries.Entry, keys: KeyRing | None) -> None:
        self.leaf = leaf
        self.entry = entry
        self.keys = keys
        self.endpoints = Endpoints()
        #: False after ``uninstrument()``: where another library has wrapped a traced method it stays in use.
        self.active = True


# -- sending ------------------------------------------------------------------------------------------


def _traced_send(send: Callable[..., Any], tracing: _Tracing) -> Callable[..., Any]:
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
        point = _outgoing(transport, target, ctxt, message)
        point.kind = "call" if wait_for_reply else "fanout" if target.fanout else "cast"
        span = tracing.leaf(None, kind, point)
        if span is None:
            found = outgoing(context)  # a trace that has no room for more spans here goes on elsewhere
            if found is not None:
                ctxt = carrying(ctxt, *found)
            return send(transport, target, ctxt, message, wait_for_reply, *args, **named)
        info = ctx.trace_info(context)
        above = span.get_span_context()
        if info is not None and info.trace_id == above.trace_id:  # else no signed request stands behind it
            ctxt = carrying(ctxt, above, info)
        try:
            return send(transport, target, ctxt, message, wait_for_reply, *args, **named)
        except BaseException as exc:
            _fail(span, exc)
            raise
        finally:
            span.end()

    return _send


def _outgoing(transport: Any, target: Any, ctxt: Any, message: dict[str, Any]) -> OutgoingMessage:
    """The point of a message that is sent."""
    point: OutgoingMessage = _new(OutgoingMessage)
    point.request_id = point.function = point.error = point.origin = None  # a slot never set is slow to read
    point.method = message.get("method")
    point.namespace = message.get("namespace")
    point.version = message.get("version")
    point.topic = target.topic
    point.server = target.server
    driver = transport._driver
    point.system = getattr(getattr(driver, "_url", None), "transport", None)
    point.exchange = target.exchange or getattr(driver, "_default_exchange", None)
    if isinstance(ctxt, dict):
        point.request_id = captured(ctxt.get("request_id"))
    return point


# -- serving ------------------------------------------------------------------------------------------


def _traced_process(process: Callable[..., Any], tracing: _Tracing) -> Callable[..., Any]:
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
            _fail(span, exc)
            raise
        finally:
            points.leave(token, context)
            message.__dict__.pop("reply", None)
            span.end()

    return _process_incoming


def _begin(server: Any, message: Any, info: TraceInfo, tracing: _Tracing) -> entries.Recording:
    """The started span of an incoming message, which will learn how the message ends."""
    point = incoming_message(server, message, tracing.endpoints)
    kind = SpanKind.SERVER if point.kind == "call" else SpanKind.CONSUMER
    span: entries.Recording = tracing.entry(info, None, kind, point)
    if isinstance(message.ctxt, dict) and TRACE_INFO in message.ctxt:
        serve_below(message, span.get_span_context())
    _watch_reply(message, span)
    return span


def _watch_reply(message: Any, span: entries.Recording) -> None:
    """Learn how a message ends from what it is answered.

    Exceptions of an endpoint do not leave ``_process_incoming``: it hands them to ``reply``, for casts too.
    """
    send = message.reply

    def reply(reply: Any = None, failure: Any = None) -> Any:
        if failure:
            _fail(span, failure[1])
        try:
            return send(reply, failure=failure)
        except BaseException as exc:
            _fail(span, exc)
            raise

    message.reply = reply


# -- both ---------------------------------------------------------------------------------------------


def _fail(span: entries.Recording, exc: BaseException) -> None:
    """Mark a span as failed. Of what another process raised, its name there counts, and no stack of here."""
    cls = type(exc)
    if isinstance(exc, RemoteError):
        span.fail_as(captured(exc.exc_type) or type_name(cls), captured(exc.value))
    elif cls.__name__.endswith(_REMOTE):
        name = f"{cls.__module__.removesuffix(_REMOTE)}.{cls.__name__.removesuffix(_REMOTE)}"
        span.fail_as(name, text_of(exc))  # the other side's stack behind it is cut off when it is exported
    else:
        span.fail(exc)
