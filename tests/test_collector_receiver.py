"""OTLP over HTTP: what is taken, what is refused, and that a refusal leaves the store as it is."""

import gzip
import json
import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import count

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace.export import SpanExportResult
from span_records import readable, records
from speaking import request, send

from otel_bridge.collector import Server, receiver
from otel_bridge.collector.listener import Limits
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import otlp_json
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
LIMIT = 100_000
#: Trace ids that nothing else in the module comes by.
NEW = count(0xFEED << 96)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "traces.sqlite"


@pytest.fixture(scope="module")
def url(path):
    limits = Limits(request=5, response=5, body=LIMIT)
    with Server(str(path), otlp_port=0, viewer_port=0, limits=limits) as server:
        yield server.otlp_endpoint


def protobuf(*spans):
    return encode_spans([readable(span) for span in spans]).SerializeToString()


def span(trace_id, span_id=1, **more):
    return SpanRecord(
        trace_id, span_id, **{"parent_id": 0, "name": "x", "kind": 1, **more}, start_ns=1, end_ns=2
    )


def post(url, body, headers):
    return request(url, "POST", "/v1/traces", body, headers)


def dump(path):
    """All that the store holds."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@given(st.lists(records(), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_what_is_posted_is_what_is_read(url, path, spans):
    """Property: spans, encoded by the stock exporter or as JSON, plain or compressed, come back the same."""
    for encode, headers in (
        (protobuf, PROTOBUF),
        (lambda *given: gzip.compress(protobuf(*given)), {**PROTOBUF, "Content-Encoding": "gzip"}),
        (lambda *given: otlp_json.dumps(given), JSON),
    ):
        trace_id = next(NEW)
        given = [replace(one, trace_id=trace_id) for one in spans]
        reply = post(url, encode(*given), headers)
        assert (reply.status, reply.headers["Content-Type"]) == (200, headers["Content-Type"])
        stored = {one.span_id: one for one in SqliteStore(path).get(trace_id).spans}
        assert stored == {one.span_id: one for one in reversed(given)}  # of two with one id, the first


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_stock_exporter_is_satisfied(url, path, compression):
    trace_id = next(NEW)
    exporter = OTLPSpanExporter(f"{url}/v1/traces", compression=compression)
    assert exporter.export([readable(span(trace_id))]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert SqliteStore(path).get(trace_id).spans == (span(trace_id),)


def test_a_body_in_chunks_is_taken(url, path):
    trace_id = next(NEW)
    body = protobuf(span(trace_id))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    first, second = send(url, (head + chunks) * 2, answers=2)
    assert (first.status, second.status) == (200, 200)
    assert len(SqliteStore(path).get(trace_id).spans) == 1


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_parameters_and_case_of_the_media_type_do_not_matter(url, content_type):
    assert post(url, b"{}", {"Content-Type": content_type}).status == 200


def test_success_is_an_empty_response_in_the_encoding_of_the_request(url):
    assert post(url, protobuf(span(next(NEW))), PROTOBUF).body == b""
    assert post(url, otlp_json.dumps([span(next(NEW))]), JSON).json() == {}


def bad_and_good(trace_id):
    made = ExportTraceServiceRequest()
    spans = made.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=bytes(16), span_id=b"\1" * 8, start_time_unix_nano=1)
    spans.add(trace_id=trace_id.to_bytes(16, "big"), span_id=b"\1" * 8, start_time_unix_nano=1)
    spans.add(trace_id=b"\1" * 16, span_id=b"\1" * 8)
    return made


def test_spans_that_are_rejected_are_counted_and_the_others_stored(url, path):
    trace_id = next(NEW)
    reply = post(url, bad_and_good(trace_id).SerializeToString(), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(reply.body).partial_success
    assert reply.status == 200
    assert partial.rejected_spans == 2
    assert re.fullmatch(r"1 x trace id .*; 1 x start time .*", partial.error_message)
    assert len(SqliteStore(path).get(trace_id).spans) == 1


def test_partial_success_in_json_has_its_number_as_a_string(url):
    body = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "00"}]}]}]}'
    partial = post(url, body, JSON).json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "trace id" in partial["errorMessage"]


def test_concurrent_requests_are_each_acknowledged_when_stored(url, path):
    trace_id = next(NEW)

    def one(number):
        assert post(url, protobuf(span(trace_id, number)), PROTOBUF).status == 200
        return number in {stored.span_id for stored in SqliteStore(path).get(trace_id).spans}

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(1, 65)))
    (summary,) = [one for one in SqliteStore(path).list(TraceQuery(limit=1000)) if one.trace_id == trace_id]
    assert summary.span_count == 64


GOOD = protobuf(span(0xF0))
REFUSED = [
    ("GET", "/v1/traces", b"", PROTOBUF, 405),
    ("PUT", "/v1/traces", GOOD, PROTOBUF, 405),
    ("OPTIONS", "/v1/traces", b"", {}, 405),
    ("POST", "/", GOOD, PROTOBUF, 404),
    ("POST", "/v1/traces/", GOOD, PROTOBUF, 404),
    ("POST", "/v1/metrics", GOOD, PROTOBUF, 404),
    ("GET", "/", b"", {}, 404),
    ("POST", "/v1/traces", GOOD, {}, 415),
    ("POST", "/v1/traces", GOOD, {"Content-Type": "text/plain"}, 415),
    ("POST", "/v1/traces", GOOD, {"Content-Type": "application/grpc"}, 415),
    ("POST", "/v1/traces", GOOD, {**PROTOBUF, "Content-Encoding": "br"}, 415),
    ("POST", "/v1/traces", GOOD, {**PROTOBUF, "Content-Encoding": "gzip"}, 400),
    ("POST", "/v1/traces", gzip.compress(GOOD)[:-1], {**PROTOBUF, "Content-Encoding": "gzip"}, 400),
    ("POST", "/v1/traces", GOOD[:-1], PROTOBUF, 400),
    ("POST", "/v1/traces", GOOD, JSON, 400),
    ("POST", "/v1/traces", b"", JSON, 400),
    ("POST", "/v1/traces", b"{}", PROTOBUF, 400),
    ("POST", "/v1/traces", otlp_json.dumps([span(0xF0)])[:-1], JSON, 400),
    ("POST", "/v1/traces", b"x" * (LIMIT + 1), PROTOBUF, 413),
    ("POST", "/v1/traces", gzip.compress(bytes(LIMIT + 1)), {**PROTOBUF, "Content-Encoding": "gzip"}, 413),
]


@pytest.mark.parametrize(("method", "path_", "body", "headers", "status"), REFUSED)
def test_what_is_refused_says_why_and_leaves_the_store_as_it_is(
    url, path, method, path_, body, headers, status
):
    before = dump(path)
    reply = request(url, method, path_, body, {"Content-Length": str(len(body)), **headers})
    assert reply.status == status
    assert dump(path) == before
    if headers.get("Content-Type") == PROTOBUF["Content-Type"]:
        assert reply.headers["Content-Type"] == PROTOBUF["Content-Type"]
        said = Status.FromString(reply.body)
        assert said.code > 0
        assert said.message
    else:
        assert set(reply.json()) == {"code", "message"}
        assert reply.json()["message"]
    assert (reply.headers["Allow"] == "POST") == (status == 405)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", 411),
        (b"Content-Length: x\r\n", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"Transfer-Encoding: gzip\r\n", 501),
        (b"Content-Length: 99999999999\r\n", 413),
    ],
)
def test_a_length_that_is_none_is_refused(url, path, head, status):
    before = dump(path)
    start = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
    (reply,) = send(url, start + head + b"\r\n")
    assert reply.status == status
    assert Status.FromString(reply.body).message
    assert dump(path) == before


@pytest.fixture(scope="module")
def version(path, url):
    """A number that changes with each commit of the server's."""
    with closing(sqlite3.connect(path)) as connection:
        yield lambda: connection.execute("PRAGMA data_version").fetchone()[0]


