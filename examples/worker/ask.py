"""``python ask.py --config-file worker.conf``: asks the worker, and prints the id of the trace.

With ``transport_url = fake://``, which reaches no other process, the worker is in this one.
"""

from __future__ import annotations

import oslo_messaging
import worker
from common import CONF, TOPIC, load

import otel_bridge
from otel_bridge import profiler


def main() -> None:
    transport = load()
    otel_bridge.setup(CONF, project="builder", service="client")
    server = worker.start(transport) if CONF.transport_url.startswith("fake:") else None
    target = oslo_messaging.Target(topic=TOPIC)
    client = oslo_messaging.get_rpc_client(transport, target, timeout=30)

    # Nobody has asked this program, so it begins the trace itself, with a key that the worker has, too.
    base_id = profiler.init(CONF.profiler.hmac_keys).get_base_id()
    with profiler.Trace("ask"):
        client.cast({}, "tell", name="one")
        print(client.call({}, "build", name="one"))
        try:
            client.call({}, "build", name="broken")
        except ValueError as error:
            print(str(error).partition("\n")[0])  # the worker's whole traceback comes after that
    profiler.clean()
    print(f"trace {base_id}")

    if server is not None:
        server.stop()
        server.wait()
    transport.cleanup()


if __name__ == "__main__":
    main()
