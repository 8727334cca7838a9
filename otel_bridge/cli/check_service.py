"""Whether a service with this configuration would be traced, and where its spans would go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from otel_bridge import config, opts, resource
from otel_bridge.cli import check_gate, check_options
from otel_bridge.cli.check_options import OURS, PROFILER, ConfigFile, Recorded, origin, set_in
from otel_bridge.cli.errors import UsageError
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.config import connection as connections
from otel_bridge.config import endpoint
from otel_bridge.config.policy import service_names
from otel_bridge.config.reading import read_files

if TYPE_CHECKING:
    from otel_bridge.settings import GateSettings, Settings

#: What a probe is called where nothing names the service.
UNNAMED: Final = "otel-bridge-check"
_INSTRUMENT: Final = "[otel_bridge] instrument"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


@dataclass(frozen=True, slots=True)
class Service:
    """What a service was configured to do, as far as its files and this environment tell."""

    files: Sequence[ConfigFile]
    #: ``cfg.ConfigOpts``.
    conf: Any
    environ: Recorded
    #: ``[profiler] connection_string``; None: it cannot be read.
    connection: str | None
    settings: Settings
    #: The gate as it would be if tracing were switched on.
    gate: GateSettings

    @property
    def names(self) -> frozenset[str]:
        """By which names a rule may mean the service; empty where nothing says which it is."""
        return frozenset(service_names(self.settings.resource) - {UNNAMED})

    @property
    def adopts(self) -> bool:
        """OSProfiler's connection string chooses us."""
        return self.connection is not None and connections.is_ours(self.connection)

    @property
    def named_by(self) -> str:
        """What says where spans go: an option, a variable, or the default."""
        if self.connection is not None and self.adopts:
            try:
                if connections.parse(self.connection).target is not None:
                    return connections.ORIGIN
            except ValueError:
                return connections.ORIGIN
        option = check_options.option_named(OURS, "endpoint")
        if origin(self.conf, self.files, OURS, option) is not None:
            return "[otel_bridge] endpoint"
        return next((name for name in _ENDPOINTS if self.environ.get(name, "").strip()), "the default")


def read(
    config_files: Sequence[str], name: str | None = None, environ: Mapping[str, str] = os.environ
) -> Service:
    """Read a service's configuration files.

    Args:
        config_files: what the service is started with as ``--config-file``.
        name: of the service, ``nova-api``.
        environ: the environment, which counts as it does in a service.

    Raises:
        UsageError: a file cannot be read.
    """
    from oslo_config import cfg

    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    try:
        read_files(conf, config_files)
    except config.ConfigError as error:
        raise UsageError(str(error)) from error
    files = check_options.read_sections(config_files)
    connection: str | None
    try:
        connection = conf.profiler.connection_string
    except cfg.Error:
        connection = None
    recorded = Recorded(environ)
    settings = _settings(conf, recorded, connection, name)
    gate = settings.gate
    if not gate.enabled:
        conf.set_override("enabled", True, group=PROFILER)
        switched_on = {key: value for key, value in environ.items() if key != "OTEL_SDK_DISABLED"}
        gate = _settings(conf, switched_on, connection, name).gate
        conf.clear_override("enabled", group=PROFILER)
    return Service(files, conf, recorded, connection, settings, gate)


def of_environment(environ: Mapping[str, str] = os.environ) -> GateSettings:
    """The gate of a service that is configured by the environment alone."""
    return config.from_environ(environ).gate


def _settings(conf: Any, environ: Mapping[str, str], connection: str | None, name: str | None) -> Settings:
    settings = config.from_conf(
        conf,
        environ,
        project=_project(name),
        service=name,
        connection=connection if connection is not None and connections.is_ours(connection) else None,
    )
    described = settings.resource
    if described["service.name"] == resource.build()["service.name"]:  # nothing has named it
        described = {**described, "service.name": UNNAMED}
    return replace(settings, resource=described)


def _project(name: str | None) -> str | None:
    return name.partition("-")[0] if name else None


def findings(service: Service) -> Iterator[Finding]:
    """What is configured, and what is wrong with it."""
    settings = service.settings
    yield from check_options.about_files(service.files)
    yield from check_gate.findings(service.conf, service.files, settings, service.names)
    yield from _connection(service)
    for found in settings.problems:
        yield problem(found.option, found.message)
    wrong = {found.option for found in settings.problems}
    yield from check_options.about_options(service.conf, service.files, wrong)
    yield from check_options.about_variables(service.environ, wrong)
    yield from _consequences(service)
    yield from _export(service)


def _connection(service: Service) -> Iterator[Finding]:
    chosen = service.connection
    if chosen is None:
        yield problem(connections.ORIGIN, "its value cannot be read (a $ has to be written $$)")
        return
    shown = endpoint.mask(chosen)
    where = set_in(service.conf, service.files, PROFILER, "connection_string")
    if not service.adopts:
        yield problem(
            connections.ORIGIN,
            f"{shown}{where} is another driver's: only a service that calls otel_bridge.setup() is"
            " traced; set it to otel://HOST:PORT",
        )
    elif not any(found.option == connections.ORIGIN for found in service.settings.problems):
        yield ok(connections.ORIGIN, f"{shown}{where}")


def _consequences(service: Service) -> Iterator[Finding]:
    """What options do that their value does not tell."""
    settings = service.settings
    if service.adopts and "messaging" in settings.instrument:
        yield problem(
            _INSTRUMENT,
            f"with {endpoint.mask(service.connection or '')} OSProfiler's trace points are the spans:"
            " messaging makes a second one of each RPC; leave it out, unless the service calls"
            " otel_bridge.setup() without osprofiler",
        )
    if service.adopts and _is_off(service, "trace_requests"):
        yield note(
            "[profiler] trace_requests",
            "not true: requests to other services are no spans, and a trace is worth little without them",
        )
    capture = settings.capture
    for name, value, text in (
        (
            "capture_args",
            capture.args,
            "arguments and results of functions are recorded, masked as far as names and looks tell",
        ),
        ("capture_sql_parameters", capture.sql_parameters, "what users store is in the spans: for debugging"),
    ):
        if value:
            yield note(f"[otel_bridge] {name}", text)
    if settings.rpc_trace_info == "keyed":
        yield note("[otel_bridge] rpc_trace_info", "keyed: everybody on the message bus sees the HMAC key")
    if settings.propagate_to == ():
        yield note("[otel_bridge] propagate_to", "empty: no request to another service carries the trace")
    if any(key.algorithm == "sha256" for key in settings.gate.keys.keys):
        yield note(
            "[otel_bridge] hmac_algorithm", "sha256: services on plain osprofiler do not trace what it signs"
        )


def _is_off(service: Service, name: str) -> bool:
    try:
        return not service.conf.profiler[name]
    except Exception:  # OSProfiler before 4.2 has no such option; or its value is none
        return False


def _export(service: Service) -> Iterator[Finding]:
    settings = service.settings
    export = settings.export
    about = "endpoint"
    if any(found.fatal for found in settings.problems):
        yield problem(about, "none, until what is said above is corrected: the service runs untraced")
    elif export.protocol == "none":
        yield problem(about, "protocol is none: spans go nowhere")
    elif export.protocol == "console":
        yield ok(about, "protocol is console: spans go to standard output")
    else:
        where = service.named_by
        yield ok(
            about,
            f"{export.protocol} to {export.target} ({where})",
            protocol=export.protocol,
            url=export.target,
            origin=where,
        )
        if where == "the default":
            yield note(about, "nothing names one: set [profiler] connection_string to otel://HOST:PORT")
