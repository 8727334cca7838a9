"""OTLP protobuf messages -> span records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_bridge.model.trace import KIND_NAMES, STATUS_ERROR, SpanEvent, SpanLink, SpanRecord


def record(span: Span, resource: dict[str, Any], scope: str) -> SpanRecord:
    """One span; its ids are taken as they are, an empty parent id as none.

    A kind or a status that this version does not know counts as unspecified; a link that leads nowhere
    is left out.
    """
    kind: int = span.kind
    status: int = span.status.code
    return SpanRecord(
        trace_id=int.from_bytes(span.trace_id, "big"),
        span_id=int.from_bytes(span.span_id, "big"),
        parent_id=int.from_bytes(span.parent_span_id, "big"),
        name=span.name,
        kind=kind if 0 <= kind < len(KIND_NAMES) else 0,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=status if 0 <= status <= STATUS_ERROR else 0,
        status_message=span.status.message,
        attributes=attributes(span.attributes),
        resource=resource,
        scope=scope,
        events=tuple(
            SpanEvent(event.name, event.time_unix_nano, attributes(event.attributes)) for event in span.events
        ),
        links=tuple(
            SpanLink(
                int.from_bytes(link.trace_id, "big"),
                int.from_bytes(link.span_id, "big"),
                attributes(link.attributes),
            )
            for link in span.links
            if len(link.trace_id) == 16 and len(link.span_id) == 8
        ),
    )


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Key-value pairs as a dict; of a key that came twice, which OTLP forbids, the last value."""
    return {pair.key: value(pair.value) for pair in pairs}


def value(any_value: AnyValue) -> Any:
    """Lists become tuples, key-value lists become dicts, nothing becomes None."""
    match any_value.WhichOneof("value"):
        case "string_value":
            return any_value.string_value
        case "int_value":
            return any_value.int_value
        case "bool_value":
            return any_value.bool_value
        case "double_value":
            return any_value.double_value
        case "array_value":
            return tuple(value(item) for item in any_value.array_value.values)
        case "kvlist_value":
            return attributes(any_value.kvlist_value.values)
        case "bytes_value":
            return any_value.bytes_value
    return None  # nothing set, or a reference into another signal's dictionary


def service_name(resource: Resource) -> str:
    """``service.name`` as text, as :attr:`SpanRecord.service` has it; "" where it is missing."""
    found = None
    for pair in resource.attributes:
        if pair.key == "service.name":
            found = value(pair.value)
    return str(found) if found else ""
