"""OTLP trace export requests -> rows of the store.

A body that cannot be read is refused as a whole. Of one that can, spans that have no place in a trace are
rejected one by one and the others are kept, which OTLP calls partial success.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_bridge.stores import otlp_proto

#: Latest time that is taken, in ns since the epoch: the year 2262, where SQLite's integers end.
MAX_TIME: Final = (1 << 63) - 1

#: What one request may hold. Empty messages are two bytes each on the wire and many times that in memory
#: and time; these numbers are far beyond what an exporter sends.
MAX_RESOURCES: Final = 10_000
MAX_SCOPES: Final = 100_000
MAX_SPANS: Final = 1_000_000

_NO_TRACE: Final = bytes(16)
_NO_SPAN: Final = bytes(8)
_MAX_REASON = 200


class BodyError(ValueError):
    """The body is no export request; the message is one line for the sender."""


class SpanRow(NamedTuple):
    """A span on its way into the store; ids are signed as SQLite has them."""

    span_id: int
    parent_id: int
    name: str
    start_ns: int
    end_ns: int
    status: int
    #: Index into :attr:`Batch.resources`.
    resource: int
    #: Index into :attr:`Batch.scopes`.
    scope: int
    body: bytes


class ResourceRow(NamedTuple):
    service: str
    body: bytes


@dataclass(slots=True)
class Batch:
    """What one request brings."""

    #: By trace id.
    traces: dict[bytes, list[SpanRow]] = field(default_factory=dict)
    resources: list[ResourceRow] = field(default_factory=list)
    scopes: list[bytes] = field(default_factory=list)
    #: Spans that were rejected, by reason.
    rejected: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str) -> None:
        self.rejected[reason] = self.rejected.get(reason, 0) + 1


def parse_protobuf(body: bytes) -> ExportTraceServiceRequest:
    """
    Raises:
        BodyError: it is malformed or truncated.
    """
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise BodyError("malformed or truncated protobuf: expected an ExportTraceServiceRequest") from error


def parse_json(body: bytes) -> ExportTraceServiceRequest:
    """
    Raises:
        BodyError: it is not JSON, or a field is of the wrong type.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BodyError("malformed or truncated JSON") from error
    if not isinstance(document, dict):
        raise BodyError("expected a JSON object with resourceSpans")
    try:
        _hexadecimal_to_base64(document)
        return json_format.ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except BodyError:
        raise
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:_MAX_REASON]
        raise BodyError(f"not the JSON of an ExportTraceServiceRequest: {reason}") from error


def _hexadecimal_to_base64(document: dict[str, Any]) -> None:
    """Rewrites the ids, in place, from what OTLP/JSON has to what protobuf's JSON reader wants.

    An id that is not hexadecimal becomes an empty one, for which its span is rejected later on. Whatever
    is not of the type that it should be is left to that reader.

    Raises:
        BodyError: there are too many of something, for that reader is slow.
    """
    resources = _objects(document.get("resourceSpans"))
    _check_number(len(resources), MAX_RESOURCES, "resources")
    scopes = [of_scope for of_resource in resources for of_scope in _objects(of_resource.get("scopeSpans"))]
    _check_number(len(scopes), MAX_SCOPES, "scopes")
    spans = [span for of_scope in scopes for span in _objects(of_scope.get("spans"))]
    _check_number(len(spans), MAX_SPANS, "spans")
    for span in spans:
        for holder in (span, *_objects(span.get("links"))):
            for name in ("traceId", "spanId", "parentSpanId"):
                text = holder.get(name)
                if isinstance(text, str):
                    holder[name] = base64.b64encode(_unhex(text)).decode("ascii")


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        # Longer than any id, so that it is never taken for one that is not there.
        return b"not hexadecimal digits"


def batch(request: ExportTraceServiceRequest) -> Batch:
    """The rows of a request; spans without a valid place in a trace are counted as rejected.

    Raises:
        BodyError: it holds more than :data:`MAX_RESOURCES`, :data:`MAX_SCOPES` or :data:`MAX_SPANS`.
    """
    out = Batch()
    spans = 0
    _check_number(len(request.resource_spans), MAX_RESOURCES, "resources")
    for of_resource in request.resource_spans:
        resource = len(out.resources)
        out.resources.append(
            ResourceRow(
                otlp_proto.service_name(of_resource.resource) or "unknown_service",
                of_resource.resource.SerializeToString(),
            )
        )
        _check_number(len(out.scopes) + len(of_resource.scope_spans), MAX_SCOPES, "scopes")
        for of_scope in of_resource.scope_spans:
            spans += len(of_scope.spans)
            _check_number(spans, MAX_SPANS, "spans")
            scope = len(out.scopes)
            out.scopes.append(of_scope.scope.SerializeToString())
            for span in of_scope.spans:
                reason = _invalid(span)
                if reason is not None:
                    out.reject(reason)
                    continue
                row = SpanRow(
                    int.from_bytes(span.span_id, "big", signed=True),
                    int.from_bytes(span.parent_span_id, "big", signed=True),
                    span.name,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code,
                    resource,
                    scope,
                    span.SerializeToString(),
                )
                rows = out.traces.get(span.trace_id)
                if rows is None:
                    out.traces[span.trace_id] = [row]
                else:
                    rows.append(row)
    return out


def _check_number(number: int, limit: int, what: str) -> None:
    if number > limit:
        raise BodyError(f"more than {limit:,} {what} in one request: send smaller batches")


def _invalid(span: Span) -> str | None:
    """Why a span cannot be stored; None when it can."""
    if len(span.trace_id) != 16 or span.trace_id == _NO_TRACE:
        return "trace id is not 16 bytes, or all zeros"
    if len(span.span_id) != 8 or span.span_id == _NO_SPAN:
        return "span id is not 8 bytes, or all zeros"
    if len(span.parent_span_id) not in (0, 8):
        return "parent span id is not 8 bytes"
    if not 0 < span.start_time_unix_nano <= MAX_TIME:
        return "start time is missing or later than the year 2262"
    if span.end_time_unix_nano > MAX_TIME:
        return "end time is later than the year 2262"
    return None
