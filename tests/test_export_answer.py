"""export/answer.py: what a server answers is understood as the generated classes understand it."""

from __future__ import annotations

import json

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from otel_bridge.export.answer import (
    MAX_TEXT,
    PartialSuccess,
    error_message,
    one_line,
    partial_success,
    retry_after,
)

PROTOBUF = "application/x-protobuf"
NOW = 1_700_000_000.0


@given(st.integers(-(2**63), 2**63 - 1), st.text(max_size=300), st.binary(max_size=20))
def test_partial_success_reads_what_protobuf_writes(rejected: int, message: str, rest: bytes) -> None:
    """Any partial success is read as written, beside fields that are unknown to us; negative counts are 0."""
    unknown = b"\x7a" + bytes([len(rest)]) + rest + b"\x80\x01\x05" + b"\x8d\x01abcd" + b"\x91\x01abcdefgh"
    inner = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    body = ExportTraceServiceResponse(partial_success=inner).SerializeToString()
    assert partial_success(unknown + body + unknown, PROTOBUF) == (max(0, rejected), message)


@given(st.text(max_size=300), st.integers(-10, 10))
def test_error_message_reads_what_protobuf_writes(message: str, code: int) -> None:
    """The message of a google.rpc.Status is found behind its code."""
    assert error_message(Status(code=code, message=message).SerializeToString(), PROTOBUF) == message


@given(
    st.binary(max_size=200), st.sampled_from(["", PROTOBUF, "application/json", "text/plain", "text/html"])
)
def test_rubbish_is_no_partial_success_and_raises_nothing(body: bytes, content_type: str) -> None:
    """Whatever bytes a server sends, both readers return values of their types."""
    rejected, message = partial_success(body, content_type)
    assert rejected >= 0
    assert isinstance(message, str)
    assert isinstance(error_message(body, content_type), str)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x0a", id="no length"),
        pytest.param(b"\x0a\x05\x08\x01", id="shorter than its length"),
        pytest.param(b"\x0a\x01\x08", id="number cut off"),
        pytest.param(b"\x0b\x08\x01\x0c", id="group"),
        pytest.param(b"\x0a\x0c\x08" + b"\xff" * 11, id="endless varint"),
        pytest.param(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", id="length of 2**64"),
        pytest.param(b"<html>accepted</html>", id="HTML"),
    ],
)
def test_malformed_protobuf_counts_nothing(body: bytes) -> None:
    """A message that is not well formed rejects no spans."""
    assert partial_success(body, PROTOBUF) == PartialSuccess()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}, (3, "too old")),
        ({"partialSuccess": {"rejectedSpans": 3}}, (3, "")),
        ({"partial_success": {"rejected_spans": 3, "error_message": "x"}}, (3, "x")),
        ({"partialSuccess": {"rejectedSpans": "-3", "errorMessage": "a warning"}}, (0, "a warning")),
        ({"partialSuccess": {"rejectedSpans": "many"}}, (0, "")),
        ({"partialSuccess": {"rejectedSpans": [3], "errorMessage": {}}}, (0, "")),
        ({"partialSuccess": None}, (0, "")),
        ({}, (0, "")),
        ([], (0, "")),
    ],
)
def test_partial_success_in_json(content: object, expected: tuple[int, str]) -> None:
    """JSON answers are read, 64-bit integers as strings or as numbers."""
    assert partial_success(json.dumps(content).encode(), "application/json; charset=utf-8") == expected


@pytest.mark.parametrize(
    "body", [b"[" * 60_000, b'{"partialSuccess":{"rejectedSpans":"' + b"9" * 60_000 + b'"}}']
)
def test_json_bombs_count_nothing(body: bytes) -> None:
    """Deep nesting and huge numbers end as no partial success."""
    assert partial_success(body, "application/json") == PartialSuccess()
    assert error_message(body, "application/json") == ""


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b'{"code": 3, "message": "no span"}', "application/json", "no span"),
        (b'{"error": "too large"}', "application/json", "too large"),
        (b'{"error": {"text": "?"}}', "application/json", ""),
        (b"Client sent an HTTP request\n", "text/plain; charset=utf-8", "Client sent an HTTP request\n"),
        (b"<html><h1>502</h1></html>", "text/html", ""),
        (b"anything", "", ""),
    ],
)
def test_error_message_by_content_type(body: bytes, content_type: str, expected: str) -> None:
    """JSON and plain text are passed on; markup is not."""
    assert error_message(body, content_type) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("\u0663", None),
        ("9" * 400, None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, expected: float | None) -> None:
    """Both forms of RFC 9110 are understood; a date in the past is zero; anything else says nothing."""
    assert retry_after(value, NOW) == expected


@given(st.text(max_size=60))
def test_retry_after_never_raises(value: str) -> None:
    """Any header text gives a number that is not negative, or None."""
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@given(st.text(max_size=2 * MAX_TEXT))
def test_one_line_is_one_printable_bounded_line(text: str) -> None:
    """No line break or control character survives, and the length is bounded."""
    line = one_line(text)
    assert len(line) <= MAX_TEXT
    assert len(line.splitlines()) <= 1
    assert not any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in line)
