"""OSProfiler's signed trace info as an OpenTelemetry propagation format.

Incoming trace info becomes a :class:`Remote` parent, which is what opens the gate. Outgoing, the signed
pair goes together with ``traceparent``, so that services which speak only OpenTelemetry join in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache
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
from otel_bridge.wire.ids import SPAN_ID_MASK
from otel_bridge.wire.signing import NO_KEY, Key, KeyRing, TraceInfo

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

_stamps = False


def stamping(on: bool) -> None:
    """Whether signed requests say when they were made, and are good for one use (:mod:`..wire.freshness`)."""
    global _stamps
    _stamps = on


class Remote(NonRecordingSpan):
    """A verified parent in another process. The gate opens for this class, whatever a context says.

    Its span context is valid even for a root, which OSProfiler says by ``parent_id == base_id``: it then
    has the low half of the trace id as span id. A foreign provider, which would start another trace below
    an invalid context, so keeps the trace together; readers know that id as "no span above".
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
                self.parent_id or (info.trace_id & SPAN_ID_MASK) or 1,
                is_remote=True,
                trace_flags=_SAMPLED,
            )
        )


def parse_traceparent(value: str | None) -> tuple[int, int] | None:
    """Trace id and span id of a W3C ``traceparent``, or None when it is none."""
    found = read_traceparent(value)
    return None if found is None else found[:2]


def read_traceparent(value: str | None) -> tuple[int, int, bool] | None:
    """:func:`parse_traceparent`, and whether the sender records the trace."""
    if not value or len(value) > 512:
        return None
    match = _TRACEPARENT.fullmatch(value.strip())
    if match is None:
        return None
    trace_id, span_id = int(match[1], 16), int(match[2], 16)
    return (trace_id, span_id, bool(int(match[3], 16) & 1)) if trace_id and span_id else None


def beside(info: TraceInfo, traceparent: str | None) -> SpanContext | None:
    """The span of another trace that a ``traceparent`` beside a valid signature names: to be linked.

    The request belongs to the signed trace. Who signed it vouches for what else it says.
    """
    found = read_traceparent(traceparent)
    if found is None or found[0] == info.trace_id:
        return None
    return SpanContext(found[0], found[1], True, _SAMPLED if found[2] else _NOT_SAMPLED)


def refined_parent(info: TraceInfo, traceparent: str | None) -> int | None:
    """The parent's span id as a ``traceparent`` beside a valid signature tells it, or None.

    Only within the signed trace: on its own ``traceparent`` is untrusted input.
    """
    if traceparent is None:
        return None
    found = parse_traceparent(traceparent)
    return found[1] if found is not None and found[0] == info.trace_id else None


@lru_cache(maxsize=256)
def _traceparents_begin(trace_id: int) -> str:
    return f"00-{trace_id:032x}-"  # which costs as much as all the rest


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
    traceparent = f"{_traceparents_begin(trace_id)}{span_id:016x}-01"
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


class OSProfilerPropagator(TextMapPropagator):
    """``X-Trace-Info`` and ``X-Trace-HMAC``, verified on the way in and signed on the way out."""

    def __init__(self, keys: KeyRing, is_fresh: Callable[[str, str, str, Key], bool] | None = None) -> None:
        """
        Args:
            keys: verify and, of what is verified, the same one signs.
            is_fresh: refuses signed headers by their age and use (:func:`otel_bridge.gate.is_fresh`).
        """
        self.keys = keys
        self._is_fresh = is_fresh

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        current = ctx.get() if context is None else context
        packed = getter.get(carrier, signing.TRACE_INFO_HEADER)
        mac = getter.get(carrier, signing.TRACE_HMAC_HEADER)
        if not packed or not mac:
            return current
        info = self.keys.verify(packed[0], mac[0])
        if info is None:
            return current
        if self._is_fresh is not None:
            stamp = getter.get(carrier, FRESHNESS_HEADER)
            if not self._is_fresh(packed[0], mac[0], stamp[0] if stamp else "", info.key):
                return current
        parent = getter.get(carrier, TRACEPARENT)
        traceparent = parent[0] if parent else None
        remote = Remote(info, refined_parent(info, traceparent), beside=beside(info, traceparent))
        return ctx.with_request(current, remote, info)

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
