"""A role that is reached by RPC: started, announced in the database, and stopped on SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import oslo_messaging as messaging

from compute import rpc
from compute.db import api as db

LOG = logging.getLogger(__name__)


@contextmanager
def running(topic: str, host: str, manager: object) -> Iterator[None]:
    """Serve ``manager``'s methods on ``topic``, as ``host``, for as long as the block lasts.

    The role is announced (table ``services``) once it can be reached, and no longer when it stops.
    """
    server = rpc.get_server(messaging.Target(topic=topic, server=host), manager)
    server.start()
    db.service_up(topic, host)
    LOG.info("%s on %s is up", topic, host)
    try:
        yield
    finally:
        db.service_down(topic, host)
        server.stop()
        server.wait()
        LOG.info("%s on %s is down", topic, host)


def serve(topic: str, host: str, manager: object) -> None:
    """Run one role as this process, until SIGTERM or Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with running(topic, host, manager):
        stop.wait()
    rpc.cleanup()
