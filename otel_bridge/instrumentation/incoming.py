"""What an incoming RPC message of oslo.messaging says of itself."""

from __future__ import annotations

from typing import Any

from otel_bridge.instrumentation.endpoints import Endpoints
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


def incoming_message(server: Any, message: Any, endpoints: Endpoints) -> IncomingMessage:
    """The point of a message that is served.

    Args:
        server: oslo.messaging's ``RPCServer``.
        message: its incoming message.
        endpoints: finds the endpoint that serves it.
    """
    content = message.message
    target = server._target
    point: IncomingMessage = _new(IncomingMessage)
    point.request_id = point.module = point.endpoint = point.function = point.error = point.origin = None
    point.kind = sent_as(message)
    point.method = method = captured(content.get("method"))
    point.namespace = namespace = captured(content.get("namespace"))
    point.version = version = captured(content.get("version"))
    point.msg_id = captured(getattr(message, "orig_msg_id", None))  # where there is none, msg_id is made up
    point.topic = target.topic
    point.server = target.server
    driver = server.transport._driver
    point.system = getattr(getattr(driver, "_url", None), "transport", None)
    point.exchange = target.exchange or getattr(driver, "_default_exchange", None)
    if isinstance(message.ctxt, dict):
        point.request_id = captured(message.ctxt.get("request_id"))
    endpoint = endpoints.find(server.dispatcher, namespace, version, method)
    if endpoint is not None:
        point.module, point.endpoint = endpoint
    return point
