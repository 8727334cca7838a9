"""Tracer of the OpenTelemetry API: makes spans below what is current in the context."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextvars import ContextVar
from os import getpid
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import INVALID_SPAN, Link, NonRecordingSpan, SpanKind

from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.decorator import traced
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.spans import Span, Trace
from otel_bridge.tracing.threads import note_thread
from otel_bridge.tracing.values import clean_attributes
from otel_bridge.wire.signing import TraceInfo

if TYPE_CHECKING:
    from otel_bridge.tracing.provider import TracerProvider

INTERNAL = SpanKind.INTERNAL

# Ids from a generator of our own: a service's random.seed() does nothing to it, and getrandbits is one
# C call. os.urandom costs twenty times as much.
_random = random.Random()
random_bits, reseed = _random.getrandbits, _random.seed
os.register_at_fork(after_in_child=reseed)

_new = object.__new__
_get = ctx.get
_KEY = ctx.SPAN_KEY


class _NothingRecorded:
    """What the fast entries give when nothing is recorded: one context manager for all.

    Both methods are C callables, which halves what a closed ``with`` costs: one that gives the invalid
    span for ever, and one that takes anything and gives what is false.
    """

    __slots__ = ()

    __enter__ = staticmethod(ContextVar("nothing recorded", default=INVALID_SPAN).get)
    __exit__ = staticmethod(type.__prepare__)


_NOTHING_RECORDED = _NothingRecorded()


class _NotCurrent:
    """``start_as_current_span`` when nothing is recorded; works as a decorator all the same.

    Nothing is attached: what is current already has the same effect. With a context given that need not be
    so; then the span becomes current, or what is done inside would count to the trace around it.
    """

    __slots__ = ("_arguments", "_span", "_token", "_tracer")

    def __init__(self, tracer: Tracer, span: api.Span, arguments: tuple[Any, ...]) -> None:
        self._tracer, self._span, self._arguments = tracer, span, arguments
        self._token: Any = None

    def __enter__(self) -> api.Span:
        if self._arguments[1] is not None:
            self._token = ctx.set_(ctx.with_span(_get(), self._span))
        return self._span

    def __exit__(self, *exc_info: object) -> None:
        token, self._token = self._token, None
        if token is not None:
            ctx.detach(token)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return traced(func, self._tracer, self._arguments)


class Tracer(api.Tracer):
    """Makes spans below a recorded parent; asks the provider's gate where there is none.

    Beside the API's two methods it has three entries for instrumentations that count every microsecond:
    :meth:`span`, :meth:`leaf` and :meth:`entry`. They take the attributes, a dict or a point, as their own.
    :mod:`otel_bridge.tracing.entries` gives the same three for any other provider.
    """

    def __init__(self, provider: TracerProvider, scope: InstrumentationScope) -> None:
        self.provider = provider
        self.scope = scope
        self.limits = provider.limits
        self.sink = provider.pipeline.put
        self.capture_thread = provider.capture_thread

    @property
    def resource(self) -> Resource:
        return self.provider.resource

    # -- the API --------------------------------------------------------------------------------------

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = INTERNAL,
        attributes: Any = None,
        links: Any = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        _token: Any = False,
    ) -> api.Span:
        parent: Any = (_get() if context is None else context).get(_KEY)
        if parent.__class__ is Span:
            trace: Trace = parent._trace
            parent_id = parent._span_id
        else:
            admitted = self.provider.admit(parent, name, kind, attributes)
            if admitted is None:
                return _unrecorded(parent)
            trace = admitted
            parent_id = trace.remote
        room = trace.room
        if not room:
            self.provider.refuse(trace)
            return _unrecorded(parent)
        trace.room = room - 1
        span: Span = _new(Span)
        span._name = name
        span._trace = trace
        span._span_id = random_bits(64) or 1
        span._parent_id = parent_id
        span._kind = kind
        span._tracer = self
        span._end_time = None
        span._more = None
        span._token = _token
        if attributes is not None:
            span._attributes, dropped = clean_attributes(attributes, self.limits)
            if dropped:
                span._extras().dropped_attributes = dropped
        else:
            span._attributes = {}
        if links:
            span._add_links(links)
        if parent_id == trace.remote and parent.__class__ is Remote and parent.beside is not None:
            _link_beside(span, parent)
        if not (record_exception and set_status_on_exception):
            more = span._extras()
            more.record_exception = record_exception
            more.set_status_on_exception = set_status_on_exception
        if self.capture_thread:
            note_thread(span)
        span._start_time = start_time or time_ns()
        return span

    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = INTERNAL,
        attributes: Any = None,
        links: Any = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Any:
        span: Any = self.start_span(
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception,
            set_status_on_exception,
            None,
        )
        if span.__class__ is Span:
            if context is not None or start_time or not end_on_exit or span._more is not None:
                more = span._extras()
                more.end_on_exit = end_on_exit
                more.again = (
                    name,
                    context,
                    kind,
                    attributes,
                    links,
                    start_time,
                    record_exception,
                    set_status_on_exception,
                    end_on_exit,
                )
            return span
        return _NotCurrent(
            self,
            span,
            (
                name,
                context,
                kind,
                attributes,
                links,
                start_time,
                record_exception,
                set_status_on_exception,
                end_on_exit,
            ),
        )

    # -- fast entries ---------------------------------------------------------------------------------

    def span(self, name: str | None, kind: SpanKind = INTERNAL, attributes: Any = None) -> Any:
        """``with tracer.span(…):`` a current span, below a recorded one only.

        Args:
            name: span name; None where the point gives it.
            kind: span kind.
            attributes: a dict or a :class:`~otel_bridge.tracing.spans.Point`; becomes the span's own.
        """
        current = _get()
        if not current:  # closed: no look-up, no object
            return _NOTHING_RECORDED
        parent: Any = current.get(_KEY)
        if parent.__class__ is not Span:
            return self._below_remote(parent, name, kind, attributes, None) or _NOTHING_RECORDED
        trace = parent._trace
        room = trace.room
        if not room:
            self.provider.refuse(trace)
            return _NOTHING_RECORDED
        trace.room = room - 1
        span: Span = _new(Span)
        span._name = name
        span._trace = trace
        span._span_id = random_bits(64) or 1
        span._parent_id = parent._span_id
        span._kind = kind
        span._attributes = attributes
        span._tracer = self
        span._end_time = None
        span._more = None
        span._token = None
        if self.capture_thread:
            note_thread(span)
        span._start_time = time_ns()
        return span

    def leaf(self, name: str | None, kind: SpanKind = INTERNAL, attributes: Any = None) -> Span | None:
        """A started span that does not become current, or None when nothing is recorded."""
        current = _get()
        if not current:
            return None
        parent: Any = current.get(_KEY)
        if parent.__class__ is not Span:
            return self._below_remote(parent, name, kind, attributes, False)
        trace = parent._trace
        room = trace.room
        if not room:
            self.provider.refuse(trace)
            return None
        trace.room = room - 1
        span: Span = _new(Span)
        span._name = name
        span._trace = trace
        span._span_id = random_bits(64) or 1
        span._parent_id = parent._span_id
        span._kind = kind
        span._attributes = attributes
        span._tracer = self
        span._end_time = None
        span._more = None
        span._token = False
        if self.capture_thread:
            note_thread(span)
        span._start_time = time_ns()
        return span

    def _below_remote(
        self, parent: Any, name: str | None, kind: SpanKind, attributes: Any, token: bool | None
    ) -> Span | None:
        """A span right below a verified parent in another process: the way of ``profiler.init``."""
        trace = (
            self.provider.admit(parent, name or "", kind, attributes) if parent.__class__ is Remote else None
        )
        if trace is None:
            return None
        room = trace.room
        if not room:
            self.provider.refuse(trace)
            return None
        trace.room = room - 1
        span = self._root(trace, name, kind, attributes, token)
        if parent.beside is not None:
            _link_beside(span, parent)
        return span

    def _root(
        self, trace: Trace, name: str | None, kind: SpanKind, attributes: Any, token: bool | None
    ) -> Span:
        span: Span = _new(Span)
        span._name = name
        span._trace = trace
        span._span_id = random_bits(64) or 1
        span._parent_id = trace.remote
        span._kind = kind
        span._attributes = attributes
        span._tracer = self
        span._end_time = None
        span._more = None
        span._token = token
        if self.capture_thread:
            note_thread(span)
        span._start_time = time_ns()
        return span

    def entry(
        self,
        info: TraceInfo,
        name: str | None,
        kind: SpanKind,
        attributes: Any,
        parent_id: int | None = None,
    ) -> Span:
        """The first span of this process below verified trace info: started, not current.

        Args:
            info: what the signed request said.
            name: span name; None where the point gives it.
            kind: span kind.
            attributes: a dict or a point; becomes the span's own.
            parent_id: span id that refines the parent (a ``traceparent`` beside the signature).
        """
        provider = self.provider
        if getpid() != provider.pid:
            provider.after_fork()
        if provider.notices:
            provider.report_notices()
        trace = Trace(
            info.trace_id,
            info.parent_span_id if parent_id is None else parent_id,
            provider.spans_per_trace - 1,
        )
        span: Span = _new(Span)  # as in _root(), without the call
        span._name = name
        span._trace = trace
        span._span_id = random_bits(64) or 1
        span._parent_id = trace.remote
        span._kind = kind
        span._attributes = attributes
        span._tracer = self
        span._end_time = None
        span._more = None
        span._token = False
        if self.capture_thread:
            note_thread(span)
        span._start_time = time_ns()
        return span


def _link_beside(span: Span, remote: Remote) -> None:
    """Link the first span below a signed request to the span of another trace that this names, too."""
    beside, remote.beside = remote.beside, None
    if beside is not None:
        span._add_link(Link(beside))


def _unrecorded(parent: Any) -> api.Span:
    """What stands for a span that is not recorded: it hands the context of its parent on.

    Never the parent itself if that one records: the caller would end it.
    """
    if parent is None:
        return INVALID_SPAN
    if isinstance(parent, NonRecordingSpan):
        return parent
    if not isinstance(parent, api.Span):  # something that has no business there
        return INVALID_SPAN
    return NonRecordingSpan(parent.get_span_context())
