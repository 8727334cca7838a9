"""RPC of oslo.messaging without a bus: a client and a server of it, and the calls between them.

The driver hands each message to the server at once, in a context of its own: what a real one adds is not the
matter, and the in-memory one polls every 50 ms.
"""

from __future__ import annotations

import contextvars
import itertools
import logging
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

#: Calls in a block.
COUNT = 200
#: What a service's message context says, beside the request's own id.
CONTEXT = {
    "user_id": "3f1ad3a0b1b34e0f8f1f7c3a4f0a3c52",
    "project_id": "5f1ad3a0b1b34e0f8f1f7c3a4f0a3c52",
    "is_admin": False,
    "read_deleted": "no",
    "roles": ["member", "reader"],
    "timestamp": "2026-01-01T00:00:00.000000",
}


def imported() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
        import oslo_messaging
        import oslo_messaging.rpc.dispatcher
        import oslo_messaging.rpc.server
        import oslo_messaging.transport
    logging.getLogger("oslo_messaging").setLevel(logging.WARNING)
    return oslo_messaging


class _Driver:
    """Serves each message in the sender's thread, but in another context, as the other process would."""

    _default_exchange = "nova"
    _url = SimpleNamespace(transport="rabbit")

    def __init__(self, conf: Any) -> None:
        self.conf = conf
        self.serve: Callable[[Any], None] = lambda incoming: None
        self._within = contextvars.Context()

    def send(self, target: Any, ctxt: Any, message: Any, **options: Any) -> Any:
        received = incoming(ctxt, message)
        self._within.run(self.serve, [received])
        return received.answer


def incoming(ctxt: Any, message: Any) -> Any:
    """A message as a driver makes it; the class is made once oslo.messaging has been imported."""
    global _Incoming
    if _Incoming is None:
        from oslo_messaging._drivers.base import RpcIncomingMessage

        class Incoming(RpcIncomingMessage):  # type: ignore[misc]
            answer = None
            reply_q = "reply_4c2f"

            def reply(self, reply: Any = None, failure: Any = None) -> None:
                self.answer = reply

            def requeue(self) -> None:
                return None

            def heartbeat(self) -> None:
                return None

        _Incoming = Incoming
    return _Incoming(ctxt, message)


_Incoming: Any = None


def calls(
    serializer: Any = None,
    traced: Callable[[type], type] = lambda cls: cls,
    elsewhere: Callable[[Any], Any] = lambda serve: serve,
    *,
    tracing: bool = False,
) -> Callable[[], None]:
    """A block of calls, through a client and a server of their own.

    Args:
        serializer: between context and bus, on both sides.
        traced: instruments the classes of client and server.
        elsewhere: has the server work as on a thread of its own.
        tracing: oslo.messaging's own.
    """
    oslo_messaging = imported()
    from oslo_config import cfg
    from oslo_messaging._metrics.client import oslo_messaging_metrics
    from oslo_messaging._tracing.client import oslo_messaging_tracing

    conf = cfg.ConfigOpts()
    conf.register_opts(oslo_messaging_tracing, "oslo_messaging_tracing")
    conf.register_opts(oslo_messaging_metrics, "oslo_messaging_metrics")
    conf([])
    conf.set_override("tracing_enabled", tracing, "oslo_messaging_tracing")

    class Manager:
        target = oslo_messaging.Target(namespace="compute", version="2.3")

        def build(self, context: Any, instance: str) -> str:
            return instance

    class ComputeAPI:
        def __init__(self, client: Any) -> None:
            self.client = client

        def build(self, context: Any, instance: str) -> Any:
            return self.client.call(context, "build", instance=instance)

    driver = _Driver(conf)
    transport = oslo_messaging.transport.RPCTransport(driver)
    dispatcher = oslo_messaging.rpc.dispatcher.RPCDispatcher([traced(Manager)()], serializer)
    served = oslo_messaging.Target(topic="compute", server="compute-7")
    server = oslo_messaging.rpc.server.RPCServer(transport, served, dispatcher)
    driver.serve = elsewhere(server._process_incoming)
    target = oslo_messaging.Target(topic="compute", namespace="compute", version="2.0")
    client = oslo_messaging.get_rpc_client(transport, target, timeout=60, serializer=serializer)
    api = traced(ComputeAPI)(client)
    instances = [f"instance-{number:08x}" for number in range(COUNT)]

    def block() -> None:
        for instance in instances:
            api.build({**CONTEXT, "request_id": next(_REQUESTS)}, instance)

    return block


_REQUESTS = (f"req-5f1ad3a0-b1b3-4e0f-8f1f-{number:012x}" for number in itertools.count())
