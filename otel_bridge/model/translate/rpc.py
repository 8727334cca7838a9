"""RPC messages of oslo.messaging: calls, casts and fanouts, as sent and as received.

Calls follow the conventions for RPC (CLIENT, SERVER). What expects no reply follows those for messaging as
well (PRODUCER, CONSUMER).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from otel_bridge.model.translate import function as code
from otel_bridge.model.translate.function import FUNCTION_NAME, CodePoint, function_name
from otel_bridge.model.translate.point import captured, span_name, text_of

RPC_SYSTEM: Final = "oslo_messaging"
CALL: Final = "call"
CAST: Final = "cast"
FANOUT: Final = "fanout"

#: Scheme of the transport URL -> messaging.system; others stay as they are.
_SYSTEMS: Final = {"rabbit": "rabbitmq", "kombu": "rabbitmq"}
#: kind of the message -> messaging.operation.name of the sender; a call is no messaging operation.
_SEND_NAMES: Final = {CAST: "cast", FANOUT: "fanout"}


class Served(NamedTuple):
    """What whoever dispatches a message knows of it, for the first point below it (:func:`table.begin`)."""

    #: The RPC method, as the message names it.
    method: str | None
    #: ``__module__`` and ``__qualname__`` of the class of the endpoint that serves it, where they are known.
    module: str | None = None
    endpoint: str | None = None
    #: :data:`CALL` or :data:`CAST`: what its sender did; None where that is not known.
    kind: str | None = None
    namespace: str | None = None
    version: str | None = None
    topic: str | None = None
    #: ``request_id`` of the message's context.
    request_id: str | None = None


def outgoing_kind(wait_for_reply: object, fanout: object) -> str:
    """The kind of an RPC message from what ``Transport._send`` is told."""
    return CALL if wait_for_reply else FANOUT if fanout else CAST


def messaging_system(scheme: str | None) -> str:
    """``messaging.system`` of a transport URL's scheme."""
    scheme = text_of(scheme)
    return _SYSTEMS.get(scheme, scheme) or RPC_SYSTEM


def destination_name(queue: str | None, exchange: str | None, scheme: str | None) -> str:
    """``messaging.destination.name``: on RabbitMQ ``exchange:routing_key``, elsewhere the queue's name.

    Empty where the queue is not known.
    """
    queue, exchange = text_of(queue), text_of(exchange)
    return f"{exchange}:{queue}" if queue and exchange and messaging_system(scheme) == "rabbitmq" else queue


class OutgoingMessage(CodePoint):
    """A message given to the transport."""

    __slots__ = (
        "exchange",
        "kind",
        "method",
        "namespace",
        "request_id",
        "server",
        "system",
        "topic",
        "version",
    )
    fallback = "rpc"

    #: ``call``, ``cast``, ``fanout``; None where it is not known.
    kind: str | None
    #: The RPC method.
    method: str | None
    namespace: str | None
    #: Version of the RPC interface.
    version: str | None
    topic: str | None
    exchange: str | None
    #: ``Target.server``: the host the message is meant for, or that serves.
    server: str | None
    #: Scheme of the transport URL: ``rabbit``, ``kafka``, ``fake``.
    system: str | None
    request_id: str | None

    def describe(self) -> tuple[str, dict[str, Any]]:
        kind = text_of(self.kind)
        name, attributes = self.rpc()
        if kind and kind != CALL:
            self.messaging(attributes, _SEND_NAMES.get(kind, kind), "send")
        elif text_of(self.server):
            attributes["server.address"] = self.server
        self.destination(attributes, fanout=kind == FANOUT, server=text_of(self.server))
        return span_name(name), attributes

    def rpc(self) -> tuple[str, dict[str, Any]]:
        """The name and the attributes that do not depend on the direction."""
        function = self.qualified()
        short = function_name(function).short if function else None
        method = text_of(self.method) or (function and function_name(function).method) or ""
        attributes: dict[str, Any] = {"rpc.system.name": RPC_SYSTEM}
        if method:
            namespace = text_of(self.namespace)
            attributes["rpc.method"] = f"{namespace}/{method}" if namespace else method
        if text_of(self.version):
            attributes["rpc.oslo_messaging.version"] = self.version
        if function:
            attributes[FUNCTION_NAME] = function
        if text_of(self.request_id):
            attributes["openstack.request_id"] = self.request_id
        self.add_details(attributes)
        return short or method or self.fallback, attributes

    def qualified(self) -> str:
        """The fully qualified name of the function, as far as it is known."""
        return text_of(self.function)

    def messaging(self, attributes: dict[str, Any], operation: str, operation_type: str) -> None:
        """What the conventions for messaging add."""
        attributes["messaging.system"] = messaging_system(self.system)
        attributes["messaging.operation.name"] = operation
        attributes["messaging.operation.type"] = operation_type

    def destination(self, attributes: dict[str, Any], *, fanout: bool, server: str) -> None:
        """messaging.destination.name, as the driver chooses it."""
        topic = text_of(self.topic)
        if not topic:
            return
        if fanout:
            name = f"{topic}_fanout"
        else:
            queue = f"{topic}.{server}" if server else topic
            name = destination_name(queue, self.exchange, self.system)
        attributes["messaging.destination.name"] = name


