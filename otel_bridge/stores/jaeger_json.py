"""Jaeger's own JSON -> span records: what its older API answers, and what its page downloads.

A span names its process, and the processes of a trace stand behind its spans. What OpenTelemetry has fields
for are tags here (https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/): they become fields
again. Times are microseconds. What Jaeger remarks on a span is its attribute ``@jaeger@warnings``, as in the
answers of its API v3.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from otel_bridge.model.trace import (
    KIND_NAMES,
    STATUS_ERROR,
    STATUS_OK,
    SpanEvent,
    SpanLink,
    SpanRecord,
)
from otel_bridge.stores.fields import as_object, begins, objects, short_id, text
from otel_bridge.stores.json_stream import Reader

#: Attribute with Jaeger's remarks on a span, such as those about clocks that differ.
WARNINGS: Final = "@jaeger@warnings"

_KINDS: Final = {name.lower(): number for number, name in enumerate(KIND_NAMES)}
_STATUS: Final = {"ERROR": STATUS_ERROR, "OK": STATUS_OK}
_SCOPES: Final = ("otel.scope.name", "otel.library.name")
_MAX_US: Final = ((1 << 64) - 1) // 1000
_INT64: Final = range(-(1 << 63), 1 << 63)


def read(reader: Reader) -> Iterator[SpanRecord]:
    """The spans of the traces that stand at ``reader``, ``[{"spans": [...], "processes": {...}}, ...]``, as
    they come. Their ``resource`` is complete when the next trace begins.

    Raises:
        ValueError: something is not what Jaeger writes; the message names the field.
    """
    if not begins(reader, "[", "data"):
        return
    for _ in reader.elements():
        if not begins(reader, "{", "data"):
            continue
        processes: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for name in reader.names():
            if name == "spans" and begins(reader, "[", name):
                for _ in reader.elements():
                    span = as_object(reader.value(), "spans")
                    # Zipkin's form, which Jaeger still reads, has the process in the span.
                    process = span.get("process")
                    if process:
                        yield _record(span, _process(process))
                    else:
                        yield _record(span, processes[text(span, "processID")])
            elif name == "processes":
                for key, process in as_object(reader.value() or {}, "processes").items():
                    processes[key].update(_process(process))


def _process(value: object) -> dict[str, Any]:
    process = as_object(value, "processes")
    attributes = _tags(process, "tags")
    service = text(process, "serviceName")
    return {**attributes, "service.name": service} if service else attributes


def _record(span: Mapping[str, Any], resource: Mapping[str, Any]) -> SpanRecord:
    trace_id = short_id(span.get("traceID"), "traceID", 16)
    attributes = _tags(span, "tags")
    kind = _KINDS.get(str(attributes.pop("span.kind", "")).lower(), 0)
    status, status_message = _status(attributes)
    scope = ""
    for name in _SCOPES:
        scope = scope or str(attributes.pop(name, "") or "")
    warnings = span.get("warnings") or ()
    if isinstance(warnings, list) and warnings:
        attributes[WARNINGS] = tuple(map(str, warnings))
    parent, links = _references(span, trace_id)
    start = _microseconds(span, "startTime")
    return SpanRecord(
        trace_id=trace_id,
        span_id=short_id(span.get("spanID"), "spanID", 8),
        parent_id=parent,
        name=text(span, "operationName"),
        kind=kind,
        start_ns=1000 * start,
        end_ns=1000 * min(start + _microseconds(span, "duration"), _MAX_US),
        status=status,
        status_message=status_message,
        attributes=attributes,
        resource=resource,
        scope=scope,
        events=tuple(map(_event, objects(span, "logs"))),
        links=links,
    )


def _status(attributes: dict[str, Any]) -> tuple[int, str]:
    """The status, whose tags are taken out of ``attributes``."""
    code = _STATUS.get(str(attributes.pop("otel.status_code", "")).upper(), 0)
    message = attributes.pop("otel.status_description", "")
    error = attributes.get("error")
    if error is True or (isinstance(error, str) and error.lower() == "true"):
        del attributes["error"]
        code = STATUS_ERROR
    return code, str(message or "")


def _references(span: Mapping[str, Any], trace_id: int) -> tuple[int, tuple[SpanLink, ...]]:
    """The parent, which is the first reference of the best kind within the trace, and the rest as links."""
    found = []
    for reference in objects(span, "references"):
        try:
            target = SpanLink(
                short_id(reference.get("traceID"), "traceID", 16),
                short_id(reference.get("spanID"), "spanID", 8),
            )
        except ValueError:  # it leads nowhere, which is no reason to lose the span
            continue
        found.append((reference.get("refType") or "CHILD_OF", target))
    parent = 0
    if span.get("parentSpanID"):
        parent = short_id(span.get("parentSpanID"), "parentSpanID", 8)
    for wanted in ("CHILD_OF", "FOLLOWS_FROM"):
        for kind, target in found:
            if not parent and kind == wanted and target.trace_id == trace_id:
                parent = target.span_id
    links = tuple(target for _, target in found if (target.trace_id, target.span_id) != (trace_id, parent))
    return parent, links


def _event(log: Mapping[str, Any]) -> SpanEvent:
    fields = _tags(log, "fields")
    name = fields.pop("event", "")
    return SpanEvent(str(name or ""), 1000 * _microseconds(log, "timestamp"), fields)


def _tags(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {text(tag, "key"): _value(tag) for tag in objects(parent, name)}


def _value(tag: Mapping[str, Any]) -> Any:
    """The value of a tag by its type; one that does not fit its type stays as it is written."""
    value = tag.get("value")
    try:
        match tag.get("type"):
            case "int64" if isinstance(value, (str, int, float)) and int(value) in _INT64:
                return int(value)
            case "float64" if isinstance(value, (str, int, float)):
                return float(value)
            case "bool" if isinstance(value, str):
                return value.lower() == "true"
            case "binary" if isinstance(value, str):
                return base64.b64decode(value, validate=True)
    except (ValueError, OverflowError):
        pass
    return value if isinstance(value, (str, bool, int, float, type(None))) else str(value)


def _microseconds(parent: Mapping[str, Any], name: str) -> int:
    value = parent.get(name) or 0
    if isinstance(value, (int, float)) and 0 <= value <= _MAX_US:
        return int(value)
    raise ValueError(f"{name} is not a number of microseconds")
