"""``python orders.py PORT STOCK OTLP``: a service on otel_bridge."""

from __future__ import annotations

import sys
from pathlib import Path

import requests
import waitress
from oslo_config import cfg

import otel_bridge
from otel_bridge import opts
from otel_bridge.web import WsgiMiddleware

CONF = cfg.ConfigOpts()


def application(environ, start_response):
    text = "3.50" if environ["PATH_INFO"] == "/prices/tea" else _ask_stock()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


def _ask_stock() -> str:
    return requests.get(sys.argv[2], timeout=30).text  # the headers of the trace go along by themselves


def main(port: str, stock: str, otlp: str) -> None:
    opts.register_opts(CONF)
    CONF([], project="orders", default_config_files=[str(Path(__file__).with_name("shop.conf"))])
    CONF.set_override("endpoint", f"http://{otlp}", group="otel_bridge")
    otel_bridge.setup(CONF, project="orders", service="api", host="node-2")
    waitress.serve(WsgiMiddleware(application), listen=f"127.0.0.1:{port}")


if __name__ == "__main__":
    main(*sys.argv[1:])
