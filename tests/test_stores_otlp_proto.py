"""OTLP protobuf messages -> span records."""

import pytest
from hypothesis import given, settings
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from span_records import readable, records

from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import otlp_proto

SPAN = Span(trace_id=b"\1" * 16, span_id=b"\2" * 8, start_time_unix_nano=1, end_time_unix_nano=2)


@given(records())
@settings(max_examples=80, deadline=None)
def test_what_the_stock_exporter_encodes_is_read_back(span):
    """Property: the record of an SDK span is the record that it was made of."""
    request = encode_spans([readable(span)])
    of_resource = request.resource_spans[0]
    of_scope = of_resource.scope_spans[0]
    resource = otlp_proto.attributes(of_resource.resource.attributes)
    assert otlp_proto.record(of_scope.spans[0], resource, of_scope.scope.name) == span


@pytest.mark.parametrize("kind", [-1, 6, 77])
def test_a_kind_of_tomorrow_is_unspecified(kind):
    span = Span.FromString(SPAN.SerializeToString())
    span.kind = kind
    assert otlp_proto.record(span, {}, "").kind == 0


def test_a_status_of_tomorrow_is_unset():
    span = Span.FromString(SPAN.SerializeToString())
    span.status.CopyFrom(Status(code=9, message="?"))
    assert otlp_proto.record(span, {}, "").status == 0


def test_a_link_that_leads_nowhere_is_left_out():
    span = Span.FromString(SPAN.SerializeToString())
    span.links.add(trace_id=b"\1" * 22, span_id=b"\2" * 8)
    span.links.add(trace_id=b"\1" * 16, span_id=b"")
    span.links.add(trace_id=b"\1" * 16, span_id=b"\2" * 8)
    assert len(otlp_proto.record(span, {}, "").links) == 1


@pytest.mark.parametrize(
    "values",
    [
        [],
        [AnyValue(string_value="nova")],
        [AnyValue(string_value="")],
        [AnyValue()],
        [AnyValue(int_value=0)],
        [AnyValue(int_value=5)],
        [AnyValue(string_value="first"), AnyValue(string_value="last")],
    ],
)
def test_the_service_is_the_one_that_its_spans_have(values):
    """As :attr:`SpanRecord.service` says it, for whatever was sent."""
    resource = Resource(attributes=[KeyValue(key="service.name", value=value) for value in values])
    span = SpanRecord(1, 1, 0, "", 0, 1, 1, resource=otlp_proto.attributes(resource.attributes))
    assert (otlp_proto.service_name(resource) or "unknown_service") == span.service
