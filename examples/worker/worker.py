"""``python worker.py --config-file worker.conf``: builds what it is asked to by RPC, until SIGTERM."""

from __future__ import annotations

import signal
import threading
from typing import Any

import oslo_messaging
from common import CONF, TOPIC, load
from oslo_log import log

import otel_bridge

LOG = log.getLogger(__name__)


class Builder:
    """The methods that can be called. Nothing here knows that it is traced."""

    @oslo_messaging.expected_exceptions(ValueError)
    def build(self, context: dict[str, Any], name: str) -> str:
        if name == "broken":
            raise ValueError("this one cannot be built")
        LOG.info("built %s", name)
        return f"{name} is built"

    def tell(self, context: dict[str, Any], name: str) -> None:
        LOG.info("told about %s", name)


def start(transport: Any) -> Any:
    target = oslo_messaging.Target(topic=TOPIC, server="node-1")
    server = oslo_messaging.get_rpc_server(transport, target, [Builder()], executor="threading")
    server.start()
    return server


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    transport = load()
    otel_bridge.setup(CONF, project="builder", service="worker", host="node-1")
    server = start(transport)
    LOG.info("waiting for work")
    stop.wait()
    server.stop()
    server.wait()
    transport.cleanup()


if __name__ == "__main__":
    main()
