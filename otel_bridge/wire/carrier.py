"""The trace in the context of a message: ``[trace info, HMAC, traceparent]``.

All messages of a request carry the same signed trace info, which names the trace and no span of it: what
sends is named by the ``traceparent`` beside it. A signature is so made once for each trace and process, and
verified once. Who changes a ``traceparent`` on the bus could move a span within the trace that the signature
is for, and do no more than that.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Any, Final, NamedTuple

from otel_bridge.wire.ids import stand_in, traceparent_begin
from otel_bridge.wire.signing import KeyRing, TraceInfo, pack_ids

#: Traces whose signatures are remembered, of each key and key ring.
MAX_REMEMBERED: Final = 512
#: Longest trace info that is remembered; genuine one has 140 characters.
_MAX_LENGTH = 256
#: Where in a traceparent the span id is, and how long it is with everything.
_SPAN_ID, _TRACEPARENT_LENGTH = slice(36, 52), 55

_tuple = tuple.__new__


class Signed(NamedTuple):
    """What the carriers of a trace have in common."""

    info: str
    mac: str
    #: ``00-…-``, with the trace id.
    begin: str
    #: What it says, once it is verified.
    says: TraceInfo


def carrier(span_id: int, info: TraceInfo) -> list[str]:
    """The carrier of a message that leaves below a span. The key itself is not in it.

    Empty for a trace without a key: nobody would believe it.

    Args:
        span_id: of the span below which the receiver is to record.
        info: trace info of the request that is served; its key signs.
    """
    trace_id, _, key, base_id = info
    found: Signed | None = key.carriers.get(trace_id)
    if found is None or found.says.base_id != base_id:
        if not key:
            return []
        packed, mac = pack_ids(trace_id, 0, key, base_id)
        found = Signed(packed, mac, traceparent_begin(trace_id), info)
        _remember(key.carriers, trace_id, found)
    packed, mac, begin, _says = found
    return [packed, mac, f"{begin}{span_id:016x}-01"]


def from_carrier(value: Any, keys: KeyRing) -> TraceInfo | None:
    """Verified trace info out of a message's context, with the sending span as the parent. Never raises.

    None for whatever :func:`carrier` did not make with one of these keys. Without a ``traceparent`` of the
    signed trace the signed parent counts.
    """
    if not isinstance(value, list) or not 2 <= len(value) <= 3:
        return None
    packed, mac = value[0], value[1]
    if packed.__class__ is not str or mac.__class__ is not str:
        return None
    found: Signed | None = keys.carriers.get(packed)
    try:
        known = found is not None and compare_digest(found.mac, mac)
    except TypeError:  # no ASCII
        return None
    if found is None or not known:
        says = keys.verify(packed, mac)
        if says is None:
            return None
        found = Signed(packed, mac, traceparent_begin(says.trace_id), says)
        if len(packed) <= _MAX_LENGTH:
            _remember(keys.carriers, packed, found)
    _, _, begin, says = found
    beside = value[-1]
    if (
        beside.__class__ is str
        and len(beside) == _TRACEPARENT_LENGTH
        and beside.startswith(begin)
        and beside.isascii()
    ):
        try:
            span_id = int(beside[_SPAN_ID], 16)
        except ValueError:
            return says
        trace_id, _, key, base_id = says
        if span_id > 0 and span_id != stand_in(trace_id):
            return _tuple(TraceInfo, (trace_id, span_id, key, base_id))
    return says


def _remember(carriers: dict[Any, Any], name: Any, signed: Signed) -> None:
    if len(carriers) >= MAX_REMEMBERED:
        carriers.clear()
    carriers[name] = signed
