"""OTLP export requests -> rows."""

import json

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from span_records import readable, records

from otel_bridge.collector import ingest
from otel_bridge.stores import otlp_json, otlp_proto
from otel_bridge.stores.sqlite_file import unsigned

GOOD = {
    "trace_id": b"\1" * 16,
    "span_id": b"\2" * 8,
    "parent_span_id": b"",
    "start_time_unix_nano": 1,
    "end_time_unix_nano": 2,
}


def request(*spans):
    made = ExportTraceServiceRequest()
    made.resource_spans.add().scope_spans.add().spans.extend(spans)
    return made


def record_of(batch):
    """The one span of a batch, as a store reads it."""
    ((trace_id, (row,)),) = batch.traces.items()
    resource = otlp_proto.Resource.FromString(batch.resources[row.resource].body)
    record = otlp_proto.record(Span.FromString(row.body), otlp_proto.attributes(resource.attributes), "")
    assert record.trace_id == int.from_bytes(trace_id, "big")
    assert record.span_id == unsigned(row.span_id)
    assert record.parent_id == unsigned(row.parent_id)
    assert (record.name, record.start_ns, record.end_ns) == (row.name, row.start_ns, row.end_ns)
    assert record.status == row.status
    assert record.service == batch.resources[row.resource].service
    return record


@given(records())
@settings(max_examples=80, deadline=None)
def test_protobuf_and_json_of_a_span_make_the_same_row(span):
    """Property: whichever way a span is sent, the row says what the span says."""
    binary = ingest.batch(ingest.parse_protobuf(encode_spans([readable(span)]).SerializeToString()))
    text = ingest.batch(ingest.parse_json(otlp_json.dumps([span])))
    assert record_of(binary) == record_of(text)
    assert binary.rejected == text.rejected == {}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"trace_id": b""}, "trace id"),
        ({"trace_id": b"\1" * 15}, "trace id"),
        ({"trace_id": b"\1" * 17}, "trace id"),
        ({"trace_id": bytes(16)}, "trace id"),
        ({"span_id": b""}, "span id"),
        ({"span_id": b"\1" * 16}, "span id"),
        ({"span_id": bytes(8)}, "span id"),
        ({"parent_span_id": b"\1"}, "parent span id"),
        ({"start_time_unix_nano": 0}, "start time"),
        ({"start_time_unix_nano": 1 << 63}, "start time"),
        ({"end_time_unix_nano": 1 << 63}, "end time"),
    ],
)
def test_a_span_without_a_place_is_rejected_and_the_others_stay(wrong, reason):
    batch = ingest.batch(request(Span(**{**GOOD, **wrong}), Span(**GOOD), Span(**{**GOOD, **wrong})))
    ((said, count),) = batch.rejected.items()
    assert said.startswith(reason)
    assert count == 2
    assert [len(rows) for rows in batch.traces.values()] == [1]


@pytest.mark.parametrize(
    "unusual",
    [
        {"parent_span_id": bytes(8)},
        {"parent_span_id": GOOD["span_id"]},
        {"end_time_unix_nano": 0},
        {"kind": 77},
        {"name": ""},
        {"trace_state": "a=b"},
        {"start_time_unix_nano": (1 << 63) - 1},
    ],
)
def test_a_span_that_is_only_unusual_is_taken(unusual):
    batch = ingest.batch(request(Span(**{**GOOD, **unusual})))
    assert batch.rejected == {}
    assert len(batch.traces) == 1


def test_nothing_of_a_span_is_lost():
    """Also what no reader of ours looks at yet: trace state, flags, counts of what was dropped."""
    span = Span(**GOOD, trace_state="a=b", flags=0x101, dropped_attributes_count=3)
    ((row,),) = ingest.batch(request(span)).traces.values()
    assert Span.FromString(row.body) == span


def test_spans_are_grouped_by_trace():
    other = {**GOOD, "trace_id": b"\3" * 16}
    batch = ingest.batch(request(Span(**GOOD), Span(**other), Span(**{**GOOD, "span_id": b"\4" * 8})))
    assert {trace_id: len(rows) for trace_id, rows in batch.traces.items()} == {
        b"\1" * 16: 2,
        b"\3" * 16: 1,
    }


