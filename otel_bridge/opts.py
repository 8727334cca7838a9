"""The oslo.config options of ``[profiler]`` and ``[otel_bridge]``.

An ``[otel_bridge]`` option for which OpenTelemetry has an environment variable has no default of its own:
None means that nobody set it, so that the variable, and then the default, can speak
(:mod:`otel_bridge.config`). The sample file shows the value that is in force then.
"""

from __future__ import annotations

from oslo_config import cfg

from otel_bridge import profiler_opts
from otel_bridge.settings import (
    INSTRUMENTATIONS,
    ExportSettings,
    LimitSettings,
    QueueSettings,
)

__all__ = ["INSTRUMENTATIONS", "OPTS", "list_opts", "register_opts"]

_EXPORT = ExportSettings()
_QUEUE = QueueSettings()
_LIMITS = LimitSettings()


def _flow(text: str) -> str:
    """One line a paragraph: who prints the help, the sample file or the documentation, breaks the lines."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


#: Largest integer that an option takes, the range that the environment variables have to support.
MAX_INT = 2**31 - 1


def _group() -> cfg.OptGroup:
    # A new one each time: two ConfigOpts that are given the same object share overrides and defaults.
    return cfg.OptGroup(
        "otel_bridge",
        title="OpenTelemetry tracing of signed requests",
        help=_flow("""
Export of the requests that are traced (see [profiler] enabled and hmac_keys) as OpenTelemetry spans.

An option that is not set here is taken from the OpenTelemetry environment variable that its description
names, and from the default after that. Changes take effect when the service is restarted.
"""),
    )


_EXPORT_OPTS = [
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
        help=_flow("""
How spans leave this service.

When not set: OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_PROTOCOL.
"""),
    ),
    cfg.StrOpt(
        "endpoint",
        sample_default="http://localhost:4318",
        help=_flow("""
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
        help=_flow("""
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
        help=_flow("""
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
        help=_flow("""
Compression of what is sent.

When not set: OTEL_EXPORTER_OTLP_TRACES_COMPRESSION or OTEL_EXPORTER_OTLP_COMPRESSION.
"""),
    ),
    cfg.StrOpt(
        "certificate",
        sample_default="/etc/ssl/certs/collector-ca.pem",
        help=_flow("""
PEM file with the certificate authorities to trust when the endpoint is https://. The system's own by
default.

When not set: OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE or OTEL_EXPORTER_OTLP_CERTIFICATE.
"""),
    ),
    cfg.StrOpt(
        "client_certificate",
        sample_default="/etc/otel-bridge/client.pem",
        help=_flow("""
PEM file with the certificate (and its chain) that this service shows to a receiver that asks for one.
None by default.

When not set: OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE or OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE.
"""),
    ),
    cfg.StrOpt(
        "client_key",
        sample_default="/etc/otel-bridge/client.key",
        help=_flow("""
PEM file with the private key of client_certificate. Not needed with HTTP when the certificate's file holds
the key as well.

When not set: OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY or OTEL_EXPORTER_OTLP_CLIENT_KEY.
"""),
    ),
    cfg.BoolOpt(
        "insecure",
        sample_default=_EXPORT.insecure,
        help=_flow("""
gRPC without encryption where the endpoint is given without http:// or https://. The scheme decides
otherwise, and always with HTTP.

When not set: OTEL_EXPORTER_OTLP_TRACES_INSECURE or OTEL_EXPORTER_OTLP_INSECURE.
"""),
    ),
]

