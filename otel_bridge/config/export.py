"""Where spans go: protocol, endpoint, headers, TLS."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from otel_bridge.config import connection as connections
from otel_bridge.config import endpoint
from otel_bridge.config.connection import Connection
from otel_bridge.config.endpoint import Endpoint
from otel_bridge.config.files import read_text
from otel_bridge.config.sources import Sources, Text, show
from otel_bridge.settings import Compression, ExportSettings, Protocol

#: The specification's "no limit", in seconds.
_FOR_EVER = (2**31 - 1) / 1000
_DEFAULT_GRPC_TARGET = "http://localhost:4317"
_GRPC_EXPORTER = "opentelemetry.exporter.otlp.proto.grpc"
#: Names that OTEL_TRACES_EXPORTER may have, and the protocol that each implies.
_EXPORTERS: Mapping[str, str | None] = {
    "otlp": None,
    "otlp_proto_http": "http/protobuf",
    "otlp_proto_grpc": "grpc",
    "console": "console",
    "none": "none",
}
_DEFAULT = ExportSettings()
_NOWHERE = Connection()


def read_export(sources: Sources, connection: Connection = _NOWHERE) -> ExportSettings:
    """The export settings; a fatal problem means that they must not be used.

    Args:
        sources: options and environment.
        connection: what OSProfiler's connection string says; stronger than both.
    """
    protocol = _protocol(sources, connection)
    timeouts = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    timeout = sources.seconds("timeout", *timeouts, default=_DEFAULT.timeout)
    if 0 < timeout < 0.1:  # no option takes it, so it is a variable's
        sources.report(
            next(filter(sources.variable, timeouts), timeouts[1]),
            f"it is in milliseconds, so exports are given up after {timeout:g} s; ten seconds are 10000",
        )
    insecure = sources.flag("insecure", "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE")
    headers = _headers(sources)
    target = Endpoint(_DEFAULT.endpoint, None, False)
    files: dict[str, Text | None] = {}
    if protocol in ("http/protobuf", "grpc"):
        target = _endpoint(sources, protocol, connection)
        secure = not insecure if target.secure is None else target.secure
        files = _tls_files(sources, protocol, secure)
        insecure = protocol == "grpc" and not secure
    if target.authorization is not None:
        headers.setdefault("authorization", target.authorization)
    compression = sources.choice(
        "compression",
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        known=("gzip", "none"),
    )
    return ExportSettings(
        protocol=protocol,
        endpoint=target.url,
        headers=MappingProxyType(headers),
        timeout=timeout or _FOR_EVER,
        compression=cast(Compression, compression.value if compression else _DEFAULT.compression),
        insecure=insecure,
        **{name: found.value for name, found in files.items() if found is not None},
    )


def _protocol(sources: Sources, connection: Connection) -> Protocol:
    chosen = (
        _connected_protocol(sources, connection)
        or sources.choice("protocol", fatal=True)
        or _exporter(sources)
        or sources.choice(
            None,
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            known=("http/protobuf", "grpc"),
        )
    )
    if chosen is None:
        return _DEFAULT.protocol
    if chosen.value == "grpc" and not _has_grpc():
        sources.report(
            chosen.origin,
            "grpc needs packages that are not installed: install otel-bridge[grpc], or use http/protobuf",
            fatal=True,
        )
    return cast(Protocol, chosen.value)


def _connected_protocol(sources: Sources, connection: Connection) -> Text | None:
    if connection.protocol is None:
        return None
    option = sources.choice("protocol")
    if option is not None and option.value != connection.protocol:
        _report_unused(sources, option.origin, option.value, connection.protocol)
    return Text(connection.protocol, connections.ORIGIN, True)


def _connected_endpoint(sources: Sources, protocol: Protocol, target: Endpoint) -> Endpoint:
    option = sources.text("endpoint", secret=True)
    if option is not None:
        try:
            same = _parse(option, protocol) == target
        except ValueError:
            same = False
        if not same:
            _report_unused(sources, option.origin, endpoint.mask(option.value), endpoint.mask(target.url))
    return target


def _report_unused(sources: Sources, origin: str, unused: str, used: str) -> None:
    sources.report(origin, f"{unused} is not used, since {connections.ORIGIN} says {used}; set only one")


def _exporter(sources: Sources) -> Text | None:
    """The protocol, if OTEL_TRACES_EXPORTER implies one; several exporters are one too many."""
    origin = "OTEL_TRACES_EXPORTER"
    names = [name.strip().lower() for name in (sources.variable(origin) or "").split(",") if name.strip()]
    unknown = [name for name in names if name not in _EXPORTERS]
    if unknown:
        sources.report(
            origin, f"{show(', '.join(unknown))} is none of {', '.join(_EXPORTERS)}, so it is ignored"
        )
    known = [name for name in names if name in _EXPORTERS]
    if not known:
        return None
    name = "none" if "none" in known else known[0]
    if len(known) > 1:
        sources.report(origin, f"only one exporter is used, {name}; name that one alone")
    protocol = _EXPORTERS[name]
    return None if protocol is None else Text(protocol, origin, False)


def _has_grpc() -> bool:
    try:
        return importlib.util.find_spec(_GRPC_EXPORTER) is not None
    except ImportError:
        return False


def _endpoint(sources: Sources, protocol: Protocol, connection: Connection) -> Endpoint:
    if connection.target is not None:
        return _connected_endpoint(sources, protocol, connection.target)
    found = sources.text(
        "endpoint",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        fatal=True,
        secret=True,
    )
    if found is None:
        return Endpoint(_DEFAULT.endpoint if protocol != "grpc" else _DEFAULT_GRPC_TARGET, None, False)
    try:
        return _parse(found, protocol)
    except ValueError as error:
        sources.report(found.origin, f"{error}; set it to a URL such as http://collector:4318", fatal=True)
        return Endpoint(_DEFAULT.endpoint, None, True)  # not used; the files are to be looked at all the same


def _parse(found: Text, protocol: Protocol) -> Endpoint:
    if protocol == "grpc":
        return endpoint.grpc_target(found.value)
    if found.option:
        return endpoint.any_url(found.value)
    if found.origin == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":
        return endpoint.traces_url(found.value)
    return endpoint.base_url(found.value)


def _headers(sources: Sources) -> dict[str, str]:
    found = sources.text(
        "headers", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS", secret=True
    )
    if found is None:
        return {}
    headers, complaints = endpoint.parse_headers(found.value)
    for complaint in complaints:
        sources.report(found.origin, f"{complaint}, so it is left out")
    return headers


def _tls_files(sources: Sources, protocol: Protocol, secure: bool) -> dict[str, Text | None]:
    files = {
        name: sources.text(
            name,
            f"OTEL_EXPORTER_OTLP_TRACES_{name.upper()}",
            f"OTEL_EXPORTER_OTLP_{name.upper()}",
            fatal=True,
            raw=True,
        )
        for name in ("certificate", "client_certificate", "client_key")
    }
    given = [found for found in files.values() if found is not None]
    if given and not secure:
        sources.report(
            given[0].origin, "it is not used, since the endpoint is not encrypted: use an https:// endpoint"
        )
        return {}
    for found in given:
        try:
            read_text(found.value, 0)
        except ValueError as error:
            sources.report(found.origin, f"{error}: set it to a PEM file that can be read", fatal=True)
    certificate, key = files["client_certificate"], files["client_key"]
    if key is not None and certificate is None:
        sources.report(key.origin, "it needs client_certificate to be set as well", fatal=True)
    if certificate is not None and key is None and protocol == "grpc":
        sources.report(certificate.origin, "it needs client_key to be set as well", fatal=True)
    return files
