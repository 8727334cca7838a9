"""OTLP/JSON <-> span records.

OTLP's JSON is protobuf's, with two changes that protobuf's own reader does not know: ids are hexadecimal
(it would take them for base64, without an error), and enumerations are numbers. 64-bit integers are
strings. See "JSON Protobuf Encoding" in the OTLP specification. Fields that are not known are passed over;
what protobuf's own writer makes of ids and enumerations is understood, too, since Tempo answers that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from sys import intern
from typing import Any

from otel_bridge.model.trace import SpanEvent, SpanLink, SpanRecord
from otel_bridge.stores.fields import as_object, begins, integer, objects, text, whole_id
from otel_bridge.stores.json_stream import Reader
from otel_bridge.stores.otlp_values import attributes, pairs
from otel_bridge.wire import ids

_TRACE_ID = 16  # bytes
_SPAN_ID = 8
_KINDS = {
    "SPAN_KIND_UNSPECIFIED": 0,
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
}
_STATUS_CODES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_UINT64 = range(1 << 64)
# With what they were called before OTLP was stable; Tempo's older versions answer that.
_SCOPE_SPANS = ("scopeSpans", "instrumentationLibrarySpans")
_SCOPES = ("scope", "instrumentationLibrary")


def decode(document: object) -> list[SpanRecord]:
    """The spans of a ``TracesData`` document, ``{"resourceSpans": [...]}``, in its order.

    Spans of one resource share one mapping of resource attributes.

    Raises:
        ValueError: something in it is not what OTLP/JSON allows; the message names the field.
    """
    try:
        return list(_records(as_object(document, "the document")))
    except RecursionError:
        raise ValueError("values nested too deeply") from None


def _records(document: Mapping[str, Any]) -> Iterator[SpanRecord]:
    for of_resource in objects(document, "resourceSpans"):
        resource = _resource(of_resource.get("resource"))
        for of_scope in objects(of_resource, "scopeSpans"):
            scope = _scope(of_scope.get("scope"))
            for span in objects(of_scope, "spans"):
                yield _record(span, resource, scope)


def read(reader: Reader) -> Iterator[SpanRecord]:
    """The spans of the list of ``resourceSpans`` that stands at ``reader``, as they come.

    The attributes of a resource may stand behind its spans: their ``resource`` is complete when the next
    resource begins.

    Raises:
        ValueError: as :func:`decode`.
    """
    if not begins(reader, "[", "resourceSpans"):
        return
    for _ in reader.elements():
        resource: dict[str, Any] = {}
        if not begins(reader, "{", "resourceSpans"):
            continue
        for name in reader.names():
            if name == "resource":
                resource.update(_resource(reader.value()))
            elif name in _SCOPE_SPANS and begins(reader, "[", name):
                for _ in reader.elements():
                    if begins(reader, "{", name):
                        yield from _read_scope(reader, resource)


def _read_scope(reader: Reader, resource: dict[str, Any]) -> Iterator[SpanRecord]:
    scope = ""
    known = False
    early: list[Any] = []  # spans that stand before their scope
    for name in reader.names():
        if name in _SCOPES:
            scope, known = _scope(reader.value()), True
        elif name == "spans" and begins(reader, "[", name):
            for _ in reader.elements():
                span = as_object(reader.value(), "spans")
                if known:
                    yield _record(span, resource, scope)
                else:
                    early.append(span)
    for span in early:
        yield _record(span, resource, scope)


def _resource(value: object) -> dict[str, Any]:
    return attributes(as_object(value or {}, "resource"))


def _scope(value: object) -> str:
    return text(as_object(value or {}, "scope"), "name")


def _record(span: Mapping[str, Any], resource: Mapping[str, Any], scope: str) -> SpanRecord:
    status = as_object(span.get("status") or {}, "status")
    parent = span.get("parentSpanId")
    return SpanRecord(
        trace_id=whole_id(span.get("traceId"), "traceId", _TRACE_ID),
        span_id=whole_id(span.get("spanId"), "spanId", _SPAN_ID),
        parent_id=whole_id(parent, "parentSpanId", _SPAN_ID) if parent else 0,
        name=intern(text(span, "name")),
        kind=_enum(span, "kind", _KINDS),
        start_ns=_time(span, "startTimeUnixNano"),
        end_ns=_time(span, "endTimeUnixNano"),
        status=_enum(status, "code", _STATUS_CODES),
        status_message=text(status, "message"),
        attributes=attributes(span),
        resource=resource,
        scope=scope,
        events=tuple(
            SpanEvent(text(event, "name"), _time(event, "timeUnixNano"), attributes(event))
            for event in objects(span, "events")
        ),
        links=tuple(_links(span)),
    )


def _links(span: Mapping[str, Any]) -> Iterator[SpanLink]:
    for link in objects(span, "links"):
        try:
            trace_id = whole_id(link.get("traceId"), "traceId", _TRACE_ID)
            span_id = whole_id(link.get("spanId"), "spanId", _SPAN_ID)
        except ValueError:  # it leads nowhere, which is no reason to lose the span
            continue
        yield SpanLink(trace_id, span_id, attributes(link))


def _time(parent: Mapping[str, Any], name: str) -> int:
    value = integer(parent.get(name) or 0, name)
    if value in _UINT64:
        return value
    raise ValueError(f"{name} is not an unsigned 64-bit integer")


def _enum(parent: Mapping[str, Any], name: str, names: Mapping[str, int]) -> int:
    """The number of an enumeration; one that this version does not know counts as unspecified."""
    value = parent.get(name) or 0
    if isinstance(value, str):
        return names.get(value, 0)
    number = integer(value, name)
    return number if 0 <= number < len(names) else 0


def encode(spans: Iterable[SpanRecord]) -> dict[str, Any]:
    """A ``TracesData`` document of these spans; ``json.dumps`` takes it as it is."""
    resources: dict[int, tuple[Mapping[str, Any], dict[str, list[dict[str, Any]]]]] = {}
    for span in spans:
        # By identity: stores let the spans of one resource share one mapping.
        _, scopes = resources.setdefault(id(span.resource), (span.resource, {}))
        scopes.setdefault(span.scope, []).append(_span(span))
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": pairs(resource)},
                "scopeSpans": [
                    {"scope": {"name": scope} if scope else {}, "spans": of_scope}
                    for scope, of_scope in scopes.items()
                ],
            }
            for resource, scopes in resources.values()
        ]
    }


def dumps(spans: Iterable[SpanRecord]) -> bytes:
    """:func:`encode` as UTF-8 text."""
    return json.dumps(encode(spans), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "replace"
    )


def _span(span: SpanRecord) -> dict[str, Any]:
    out: dict[str, Any] = {
        "traceId": ids.format_trace_id(span.trace_id),
        "spanId": ids.format_span_id(span.span_id),
    }
    if span.parent_id:
        out["parentSpanId"] = ids.format_span_id(span.parent_id)
    out["name"] = span.name
    out["kind"] = span.kind
    out["startTimeUnixNano"] = str(span.start_ns)
    out["endTimeUnixNano"] = str(span.end_ns)
    if span.attributes:
        out["attributes"] = pairs(span.attributes)
    if span.events:
        out["events"] = [
            {"timeUnixNano": str(event.time_ns), "name": event.name, "attributes": pairs(event.attributes)}
            for event in span.events
        ]
    if span.links:
        out["links"] = [
            {
                "traceId": ids.format_trace_id(link.trace_id),
                "spanId": ids.format_span_id(link.span_id),
                "attributes": pairs(link.attributes),
            }
            for link in span.links
        ]
    status: dict[str, Any] = {}
    if span.status:
        status["code"] = span.status
    if span.status_message:
        status["message"] = span.status_message
    out["status"] = status
    return out
