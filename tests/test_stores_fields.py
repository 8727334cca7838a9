"""Fields of JSON objects, checked."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.stores import fields
from otel_bridge.stores.json_stream import Reader


@given(st.binary(min_size=16, max_size=16))
def test_an_id_is_hexadecimal_or_base64(raw):
    """Property: both spellings of 16 bytes are the same number, and no other length is one."""
    number = int.from_bytes(raw, "big")
    assert fields.whole_id(raw.hex(), "id", 16) == number
    assert fields.whole_id(raw.hex().upper(), "id", 16) == number
    assert fields.whole_id(base64.b64encode(raw).decode(), "id", 16) == number
    for wrong in (raw.hex()[:-1], raw.hex() + "0", base64.b64encode(raw[:-1]).decode()):
        with pytest.raises(ValueError, match="id is not hexadecimal"):
            fields.whole_id(wrong, "id", 16)


@given(st.integers(0, (1 << 64) - 1))
def test_leading_zeros_may_be_missing(number):
    assert fields.short_id(f"{number:x}", "id", 8) == number
    assert fields.short_id(f"{number:016x}", "id", 8) == number


@pytest.mark.parametrize("value", [None, 5, "", "x", "0" * 17, "-1", " 1", "0x1"])
def test_what_is_no_short_id_is_named(value):
    with pytest.raises(ValueError, match="spanID is not hexadecimal"):
        fields.short_id(value, "spanID", 8)


@pytest.mark.parametrize("value", [None, 5, "", "z" * 16, "0x" + "0" * 14, [], "=" * 12])
def test_what_is_no_id_is_named(value):
    with pytest.raises(ValueError, match="spanId is not hexadecimal"):
        fields.whole_id(value, "spanId", 8)


@pytest.mark.parametrize(("value", "number"), [(5, 5), ("5", 5), (5.0, 5), ("-5", -5), (True, 1)])
def test_integers_may_be_written_as_strings(value, number):
    assert fields.integer(value, "x") == number


@pytest.mark.parametrize("value", [None, "five", 5.5, [], {}, "9" * 5000])
def test_what_is_no_integer_is_named(value):
    with pytest.raises(ValueError, match="x is not an integer"):
        fields.integer(value, "x")


@pytest.mark.parametrize("parent", [{}, {"x": None}])
def test_null_is_as_good_as_missing(parent):
    assert fields.objects(parent, "x") == []
    assert fields.text(parent, "x") == ""


@pytest.mark.parametrize("value", [5, "a", {"a": 1}, [5], [{}, None]])
def test_a_list_of_objects_is_nothing_else(value):
    with pytest.raises(ValueError, match="x is not a list of objects"):
        fields.objects({"x": value}, "x")


@pytest.mark.parametrize(
    ("raw", "kind", "begins"), [(b"[]", "[", True), (b"{}", "{", True), (b"null", "[", False)]
)
def test_what_stands_at_a_reader(raw, kind, begins):
    assert fields.begins(Reader([raw]), kind, "x") is begins


@pytest.mark.parametrize(("raw", "kind"), [(b"5", "["), (b"{}", "["), (b"[]", "{")])
def test_something_else_at_a_reader_is_named(raw, kind):
    with pytest.raises(ValueError, match="x is not"):
        fields.begins(Reader([raw]), kind, "x")
