"""A service that has osprofiler's trace points and knows nothing else. Not a test: servers load it."""

import os
from pathlib import Path

from oslo_config import cfg
from osprofiler import initializer, opts, profiler, web

CONF = cfg.ConfigOpts()
opts.set_defaults(CONF)
CONF([], project="shop", default_config_files=[str(Path(__file__).with_name("shop.conf"))])
if CONF.profiler.enabled:
    initializer.init_from_conf(CONF, context=None, project="shop", service="api", host="node-1")


def sell(environ, start_response):
    """Says which process it was."""
    with profiler.Trace("sale", info={"article": 1}):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]


application = web.WsgiMiddleware(sell)
