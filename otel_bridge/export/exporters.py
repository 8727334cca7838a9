"""The exporter that the settings ask for: our own, or a stock one (gRPC, console …) behind our pipeline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_bridge.export.outcome import Exporter, Outcome
from otel_bridge.tracing.spans import Span

if TYPE_CHECKING:
    from otel_bridge.settings import ExportSettings, Settings


def make_exporter(settings: Settings) -> Exporter:
    """The exporter for ``[otel_bridge] protocol``.

    Raises:
        ImportError: it needs packages that are not installed.
        OSError: a certificate file cannot be read.
        ValueError: a setting is of no use to it.
    """
    export = settings.export
    if export.protocol == "http/protobuf":
        from otel_bridge.export.http import OtlpHttpExporter
        from otel_bridge.model.redaction import is_secret_key
        from otel_bridge.wire.otlp import Encoder

        return OtlpHttpExporter(
            export.endpoint,
            headers=export.headers,
            timeout=export.timeout,
            compression=export.compression,
            certificate=export.certificate,
            client_certificate=export.client_certificate,
            client_key=export.client_key,
            encoder=Encoder(attribute_length=settings.limits.attribute_length, redact_key=is_secret_key),
        )
    if export.protocol == "grpc":
        return grpc_exporter(export)
    if export.protocol == "console":
        return console_exporter()
    return DiscardingExporter()


class StockExporter:
    """Adapts an SDK ``SpanExporter``.

    It inherits what that exporter does on the export thread. The gRPC one retries by itself for as long as
    its own time-out says, logs its failures, and does not survive a fork or eventlet.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter

    def encode(self, spans: Sequence[Span]) -> Sequence[ReadableSpan]:
        """The spans themselves, translated: a stock exporter encodes when it sends."""
        for span in spans:
            span._render()
        return spans

    def send(
        self, chunks: Sequence[Sequence[ReadableSpan]], count: int, give_up: Callable[[], float]
    ) -> Outcome:
        """Hand all spans over in one call."""
        spans = [span for chunk in chunks for span in chunk]
        result = self.exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            return Outcome(count, {}, "")
        name = type(self.exporter).__name__
        return Outcome(0, {"unreachable": count}, f"{name} could not deliver spans")

    def close(self) -> None:
        self.exporter.shutdown()


class DiscardingExporter:
    """For ``protocol = none``: spans are made, so that context is handed on, and then counted as dropped."""

    def encode(self, spans: Sequence[Span]) -> None:
        """Nothing to encode."""

    def send(self, chunks: Sequence[None], count: int, give_up: Callable[[], float]) -> Outcome:
        """Count."""
        return Outcome(0, {"no_exporter": count}, "")

    def close(self) -> None:
        """Nothing to close."""


def console_exporter() -> StockExporter:
    """Spans as JSON on standard output, as the SDK prints them."""
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    return StockExporter(ConsoleSpanExporter(out=sys.stdout))


def grpc_exporter(settings: ExportSettings) -> StockExporter:
    """OTLP over gRPC, by the stock exporter (the extra ``grpc``).

    Raises:
        ImportError: the extra is not installed.
        OSError: a certificate file cannot be read.
    """
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return StockExporter(
        OTLPSpanExporter(
            endpoint=settings.endpoint,
            insecure=settings.insecure,
            credentials=None if settings.insecure else grpc_credentials(settings),
            headers=tuple(settings.headers.items()),
            timeout=settings.timeout,
            compression=_grpc_compression(settings.compression),
        )
    )


def grpc_credentials(settings: ExportSettings) -> Any:
    """What gRPC trusts and shows; without a certificate it trusts the authorities that it brings along.

    Raises:
        ImportError: the extra ``grpc`` is not installed.
        OSError: a certificate file cannot be read.
    """
    import grpc

    return grpc.ssl_channel_credentials(
        _read(settings.certificate), _read(settings.client_key), _read(settings.client_certificate)
    )


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def _grpc_compression(compression: str) -> object:
    import grpc

    return grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
