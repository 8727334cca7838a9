"""``python -m compute.conductor``: the conductor as a process of its own."""

import otel_bridge
from compute import conf, rpc, service
from compute.conductor.manager import ConductorManager
from compute.conf import CONF


def main() -> None:
    conf.load()
    otel_bridge.setup(CONF, project="compute", service="conductor", host=CONF.host)
    rpc.init()
    service.serve("conductor", CONF.host, ConductorManager())


if __name__ == "__main__":
    main()
