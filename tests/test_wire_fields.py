"""wire/fields.py: what is out of range is brought into it, and nothing raises."""

import math

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace import Status as ApiStatus

from otel_bridge.wire import fields

MAX64 = 2**64 - 1


class Sour:
    @property
    def _value_(self):
        raise RuntimeError

    items = status_code = description = _value_

    def __bool__(self):
        raise RuntimeError

    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (5, 9, (5, 9)),
        (9, 5, (9, 9)),
        (5, None, (5, 5)),
        (None, 5, (0, 5)),
        (0, 0, (0, 0)),
        (-7, -3, (0, 0)),
        (2**70, 1, (MAX64, MAX64)),
        (1.5e18, 2e18, (1_500_000_000_000_000_000, 2_000_000_000_000_000_000)),
        (math.nan, math.inf, (0, 0)),
        ("soon", Sour(), (0, 0)),
    ],
)
def test_times_fit_and_no_span_ends_before_it_starts(start, end, expected):
    span = Span.FromString(fields.times(start, end))
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1), (MAX64, MAX64), (2**64 + 3, 3), (-1, MAX64), (None, 0), ("7", 0), (1.5, 0), (Sour(), 0)],
)
def test_ids_have_their_size_whatever_they_are(value, expected):
    assert fields.identifier(value, 8) == expected.to_bytes(8, "big")


@pytest.mark.parametrize(
    ("value", "more", "expected"),
    [(0, 0, 0), (3, 2, 5), (-3, 0, 0), (2**40, 1, 2**32 - 1), (None, 1, 1), ("x", 0, 0)],
)
def test_counts_fit_a_uint32(value, more, expected):
    assert Span.FromString(fields.count(b"\x50", value, more)).dropped_attributes_count == expected


@pytest.mark.parametrize("kind", SpanKind)
def test_kinds_are_otlps(kind):
    assert Span.FromString(fields.kind(kind)).kind == Span.SpanKind.Value(f"SPAN_KIND_{kind.name}")


@pytest.mark.parametrize("kind", [None, 3, "SERVER", Sour(), StatusCode])
def test_what_is_no_kind_is_unspecified(kind):
    assert Span.FromString(fields.kind(kind)).kind == Span.SPAN_KIND_UNSPECIFIED


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (ApiStatus(StatusCode.UNSET), 0, ""),
        (ApiStatus(StatusCode.OK), 1, ""),
        (ApiStatus(StatusCode.ERROR, "a\ud800"), 2, "a\ufffd"),
        (Sour(), 0, ""),
        (7, 0, ""),
    ],
)
def test_status_is_written_as_far_as_it_can_be_read(status, code, message):
    span = Span.FromString(fields.status(status))
    assert span.status == Status(code=code, message=message)


@pytest.mark.parametrize("state", [None, Sour(), 5, {"a": Sour()}])
def test_a_trace_state_that_cannot_be_read_is_left_out(state):
    span = Span.FromString(fields.ids(1, state, 2))
    assert (span.span_id, span.trace_state, span.parent_span_id) == (bytes(7) + b"\1", "", bytes(7) + b"\2")


@pytest.mark.parametrize(
    ("value", "expected"), [(None, ""), ("", ""), (5, "5"), (Sour(), "<unreadable Sour>")]
)
def test_text_is_written_for_anything(value, expected):
    assert Span.FromString(fields.text(b"\x2a", value)).name == expected