@pytest.mark.parametrize(
    ("limit", "makes"),
    [
        ("MAX_RESOURCES", lambda made: made.resource_spans.add()),
        ("MAX_SCOPES", lambda made: made.resource_spans.add().scope_spans.add()),
        ("MAX_SPANS", lambda made: made.resource_spans.add().scope_spans.add().spans.add()),
    ],
)
def test_a_request_of_too_many_parts_is_refused(limit, makes, monkeypatch):
    monkeypatch.setattr(ingest, limit, 3)
    made = ExportTraceServiceRequest()
    for _ in range(3):
        makes(made)
    ingest.batch(made)
    makes(made)
    with pytest.raises(ingest.BodyError, match=r"^more than 3 .*: send smaller batches"):
        ingest.batch(made)
    with pytest.raises(ingest.BodyError, match=r"^more than 3 .*: send smaller batches"):
        ingest.parse_json(json_format.MessageToJson(made).encode())


def json_body(**span):
    span = {"traceId": "01" * 16, "spanId": "02" * 8, "startTimeUnixNano": "1", **span}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


@pytest.mark.parametrize("trace_id", ["", "zz" * 16, "01" * 15, "AQEBAQEBAQEBAQEBAQEBAQ==", "0" * 32, None])
def test_json_ids_that_are_none_reject_the_span(trace_id):
    batch = ingest.batch(ingest.parse_json(json_body(traceId=trace_id)))
    assert batch.traces == {}
    assert sum(batch.rejected.values()) == 1


def test_a_malformed_parent_in_json_is_not_taken_for_none():
    assert ingest.batch(ingest.parse_json(json_body(parentSpanId="xyz"))).rejected


def test_json_links_are_hexadecimal_too():
    body = json_body(links=[{"traceId": "03" * 16, "spanId": "04" * 8}])
    (link,) = record_of(ingest.batch(ingest.parse_json(body))).links
    assert (link.trace_id, link.span_id) == (int("03" * 16, 16), int("04" * 8, 16))


def test_json_fields_of_tomorrow_are_passed_over():
    assert ingest.batch(ingest.parse_json(json_body(tomorrow={"x": [1]}))).rejected == {}


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (ingest.parse_protobuf, b"\xff"),
        (ingest.parse_protobuf, request(Span(**GOOD)).SerializeToString()[:-1]),
        (ingest.parse_protobuf, b"{}"),
        (ingest.parse_json, b""),
        (ingest.parse_json, b"{"),
        (ingest.parse_json, b"\xff\xfe"),
        (ingest.parse_json, b"[" * 100_000),
        (ingest.parse_json, b"[]"),
        (ingest.parse_json, b"null"),
        (ingest.parse_json, b'{"resourceSpans": 5}'),
        (ingest.parse_json, b'{"resourceSpans": [5]}'),
        (ingest.parse_json, b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 5}]}]}]}'),
        (ingest.parse_json, json_body(startTimeUnixNano="soon")),
        (ingest.parse_json, json_body(startTimeUnixNano="-1")),
        (ingest.parse_json, json_body(name="\ud800")),
        (ingest.parse_json, json_body(traceId=5)),
        (ingest.parse_json, json_body(attributes=[{"key": "a", "value": {"intValue": str(1 << 64)}}])),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_one_line(parse, body):
    with pytest.raises(ingest.BodyError) as caught:
        parse(body)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_json_nested_beyond_reason_is_refused():
    value = {"stringValue": "bottom"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(ingest.BodyError):
        ingest.parse_json(json_body(attributes=[{"key": "a", "value": value}]))


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_rows_or_a_body_error(body):
    """Property: nothing else comes out, whatever is sent."""
    for parse in (ingest.parse_protobuf, ingest.parse_json):
        try:
            ingest.batch(parse(body))
        except ingest.BodyError:
            pass


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_request_with_some_bytes_changed_is_rows_or_a_body_error(data):
    """Property: the same, close to what is well formed."""
    span = data.draw(records())
    for parse, body in (
        (ingest.parse_protobuf, encode_spans([readable(span)]).SerializeToString()),
        (ingest.parse_json, otlp_json.dumps([span])),
    ):
        changed = bytearray(body)
        for _ in range(data.draw(st.integers(1, 4))):
            changed[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        try:
            ingest.batch(parse(bytes(changed)))
        except ingest.BodyError:
            pass
