"""The message bus: one transport for a process, clients and servers on top of it."""

from __future__ import annotations

from typing import Any

import oslo_messaging as messaging
from oslo_context.context import RequestContext

from compute.conf import CONF

_transport: messaging.RPCTransport | None = None


def init() -> None:
    """Connect this process to the bus; to be called after a fork, never before."""
    global _transport
    _transport = messaging.get_rpc_transport(CONF, allowed_remote_exmods=["compute.exception"])


def cleanup() -> None:
    """Close the connections of this process."""
    global _transport
    if _transport is not None:
        _transport.cleanup()
        _transport = None


def is_local() -> bool:
    """Whether the bus reaches no further than this process."""
    return str(CONF.transport_url).startswith("fake:")


def get_client(target: messaging.Target) -> Any:
    return messaging.get_rpc_client(_transport, target, serializer=RequestContextSerializer())


def get_server(target: messaging.Target, endpoint: object) -> Any:
    return messaging.get_rpc_server(
        _transport,
        target,
        [endpoint],
        executor="threading",
        serializer=RequestContextSerializer(),
        access_policy=messaging.DefaultRPCAccessPolicy,
    )


class RequestContextSerializer(messaging.NoOpSerializer):
    """Sends the request's context along with each message."""

    def serialize_context(self, context: RequestContext) -> dict[str, Any]:
        return context.to_dict()

    def deserialize_context(self, context: dict[str, Any]) -> RequestContext:
        return RequestContext.from_dict(context)
