"""The options of ``[otel_bridge]`` about reading traces back."""

from __future__ import annotations

from oslo_config import cfg

from otel_bridge.option_text import flow

STORE_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "store",
        sample_default="jaeger+http://jaeger:16686",
        help=flow("""
Where the otel-bridge command reads traces from: jaeger+http://HOST:16686, tempo+http://HOST:3200, the URL of
an otel-bridge server, such as http://HOST:16687, its database as sqlite:PATH, or a file of OTLP or Jaeger
JSON as file:PATH. The variable OTEL_BRIDGE_STORE is stronger. None by default.

When not set: the ?store= of [profiler] connection_string, if that is an otel:// one.
"""),
    ),
    cfg.StrOpt(
        "store_headers",
        secret=True,
        sample_default="x-scope-orgid=openstack",
        help=flow("""
Headers to send along when traces are read from this store, for one that asks for credentials or a tenant:
name=value entries separated by commas, special characters in a value percent-encoded. They are sent to no
other store, not even after a redirect. The variable OTEL_BRIDGE_STORE_HEADERS is stronger. None by default.
"""),
    ),
    cfg.StrOpt(
        "store_ca_file",
        sample_default="/etc/ssl/certs/jaeger-ca.pem",
        help=flow("""
PEM file with the certificate authorities to trust when this store is https://. The variable
OTEL_BRIDGE_STORE_CA_FILE is stronger. The system's own by default.
"""),
    ),
    cfg.StrOpt(
        "store_client_cert",
        sample_default="/etc/otel-bridge/reader.pem",
        help=flow("""
PEM file with the certificate (and its chain) to show to a store that asks for one. The variable
OTEL_BRIDGE_STORE_CLIENT_CERT is stronger. None by default.
"""),
    ),
    cfg.StrOpt(
        "store_client_key",
        sample_default="/etc/otel-bridge/reader.key",
        help=flow("""
PEM file with the private key of store_client_cert. Not needed when the certificate's file holds it as well.
The variable OTEL_BRIDGE_STORE_CLIENT_KEY is stronger.
"""),
    ),
    cfg.FloatOpt(
        "store_timeout",
        min=0.1,
        max=3600,
        sample_default=30.0,
        help=flow("""
Seconds that each request to the store may take, its answer included. The variable OTEL_BRIDGE_STORE_TIMEOUT,
in seconds as well, is stronger.
"""),
    ),
]
