"""The peers as contenders: the OpenTelemetry SDK, and osprofiler with its OTLP driver."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from benchmarks.case import Setting
from benchmarks.workload import KEY

SDK = "OpenTelemetry SDK"
SDK_OFF = "OpenTelemetry SDK, off"
DRIVER = "osprofiler, otlp driver"
OSPROFILER = "osprofiler"
OSPROFILER_WEB = "osprofiler.web"
OSPROFILER_WEB_DRIVER = "osprofiler.web, otlp driver"
CONTRIB_WSGI = "contrib wsgi, SDK"
CONTRIB_WSGI_OFF = "contrib wsgi, SDK off"
#: By default contrib speaks the conventions of 2021; these have opted in to the stable ones, as ours has.
CONTRIB_WSGI_STABLE = "contrib wsgi, SDK, stable names"
CONTRIB_WSGI_STABLE_OFF = "contrib wsgi, SDK off, stable names"

NEEDS_SDK = ("opentelemetry.exporter.otlp.proto.http",)
NEEDS_DRIVER = ("osprofiler", "webob", *NEEDS_SDK)
NEEDS_OSPROFILER = ("osprofiler", "webob")
NEEDS_CONTRIB_WSGI = ("opentelemetry.instrumentation.wsgi", *NEEDS_SDK)

#: Distributions whose versions belong to the result.
DISTRIBUTIONS = (
    "osprofiler",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-instrumentation-wsgi",
    "opentelemetry-instrumentation-sqlalchemy",
    "opentelemetry-instrumentation-urllib3",
    "opentelemetry-instrumentation-requests",
    "opentelemetry-instrumentation-threading",
    "opentelemetry-instrumentation-logging",
    "protobuf",
    "SQLAlchemy",
    "oslo.messaging",
    "WebOb",
    "keystoneauth1",
    "requests",
    "urllib3",
)


def versions() -> dict[str, str | None]:
    """Versions of the peers; None for what is not installed."""
    found: dict[str, str | None] = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def missing(modules: tuple[str, ...]) -> str | None:
    """The first of these modules that is not installed."""
    for module in modules:
        try:
            if find_spec(module) is None:
                return module
        except ModuleNotFoundError:
            return module
    return None


def sdk_provider(setting: Setting, *, on: bool = True) -> Any:
    """The SDK's provider with its defaults: batch processor, stock OTLP/HTTP exporter.

    Args:
        setting: says where the receiver is.
        on: off means the sampler that a service would switch tracing off with.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, ParentBased

    provider = TracerProvider(
        sampler=DEFAULT_ON if on else ParentBased(ALWAYS_OFF),
        resource=Resource.create({"service.name": "nova-api"}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{setting.endpoint}/v1/traces")))
    return provider


def contrib_wsgi(setting: Setting, app: Any, *, on: bool, stable: bool) -> tuple[Any, Any]:
    """contrib's middleware around ``app``, and the SDK's provider behind it.

    Args:
        setting: says where the receiver is.
        app: what to wrap.
        on: see :func:`sdk_provider`.
        stable: record the stable names in place of the old ones.
    """
    if stable:
        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    provider = sdk_provider(setting, on=on)
    return OpenTelemetryMiddleware(app, tracer_provider=provider), provider


@contextmanager
def remote_parent() -> Iterator[None]:
    """A sampled parent in another process is current."""
    parent = SpanContext(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, True, TraceFlags(1))
    token = context_api.attach(api.set_span_in_context(NonRecordingSpan(parent)))
    try:
        yield
    finally:
        context_api.detach(token)


@contextmanager
def osprofiler_request() -> Iterator[None]:
    """osprofiler traces what this thread does."""
    from osprofiler import profiler

    profiler.init(KEY)
    yield
    profiler.clean()


def osprofiler_driver(setting: Setting) -> Any:
    """osprofiler notifying its OTLP driver; gives the SDK's provider that the driver has made."""
    from oslo_config import cfg
    from osprofiler import notifier, opts

    conf = cfg.ConfigOpts()
    for group, options in opts.list_opts():
        conf.register_opts(options, group)
    conf([])
    notifier.set(
        notifier.create(
            setting.endpoint.replace("http:", "otlp:"), project="nova", service="api", host="h", conf=conf
        )
    )
    provider: Any = api.get_tracer_provider()
    provider.force_flush  # noqa: B018 - osprofiler logs what goes wrong, and goes on with a no-op
    return provider
