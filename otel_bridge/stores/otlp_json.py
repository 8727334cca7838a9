"""OTLP/JSON <-> span records.

OTLP's JSON is protobuf's, with two changes that protobuf's own reader does not know: ids are hexadecimal
(it would take them for base64, without an error), and enumerations are numbers. 64-bit integers are
strings. See "JSON Protobuf Encoding" in the OTLP specification. Fields that are not known are passed over.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from otel_bridge.model.trace import SpanEvent, SpanLink, SpanRecord
from otel_bridge.wire import ids

_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}").fullmatch
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}").fullmatch
_KINDS = {
    "SPAN_KIND_UNSPECIFIED": 0,
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
}
_STATUS_CODES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_INT64 = range(-(1 << 63), 1 << 63)
_UINT64 = range(1 << 64)


def decode(document: object) -> list[SpanRecord]:
    """The spans of a ``TracesData`` document, ``{"resourceSpans": [...]}``, in its order.

    Spans of one resource share one mapping of resource attributes.

    Raises:
        ValueError: something in it is not what OTLP/JSON allows; the message names the field.
    """
    try:
        return list(_records(_object(document, "the document")))
    except RecursionError:
        raise ValueError("values nested too deeply") from None


def _records(document: Mapping[str, Any]) -> Iterator[SpanRecord]:
    for of_resource in _objects(document, "resourceSpans"):
        resource = _attributes(_object(of_resource.get("resource") or {}, "resource"))
        for of_scope in _objects(of_resource, "scopeSpans"):
            scope = _text(_object(of_scope.get("scope") or {}, "scope"), "name")
            for span in _objects(of_scope, "spans"):
                status = _object(span.get("status") or {}, "status")
                yield SpanRecord(
                    trace_id=_id(span, "traceId", _TRACE_ID),
                    span_id=_id(span, "spanId", _SPAN_ID),
                    parent_id=_id(span, "parentSpanId", _SPAN_ID) if span.get("parentSpanId") else 0,
                    name=_text(span, "name"),
                    kind=_enum(span, "kind", _KINDS),
                    start_ns=_time(span, "startTimeUnixNano"),
                    end_ns=_time(span, "endTimeUnixNano"),
                    status=_enum(status, "code", _STATUS_CODES),
                    status_message=_text(status, "message"),
                    attributes=_attributes(span),
                    resource=resource,
                    scope=scope,
                    events=tuple(
                        SpanEvent(_text(event, "name"), _time(event, "timeUnixNano"), _attributes(event))
                        for event in _objects(span, "events")
                    ),
                    links=tuple(_links(span)),
                )


def _links(span: Mapping[str, Any]) -> Iterator[SpanLink]:
    for link in _objects(span, "links"):
        try:
            trace_id, span_id = _id(link, "traceId", _TRACE_ID), _id(link, "spanId", _SPAN_ID)
        except ValueError:  # it leads nowhere, which is no reason to lose the span
            continue
        yield SpanLink(trace_id, span_id, _attributes(link))


def _object(value: object, name: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{name} is not an object")


def _objects(parent: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = parent.get(name) or []
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    raise ValueError(f"{name} is not a list of objects")


def _text(parent: Mapping[str, Any], name: str) -> str:
    value = parent.get(name) or ""
    if isinstance(value, str):
        return value
    raise ValueError(f"{name} is not a string")


def _id(parent: Mapping[str, Any], name: str, well_formed: Callable[[str], object]) -> int:
    value = parent.get(name)
    if isinstance(value, str) and well_formed(value):
        return int(value, 16)
    raise ValueError(f"{name} is not hexadecimal digits of the right number")


def _time(parent: Mapping[str, Any], name: str) -> int:
    value = _integer(parent.get(name) or 0, name)
    if value in _UINT64:
        return value
    raise ValueError(f"{name} is not an unsigned 64-bit integer")


def _enum(parent: Mapping[str, Any], name: str, names: Mapping[str, int]) -> int:
    """The number of an enumeration; one that this version does not know counts as unspecified."""
    value = parent.get(name) or 0
    if isinstance(value, str):
        return names.get(value, 0)
    number = _integer(value, name)
    return number if 0 <= number < len(names) else 0


def _integer(value: object, name: str) -> int:
    try:
        if isinstance(value, str) or (isinstance(value, float) and value.is_integer()):
            return int(value)
        if isinstance(value, int):
            return value
    except ValueError:
        pass
    raise ValueError(f"{name} is not an integer")


def _attributes(parent: Mapping[str, Any], name: str = "attributes") -> dict[str, Any]:
    return {_text(pair, "key"): _value(pair.get("value")) for pair in _objects(parent, name)}


def _value(value: object) -> Any:
    """An ``AnyValue``: lists become tuples, key-value lists become dicts, nothing becomes None."""
    if not value:
        return None
    for kind, content in _object(value, "value").items():
        reader = _READERS.get(kind)
        if reader is not None and content is not None:
            return reader(content)
    return None


def _read_string(content: object) -> str:
    if isinstance(content, str):
        return content
    raise ValueError("stringValue is not a string")


def _read_bool(content: object) -> bool:
    if isinstance(content, bool):
        return content
    raise ValueError("boolValue is not true or false")


def _read_int(content: object) -> int:
    value = _integer(content, "intValue")
    if value in _INT64:
        return value
    raise ValueError("intValue is not a 64-bit integer")


def _read_double(content: object) -> float:
    try:
        if isinstance(content, (str, int, float)):
            return float(content)  # also "NaN", "Infinity", "-Infinity"
    except (ValueError, OverflowError):
        pass
    raise ValueError("doubleValue is not a number")


def _read_bytes(content: object) -> bytes:
    try:
        if isinstance(content, str):
            return base64.b64decode(content, validate=True)
    except ValueError:
        pass
    raise ValueError("bytesValue is not base64")


def _read_array(content: object) -> tuple[Any, ...]:
    return tuple(_value(item) for item in _objects(_object(content, "arrayValue"), "values"))


def _read_map(content: object) -> dict[str, Any]:
    return _attributes(_object(content, "kvlistValue"), "values")


_READERS: dict[str, Callable[[object], Any]] = {
    "stringValue": _read_string,
    "intValue": _read_int,
    "boolValue": _read_bool,
    "doubleValue": _read_double,
    "arrayValue": _read_array,
    "kvlistValue": _read_map,
    "bytesValue": _read_bytes,
}


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
                "resource": {"attributes": _pairs(resource)},
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
        out["attributes"] = _pairs(span.attributes)
    if span.events:
        out["events"] = [
            {"timeUnixNano": str(event.time_ns), "name": event.name, "attributes": _pairs(event.attributes)}
            for event in span.events
        ]
    if span.links:
        out["links"] = [
            {
                "traceId": ids.format_trace_id(link.trace_id),
                "spanId": ids.format_span_id(link.span_id),
                "attributes": _pairs(link.attributes),
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


def _pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int() if value in _INT64:
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else _non_finite(value)}
        case None:
            return {}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode("ascii")}
        case Mapping():
            return {"kvlistValue": {"values": _pairs(value)}}
        case list() | tuple():
            return {"arrayValue": {"values": [_any_value(item) for item in value]}}
    return {"stringValue": str(value)}


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
