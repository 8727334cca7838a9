"""A service on plain osprofiler. Not a test: a process runs it, with the configuration's file and a port."""

import sys

import requests
import waitress
from oslo_config import cfg
from osprofiler import initializer, opts, profiler, web

CONF = cfg.ConfigOpts()
CONF.register_opt(cfg.StrOpt("next"))


def application(environ, start_response):
    with profiler.Trace("ask", info={"next": CONF.next}):
        answer = requests.get(CONF.next, headers=web.get_trace_id_headers(), timeout=30)
    start_response(f"{answer.status_code} {answer.reason}", [("Content-Type", "text/plain")])
    return [answer.content]


if __name__ == "__main__":
    assert "otel_bridge" not in sys.modules
    opts.set_defaults(CONF)
    CONF([], project="plain", default_config_files=[sys.argv[1]])
    initializer.init_from_conf(CONF, context=None, project="plain", service="api", host="node-1")
    waitress.serve(web.WsgiMiddleware(application), listen=f"127.0.0.1:{sys.argv[2]}")
