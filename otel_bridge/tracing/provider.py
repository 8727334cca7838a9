"""TracerProvider of the OpenTelemetry API, and the gate that decides about roots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import getpid
from typing import Any, Protocol

from opentelemetry import trace as api
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind

from otel_bridge.log import warn
from otel_bridge.tracing.counter import Counter
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.spans import SAMPLED, Span, Trace
from otel_bridge.tracing.tracer import Tracer, random_bits, reseed
from otel_bridge.tracing.values import Limits


class SpanPipeline(Protocol):
    """Where finished spans go (:class:`otel_bridge.export.pipeline.Pipeline`)."""

    def put(self, span: Span) -> None: ...
    def force_flush(self, timeout: float) -> bool: ...
    def shutdown(self) -> None: ...
    def after_fork(self) -> None: ...


class TracerProvider(api.TracerProvider):
    """Our implementation of the API's provider: one pipeline, one resource, one gate."""

    def __init__(
        self,
        pipeline: SpanPipeline,
        resource: Resource | Callable[[], Resource] | None = None,
        limits: Limits | None = None,
        spans_per_trace: int = 1 << 62,
        record_unsigned: bool = False,
        capture_thread: bool = False,
    ) -> None:
        """
        Args:
            pipeline: where finished spans go.
            resource: what makes the spans; a callable is asked once per process, so that
                ``service.instance.id`` and ``process.pid`` are right after a fork.
            limits: bounds on what one span holds.
            spans_per_trace: spans of one trace in this process, below one entry. What is over it is
                counted, and told by :data:`~otel_bridge.tracing.spans.REFUSED_SPANS` on the local root.
            record_unsigned: record roots that no signed request stands behind. For tools that trace
                themselves, and for tests; a service leaves it off.
            capture_thread: spans say on which thread they started (:mod:`otel_bridge.tracing.threads`).
        """
        self.pipeline = pipeline
        self.limits = limits or Limits()
        self.spans_per_trace = spans_per_trace
        self.record_unsigned = record_unsigned
        self.capture_thread = capture_thread
        self.pid = getpid()
        #: Spans refused by ``spans_per_trace``, over all traces.
        self.refused = Counter()
        #: Lines for the operator, left by the export thread, which must not log.
        self.notices: list[str] = []
        self._make_resource = _maker(resource)
        self._resource: Resource | None = None
        self._resource_pid = self.pid
        self._tracers: dict[InstrumentationScope, Tracer] = {}

    def reconfigure(
        self,
        pipeline: SpanPipeline,
        resource: Resource | Callable[[], Resource],
        limits: Limits,
        spans_per_trace: int,
        notices: list[str],
        capture_thread: bool = False,
    ) -> None:
        """Go on with other settings; tracers that were handed out already follow.

        The pipeline so far is shut down, with what it holds delivered where it belongs.
        """
        before = self.pipeline
        self.pipeline, self.limits, self.spans_per_trace = pipeline, limits, spans_per_trace
        self._make_resource, self._resource, self.notices = _maker(resource), None, notices
        self.refused = Counter()
        self.capture_thread = capture_thread
        for tracer in list(self._tracers.values()):
            tracer.limits, tracer.sink, tracer.capture_thread = limits, pipeline.put, capture_thread
        before.shutdown()

    @property
    def resource(self) -> Resource:
        found = self._resource
        pid = getpid()  # a trace may go on in a forked child, where nothing else has noticed yet
        if found is None or self._resource_pid != pid:
            found = self._resource = self._make_resource()
            self._resource_pid = pid
        return found

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Tracer:
        scope = InstrumentationScope(
            instrumenting_module_name or "", instrumenting_library_version or "", schema_url, attributes
        )
        found = self._tracers.get(scope)
        if found is None:
            found = self._tracers.setdefault(scope, Tracer(self, scope))
        return found

    def admit(self, parent: api.Span | None, name: str, kind: SpanKind, attributes: Any) -> Trace | None:
        """The gate, asked where no recorded span of ours is current.

        Args:
            parent: the span in the context that is no recorded span of ours, or None.
            name: name of the span that wants to be made.
            kind: its kind.
            attributes: its attributes.

        Returns:
            The trace to record under, or None: not recorded.
        """
        if parent.__class__ is Remote:
            if getpid() != self.pid:
                self.after_fork()
            if self.notices:
                self.report_notices()
            remote: Any = parent
            trace: Trace | None = remote.trace
            if trace is None:
                trace = remote.trace = Trace(remote.info.trace_id, remote.parent_id, self.spans_per_trace)
            return trace
        if not self.record_unsigned:
            return None
        if getpid() != self.pid:
            self.after_fork()
        above: SpanContext | None = parent.get_span_context() if isinstance(parent, api.Span) else None
        if above is None or not above.is_valid:
            return Trace(random_bits(128) or 1, 0, self.spans_per_trace)
        if not above.trace_flags & SAMPLED:
            return None
        return Trace(above.trace_id, above.span_id, self.spans_per_trace, above.trace_state)

    def refuse(self, trace: Trace) -> None:
        """Count a span that ``spans_per_trace`` does not leave room for."""
        if trace.refused is None:
            trace.refused = Counter()
        trace.refused.add()
        self.refused.add()

    def after_fork(self) -> None:
        """Become the provider of this process: own ids, own resource, own pipeline.

        Called where the pid turns out to have changed: uWSGI and mod_wsgi fork in C, where no at-fork
        hook of Python's runs.
        """
        pid = getpid()
        reseed()
        self._resource = None
        self.refused = Counter()
        self.notices.clear()
        self.pipeline.after_fork()
        self.pid = pid  # last: another thread that sees it goes on at once

    def report_notices(self) -> None:
        """Log what the export thread had to say."""
        while self.notices:
            try:
                warn(self.notices.pop(0))
            except IndexError:  # another thread was faster
                return

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Export what has ended so far.

        Returns:
            False if it took longer than ``timeout_millis``.
        """
        return self.pipeline.force_flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Export what there is, within the pipeline's exit time-out, and stop the export thread."""
        self.pipeline.shutdown()


def _maker(resource: Resource | Callable[[], Resource] | None) -> Callable[[], Resource]:
    if callable(resource):
        return resource
    fixed = Resource({}) if resource is None else resource
    return lambda: fixed
