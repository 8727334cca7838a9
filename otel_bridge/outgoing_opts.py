"""The options of ``[otel_bridge]`` about requests and messages to other services."""

from __future__ import annotations

from oslo_config import cfg

from otel_bridge.option_text import flow

OUTGOING_OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        "propagate_to",
        sample_default=".cloud.example.org,keystone,192.0.2.0/24",
        help=flow("""
Hosts that HTTP requests of a traced request carry the trace to, signed headers and traceparent alike: names,
.domains (which stand for themselves and what is below them), addresses and networks, separated by commas.
They are compared with the host in the URL: names are not resolved, ports do not matter. Requests to other
hosts are recorded, but show nothing of the trace. Set it where a service talks to servers of others. An
empty list lets nobody have it. All hosts by default. Where requests, keystoneauth1, urllib3 or httpx follow a
redirect to another origin, the trace stays behind in any case.

When not set: OTEL_BRIDGE_PROPAGATE_TO.
"""),
    ),
    cfg.StrOpt(
        "rpc_trace_info",
        default="off",
        choices=[
            ("off", "nothing: services without otel-bridge do not see the trace"),
            ("unkeyed", "the ids, without a key: they record in the right trace, and sign nothing they send"),
            ("keyed", "the ids and the HMAC key, as osprofiler does: everybody on the bus sees the key"),
        ],
        help=flow("""
What messages of a traced request tell services that run plain osprofiler, in the message context's
trace_info. Services with otel-bridge need none of it: they get a signature that they verify, and never the
key. Where the service has osprofiler's own serializer, what that writes is sent in any case.
"""),
    ),
]
