"""``python -m compute.compute``: one compute node as a process of its own."""

import otel_bridge
from compute import conf, rpc, service
from compute.compute.manager import ComputeManager
from compute.conf import CONF


def main() -> None:
    conf.load()
    otel_bridge.setup(CONF, project="compute", service="node", host=CONF.host)
    rpc.init()
    service.serve("compute", CONF.host, ComputeManager(CONF.host))


if __name__ == "__main__":
    main()
