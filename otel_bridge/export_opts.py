"""The options of ``[otel_bridge]`` about where spans go, and how."""

from __future__ import annotations

from oslo_config import cfg

from otel_bridge.option_text import MAX_INT, flow
from otel_bridge.settings import ExportSettings, QueueSettings

_EXPORT = ExportSettings()
_QUEUE = QueueSettings()

EXPORT_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "protocol",
        choices=[
            ("http/protobuf", "OTLP over HTTP, usually port 4318"),
            ("grpc", "OTLP over gRPC, usually port 4317; needs otel-bridge[grpc]"),
            ("console", "print each span to standard output, to try things out"),
            ("none", "send spans nowhere; requests that are sent on still carry the trace"),
        ],
        ignore_case=True,
        sample_default=_EXPORT.protocol,
        help=flow("""
How spans leave this service.

When not set: OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_PROTOCOL.
"""),
    ),
    cfg.StrOpt(
        "endpoint",
        sample_default="http://localhost:4318",
        help=flow("""
URL of the OpenTelemetry Collector, Jaeger, Tempo or otel-bridge server that takes the spans.

With HTTP, v1/traces is added to a URL without a path; a URL with a path is used as it is. https:// encrypts.
With gRPC, a URL such as http://collector:4317, or any target that gRPC accepts. Put credentials into
"headers", not into the URL. An otel:// address in [profiler] connection_string is stronger.

When not set: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, used as it is, or OTEL_EXPORTER_OTLP_ENDPOINT, to which
v1/traces is added.
"""),
    ),
    cfg.StrOpt(
        "headers",
        secret=True,
        sample_default="authorization=Bearer%20<token>",
        help=flow("""
Headers (gRPC: metadata) to send along, for a receiver that asks for credentials or a tenant: name=value
entries separated by commas, special characters in a value percent-encoded (a space is %20, a comma %2C).
None by default.

When not set: OTEL_EXPORTER_OTLP_TRACES_HEADERS or OTEL_EXPORTER_OTLP_HEADERS.
"""),
    ),
    cfg.FloatOpt(
        "timeout",
        min=0.1,
        max=3600,
        sample_default=_EXPORT.timeout,
        help=flow("""
Seconds that the export of one batch may take, all retries included. Spans that could not be delivered by
then are dropped and counted. Requests of users never wait for this.

When not set: OTEL_EXPORTER_OTLP_TRACES_TIMEOUT or OTEL_EXPORTER_OTLP_TIMEOUT, in milliseconds.
"""),
    ),
    cfg.StrOpt(
        "compression",
        choices=[
            ("auto", "gzip to another host, none to this one"),
            ("gzip", "always"),
            ("none", "never"),
        ],
        ignore_case=True,
        sample_default=_EXPORT.compression,
        help=flow("""
Compression of what is sent.

When not set: OTEL_EXPORTER_OTLP_TRACES_COMPRESSION or OTEL_EXPORTER_OTLP_COMPRESSION.
"""),
    ),
    cfg.StrOpt(
        "certificate",
        sample_default="/etc/ssl/certs/collector-ca.pem",
        help=flow("""
PEM file with the certificate authorities to trust when the endpoint is https://. The system's own by
default.

When not set: OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE or OTEL_EXPORTER_OTLP_CERTIFICATE.
"""),
    ),
    cfg.StrOpt(
        "client_certificate",
        sample_default="/etc/otel-bridge/client.pem",
        help=flow("""
PEM file with the certificate (and its chain) that this service shows to a receiver that asks for one.
None by default.

When not set: OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE or OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE.
"""),
    ),
    cfg.StrOpt(
        "client_key",
        sample_default="/etc/otel-bridge/client.key",
        help=flow("""
PEM file with the private key of client_certificate. Not needed with HTTP when the certificate's file holds
the key as well.

When not set: OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY or OTEL_EXPORTER_OTLP_CLIENT_KEY.
"""),
    ),
    cfg.BoolOpt(
        "insecure",
        sample_default=_EXPORT.insecure,
        help=flow("""
gRPC without encryption where the endpoint is given without http:// or https://. The scheme decides
otherwise, and always with HTTP.

When not set: OTEL_EXPORTER_OTLP_TRACES_INSECURE or OTEL_EXPORTER_OTLP_INSECURE.
"""),
    ),
]

QUEUE_OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        "max_queue_size",
        min=1,
        max=MAX_INT,
        sample_default=_QUEUE.max_queue_size,
        help=flow("""
Finished spans that each process keeps until they are exported. When so many wait, further ones are dropped
and counted; the service itself never waits.

When not set: OTEL_BSP_MAX_QUEUE_SIZE.
"""),
    ),
    cfg.IntOpt(
        "max_export_batch_size",
        min=1,
        max=MAX_INT,
        sample_default=_QUEUE.max_export_batch_size,
        help=flow("""
Most spans to send in one request. Cannot exceed max_queue_size.

When not set: OTEL_BSP_MAX_EXPORT_BATCH_SIZE.
"""),
    ),
    cfg.FloatOpt(
        "schedule_delay",
        min=0.01,
        max=3600,
        sample_default=_QUEUE.schedule_delay,
        help=flow("""
Seconds between two exports. A larger value makes fewer, larger requests and shows spans later.

When not set: OTEL_BSP_SCHEDULE_DELAY, in milliseconds.
"""),
    ),
    cfg.FloatOpt(
        "exit_timeout",
        default=_QUEUE.exit_timeout,
        min=0,
        max=600,
        help=flow("""
Seconds that the exit of a process may be held up for its last spans to leave. 0 does not wait at all. Spans
that are left then are lost.
"""),
    ),
    cfg.BoolOpt(
        "flush_on_sigterm",
        default=True,
        help=flow("""
On SIGTERM, let the last spans leave, within exit_timeout, before the process ends. Only done where SIGTERM
would otherwise kill the process at once: a handler of the service itself is never replaced.
"""),
    ),
]
