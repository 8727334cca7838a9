"""A service that sets otel_bridge up itself and has nothing of osprofiler. Not a test: servers load it."""

import os
import time
from pathlib import Path

from oslo_config import cfg

import otel_bridge
from otel_bridge.web import WsgiMiddleware

CONF = cfg.ConfigOpts()
CONF([], project="shop", default_config_files=[str(Path(__file__).with_name("shop.conf"))])
otel_bridge.setup(CONF, project="shop", service="api", host="node-1")
TRACER = otel_bridge.get_tracer_provider().get_tracer("shop")


def sell(environ, start_response):
    """Says which process it was, and takes long enough that requests overlap."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/sales/stream":
        return _pieces()
    with TRACER.start_as_current_span("sale"):
        time.sleep(0.002)
        return [str(os.getpid()).encode()]


def _pieces():
    with TRACER.start_as_current_span("sale"):
        for digit in str(os.getpid()):
            time.sleep(0.001)
            yield digit.encode()


application = WsgiMiddleware(sell)
