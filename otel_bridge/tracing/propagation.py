"""OSProfiler's signed trace info as an OpenTelemetry propagation format.

Incoming trace info becomes a :class:`Remote` parent, which is what opens the gate. Outgoing, the signed
pair goes together with ``traceparent``, so that services which speak only OpenTelemetry join in.
"""

from __future__ import annotations

import os
import re
from time import time
from typing import Any

from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otel_bridge.tracing import context as ctx
from otel_bridge.wire import freshness, signing
from otel_bridge.wire.freshness import FRESHNESS_HEADER
from otel_bridge.wire.ids import stand_in, traceparent_begin
from otel_bridge.wire.signing import NO_KEY, KeyRing, TraceInfo

TRACEPARENT = "traceparent"
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.ASCII)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED = TraceFlags(TraceFlags.DEFAULT)

#: Names of all headers that :func:`headers` may give, in lower case: what has to be taken out of a request
#: that is sent again, or to another host.
HEADER_NAMES = frozenset(
    name.lower()
    for name in (signing.TRACE_INFO_HEADER, signing.TRACE_HMAC_HEADER, FRESHNESS_HEADER, TRACEPARENT)
)
#: With what OpenTelemetry's own propagators add to them: what has to be taken out where the trace may not go.
TRACE_HEADERS = HEADER_NAMES | {"tracestate"}

_stamps = False


def stamping(on: bool) -> None:
    """Whether signed requests say when they were made, and are good for one use (:mod:`..wire.freshness`)."""
    global _stamps
    _stamps = on


class Remote(NonRecordingSpan):
    """A verified parent in another process. The gate opens for this class, whatever a context says.

    Its span context is valid even for a root, which OSProfiler says by ``parent_id == base_id``: it then
    has the span id that stands in for none (:func:`~otel_bridge.wire.ids.stand_in`). A foreign provider,
    which would start another trace below an invalid context, so keeps the trace together. Who receives that
    id from us, and who reads it out of a store, knows it as "no span above".
    """

    def __init__(
        self,
        info: TraceInfo,
        parent_id: int | None = None,
        point_id: str | None = None,
        beside: SpanContext | None = None,
    ) -> None:
        #: Span id of the parent, 0 for a root.
        self.parent_id = info.parent_span_id if parent_id is None else parent_id
        self.info = info
        #: The parent's id as OSProfiler named it, where that is known.
        self.point_id = point_id
        #: What the spans below share in this process; the tracer's to set.
        self.trace: Any = None
        #: The span of another trace that the request names as its parent, too; the first span below links to
        #: it, and takes it from here.
        self.beside = beside
        super().__init__(
            SpanContext(
                info.trace_id,
                self.parent_id or stand_in(info.trace_id),
                is_remote=True,
                trace_flags=_SAMPLED,
            )
        )


def read_traceparent(value: str | None) -> tuple[int, int, bool] | None:
    """Trace id and span id of a W3C ``traceparent``, and whether its sender records; None when it is none."""
    if not value or len(value) > 512:
        return None
    match = _TRACEPARENT.fullmatch(value.strip())
    if match is None:
        return None
    trace, span, flags = match.groups()
    trace_id, span_id = int(trace, 16), int(span, 16)
    return (trace_id, span_id, int(flags, 16) & 1 == 1) if trace_id and span_id else None


def parent_or_link(info: TraceInfo, traceparent: str | None) -> tuple[int | None, SpanContext | None]:
    """What a ``traceparent`` beside a valid signature adds to it: who signed vouches for what else is said.

    Args:
        info: what the signature is for. The request belongs to this trace, whatever comes beside it.
        traceparent: the header; on its own it is untrusted input.

    Returns:
        The parent's span id, where it names one in the signed trace; else the signed parent counts. And the
        span of another trace that it names, which is to be linked.
    """
    found = read_traceparent(traceparent)
    if found is None:
        return None, None
    trace_id, span_id, sampled = found
    if trace_id != info.trace_id:
        return None, SpanContext(trace_id, span_id, True, _SAMPLED if sampled else _NOT_SAMPLED)
    return (None if span_id == stand_in(trace_id) else span_id), None  # the sender has no span of its own


def remote(info: TraceInfo, traceparent: str | None) -> Remote:
    """The parent that verified trace info names, and the ``traceparent`` beside it."""
    parent_id, link = parent_or_link(info, traceparent)
    return Remote(info, parent_id, beside=link)


def headers(span_context: SpanContext, info: TraceInfo) -> dict[str, str]:
    """What goes out below a span: ``X-Trace-Info``, ``X-Trace-HMAC`` and ``traceparent``.

    ``X-Trace-Freshness`` as well, where that is wanted. Of a trace without a key there is ``traceparent``
    alone.

    Args:
        span_context: of the span that is the parent over there.
        info: trace info of the request that this one serves; its key signs.
    """
    return headers_below(span_context.trace_id, span_context.span_id, info)


def headers_below(trace_id: int, span_id: int, info: TraceInfo) -> dict[str, str]:
    """:func:`headers` for a span of which the ids are at hand."""
    traceparent = f"{traceparent_begin(trace_id)}{span_id:016x}-01"
    key = info.key
    if key is NO_KEY:
        return {TRACEPARENT: traceparent}
    packed, mac = signing.pack_ids(trace_id, span_id, key, info.base_id)
    found = {
        signing.TRACE_INFO_HEADER: packed,
        signing.TRACE_HMAC_HEADER: mac,
        TRACEPARENT: traceparent,
    }
    if _stamps:
        nonce = os.urandom(freshness.NONCE_BYTES)
        found[FRESHNESS_HEADER] = freshness.stamp(packed, mac, key, time(), nonce)
    return found


def outgoing(context: Context | None = None) -> tuple[SpanContext, TraceInfo] | None:
    """Parent and trace info for a request that leaves now, or None when nothing is traced."""
    current = ctx.get() if context is None else context
    info = ctx.trace_info(current)
    span = current.get(ctx.SPAN_KEY)
    if info is None or not isinstance(span, api.Span):
        return None
    above = span.get_span_context()
    return (above, info) if above.trace_id == info.trace_id else None


def header(carrier: CarrierT, name: str, getter: Getter[CarrierT]) -> str:
    """A header's first value; empty where there is none."""
    found = getter.get(carrier, name)
    return found[0] if found else ""


class OSProfilerPropagator(TextMapPropagator):
    """``X-Trace-Info`` and ``X-Trace-HMAC``, verified on the way in and signed on the way out."""

    def __init__(self, keys: KeyRing) -> None:
        """
        Args:
            keys: verify and, of what is verified, the same one signs.
        """
        self.keys = keys

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        current = ctx.get() if context is None else context
        packed = header(carrier, signing.TRACE_INFO_HEADER, getter)
        info = self.keys.verify(packed, header(carrier, signing.TRACE_HMAC_HEADER, getter))
        if info is None:
            return current
        return ctx.with_request(current, remote(info, header(carrier, TRACEPARENT, getter)), info)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        found = outgoing(context)
        if found is not None:
            for name, value in headers(*found).items():
                setter.set(carrier, name, value)

    @property
    def fields(self) -> set[str]:
        return {signing.TRACE_INFO_HEADER, signing.TRACE_HMAC_HEADER, FRESHNESS_HEADER, TRACEPARENT}
