"""A service on otel_bridge. Not a test: a process runs it, with the configuration's file and a port.

Its API hands each request on to its worker, by RPC, and the worker asks the next service. The last service
has no worker, and asks nobody.
"""

import sys

import oslo_messaging
import requests
import waitress
from oslo_config import cfg
from oslo_messaging import opts as messaging_opts

import otel_bridge
from otel_bridge.web import WsgiMiddleware

CONF = cfg.ConfigOpts()
CONF.register_opt(cfg.StrOpt("next"))


class Worker:
    """What the API calls."""

    target = oslo_messaging.Target(version="1.0")

    def ask(self, context):
        return requests.get(CONF.next, timeout=30).text


def main(file, role, port):
    for group, options in messaging_opts.list_opts():
        CONF.register_opts(options, group=group)
    CONF([], project="ours", default_config_files=[file])
    otel_bridge.setup(CONF, project="ours", service=role, host="node-2")
    if role == "last":
        waitress.serve(WsgiMiddleware(last), listen=f"127.0.0.1:{port}")
        return
    transport = oslo_messaging.get_rpc_transport(CONF)
    if role == "worker":
        target = oslo_messaging.Target(topic="worker", server="node-2")
        server = oslo_messaging.get_rpc_server(transport, target, [Worker()], executor="threading")
        server.start()
        print("started", flush=True)
        server.wait()
        return
    client = oslo_messaging.get_rpc_client(transport, oslo_messaging.Target(topic="worker", version="1.0"))

    def application(environ, start_response):
        text = client.call({}, "ask")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [text.encode()]

    waitress.serve(WsgiMiddleware(application), listen=f"127.0.0.1:{port}")


def last(environ, start_response):
    """Says which headers of a trace it was sent."""
    names = ("HTTP_X_TRACE_INFO", "HTTP_X_TRACE_HMAC", "HTTP_TRACEPARENT")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(name for name in names if name in environ).encode()]


if __name__ == "__main__":
    main(*sys.argv[1:])
