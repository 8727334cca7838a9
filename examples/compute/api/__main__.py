"""``python -m compute.api``: the compute API.

With ``transport_url = fake://`` it runs the conductor and the compute nodes as threads of its own, because
that bus reaches no other process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from paste.deploy import loadapp

import otel_bridge
from compute import conf, rpc, service, wsgi
from compute.compute.manager import ComputeManager
from compute.conductor.manager import ConductorManager
from compute.conf import CONF, PASTE_CONFIG
from compute.db import api as db


@contextmanager
def application() -> Iterator[Any]:
    with ExitStack() as stack:
        db.connect()
        rpc.init()
        stack.callback(rpc.cleanup)
        if rpc.is_local():
            for host in CONF.api.local_hosts:
                stack.enter_context(service.running("compute", host, ComputeManager(host)))
            stack.enter_context(service.running("conductor", CONF.host, ConductorManager()))
        yield loadapp(f"config:{PASTE_CONFIG}", name="compute")


def main() -> int:
    conf.load()
    otel_bridge.setup(CONF, project="compute", service="api", host=CONF.host)
    options = CONF.api
    return wsgi.serve(
        application, options.listen, options.port, workers=options.workers, threads=options.threads
    )


if __name__ == "__main__":
    sys.exit(main())
