"""What the process knows of an RPC message that it serves, before the service deserializes it.

The service's serializer takes OSProfiler's ``trace_info`` out of the message and calls ``profiler.init``; the
endpoint's method is an ``rpc`` point then, which says no more than the function's name, and not even that
where a decorator has hidden it. The message says the rest.
"""

from __future__ import annotations

from typing import Any

from otel_bridge.instrumentation.endpoints import Endpoints
from otel_bridge.instrumentation.incoming import sent_as
from otel_bridge.instrumentation.message_context import TRACE_INFO
from otel_bridge.model.translate.rpc import Served

_endpoints = Endpoints()


def served_message(server: Any, incoming: Any) -> Served | None:
    """What a traced message says; None for one that is not, or is of another make. Never raises.

    Args:
        server: oslo.messaging's ``RPCServer``.
        incoming: what its ``_process_incoming`` is given.
    """
    try:
        message = incoming[0]
        if not message.ctxt.get(TRACE_INFO):
            return None
        content = message.message
        method, namespace, version = content.get("method"), content.get("namespace"), content.get("version")
        endpoint = _endpoints.find(server.dispatcher, namespace, version, method)
        return Served(
            method,
            module=None if endpoint is None else endpoint.module,
            endpoint=None if endpoint is None else endpoint.qualname,
            kind=sent_as(message),
            namespace=namespace,
            version=version,
            topic=server._target.topic,
            request_id=message.ctxt.get("request_id"),
        )
    except Exception:  # a context that is no dict, a server that is none: then the point says less
        return None
