"""Whether an endpoint of OTLP over gRPC takes spans."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from otel_bridge.cli import check_connection
from otel_bridge.cli.check_endpoint import ANSWER
from otel_bridge.cli.check_way import Way, deadline
from otel_bridge.cli.findings import Finding, ok, problem
from otel_bridge.export import answer
from otel_bridge.export.exporters import grpc_credentials
from otel_bridge.export.target import tls_context

if TYPE_CHECKING:
    from otel_bridge.settings import ExportSettings

#: Seconds that the endpoint has for all of it.
TIMEOUT: Final = 5.0
#: Variables by which gRPC finds a proxy.
_PROXIES: Final = ("grpc_proxy", "https_proxy", "http_proxy")


def findings(export: ExportSettings, named_by: str) -> Generator[Finding, None, bool]:
    """Ask an endpoint of OTLP over gRPC.

    Args:
        export: where to, and with what.
        named_by: the option or variable that names the endpoint.

    Returns:
        Whether spans can be sent there.
    """
    remaining = deadline(TIMEOUT)
    try:
        way = _way(export, named_by)
    except ValueError as error:  # a certificate that is none
        yield problem(ANSWER, f"the exporter cannot be made: {error}")
        return False
    if way is not None:
        stream = yield from check_connection.reach(way, remaining)
        if stream is None:
            return False
        stream.close()
    began = monotonic()
    try:
        reason = _ask(export, max(0.1, remaining()))
    except Exception as error:  # gRPC's own, and those of its packages where they are incomplete
        yield problem(ANSWER, f"the exporter cannot be made: {type(error).__name__}")
        return False
    if reason is None:
        took = monotonic() - began
        yield ok(ANSWER, f"an empty export was accepted within {took * 1000:.0f} ms")
        return True
    code, details = reason
    shown = answer.one_line(_mask(details, export))
    advice = _advice(code, export, named_by)
    yield problem(ANSWER, f"{code}{f' ({shown})' if shown else ''}: {advice}", code=code)
    return False


def _way(export: ExportSettings, named_by: str) -> Way | None:
    """The way to the endpoint; None where only gRPC knows it: by its resolvers, or through a proxy.

    Raises:
        ValueError: a certificate file is of no use.
    """
    target = export.endpoint
    if any(os.environ.get(name) for name in _PROXIES):
        return None
    try:
        parts = urlsplit(target if "://" in target else f"//{target}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("", "http", "https") or not host or port is None:
        return None
    if export.insecure:
        return Way(host, port, None, named_by)
    context = tls_context(export.certificate, export.client_certificate, export.client_key)
    context.set_alpn_protocols(["h2"])
    return Way(host, port, context, named_by, export.certificate)


def _ask(export: ExportSettings, seconds: float) -> tuple[str, str] | None:
    """Send an export without a span in it.

    Returns:
        The code and the details of the error; None: it was accepted.

    Raises:
        ImportError: the extra ``grpc`` is not installed.
        OSError: a certificate file cannot be read.
    """
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service

    target = urlsplit(export.endpoint).netloc or export.endpoint
    channel: Any
    stub: Any = service.TraceServiceStub
    if export.insecure:
        channel = grpc.insecure_channel(target)
    else:
        channel = grpc.secure_channel(target, grpc_credentials(export))
    with closing(channel):
        try:
            stub(channel).Export(
                messages.ExportTraceServiceRequest(),
                timeout=seconds,
                metadata=tuple(export.headers.items()),
            )
        except grpc.RpcError as error:
            failed: Any = error
            return failed.code().name, failed.details() or ""
    return None


def _mask(text: str, export: ExportSettings) -> str:
    """A server's text without the credentials that it may have sent back."""
    parts = {part for value in export.headers.values() for part in (value, *value.split()) if len(part) >= 4}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return text


def _advice(code: str, export: ExportSettings, named_by: str) -> str:
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        sent = ", ".join(export.headers)
        what = f"what is sent does not suffice ({sent})" if sent else "no header is sent"
        return f"it asks for credentials, and {what}: put them into [otel_bridge] headers"
    if code == "UNIMPLEMENTED":
        return f"something that speaks gRPC, and takes no spans: correct the port in {named_by}"
    if code == "RESOURCE_EXHAUSTED":
        return "it is overloaded, or limits what is sent: see the log over there"
    if code == "DEADLINE_EXCEEDED":
        return "it takes connections and does not answer: is it a collector, and does it hang?"
    if not export.insecure and export.certificate is None:
        return (
            "gRPC does not look at the authorities of the system: set [otel_bridge] certificate to the"
            " PEM file"
            f" of the collector's; or is this no port for gRPC? See {named_by}"
        )
    return (
        f"is this a port for gRPC, mostly 4317, and is TLS meant? Use it in {named_by}, or http/protobuf"
        " (otel://)"
    )
