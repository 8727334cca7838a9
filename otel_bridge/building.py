"""The handle of a process, made of its settings; and what other modules are told of these settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from opentelemetry.sdk.resources import Resource

from otel_bridge import profiler_points, propagator, resource
from otel_bridge.export.exporters import DiscardingExporter, make_exporter
from otel_bridge.export.outcome import Exporter
from otel_bridge.export.pipeline import Pipeline
from otel_bridge.handle import Handle
from otel_bridge.log import LOG
from otel_bridge.model.redaction import hide_further
from otel_bridge.settings import ExportSettings, Settings
from otel_bridge.tracing import propagation
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.tracing.values import Limits

#: Of a service that cannot be traced.
_NOTHING: Final = Settings(export=ExportSettings(protocol="none"), instrument=())

#: Outlives its handle: who holds a tracer of it goes on with the next one.
_provider: TracerProvider | None = None


def build(settings: Settings, shut_down: Callable[[Handle], None]) -> Handle:
    """A handle for ``settings``; a provider that is in use already is kept and given the new pipeline.

    Args:
        settings: what was configured.
        shut_down: see :class:`~otel_bridge.handle.Handle`.
    """
    hide_further(settings.redact_keys)  # first: an encoder remembers what it has asked about a name
    profiler_points.capture(settings.capture.args)
    propagation.stamping(settings.gate.stamps)
    propagator.restrict(settings.propagate_to)
    unusable = False
    exporter: Exporter
    try:
        exporter = make_exporter(settings)
    except (ImportError, OSError, ValueError) as exc:
        LOG.error("[otel_bridge] %s; nothing is traced", exc)
        exporter, unusable = DiscardingExporter(), True
    except Exception as exc:  # of a stock exporter; what it says may be anything
        LOG.error("[otel_bridge] the exporter cannot be made: %s; nothing is traced", type(exc).__name__)
        exporter, unusable = DiscardingExporter(), True
    return _assemble(settings, exporter, shut_down, unusable)


def build_untraced(shut_down: Callable[[Handle], None]) -> Handle:
    """A handle that records and sends nothing, whatever was configured."""
    reset()
    return _assemble(_NOTHING, DiscardingExporter(), shut_down, False)


def reset() -> None:
    """Take back what :func:`build` has told other modules."""
    propagator.reset()
    profiler_points.capture(False)
    hide_further(())


def _assemble(
    settings: Settings, exporter: Exporter, shut_down: Callable[[Handle], None], unusable: bool
) -> Handle:
    global _provider
    notices: list[str] = []
    queue = settings.queue
    pipeline = Pipeline(
        exporter,
        capacity=queue.max_queue_size,
        batch=queue.max_export_batch_size,
        interval=queue.schedule_delay,
        exit_timeout=queue.exit_timeout,
        notices=notices,
    )
    bounds = settings.limits
    limits = Limits(bounds.attribute_count, bounds.attribute_length, bounds.event_count, bounds.link_count)

    def make_resource() -> Resource:
        return Resource({**resource.process_attributes(), **settings.resource})

    provider = _provider
    parts = (pipeline, make_resource, limits, bounds.max_spans_per_trace)
    if provider is None:
        provider = _provider = TracerProvider(*parts, capture_thread=settings.capture.thread)
        provider.notices = notices
    else:
        provider.reconfigure(*parts, notices, settings.capture.thread)
    return Handle(provider, settings, pipeline, shut_down, unusable)
