"""The message context of oslo.messaging as a carrier of the trace.

It travels under :data:`CARRIER` as signed trace info, its HMAC and a ``traceparent``, and is verified on
receipt; the HMAC key itself is never sent. Where the sending service's own serializer put OSProfiler's
``trace_info`` there (with the key, as OSProfiler does), that is kept, with the span that sends as parent; and
where a message carries nothing else it is accepted, if the key is one of ours.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from opentelemetry.trace import SpanContext

from otel_bridge import gate
from otel_bridge.tracing.propagation import carrier, from_carrier
from otel_bridge.wire import ids
from otel_bridge.wire.signing import MAX_HEADER_LENGTH, KeyRing, TraceInfo

#: Key of the message context under which the signed trace info travels.
CARRIER = "otel_bridge"
#: Key of the message context under which services that use osprofiler send their own.
TRACE_INFO = "trace_info"


def carrying(ctxt: Any, above: SpanContext, info: TraceInfo) -> Any:
    """A message context that carries the trace, to be sent in place of ``ctxt``.

    ``ctxt`` itself stays as it is: it may be the caller's own object, which the next message uses again.

    Args:
        ctxt: what the serializer made: a dict, or an object with ``to_dict()``.
        above: span context of the span that sends.
        info: trace info of the request that is served; its key signs.
    """
    value = carrier(above, info)
    return (
        _with_carrier(ctxt, value, above) if ctxt.__class__ is dict else CarryingContext(ctxt, value, above)
    )


class CarryingContext:
    """A context that is no plain dict, with the carrier beside it.

    Drivers that write a context out ask it for ``to_dict()``. The in-memory driver hands the object itself
    over, and the receiver is to find the very one that was sent.
    """

    __slots__ = ("above", "carrier", "sent")

    def __init__(self, sent: Any, carrier: list[str], above: SpanContext) -> None:
        self.sent, self.carrier, self.above = sent, carrier, above

    def to_dict(self) -> dict[str, Any]:
        sent = self.sent if isinstance(self.sent, dict) else self.sent.to_dict()
        return _with_carrier(sent, self.carrier, self.above)


def _with_carrier(ctxt: dict[str, Any], value: list[str], above: SpanContext) -> dict[str, Any]:
    changed = {**ctxt, CARRIER: value}
    if TRACE_INFO in ctxt:
        changed[TRACE_INFO] = _below(ctxt[TRACE_INFO], above)
    return changed


def take(message: Any, keys: KeyRing | None) -> TraceInfo | None:
    """Take the carrier out of an incoming message's context; what it says, if it can be trusted.

    Never raises. The message gets a copy of the context without the carrier: the in-memory driver gives one
    and the same dict to all queues of a fanout.

    Args:
        message: oslo.messaging's incoming message.
        keys: what the carrier is verified with; None to take it out only.

    Returns:
        Verified trace info; None for a message that is to be processed untraced.
    """
    ctxt = message.ctxt
    value: Any
    if ctxt.__class__ is CarryingContext:
        message.ctxt = ctxt.sent
        value, trace_info = ctxt.carrier, None
    elif isinstance(ctxt, dict):
        value, trace_info = ctxt.get(CARRIER), ctxt.get(TRACE_INFO)
        if CARRIER in ctxt:
            message.ctxt = ctxt = {**ctxt}
            del ctxt[CARRIER]
    else:
        return None
    if keys is None:
        return None
    info = from_carrier(value, keys)
    if info is None:
        info = _from_trace_info(trace_info, keys)
        if info is None and (value is not None or _names_a_key(trace_info)):
            gate.count_refused()
    return info


def _names_a_key(trace_info: Any) -> bool:
    # A service may leave the key out, with intent: then it signs nothing, and nothing is to be refused.
    return isinstance(trace_info, dict) and bool(trace_info.get("hmac_key"))


def _from_trace_info(value: Any, keys: KeyRing) -> TraceInfo | None:
    """What osprofiler's serializer sends, if it names a key of ours: it is not signed, the key is in it."""
    if not isinstance(value, dict):
        return None
    key = keys.find(value.get("hmac_key"))
    base_id, parent_id = value.get("base_id"), value.get("parent_id")
    if key is None or not _is_id(base_id) or not (parent_id is None or _is_id(parent_id)):
        return None
    trace_id = ids.trace_id(base_id)
    if not trace_id:
        return None
    odd = None if ids.base_id(trace_id) == base_id else base_id
    return TraceInfo(trace_id, ids.parent_span_id(base_id, parent_id), key, odd)


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_HEADER_LENGTH


def serve_below(message: Any, above: SpanContext) -> None:
    """Let what the service's own deserializer makes of ``trace_info`` go below the span that serves.

    Args:
        message: oslo.messaging's incoming message; it gets a copy of its context if there is something to
            change.
        above: span context of the span that serves the message.
    """
    ctxt = message.ctxt
    if isinstance(ctxt, dict) and TRACE_INFO in ctxt:
        message.ctxt = {**ctxt, TRACE_INFO: _below(ctxt[TRACE_INFO], above)}


def _below(trace_info: Any, above: SpanContext) -> Any:
    """OSProfiler's ``trace_info`` with a span as the parent; unchanged where it is of another trace."""
    if not isinstance(trace_info, dict):
        return trace_info
    base_id = trace_info.get("base_id")
    if not _is_id(base_id) or ids.trace_id(base_id) != above.trace_id:
        return trace_info
    return {**trace_info, "parent_id": ids.point_id(above.span_id)}
