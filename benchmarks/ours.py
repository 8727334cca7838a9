"""otel_bridge as a contender: set up as in a service, with its defaults."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import SpanKind

import otel_bridge
from benchmarks.case import Setting
from benchmarks.workload import KEY
from otel_bridge.tracing import context
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.tracing.tracer import Tracer
from otel_bridge.wire.signing import Key, TraceInfo

_KEY = Key(KEY)


def provider(setting: Setting) -> TracerProvider:
    """The process's provider, exporting to the receiver, with default settings."""
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = setting.endpoint
    os.environ["OTEL_SERVICE_NAME"] = "nova-api"
    return otel_bridge.get_tracer_provider()


def trace_info() -> TraceInfo:
    """What a signed request says that begins a trace."""
    return TraceInfo(uuid.uuid4().int, 0, _KEY)


@contextmanager
def signed_request(tracer: Tracer) -> Iterator[Any]:
    """The gate is open: a SERVER span below verified trace info is current."""
    info = trace_info()
    span = tracer.entry(info, "GET /v2.1/servers", SpanKind.SERVER, {"http.request.method": "GET"})
    token = context.attach(span, info)
    try:
        yield span
    finally:
        context.detach(token)
        span.end()