class IncomingMessage(OutgoingMessage):
    """A message given to an endpoint. ``kind`` says what its sender did."""

    __slots__ = ("endpoint", "module", "msg_id")

    #: ``__module__`` and ``__qualname__`` of the endpoint's class.
    module: str | None
    endpoint: str | None
    msg_id: str | None

    def describe(self) -> tuple[str, dict[str, Any]]:
        kind = text_of(self.kind)
        name, attributes = self.rpc()
        if kind and kind != CALL:
            self.messaging(attributes, "process", "process")
        elif text_of(self.server):
            attributes["server.address"] = self.server
        # The topic only: whether the message came by the host's own queue is not known here.
        self.destination(attributes, fanout=kind == FANOUT, server="")
        if text_of(self.msg_id):
            attributes["messaging.message.id"] = self.msg_id
        return span_name(name), attributes

    def qualified(self) -> str:
        endpoint, method = text_of(self.endpoint), text_of(self.method)
        if self.function or not endpoint or not method:
            return text_of(self.function)
        module = text_of(self.module)
        return f"{module}.{endpoint}.{method}" if module else f"{endpoint}.{method}"


def from_info(
    function: Mapping[str, Any], capture_args: bool, serving: bool, served: Served | None = None
) -> OutgoingMessage:
    """The point of an ``rpc`` trace point; OSProfiler knows the function only.

    Args:
        function: ``info["function"]``.
        capture_args: the operator wants arguments and results.
        serving: the point is the first one below a remote parent.
        served: the message that is being served, where it is known.
    """
    point: OutgoingMessage = object.__new__(IncomingMessage if serving else OutgoingMessage)
    code.capture(point, function, capture_args)
    point.kind = point.method = point.namespace = point.version = point.topic = point.exchange = None
    point.server = point.system = point.request_id = None
    if serving and isinstance(point, IncomingMessage):
        point.endpoint = point.module = point.msg_id = None
        if served is not None:
            _take(point, served)
    return point


def _take(point: IncomingMessage, served: Served) -> None:
    point.method = method = captured(served.method)
    point.module = captured(served.module)
    point.endpoint = captured(served.endpoint)
    point.kind = captured(served.kind)
    point.namespace = captured(served.namespace)
    point.version = captured(served.version)
    point.topic = captured(served.topic)
    point.request_id = captured(served.request_id)
    found = point.function
    if found and method and point.endpoint and function_name(found).short is None:
        point.function = None  # a decorator's inner function: the endpoint's method is what it is called for


def to_info(name: str, attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """OSProfiler's start and stop info of a message: the function, or the RPC method in its place."""
    method = attributes.get("rpc.method") or attributes.get("messaging.oslo_messaging.event_type")
    return code.to_info(str(method or name), attributes)
