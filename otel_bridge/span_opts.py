"""The options of ``[otel_bridge]`` about what spans say, and how much."""

from __future__ import annotations

from oslo_config import cfg

from otel_bridge.option_text import MAX_INT, flow
from otel_bridge.settings import LimitSettings

_LIMITS = LimitSettings()

LIMIT_OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        "max_spans_per_trace",
        default=_LIMITS.max_spans_per_trace,
        min=1,
        max=MAX_INT,
        help=flow("""
Most spans that one process records of one trace. Further ones are not recorded; their number stands on the
trace's first span in that process.
"""),
    ),
    cfg.IntOpt(
        "attribute_count_limit",
        min=0,
        max=MAX_INT,
        sample_default=_LIMITS.attribute_count,
        help=flow("""
Most attributes of one span. Further ones are dropped and counted.

When not set: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT or OTEL_ATTRIBUTE_COUNT_LIMIT.
"""),
    ),
    cfg.IntOpt(
        "attribute_length_limit",
        min=0,
        max=MAX_INT,
        sample_default=_LIMITS.attribute_length,
        help=flow("""
Most characters of an attribute's text, an SQL statement's for example. What is longer is cut off.

When not set: OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT or OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT.
"""),
    ),
    cfg.IntOpt(
        "event_count_limit",
        min=0,
        max=MAX_INT,
        sample_default=_LIMITS.event_count,
        help=flow("""
Most events (exceptions, above all) of one span. Further ones are dropped and counted.

When not set: OTEL_SPAN_EVENT_COUNT_LIMIT.
"""),
    ),
    cfg.IntOpt(
        "link_count_limit",
        min=0,
        max=MAX_INT,
        sample_default=_LIMITS.link_count,
        help=flow("""
Most links of one span to other traces. Further ones are dropped and counted.

When not set: OTEL_SPAN_LINK_COUNT_LIMIT.
"""),
    ),
]

RESOURCE_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "service_name",
        sample_default="<project>-<service>",
        help=flow("""
Name under which this service appears in traces (service.name). By default made of the project and the
service: nova-compute.

When not set: OTEL_SERVICE_NAME.
"""),
    ),
    cfg.StrOpt(
        "resource_attributes",
        sample_default="cloud.region=RegionOne,cloud.availability_zone=az1",
        help=flow("""
Further attributes of this service, the same on all its spans: name=value entries separated by commas;
commas, equals signs and percent signs in a value percent-encoded. None by default. Added to those of
OTEL_RESOURCE_ATTRIBUTES, and stronger than these.
"""),
    ),
    cfg.StrOpt(
        "deployment_environment",
        sample_default="production",
        help=flow("""
Deployment that this service belongs to, such as production or staging (deployment.environment.name). None
by default.

When not set: deployment.environment.name in OTEL_RESOURCE_ATTRIBUTES.
"""),
    ),
]

CAPTURE_OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        "capture_args",
        default=False,
        help=flow("""
Record arguments and results of traced functions, and nested info of trace points. Values of secret names
(admin_pass, user_data, auth_token and their like), hashes, tokens and keys are masked, and each text is cut
to 4096 characters. What is secret without a name that says so is not recognised: see redact_keys. Costs the
service some tenths of a millisecond for each call of a traced function.
"""),
    ),
    cfg.BoolOpt(
        "capture_thread",
        default=False,
        help=flow("""
Record on each span the thread that it started on: thread.id, the operating system's id of the native thread,
and thread.name.
"""),
    ),
    cfg.BoolOpt(
        "capture_sql_parameters",
        default=False,
        help=flow("""
Record the parameters of SQL statements, db.query.parameter.*: at most 32 of a statement, each cut to 1024
characters, and none of a batch. Values of secret names (see redact_keys) and whatever looks like a hash, a
token or a key are masked, binary ones shown by their length. Everything else that users store is then in the
spans, so this is for debugging.
"""),
    ),
    cfg.BoolOpt(
        "capture_row_counts",
        default=False,
        help=flow("""
Record how many rows an SQL statement returned, db.response.returned_rows, or an INSERT, UPDATE or DELETE
affected, otel_bridge.db.affected_rows, where the database driver tells without fetching them. The drivers of
MySQL and PostgreSQL do; SQLite tells the affected rows only.
"""),
    ),
    cfg.ListOpt(
        "redact_keys",
        default=[],
        sample_default="customer_id,serial",
        help=flow("""
Further names whose values are hidden wherever they stand: arguments, attributes, query strings, messages of
exceptions. They are compared by whole words, in any spelling: customer_id hides customerId and X-Customer-Id,
not customer_identity. None by default; names such as password, token or user_data are hidden in any case.
"""),
    ),
]
