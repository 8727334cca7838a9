"""Spans to the bytes of an OTLP ``ExportTraceServiceRequest``, without generated classes.

What OpenTelemetry's own encoder (``opentelemetry.exporter.otlp.proto.common.trace_encoder``) accepts is
written byte for byte as it writes it; what it refuses, and would refuse the whole batch for, is written as
near to the truth as OTLP allows. One bad value never costs its span, one bad span never costs the batch.

Only field numbers and wire types of ``opentelemetry/proto/trace/v1/trace.proto`` are known here, as literal
tags in the order of that file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from sys import getsizeof
from typing import TYPE_CHECKING, Any

from otel_bridge.wire import fields
from otel_bridge.wire.attributes import (
    CACHE_BYTES,
    ENTRY_BYTES,
    LONGEST_REMEMBERED,
    AttributeEncoder,
    Budget,
)
from otel_bridge.wire.fields import KINDS, read
from otel_bridge.wire.protobuf import LENGTHS, field, length, utf8, varint

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

# span_id and parent_span_id (2 and 4, of eight bytes each): tag and length go together as one big-endian
# integer. start_time_unix_nano and end_time_unix_nano (7 and 8) are fixed64.
_one_id = struct.Struct(">HQ").pack
_two_ids = struct.Struct(">HQHQ").pack
_two_times = struct.Struct("<BQBQ").pack
_moment = struct.Struct("<BQ").pack
_MOST_TIME = 1 << 64
_SPAN_ID, _PARENT_SPAN_ID = 0x1208, 0x2208
_START, _END = 0x39, 0x41

# flags: SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK, and SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK for a remote parent
_LOCAL, _REMOTE = b"\x85\x01\x00\x01\x00\x00", b"\x85\x01\x00\x03\x00\x00"
_LINK_LOCAL, _LINK_REMOTE = b"\x35\x00\x01\x00\x00", b"\x35\x00\x03\x00\x00"
# how most spans end: an empty status, and flags
_PLAIN_LOCAL, _PLAIN_REMOTE = b"\x7a\x00" + _LOCAL, b"\x7a\x00" + _REMOTE

# What a remembered origin keeps alive besides its own bytes: a resource, a scope and their attributes.
_ORIGIN_SIZE = 4096

#: What stands before and behind the repeated part of a ResourceSpans or ScopeSpans.
_Frame = tuple[bytes, bytes]
_Batch = dict[_Frame, dict[_Frame, list[bytes]]]


class _Names(dict[Any, bytes]):
    """The name field of a span or an event, by name."""

    __slots__ = ("_budget", "_tag")

    def __init__(self, budget: Budget, tag: bytes) -> None:
        self._budget = budget
        self._tag = tag
        budget.share(self)

    def __missing__(self, name: Any) -> bytes:
        found = fields.text(self._tag, name)
        if type(name) is str and (
            len(name) <= LONGEST_REMEMBERED and self._budget.spend(getsizeof(name) + len(found) + ENTRY_BYTES)
        ):
            self[name] = found
        return found


class Encoder:
    """Encodes spans; remembers what it has seen, so keep one and use it again.

    It takes no lock: one encoder belongs to one thread at a time.
    """

    def __init__(
        self,
        cache_bytes: int = CACHE_BYTES,
        attribute_length: int | None = None,
        redact_key: Callable[[str], bool] | None = None,
    ) -> None:
        """
        Args:
            cache_bytes: bound on what is remembered. It is forgotten, all at once, when the bound is
                reached: input that never repeats costs time, not memory.
            attribute_length: longest string (characters) and bytes value of spans, events and links; the
                rest is cut off. None: no limit. Resources and scopes are exempt, as the specification
                has it.
            redact_key: attribute keys for which it is true are written with ``***`` for a value. Asked
                once per key that is remembered, not once per span. If it raises, the key is redacted.
        """
        budget = Budget(cache_bytes)
        self._budget = budget
        self._attributes = AttributeEncoder(budget, attribute_length, redact_key)
        self._origin_attributes = AttributeEncoder(Budget(0), None, redact_key)
        self._names = _Names(budget, b"\x2a")
        self._event_names = _Names(budget, b"\x12")
        # By identity: hash(Resource) writes JSON. The objects are kept, so that no id is used again.
        self._origins: dict[tuple[int, int], tuple[Any, Any, _Frame, _Frame]] = {}
        budget.share(self._origins)

    def encode(self, spans: Iterable[ReadableSpan]) -> bytes:
        """An ``ExportTraceServiceRequest`` with these spans; no bytes for no spans. Never raises.

        Requests may be joined: by the rules of protobuf, ``encode(a) + encode(b)`` is one request with
        the spans of both.

        Args:
            spans: ended spans, of :class:`otel_bridge.tracing.spans.Span` (the fast way, which reads its
                slots) or any other ``ReadableSpan`` of the SDK's.
        """
        batch: _Batch = {}
        by_tracer: dict[Any, list[bytes]] = {}
        names = self._names
        classes = self._attributes.classes
        strings = classes[str]
        span: Any
        tracer: Any = None
        pieces: list[bytes] = []
        for span in spans:
            try:
                its_tracer = span._tracer
                if its_tracer is not tracer:
                    its_pieces = by_tracer.get(its_tracer)
                    if its_pieces is None:
                        its_pieces = self._pieces(batch, its_tracer.resource, its_tracer.scope)
                        by_tracer[its_tracer] = its_pieces
                    tracer, pieces = its_tracer, its_pieces
                attributes = span._attributes
                if attributes.__class__ is not dict:
                    attributes = span._render()  # sets the name, too
                trace = span._trace
                span_id, parent_id = span._span_id, span._parent_id
                start, end = span._start_time, span._end_time
                body = [
                    trace.wire,
                    _two_ids(_SPAN_ID, span_id, _PARENT_SPAN_ID, parent_id)
                    if parent_id
                    else _one_id(_SPAN_ID, span_id),
                    names[span._name],
                    KINDS[span._kind._value_],  # an Enum member as a key would be hashed in Python
                    _two_times(_START, start, _END, end) if 0 < start <= end else fields.times(start, end),
                ]
                body += [
                    strings[key][value] if type(value) is str else classes[type(value)][key][value]
                    for key, value in attributes.items()
                ]
                remote = parent_id and parent_id == trace.remote
                if span._more is None and not trace.state:
                    body.append(_PLAIN_REMOTE if remote else _PLAIN_LOCAL)
                else:
                    body[1] = fields.ids(span_id, trace.state, parent_id or None)
                    body += self._extras(span)
                    body.append(_REMOTE if remote else _LOCAL)
                encoded = b"".join(body)
                size = len(encoded)
                pieces += (b"\x12", LENGTHS[size] if size < 1024 else varint(size), encoded)
            except Exception:
                self._add_any(span, batch)
        return _request(batch)

    def _add_any(self, span: Any, batch: _Batch) -> None:
        """Add a span through its public properties: the SDK's, or one of ours with something odd in it."""
        try:
            context = span.get_span_context()
        except Exception:
            context = None
        parent = read(span, "parent")
        encoded = b"".join(
            (
                b"\x0a\x10" + fields.identifier(read(context, "trace_id"), 16),
                fields.ids(
                    read(context, "span_id"),
                    read(context, "trace_state"),
                    None if parent is None else read(parent, "span_id"),
                ),
                fields.text(b"\x2a", read(span, "name")),
                fields.kind(read(span, "kind")),
                fields.times(read(span, "start_time"), read(span, "end_time")),
                self._attributes.encode(read(span, "attributes"), b"\x4a"),
                self._seldom(span),
                _REMOTE if read(parent, "is_remote") else _LOCAL,
            )
        )
        self._pieces(batch, read(span, "resource"), read(span, "instrumentation_scope")).extend(
            (b"\x12", length(len(encoded)), encoded)
        )

    def _extras(self, span: Any) -> list[bytes]:
        """:meth:`_seldom` of a span of ours; raises where that one makes do with what it can read."""
        more = span._more
        if more is None:
            return [b"\x7a\x00"]
        parts: list[bytes] = []
        if more.dropped_attributes:
            parts.append(fields.count(b"\x50", more.dropped_attributes))
        if more.events:
            parts += map(self._event, span._recorded_events())
        if more.dropped_events:
            parts.append(fields.count(b"\x60", more.dropped_events))
        if more.links:
            parts += map(self._link, more.links)
        if more.dropped_links:
            parts.append(fields.count(b"\x70", more.dropped_links))
        status = span._status
        code = status._status_code._value_
        text = status._description
        body = b"\x18" + LENGTHS[code] if code else b""
        parts.append(field(b"\x7a", field(b"\x12", utf8(text)) + body if text else body))
        return parts

    def _seldom(self, span: Any) -> bytes:
        """Counts of what was dropped, events, links and status: fields 10 to 15 of a span."""
        events, lost_events = self._each(self._event, read(span, "events"))
        links, lost_links = self._each(self._link, read(span, "links"))
        return b"".join(
            (
                fields.count(b"\x50", read(span, "dropped_attributes")),
                events,
                fields.count(b"\x60", read(span, "dropped_events"), lost_events),
                links,
                fields.count(b"\x70", read(span, "dropped_links"), lost_links),
                fields.status(read(span, "status")),
            )
        )

    @staticmethod
    def _each(encode: Callable[[Any], bytes], values: Any) -> tuple[bytes, int]:
        """The fields of ``values``, and how many of them cannot be written."""
        parts, lost = [], 0
        try:
            for value in values or ():
                try:
                    parts.append(encode(value))
                except Exception:
                    lost += 1
        except Exception:
            lost += 1
        return b"".join(parts), lost

    def _event(self, event: Any) -> bytes:
        time = event.timestamp
        dropped = read(event, "dropped_attributes")
        return field(
            b"\x5a",
            (
                _moment(0x09, time)
                if time.__class__ is int and 0 < time < _MOST_TIME
                else fields.moment(0x09, fields.nanoseconds(time))
            )
            + self._event_names[event.name]
            + self._attributes.encode(event.attributes, b"\x1a")
            + (fields.count(b"\x20", dropped) if dropped else b""),
        )

    def _link(self, link: Any) -> bytes:
        context = link.context
        return field(
            b"\x6a",
            b"\x0a\x10"
            + fields.identifier(context.trace_id, 16)
            + b"\x12\x08"
            + fields.identifier(context.span_id, 8)
            + self._attributes.encode(link.attributes, b"\x22")
            + fields.count(b"\x28", read(link, "dropped_attributes"))
            + (_LINK_REMOTE if context.is_remote else _LINK_LOCAL),
        )

    def _pieces(self, batch: _Batch, resource: Any, scope: Any) -> list[bytes]:
        """Where the spans of this resource and scope are collected."""
        origin = (id(resource), id(scope))
        found = self._origins.get(origin)
        if found is None:
            found = (resource, scope, self._resource_frame(resource), self._scope_frame(scope))
            size = sum(map(len, found[2])) + sum(map(len, found[3]))
            if self._budget.spend(4 * size + _ORIGIN_SIZE):
                self._origins[origin] = found
        # Equal resources, equal scopes: equal bytes.
        return batch.setdefault(found[2], {}).setdefault(found[3], [])

    def _resource_frame(self, resource: Any) -> _Frame:
        attributes = self._origin_attributes.encode(read(resource, "attributes"), b"\x0a")
        return field(b"\x0a", attributes), fields.text(b"\x1a", read(resource, "schema_url"))

    def _scope_frame(self, scope: Any) -> _Frame:
        body = (
            fields.text(b"\x0a", read(scope, "name"))
            + fields.text(b"\x12", read(scope, "version"))
            + self._origin_attributes.encode(read(scope, "attributes"), b"\x1a")
        )
        return field(b"\x0a", body), fields.text(b"\x1a", read(scope, "schema_url"))


def _request(batch: _Batch) -> bytes:
    out: list[bytes] = []
    for (resource, resource_url), scopes in batch.items():
        inner: list[bytes] = []
        for (scope, scope_url), pieces in scopes.items():
            if pieces:
                spans = b"".join(pieces)
                size = len(scope) + len(spans) + len(scope_url)
                inner += (b"\x12", length(size), scope, spans, scope_url)
        if inner:
            size = len(resource) + sum(map(len, inner)) + len(resource_url)
            out += (b"\x0a", length(size), resource, *inner, resource_url)
    return b"".join(out)