_QUEUE_OPTS = [
    cfg.IntOpt(
        "max_queue_size",
        min=1,
        max=MAX_INT,
        sample_default=_QUEUE.max_queue_size,
        help=_flow("""
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
        help=_flow("""
Most spans to send in one request. Cannot exceed max_queue_size.

When not set: OTEL_BSP_MAX_EXPORT_BATCH_SIZE.
"""),
    ),
    cfg.FloatOpt(
        "schedule_delay",
        min=0.01,
        max=3600,
        sample_default=_QUEUE.schedule_delay,
        help=_flow("""
Seconds between two exports. A larger value makes fewer, larger requests and shows spans later.

When not set: OTEL_BSP_SCHEDULE_DELAY, in milliseconds.
"""),
    ),
    cfg.FloatOpt(
        "exit_timeout",
        default=_QUEUE.exit_timeout,
        min=0,
        max=600,
        help=_flow("""
Seconds that the exit of a process may be held up for its last spans to leave. 0 does not wait at all. Spans
that are left then are lost.
"""),
    ),
    cfg.BoolOpt(
        "flush_on_sigterm",
        default=True,
        help=_flow("""
On SIGTERM, let the last spans leave, within exit_timeout, before the process ends. Only done where SIGTERM
would otherwise kill the process at once: a handler of the service itself is never replaced.
"""),
    ),
]

_LIMIT_OPTS = [
    cfg.IntOpt(
        "max_spans_per_trace",
        default=_LIMITS.max_spans_per_trace,
        min=1,
        max=MAX_INT,
        help=_flow("""
Most spans that one process records of one trace. Further ones are not recorded; their number stands on the
trace's first span in that process.
"""),
    ),
    cfg.IntOpt(
        "attribute_count_limit",
        min=0,
        max=MAX_INT,
        sample_default=_LIMITS.attribute_count,
        help=_flow("""
Most attributes of one span. Further ones are dropped and counted.

When not set: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT or OTEL_ATTRIBUTE_COUNT_LIMIT.
"""),
    ),
    cfg.IntOpt(
        "attribute_length_limit",
        min=0,
        max=MAX_INT,
        sample_default=_LIMITS.attribute_length,
        help=_flow("""
Most characters of an attribute's text, an SQL statement's for example. What is longer is cut off.

When not set: OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT or OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT.
"""),
    ),
    cfg.IntOpt(
        "event_count_limit",
        min=0,
        max=MAX_INT,
        sample_default=_LIMITS.event_count,
        help=_flow("""
Most events (exceptions, above all) of one span. Further ones are dropped and counted.

When not set: OTEL_SPAN_EVENT_COUNT_LIMIT.
"""),
    ),
    cfg.IntOpt(
        "link_count_limit",
        min=0,
        max=MAX_INT,
        sample_default=_LIMITS.link_count,
        help=_flow("""
Most links of one span to other traces. Further ones are dropped and counted.

When not set: OTEL_SPAN_LINK_COUNT_LIMIT.
"""),
    ),
]

_RESOURCE_OPTS = [
    cfg.StrOpt(
        "service_name",
        sample_default="<project>-<service>",
        help=_flow("""
Name under which this service appears in traces (service.name). By default made of the project and the
service: nova-compute.

When not set: OTEL_SERVICE_NAME.
"""),
    ),
    cfg.StrOpt(
        "resource_attributes",
        sample_default="cloud.region=RegionOne,cloud.availability_zone=az1",
        help=_flow("""
Further attributes of this service, the same on all its spans: name=value entries separated by commas;
commas, equals signs and percent signs in a value percent-encoded. None by default. Added to those of
OTEL_RESOURCE_ATTRIBUTES, and stronger than these.
"""),
    ),
    cfg.StrOpt(
        "deployment_environment",
        sample_default="production",
        help=_flow("""
Deployment that this service belongs to, such as production or staging (deployment.environment.name). None
by default.

When not set: deployment.environment.name in OTEL_RESOURCE_ATTRIBUTES.
"""),
    ),
]

_CAPTURE_OPTS = [
    cfg.BoolOpt(
        "capture_args",
        default=False,
        help=_flow("""
Record arguments and results of traced functions, and nested info of trace points. Values of secret names
(admin_pass, user_data, auth_token and their like), hashes, tokens and keys are masked, and each text is cut
to 4096 characters. What is secret without a name that says so is not recognised: see redact_keys. Costs the
service some tenths of a millisecond for each call of a traced function.
"""),
    ),
    cfg.BoolOpt(
        "capture_thread",
        default=False,
        help=_flow("""
Record on each span the thread that it started on: thread.id, the operating system's id of the native thread,
and thread.name.
"""),
    ),
    cfg.ListOpt(
        "redact_keys",
        default=[],
        sample_default="customer_id,serial",
        help=_flow("""
Further names whose values are hidden wherever they stand: arguments, attributes, query strings, messages of
exceptions. They are compared by whole words, in any spelling: customer_id hides customerId and X-Customer-Id,
not customer_identity. None by default; names such as password, token or user_data are hidden in any case.
"""),
    ),
]

_OTHER_OPTS = [
    cfg.StrOpt(
        "hmac_algorithm",
        default="sha1",
        choices=[
            ("sha1", "understood by every service, those on osprofiler included"),
            ("sha256", "understood by services on otel_bridge only"),
        ],
        ignore_case=True,
        help=_flow("""
Hash with which this service signs the trace headers of the requests it makes. Both are accepted on requests
it receives.
"""),
    ),
    cfg.ListOpt(
        "instrument",
        sample_default=",".join(INSTRUMENTATIONS),
        help=_flow(f"""
Libraries whose calls become spans, out of: {", ".join(INSTRUMENTATIONS)}. Those that are not installed are
passed over. All by default, but not sqlalchemy where [profiler] trace_sqlalchemy has been set to false; none
where [profiler] connection_string is an otel:// one, since OSProfiler's own trace points are the spans then.
"""),
    ),
    cfg.StrOpt(
        "store",
        sample_default="jaeger+http://jaeger:16686",
        help=_flow("""
Where the otel-bridge command reads traces from: sqlite:PATH, jaeger+http://HOST:16686, or the URL of an
otel-bridge server, such as http://HOST:16687. The variable OTEL_BRIDGE_STORE is stronger. None by default.

When not set: the ?store= of [profiler] connection_string, if that is an otel:// one.
"""),
    ),
]

#: The options of ``[otel_bridge]``.
OPTS: list[cfg.Opt] = [
    *_EXPORT_OPTS,
    *_QUEUE_OPTS,
    *_LIMIT_OPTS,
    *_RESOURCE_OPTS,
    *_CAPTURE_OPTS,
    *_OTHER_OPTS,
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Registers ``[profiler]`` and ``[otel_bridge]``, on ``cfg.CONF`` or on a ConfigOpts of one's own.

    May be called any number of times, before or after ``osprofiler.opts.set_defaults``, and before or after
    the configuration files have been read.
    """
    conf.register_opts(OPTS, group=_group())
    group, options, _ = profiler_opts.group_and_options()
    for option in options:
        try:
            conf.register_opt(option, group=group)
        except cfg.DuplicateOptError:
            pass  # the service has an option of that name and its own idea of it: that one stays


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """What ``oslo-config-generator --namespace otel_bridge`` prints.

    ``[profiler]`` is left to ``--namespace osprofiler`` where OSProfiler is installed.
    """
    group, options, theirs = profiler_opts.group_and_options()
    return [(_group(), OPTS)] if theirs else [(group, options), (_group(), OPTS)]
