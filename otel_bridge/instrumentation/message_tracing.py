"""What RPC and notifications share: the tracer's entries, the keys, how a message and a span end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.trace import SpanKind

from otel_bridge.instrumentation.message_context import carrying
from otel_bridge.log import warn
from otel_bridge.model.translate.point import captured
from otel_bridge.settings import RpcTraceInfo
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries
from otel_bridge.tracing.failure import text_of, type_name
from otel_bridge.wire.signing import KeyRing

#: What oslo.messaging's drivers append to the class and module of an exception that another process raised.
_REMOTE = "_Remote"
#: What they append to its text.
_STACK = "\nTraceback (most recent call last):"


class MessageTracing:
    """What the traced methods work with, for as long as the instrumentation is on."""

    __slots__ = ("active", "entry", "keys", "leaf", "trace_info")

    def __init__(
        self,
        leaf: entries.Leaf,
        entry: entries.Entry,
        keys: KeyRing | None = None,
        trace_info: RpcTraceInfo = "off",
    ) -> None:
        self.leaf = leaf
        self.entry = entry
        #: What incoming messages are verified with, where the gate has no keys.
        self.keys = keys
        #: What osprofiler's ``trace_info`` RPC messages carry. Never notifications: strangers read those.
        self.trace_info = trace_info
        #: False after ``uninstrument()``: where another library has wrapped a traced method it stays in use.
        self.active = True

    def stop(self) -> None:
        """Trace nothing more."""
        self.active = False


def begin_sending(
    tracing: MessageTracing,
    kind: SpanKind,
    describe: Callable[[SpanKind, Any, Any, Any, dict[str, Any]], Any],
    transport: Any,
    target: Any,
    ctxt: Any,
    message: dict[str, Any],
    trace_info: RpcTraceInfo = "off",
) -> tuple[Any, Any]:
    """The started span of a message that is sent, and the message context to send. Never raises.

    Args:
        tracing: as the instrumentation was switched on.
        kind: CLIENT or PRODUCER.
        describe: makes the point, of ``kind`` and what follows.
        transport: what sends.
        target: where to.
        ctxt: the message context, serialised.
        message: likewise.
        trace_info: what osprofiler's ``trace_info`` the message is to carry.

    Returns:
        Span and context; no span where none is recorded, and the context as it was where no signed request
        stands behind the message.
    """
    try:
        span = tracing.leaf(None, kind, describe(kind, transport, target, ctxt, message))
        # Without a span of its own, for want of room, the message hands the trace on all the same.
        found = entries.sending(ctx.get(), span)
        if found is None:
            return span, ctxt
        _, above, info = found
        return span, carrying(ctxt, above, info, trace_info)
    except Exception as exc:  # a transport, target or message of another make than we know
        warn(f"an outgoing message could not be traced: {type_name(type(exc))}")
        return None, ctxt


def system_of(transport: Any) -> str | None:
    """Scheme of a transport's URL: ``rabbit``, ``kafka``, ``fake``."""
    try:
        scheme: str | None = transport._driver._url.transport
    except AttributeError:  # a driver of another make
        return None
    return scheme


def exchange_of(transport: Any, target: Any) -> str | None:
    """The exchange that a target's messages go through."""
    try:
        exchange: str | None = target.exchange or transport._driver._default_exchange
    except AttributeError:
        return None
    return exchange


def fail(span: entries.Recording, exc: BaseException) -> None:
    """Mark a span as failed. Of what another process raised, its name there counts, and no stack of here."""
    from oslo_messaging.rpc.client import RemoteError  # it is there: a message was being sent or served

    cls = type(exc)
    text = text_of(exc)
    if isinstance(exc, RemoteError):
        span.fail_as(captured(exc.exc_type) or type_name(cls), captured(exc.value))
    elif cls.__name__.endswith(_REMOTE):
        name = f"{cls.__module__.removesuffix(_REMOTE)}.{cls.__name__.removesuffix(_REMOTE)}"
        span.fail_as(name, text)  # the other side's stack behind it is cut off when it is exported
    elif text is not None and _STACK in text:  # a built-in one, whose class the drivers cannot change
        span.fail_as(type_name(cls), text)
    else:
        span.fail(exc)
