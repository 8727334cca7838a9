"""Settings as a whole, and the parts of them that are few lines each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from otel_bridge import resource
from otel_bridge.config.export import read_export
from otel_bridge.config.files import read_text
from otel_bridge.config.gate import read_gate
from otel_bridge.config.sources import Sources, show
from otel_bridge.settings import (
    INSTRUMENTATIONS,
    ConfigError,
    LimitSettings,
    QueueSettings,
    Settings,
)

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts


def from_environ(
    environ: Mapping[str, str],
    *,
    project: str | None = None,
    service: str | None = None,
    host: str | None = None,
) -> Settings:
    """Settings of a process that has no oslo.config, such as one under ``opentelemetry-instrument``.

    Requests are traced if there is an HMAC key and ``OTEL_SDK_DISABLED`` is not true.
    """
    return _build(Sources(environ), project, service, host)


def from_conf(
    conf: ConfigOpts,
    environ: Mapping[str, str],
    *,
    project: str | None = None,
    service: str | None = None,
    host: str | None = None,
) -> Settings:
    """Settings of a service; the options are registered on ``conf`` if they are not yet.

    Args:
        conf: ``cfg.CONF`` or the service's own; its files have been read.
        environ: the environment.
        project: ``nova``.
        service: ``nova-compute`` or ``compute``.
        host: name of the host as the service knows it.
    """
    from otel_bridge import opts

    opts.register_opts(conf)
    return _build(Sources(environ, conf), project, service, host)


def load_store(config_files: Sequence[str]) -> str | None:
    """``[otel_bridge] store`` out of a service's configuration files; None where it is not set.

    Raises:
        ConfigError: a file cannot be read or understood; the message names it.
    """
    from oslo_config import cfg

    from otel_bridge import opts

    for path in config_files:
        try:
            read_text(path, 0)
        except ValueError as error:
            raise ConfigError("--config-file", f"{error}; name a configuration file") from None
    conf = cfg.ConfigOpts()
    conf.register_opts(opts.OPTS, group="otel_bridge")
    try:
        conf([], project="otel-bridge", default_config_files=list(config_files), default_config_dirs=[])
        store: str | None = conf.otel_bridge.store
    except cfg.ConfigFileParseError as error:
        # oslo.config's own message quotes the line, which may hold a secret
        cause = error.__context__
        where = f"line {cause.lineno}: {cause.msg}" if isinstance(cause, cfg.ParseError) else "syntax error"
        raise ConfigError(error.config_file, f"{where}; correct it") from None
    except UnicodeError:
        raise ConfigError(", ".join(config_files), "this is not UTF-8 text; correct it") from None
    except (cfg.Error, ValueError, OSError) as error:
        raise ConfigError("[otel_bridge] store", f"cannot be read: {' '.join(str(error).split())}") from None
    return store or None


def _build(sources: Sources, project: str | None, service: str | None, host: str | None) -> Settings:
    export = read_export(sources)
    broken = any(problem.fatal for problem in sources.problems)
    if broken:
        export = replace(export, protocol="none")
    gate = read_gate(sources)
    store = sources.text("store", "OTEL_BRIDGE_STORE")
    return Settings(
        export=export,
        queue=_queue(sources),
        limits=_limits(sources),
        resource=MappingProxyType(
            resource.build(project=project, service=service, host=host, attributes=_attributes(sources))
        ),
        gate=replace(gate, enabled=False) if broken else gate,
        store=None if store is None else store.value,
        instrument=_instrument(sources),
        flush_on_sigterm=sources.flag("flush_on_sigterm", default=True),
        problems=tuple(sources.problems),
    )


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


def _instrument(sources: Sources) -> tuple[str, ...]:
    names = sources.option("instrument")
    if names is None:
        # Said explicitly, OSProfiler's own switch for SQL statements holds here as well.
        unwanted = sources.option("trace_sqlalchemy", group="profiler") is False
        return tuple(name for name in INSTRUMENTATIONS if not (unwanted and name == "sqlalchemy"))
    names = [name.strip().lower() for name in names if name.strip()]
    unknown = [name for name in names if name not in INSTRUMENTATIONS]
    if unknown:
        sources.report(
            "[otel_bridge] instrument",
            f"{show(', '.join(unknown))} is unknown and ignored; known are: {', '.join(INSTRUMENTATIONS)}",
        )
    return tuple(name for name in INSTRUMENTATIONS if name in names)
