"""Errors of stores."""

import pytest

from otel_bridge.stores.protocol import MAX_MESSAGE, StoreError, TraceNotFound


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("one line", "one line"),
        ("two\nlines\r\n", "two lines"),
        ("a \x1b[31mred\x07 alert", "a [31mred alert"),
        ("turned \u202e round", "turned round"),
        ("", ""),
    ],
)
def test_a_message_is_one_line_that_cannot_act(given, shown):
    assert str(StoreError(given)) == shown


def test_a_long_message_is_cut():
    assert len(str(StoreError("x" * 10_000))) == MAX_MESSAGE


def test_a_missing_trace_is_a_store_error():
    assert issubclass(TraceNotFound, StoreError)