@given(st.binary(max_size=300), st.sampled_from([PROTOBUF, JSON]), st.sampled_from(["", "gzip"]))
@settings(max_examples=100, deadline=None)
def test_hostile_bodies_are_answered_and_change_nothing(url, version, body, headers, encoding):
    """Property: bytes that are no spans are answered below 500, and the store is not written to."""
    before = version()
    reply = post(url, body, {**headers, **({"Content-Encoding": encoding} if encoding else {})})
    assert reply.status < 500
    assert version() == before


def test_the_version_would_have_changed(url, version):
    """What the test above relies on."""
    before = version()
    assert post(url, protobuf(span(next(NEW))), PROTOBUF).status == 200
    assert version() != before


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_requests_with_some_bytes_changed_are_answered_and_the_store_stays_readable(url, path, data):
    """Property: close to what is well formed, no answer is 5xx, and whatever got in can be read."""
    for encode, headers in ((protobuf, PROTOBUF), (lambda one: otlp_json.dumps([one]), JSON)):
        body = bytearray(encode(data.draw(records())))
        for _ in range(data.draw(st.integers(1, 4))):
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        assert post(url, bytes(body), headers).status < 500
    store = SqliteStore(path)
    for summary in store.list(TraceQuery(limit=5)):
        trace = store.get(summary.trace_id)
        assert trace.summary().span_count == summary.span_count
        otlp_json.decode(json.loads(otlp_json.dumps(trace.spans)))


