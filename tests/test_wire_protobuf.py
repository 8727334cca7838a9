"""wire/protobuf.py: varints, lengths and strings as protobuf's own classes read them."""

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.wire.protobuf import LENGTHS, field, length, utf8, varint


@given(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-1, 1, 127, 128, 2**14, 2**63 - 1, -(2**63)]))
def test_varint_is_read_back_as_the_same_int64(number):
    assert Int64Value.FromString(b"\x08" + varint(number)).value == number


@pytest.mark.parametrize("size", [0, 1, 127, 128, 1023, 1024, 16383, 16384, 2**21])
def test_length_is_the_varint_of_a_size_within_and_beyond_the_table(size):
    assert length(size) == varint(size)


def test_the_table_holds_the_varint_of_each_index():
    assert [varint(size) for size in range(len(LENGTHS))] == list(LENGTHS)


@given(st.text())
def test_any_text_makes_a_string_field_that_keeps_all_but_surrogates(text):
    read = StringValue.FromString(field(b"\x0a", utf8(text))).value
    assert read == "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
