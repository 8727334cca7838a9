"""Settings as a whole, and the parts of them that are few lines each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from otel_bridge import resource
from otel_bridge.config import connection as connections
from otel_bridge.config.connection import Connection
from otel_bridge.config.export import read_export
from otel_bridge.config.gate import read_gate
from otel_bridge.config.policy import service_names
from otel_bridge.config.sources import Sources, show
from otel_bridge.settings import (
    INSTRUMENTATIONS,
    CaptureSettings,
    LimitSettings,
    QueueSettings,
    Settings,
)
from otel_bridge.wire.destinations import Destinations

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

#: What the name of a secret is recognised by (:mod:`otel_bridge.model.redaction.keys`).
_WORD = re.compile(r"[A-Za-z0-9]")


def from_environ(
    environ: Mapping[str, str],
    *,
    project: str | None = None,
    service: str | None = None,
    host: str | None = None,
    connection: str | None = None,
) -> Settings:
    """Settings of a process that has no oslo.config, such as one under ``opentelemetry-instrument``.

    Requests are traced if there is an HMAC key and ``OTEL_SDK_DISABLED`` is not true. With OSProfiler's
    connection string a key is not needed: the service tells its keys to OSProfiler.
    """
    return _build(Sources(environ), project, service, host, connection)


def from_conf(
    conf: ConfigOpts,
    environ: Mapping[str, str],
    *,
    project: str | None = None,
    service: str | None = None,
    host: str | None = None,
    connection: str | None = None,
) -> Settings:
    """Settings of a service; the options are registered on ``conf`` if they are not yet.

    Args:
        conf: ``cfg.CONF`` or the service's own; its files have been read.
        environ: the environment.
        project: ``nova``.
        service: ``nova-compute`` or ``compute``.
        host: name of the host as the service knows it.
        connection: OSProfiler's connection string, where that is how the service has chosen us. What it says
            is stronger than options and environment, but for ``store``. Nothing is instrumented then unless
            ``[otel_bridge] instrument`` says so, since OSProfiler's trace points are the spans.
    """
    from otel_bridge import opts

    opts.register_opts(conf)
    return _build(Sources(environ, conf), project, service, host, connection)


def _build(
    sources: Sources, project: str | None, service: str | None, host: str | None, connection: str | None
) -> Settings:
    connected = _connection(sources, connection)
    export = read_export(sources, connected)
    instrument = _instrument(sources, INSTRUMENTATIONS if connection is None else ())
    broken = any(problem.fatal for problem in sources.problems)
    if broken:
        export = replace(export, protocol="none")
    described = resource.build(project=project, service=service, host=host, attributes=_attributes(sources))
    gate = read_gate(
        sources, service_names(described), keys_follow=connection is not None and not sources.has_options
    )
    # The variable first: it is set by who reads, and the option once, for everybody.
    store = sources.text(None, "OTEL_BRIDGE_STORE") or sources.text("store", secret=True)
    return Settings(
        export=export,
        queue=_queue(sources),
        limits=_limits(sources),
        resource=MappingProxyType(described),
        gate=replace(gate, enabled=False) if broken else gate,
        capture=CaptureSettings(
            args=sources.flag("capture_args"),
            thread=sources.flag("capture_thread"),
            sql_parameters=sources.flag("capture_sql_parameters"),
            row_counts=sources.flag("capture_row_counts"),
        ),
        redact_keys=_redact_keys(sources),
        propagate_to=read_propagate_to(sources),
        rpc_trace_info=sources.option("rpc_trace_info") or "off",
        store=connected.store if store is None else store.value,
        instrument=instrument,
        set_global=sources.flag("set_global"),
        flush_on_sigterm=sources.flag("flush_on_sigterm", default=True),
        problems=tuple(sources.problems),
    )


def _connection(sources: Sources, text: str | None) -> Connection:
    if text is None:
        return Connection()
    try:
        found = connections.parse(text)
    except ValueError as error:
        sources.report(connections.ORIGIN, f"{error}; set it to otel://HOST:PORT, for example", fatal=True)
        return Connection()
    if found.target is not None and found.target.authorization is not None:
        sources.report(
            connections.ORIGIN,
            "it has credentials, which OSProfiler writes into the log: put them into [otel_bridge] headers",
        )
    if found.store is not None and "@" in found.store:
        sources.report(
            connections.ORIGIN,
            "its ?store= has credentials, which OSProfiler writes into the log: use [otel_bridge] store",
        )
    return found


def _queue(sources: Sources) -> QueueSettings:
    default = QueueSettings()
    size = sources.integer(
        "max_queue_size", "OTEL_BSP_MAX_QUEUE_SIZE", default=default.max_queue_size, minimum=1
    )
    batch = sources.integer(
        "max_export_batch_size",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        default=default.max_export_batch_size,
        minimum=1,
    )
    delay = sources.seconds("schedule_delay", "OTEL_BSP_SCHEDULE_DELAY", default=default.schedule_delay)
    return QueueSettings(
        max_queue_size=size,
        max_export_batch_size=min(batch, size),
        schedule_delay=max(delay, 0.01),  # 0 is legal in the specification: as soon as possible
        exit_timeout=sources.seconds("exit_timeout", default=default.exit_timeout),
    )


def _limits(sources: Sources) -> LimitSettings:
    default = LimitSettings()
    return LimitSettings(
        max_spans_per_trace=sources.integer(
            "max_spans_per_trace", default=default.max_spans_per_trace, minimum=1
        ),
        attribute_count=sources.integer(
            "attribute_count_limit",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            "OTEL_ATTRIBUTE_COUNT_LIMIT",
            default=default.attribute_count,
            minimum=0,
        ),
        attribute_length=sources.integer(
            "attribute_length_limit",
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            default=default.attribute_length,
            minimum=0,
        ),
        event_count=sources.integer(
            "event_count_limit", "OTEL_SPAN_EVENT_COUNT_LIMIT", default=default.event_count, minimum=0
        ),
        link_count=sources.integer(
            "link_count_limit", "OTEL_SPAN_LINK_COUNT_LIMIT", default=default.link_count, minimum=0
        ),
    )


def _attributes(sources: Sources) -> dict[str, str]:
    """The resource attributes that somebody stated, the strongest last."""
    attributes: dict[str, str] = {}
    for found, name in (
        (sources.text(None, "OTEL_RESOURCE_ATTRIBUTES"), None),
        (sources.text(None, "OTEL_SERVICE_NAME"), "service.name"),
        (sources.text("resource_attributes"), None),
        (sources.text("deployment_environment"), "deployment.environment.name"),
        (sources.text("service_name"), "service.name"),
    ):
        if found is None:
            continue
        if name is not None:
            attributes[name] = found.value
            continue
        try:
            attributes.update(resource.parse_attributes(found.value))
        except ValueError as error:
            sources.report(found.origin, f"{error}, so all of it is ignored")
    return attributes


def _redact_keys(sources: Sources) -> tuple[str, ...]:
    names = [name.strip() for name in sources.option("redact_keys") or () if name.strip()]
    useless = [name for name in names if not _WORD.search(name)]
    if useless:
        sources.report(
            "[otel_bridge] redact_keys",
            f"{show(', '.join(useless))} has no letter or digit of ASCII, so it is ignored",
        )
    return tuple(name for name in names if name not in useless)


def read_propagate_to(sources: Sources) -> tuple[str, ...] | None:
    """Hosts that requests may carry the trace to; None: all."""
    problems = len(sources.problems)
    origin, entries = "[otel_bridge] propagate_to", sources.option("propagate_to")
    if entries is None:
        origin = "OTEL_BRIDGE_PROPAGATE_TO"
        found = sources.variable(origin)
        if len(sources.problems) > problems:  # what cannot be read must not end as "everywhere"
            return ()
        if found is None:
            return None
        entries = found.split(",")
    kept = []
    for entry in (entry.strip() for entry in entries if entry.strip()):
        try:
            Destinations([entry])
        except ValueError:  # left out, so that nothing goes where nobody wants it
            sources.report(
                origin,
                f"{show(entry)} is no host name, .domain, address or network, so it is ignored (a URL or a"
                " port does not belong there)",
            )
        else:
            kept.append(entry)
    return tuple(kept)


def _instrument(sources: Sources, default: tuple[str, ...]) -> tuple[str, ...]:
    names = sources.option("instrument")
    if names is None:
        # Said explicitly, OSProfiler's own switch for SQL statements holds here as well.
        unwanted = sources.option("trace_sqlalchemy", group="profiler") is False
        return tuple(name for name in default if not (unwanted and name == "sqlalchemy"))
    names = [name.strip().lower() for name in names if name.strip()]
    unknown = [name for name in names if name not in INSTRUMENTATIONS]
    if unknown:
        sources.report(
            "[otel_bridge] instrument",
            f"{show(', '.join(unknown))} is unknown; known are: {', '.join(INSTRUMENTATIONS)}."
            " Tracing is off until it is corrected",
            fatal=True,
        )
    return tuple(name for name in INSTRUMENTATIONS if name in names)
