"""A service on the message bus: ``python bus_server.py ours|plain TRANSPORT_URL TOPIC HOST``.

``ours`` is instrumented by otel_bridge; ``plain`` has osprofiler and its serializer. Each prints ``ready``
once it listens, then a line of JSON for each span, or each of osprofiler's events.
"""

from __future__ import annotations

import json
import sys
import threading
import warnings
from typing import Any

warnings.simplefilter("ignore")  # eventlet's own, which futurist imports

import oslo_messaging  # noqa: E402
from bus import ProfilerSerializer  # noqa: E402
from oslo_config import cfg  # noqa: E402
from recorders import Recorder  # noqa: E402

from otel_bridge.instrumentation.messaging import MessagingInstrumentor, register_options  # noqa: E402
from otel_bridge.wire.signing import KeyRing  # noqa: E402

KEY = "a-key-of-this-test"


class Refused(Exception):
    """What the endpoint is expected to raise."""


class Endpoint:
    """RPC methods."""

    def __init__(self, transport: Any, serializer: Any) -> None:
        self._transport, self._serializer = transport, serializer
        self.hanging = threading.Event()

    def boot(self, ctxt: Any, name: str) -> str:
        return f"{name} runs"

    def fail(self, ctxt: Any) -> None:
        raise ValueError("no valid host")

    @oslo_messaging.expected_exceptions(Refused)
    def refuse(self, ctxt: Any) -> None:
        raise Refused("not here")

    def hang(self, ctxt: Any) -> None:
        self.hanging.wait(20)
        self.hanging.clear()  # the next one hangs again

    def go_on(self, ctxt: Any) -> None:
        self.hanging.set()

    def relay(self, ctxt: Any, topic: str, anew: bool) -> Any:
        """Call another service in the course of it, with the context as it came or with a new one."""
        target = oslo_messaging.Target(topic=topic)
        client = oslo_messaging.get_rpc_client(
            self._transport, target, timeout=20, serializer=self._serializer
        )
        return client.call({} if anew else ctxt, "boot", name="relayed")


class Listener:
    """Takes notifications one by one."""

    def info(self, ctxt: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any) -> None:
        return None

    def error(self, ctxt: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any) -> None:
        raise ValueError("no disk")


class BatchListener:
    """Takes notifications in batches."""

    def info(self, messages: Any) -> None:
        return None


def say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


class Printer(Recorder):
    """Prints spans as they end."""

    def put(self, span: Any) -> None:
        parent = span.parent
        say(
            {
                "name": span.name,
                "kind": span.kind.name,
                "trace_id": span.context.trace_id,
                "span_id": span.context.span_id,
                "parent_id": parent and parent.span_id,
                "error": span.attributes.get("error.type"),
                "attributes": dict(span.attributes),
                "links": [link.context.span_id for link in span.links],
            }
        )


def plain_serializer() -> Any:
    from osprofiler import notifier, profiler

    notifier.set(lambda info, context=None: say(info))

    class ThreadsSerializer(ProfilerSerializer):
        def deserialize_context(self, context: Any) -> Any:
            profiler.clean()  # or the thread's first trace would have all that follow
            return super().deserialize_context(context)

    profiler.trace_cls("rpc")(Endpoint)
    return ThreadsSerializer()


def main(flavour: str, url: str, topic: str, host: str) -> None:
    """See the module."""
    conf = cfg.ConfigOpts()
    conf([])
    register_options(conf)
    serializer = None
    if flavour == "ours":
        MessagingInstrumentor().instrument(
            tracer_provider=Printer().provider, keys=KeyRing.parse(KEY), conf=conf
        )
    else:
        serializer = plain_serializer()
    transport = oslo_messaging.get_rpc_transport(conf, url)
    notifications = oslo_messaging.get_notification_transport(conf, url)
    target = oslo_messaging.Target(topic=topic, server=host)
    servers = [
        oslo_messaging.get_rpc_server(
            transport, target, [Endpoint(transport, serializer)], "threading", serializer=serializer
        ),
        oslo_messaging.get_notification_listener(
            notifications, [oslo_messaging.Target(topic=f"{topic}-events")], [Listener()], "threading"
        ),
        oslo_messaging.get_batch_notification_listener(
            notifications,
            [oslo_messaging.Target(topic=f"{topic}-batches")],
            [BatchListener()],
            "threading",
            batch_size=3,
            batch_timeout=20,
        ),
    ]
    for server in servers:
        server.start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
