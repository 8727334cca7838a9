"""What an incoming RPC message of oslo.messaging says of itself."""

from __future__ import annotations

from typing import Any
from weakref import ref

from otel_bridge.instrumentation.endpoints import MAX_LENGTH, MAX_REMEMBERED, Endpoints
from otel_bridge.instrumentation.message_tracing import exchange_of, system_of
from otel_bridge.model.translate import IncomingMessage
from otel_bridge.model.translate.point import captured
from otel_bridge.model.translate.rpc import CALL, CAST

_new = object.__new__


def sent_as(message: Any) -> str:
    """Whether an incoming message was sent by ``call`` or by ``cast``; a fanout is a cast to who gets it.

    Of RabbitMQ's, the in-memory and the AMQP 1.0 driver. A message id says nothing: casts have one too.
    """
    awaited = (
        getattr(message, "reply_q", None)
        or getattr(message, "_reply_q", None)
        or getattr(message, "_reply_to", None)
    )
    return CALL if awaited else CAST


class IncomingMessages:
    """Makes the points of messages that are served, and remembers what all messages for one method share."""

    __slots__ = ("_endpoints", "_shared")

    def __init__(self) -> None:
        self._endpoints = Endpoints()
        #: By weak reference to the server, then by method; a WeakKeyDictionary costs a call more.
        self._shared: dict[Any, dict[Any, tuple[Any, ...]]] = {}

    def point(self, server: Any, message: Any) -> IncomingMessage:
        """The point of a message.

        Args:
            server: oslo.messaging's ``RPCServer``.
            message: its incoming message.
        """
        content = message.message
        wanted = content.get("method"), content.get("namespace"), content.get("version")
        try:
            shared = self._shared[ref(server)][wanted]
        except (KeyError, TypeError):  # not seen yet, or nothing that is ever remembered
            shared = self._look(server, *wanted)
        point: IncomingMessage = _new(IncomingMessage)
        (
            point.method,
            point.namespace,
            point.version,
            point.module,
            point.endpoint,
            point.topic,
            point.server,
            point.system,
            point.exchange,
        ) = shared
        point.function = point.error = point.origin = None
        point.kind = sent_as(message)
        point.msg_id = captured(getattr(message, "orig_msg_id", None))  # else msg_id is made up
        ctxt = message.ctxt
        point.request_id = captured(ctxt.get("request_id")) if isinstance(ctxt, dict) else None
        return point

    def _look(self, server: Any, *wanted: Any) -> tuple[Any, ...]:
        method, namespace, version = map(captured, wanted)
        target = server._target
        endpoint = self._endpoints.find(server.dispatcher, namespace, version, method)
        shared = (
            method,
            namespace,
            version,
            *((None, None) if endpoint is None else endpoint),
            target.topic,
            target.server,
            system_of(server.transport),
            exchange_of(server.transport, target),
        )
        # Only what is text: 1, 1.0 and True would be one and the same.
        if (method, namespace, version) == wanted and sum(len(name or "") for name in wanted) <= MAX_LENGTH:
            known = self._shared.setdefault(ref(server, lambda gone: self._shared.pop(gone, None)), {})
            if len(known) >= MAX_REMEMBERED:  # names come off the wire
                known.clear()
            known[wanted] = shared
        return shared