@pytest.mark.parametrize("message", ["", "x", "x" * 127, "x" * 128, "ü" * 5000, "\ud800"])
def test_the_status_message_is_what_googles_class_reads(message):
    status = Status.FromString(receiver._rpc_status(13, message))
    assert status.code == 13
    assert message.encode("utf-8", "replace").decode().startswith(status.message)
    assert bool(status.message) == bool(message)


def test_a_store_that_cannot_be_written_is_503_to_be_tried_again(tmp_path):
    path = tmp_path / "db"
    with Server(str(path), otlp_port=0, viewer_port=0) as server:
        writer = server._receiver.writer
        pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
        writer._connection.execute(f"PRAGMA max_page_count = {pages}")
        reply = post(server.otlp_endpoint, protobuf(span(1, name="x" * 50_000)), PROTOBUF)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert "free space" in Status.FromString(reply.body).message
        assert SqliteStore(path).list() == []


def test_the_parts_of_a_bad_request_need_no_googleapis():
    """The package that has google.rpc.Status is not one that we depend on."""
    code = "import sys; import otel_bridge.collector; assert 'google.rpc' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_large_body_is_taken(tmp_path):
    """Beyond the size from which on one is parsed at a time."""
    many = [span(7, number, name="x" * 10_000) for number in range(1, 1000)]
    with Server(str(tmp_path / "db"), otlp_port=0, viewer_port=0) as server:
        assert post(server.otlp_endpoint, protobuf(*many), PROTOBUF).status == 200
        assert len(SqliteStore(tmp_path / "db").get(7).spans) == 999


def test_a_flood_of_large_bodies_is_told_to_come_again(tmp_path, monkeypatch):
    monkeypatch.setattr(receiver, "_LARGE", 1)
    limits = Limits(response=0.05, request=5)
    with Server(str(tmp_path / "db"), otlp_port=0, viewer_port=0, limits=limits) as server:
        large = server._receiver.large
        while large.acquire(blocking=False):
            pass
        reply = post(server.otlp_endpoint, GOOD, PROTOBUF)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        large.release()
        assert post(server.otlp_endpoint, GOOD, PROTOBUF).status in (200, 503)
