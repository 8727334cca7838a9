"""``python shop.py PORT ORDERS OTLP``: a service on plain osprofiler, with osprofiler's own OTLP driver."""

from __future__ import annotations

import sys
from pathlib import Path

import requests
import waitress
from oslo_config import cfg
from osprofiler import initializer, opts, profiler, web

CONF = cfg.ConfigOpts()


def application(environ, start_response):
    with profiler.Trace("buy"):
        answer = requests.get(sys.argv[2], headers=web.get_trace_id_headers(), timeout=30)
    start_response(f"{answer.status_code} {answer.reason}", [("Content-Type", "text/plain")])
    return [answer.content]


def main(port: str, orders: str, otlp: str) -> None:
    for group, options in opts.list_opts():  # set_defaults() leaves those of the OTLP driver out
        CONF.register_opts(options, group=group)
    CONF([], project="shop", default_config_files=[str(Path(__file__).with_name("shop.conf"))])
    CONF.set_override("connection_string", f"otlp://{otlp}", group="profiler")
    initializer.init_from_conf(CONF, context=None, project="shop", service="api", host="node-1")
    waitress.serve(web.WsgiMiddleware(application), listen=f"127.0.0.1:{port}")


if __name__ == "__main__":
    main(*sys.argv[1:])
