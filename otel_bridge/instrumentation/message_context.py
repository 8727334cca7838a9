"""The message context of oslo.messaging as a carrier of the trace.

It travels under :data:`CARRIER` as signed trace info, its HMAC and a ``traceparent``, and is verified on
receipt; the HMAC key itself is never sent there. Where the sending service's own serializer put OSProfiler's
``trace_info`` beside it (with the key, as OSProfiler does), that is kept, with the span that sends as parent;
where it did not, the operator may want us to (``[otel_bridge] rpc_trace_info``). A message
that carries ``trace_info`` only is accepted, if it names a key of ours.
"""

from __future__ import annotations

import copy
from typing import Any, TypeGuard

from otel_bridge import gate
from otel_bridge.settings import RpcTraceInfo
from otel_bridge.wire import ids
from otel_bridge.wire.carrier import carrier, from_carrier
from otel_bridge.wire.signing import MAX_HEADER_LENGTH, KeyRing, TraceInfo

#: Key of the message context under which the signed trace info travels.
CARRIER = "otel_bridge"
#: Key of the message context under which services that use osprofiler send their own.
TRACE_INFO = "trace_info"


def carrying(ctxt: Any, span_id: int, info: TraceInfo, trace_info: RpcTraceInfo = "off") -> Any:
    """A message context that carries the trace, to be sent in place of ``ctxt``.

    ``ctxt`` itself stays as it is: it may be the caller's own object, which the next message uses again.

    Args:
        ctxt: what the serializer made: a dict, or an object with ``to_dict()``.
        span_id: of the span that sends.
        info: trace info of the request that is served; its key signs.
        trace_info: what osprofiler's ``trace_info`` is added, where the serializer made none.
    """
    value = carrier(span_id, info)
    if ctxt.__class__ is dict:
        if value and trace_info == "off" and TRACE_INFO not in ctxt:  # nearly always
            return {**ctxt, CARRIER: value}
        return _with(ctxt, value, span_id, info, trace_info)
    return CarryingContext(ctxt, value, span_id, info, trace_info)


class CarryingContext:
    """A context that is no plain dict, with the carrier beside it.

    Drivers that write a context out ask it for ``to_dict()``. The in-memory driver hands the object itself
    over, and the receiver is to find the very one that was sent.
    """

    __slots__ = ("_info", "_span_id", "_trace_info", "carrier", "sent")

    def __init__(
        self,
        sent: Any,
        carrier: list[str],
        span_id: int,
        info: TraceInfo,
        trace_info: RpcTraceInfo,
    ) -> None:
        self.sent, self.carrier = sent, carrier
        self._span_id, self._info, self._trace_info = span_id, info, trace_info

    def to_dict(self) -> dict[str, Any]:
        sent = self.sent if isinstance(self.sent, dict) else self.sent.to_dict()
        return _with(sent, self.carrier, self._span_id, self._info, self._trace_info)

    def __deepcopy__(self, memo: Any) -> CarryingContext:
        # The in-memory driver copies what is queued; a key is not to be copied.
        sent = copy.deepcopy(self.sent, memo)
        return CarryingContext(sent, self.carrier, self._span_id, self._info, self._trace_info)


def _with(
    ctxt: dict[str, Any],
    value: list[str],
    span_id: int,
    info: TraceInfo,
    trace_info: RpcTraceInfo,
) -> dict[str, Any]:
    changed = {**ctxt}
    if value:  # a trace without a key has none
        changed[CARRIER] = value
    found = ctxt.get(TRACE_INFO)
    if found:
        changed[TRACE_INFO] = _below(found, info.trace_id, span_id)
    elif trace_info != "off":
        key = info.key.reveal() if trace_info == "keyed" else ""
        if key or trace_info == "unkeyed":
            changed[TRACE_INFO] = {
                "hmac_key": key,
                "base_id": info.base_id or ids.base_id(info.trace_id),
                "parent_id": ids.parent_id(info.trace_id, span_id, info.base_id),
            }
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
        trace_info = ctxt.get(TRACE_INFO)
        value = None
        if CARRIER in ctxt:
            message.ctxt = ctxt = {**ctxt}
            value = ctxt.pop(CARRIER)
    else:
        return None
    if keys is None:
        return None
    info = from_carrier(value, keys)
    if info is not None:
        return _refined(info, trace_info) if trace_info else info
    info = _from_trace_info(trace_info, keys)
    if info is None and (value is not None or _names_a_key(trace_info)):
        gate.count_refused()
    return info


def _refined(info: TraceInfo, trace_info: Any) -> TraceInfo:
    """What a carrier says, below the point that ``trace_info`` of the same trace names.

    They differ where a service on plain osprofiler hands on a context that it got from one of ours.
    """
    if not isinstance(trace_info, dict):
        return info
    base_id, parent_id = trace_info.get("base_id"), trace_info.get("parent_id")
    if not _is_id(base_id) or not _is_id(parent_id) or ids.trace_id(base_id) != info.trace_id:
        return info
    return info._replace(parent_span_id=ids.parent_span_id(base_id, parent_id))


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
    return TraceInfo.of(base_id, parent_id, key)


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_HEADER_LENGTH


def serve_below(message: Any, trace_id: int, span_id: int) -> None:
    """Let what the service's own deserializer makes of ``trace_info`` go below the span that serves.

    Args:
        message: oslo.messaging's incoming message; it gets a copy of its context if there is something to
            change.
        trace_id: of the span that serves the message.
        span_id: likewise.
    """
    ctxt = message.ctxt
    if isinstance(ctxt, dict) and TRACE_INFO in ctxt:
        message.ctxt = {**ctxt, TRACE_INFO: _below(ctxt[TRACE_INFO], trace_id, span_id)}


def _below(trace_info: Any, trace_id: int, span_id: int) -> Any:
    """OSProfiler's ``trace_info`` with a span as the parent; unchanged where it is of another trace."""
    if not isinstance(trace_info, dict):
        return trace_info
    base_id = trace_info.get("base_id")
    if not _is_id(base_id) or ids.trace_id(base_id) != trace_id:
        return trace_info
    return {**trace_info, "parent_id": ids.parent_id(trace_id, span_id, base_id)}
