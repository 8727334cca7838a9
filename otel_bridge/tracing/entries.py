"""Our tracer's fast entries, for any provider.

Instrumentations ask here once, when they are switched on. On our provider they get the tracer's own
methods; on another one (the SDK's) functions that do the same through the OpenTelemetry API.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from otel_bridge.model.redaction import exception_message
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.failure import raised, text_of, type_name
from otel_bridge.tracing.propagation import Remote, outgoing
from otel_bridge.tracing.spans import Span
from otel_bridge.tracing.tracer import Tracer
from otel_bridge.wire.signing import TraceInfo


class Recording(Protocol):
    """A started span, as instrumentations use it."""

    def fail(self, exc: BaseException, *, message: str | None = "") -> None: ...
    def fail_as(self, error_type: str, message: str | None) -> None: ...
    def end(self, end_time: int | None = None) -> None: ...
    def get_span_context(self) -> SpanContext: ...


Leaf = Callable[[str | None, SpanKind, Any], Any]
LateLeaf = Callable[[str | None, SpanKind, Any, int | None], Any]
Entry = Callable[..., Any]


class ApiRecording:
    """A span of another provider with a point of ours: translated into it when it ends."""

    __slots__ = ("_ended", "_failed", "_name", "_point", "span")

    def __init__(self, span: api.Span, name: str | None, point: Any) -> None:
        #: The provider's own span: what has to be made current.
        self.span = span
        self._name = name
        self._point = point
        self._failed = self._ended = False

    def get_span_context(self) -> SpanContext:
        return self.span.get_span_context()

    def fail(self, exc: BaseException, *, message: str | None = "") -> None:
        exc = raised(exc)
        self.fail_as(type_name(type(exc)), text_of(exc) if message == "" else message)

    def fail_as(self, error_type: str, message: str | None) -> None:
        if self._ended:
            return
        text = exception_message(error_type, message) if message else ""
        self._failed = True
        short = error_type.rpartition(".")[2]
        self.span.set_attribute("error.type", error_type)
        event = {"exception.type": error_type}
        if text:
            event["exception.message"] = text
        self.span.add_event("exception", event)
        self.span.set_status(Status(StatusCode.ERROR, f"{short}: {text}" if text else short))

    def end(self, end_time: int | None = None) -> None:
        if self._ended:  # foreign spans log a warning for each call that comes too late
            return
        self._ended = True
        name, attributes = self._name or "", self._point
        if not isinstance(attributes, dict) and attributes is not None:
            name, attributes = attributes.translate(self._name)
        self.span.update_name(name)
        self.span.set_attributes(attributes or {})
        if attributes and "error.type" in attributes and not self._failed:
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.end(end_time)


def leaf(tracer: api.Tracer) -> Leaf:
    """``leaf(name, kind, point)``: a started span that is not current, None when nothing is recorded."""
    return tracer.leaf if isinstance(tracer, Tracer) else _api_leaf(tracer)


def late_leaf(tracer: api.Tracer) -> LateLeaf:
    """``late_leaf(name, kind, point, start_time)``: :func:`leaf` of what began before, in nanoseconds."""
    if not isinstance(tracer, Tracer):
        return _api_leaf(tracer)

    def our_leaf(name: str | None, kind: SpanKind, point: Any, start_time: int | None) -> Span | None:
        span = tracer.leaf(name, kind, point)
        if span is not None and start_time is not None:
            span._start_time = start_time
        return span

    return our_leaf


def _api_leaf(tracer: api.Tracer) -> Callable[..., ApiRecording | None]:
    def api_leaf(
        name: str | None, kind: SpanKind, point: Any, start_time: int | None = None
    ) -> ApiRecording | None:
        parent = ctx.get().get(ctx.SPAN_KEY)
        if not isinstance(parent, api.Span) or not parent.is_recording():
            return None
        return ApiRecording(tracer.start_span(name or "", kind=kind, start_time=start_time), name, point)

    return api_leaf


def entry(tracer: api.Tracer) -> Entry:
    """``entry(info, name, kind, point, parent_id=None)``: the first span below verified trace info."""
    if isinstance(tracer, Tracer):
        return tracer.entry

    def api_entry(
        info: TraceInfo, name: str | None, kind: SpanKind, point: Any, parent_id: int | None = None
    ) -> ApiRecording:
        below = ctx.with_request(ctx.get(), Remote(info, parent_id), info)
        return ApiRecording(tracer.start_span(name or "", context=below, kind=kind), name, point)

    return api_entry


def span_of(recording: Any) -> api.Span:
    """The span to make current, of what :func:`leaf` and :func:`entry` gave."""
    return cast("api.Span", recording if recording.__class__ is Span else recording.span)


def ids_of(recording: Any) -> tuple[int, int]:
    """Trace id and span id of what :func:`leaf` and :func:`entry` gave."""
    if recording.__class__ is Span:  # what its span context says, which is made when it is asked for
        return recording._trace.id, recording._span_id
    context = recording.get_span_context()
    return context.trace_id, context.span_id


def sending(context: Context, recording: Any) -> tuple[int, int, TraceInfo] | None:
    """What a request that is sent now is signed with: trace id and span id of what is above it over there.

    Args:
        context: the current one.
        recording: of the request; None where it has none: then it hangs below what is current.

    Returns:
        None where no signed request stands behind it. The trace info has the key.
    """
    if recording is None:
        found = outgoing(context)
        return None if found is None else (found[0].trace_id, found[0].span_id, found[1])
    info = ctx.trace_info(context)
    if info is None:
        return None
    trace_id, span_id = ids_of(recording)
    return (trace_id, span_id, info) if trace_id == info.trace_id else None
