"""wire/values.py: every value becomes an AnyValue, bounded in depth, size and length."""

import collections
import datetime
import decimal
import enum
import http
import math
import uuid

import pytest
from opentelemetry.exporter.otlp.proto.common._internal import _encode_value
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from otel_bridge.wire.attributes import AttributeEncoder, Budget
from otel_bridge.wire.values import ValueEncoder, as_text


def encode(value, longest=None):
    keys = AttributeEncoder(Budget()).key
    return AnyValue.FromString(ValueEncoder(longest, keys).encode(value))


class Shouting(str):
    def encode(self, *args):
        raise RuntimeError

    def __str__(self):
        return "other"

    def __getitem__(self, index):
        raise RuntimeError


class Number(int):
    def __and__(self, other):
        raise RuntimeError

    def __str__(self):
        raise RuntimeError


class Colour(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    "value",
    [
        *[None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), "", "x", "é" * 200, b"", b"\x00\xff"],
        *[0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 5e-324],
        *[
            [],
            (),
            {},
            [None, [1, "a", [b"b", {"c": [1.0]}]]],
            {"a": {"": None}},
            {1: 2, None: (), (1, 2): "t"},
        ],
        *[range(3), collections.deque([1, 2]), bytearray(b"ab"), collections.OrderedDict(a=1)],
        *[Colour.RED, http.HTTPStatus.OK, Shouting("kept"), Number(5)],
    ],
    ids=repr,
)
def test_what_opentelemetry_accepts_is_written_as_it_writes_it(value):
    assert encode(value).SerializeToString() == _encode_value(value).SerializeToString()


class Mute:
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class Broken(collections.UserList):
    def __iter__(self):
        raise RuntimeError


class Faceless:
    @property
    def __class__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (10**5000, hex(10**5000)),
        (Number(2**70), str(2**70)),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (1j, "1j"),
        ({1}, "{1}"),
        ("a\ud800b", "a\ufffdb"),
        (Mute(), "<unreadable Mute>"),
        (Broken([1]), "<unreadable Broken>"),
        (Faceless(), "<unreadable Faceless>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_opentelemetry_refuses_is_kept_as_a_string(value, text):
    assert encode(value).string_value == text


def test_a_bad_value_in_a_list_leaves_its_neighbours():
    read = encode([1, Mute(), {"k": 2**64}, "\udfff"]).array_value.values
    assert [read[0].int_value, read[1].string_value, read[3].string_value] == [
        1,
        "<unreadable Mute>",
        "\ufffd",
    ]
    assert read[2].kvlist_value.values[0].value.string_value == str(2**64)


def test_a_map_key_that_cannot_be_written_as_text_keeps_its_value():
    entry = encode({Mute(): 7}).kvlist_value.values[0]
    assert (entry.key, entry.value.int_value) == ("<unreadable Mute>", 7)


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"k": v}], ids=["list", "map"])
def test_nesting_ends_before_the_depth_at_which_readers_refuse_the_message(wrap):
    value = "bottom"
    for _ in range(400):
        value = wrap(value)
    assert "nested too deeply" in str(encode(value))


def test_a_list_that_holds_itself_ends():
    value = [1]
    value.append(value)
    assert encode(value).array_value.values[0].int_value == 1


def test_lists_that_multiply_each_other_are_cut_off():
    value = ["x"]
    for _ in range(30):
        value = [value] * 10
    assert len(encode(value).SerializeToString()) < 4 << 20


def test_a_long_list_of_one_long_string_is_cut_off_and_says_so():
    values = encode(["x" * 1000] * 100_000).array_value.values
    assert len(values) < 2000
    assert values[-1].string_value == "<too large>"


def test_a_long_list_of_nothing_is_cut_off():
    assert len(encode([None] * 500_000).array_value.values) < 150_000


def test_a_large_map_is_cut_off_and_says_so():
    values = encode({f"k{i}": i for i in range(200_000)}).kvlist_value.values
    assert len(values) < 200_000
    assert values[-1].value.string_value == "<too large>"


def test_the_size_bound_is_of_one_value_and_not_of_all():
    keys = AttributeEncoder(Budget()).key
    encoder = ValueEncoder(None, keys)
    large = ["x" * 1000] * 2000
    first = encoder.encode(large)
    assert encoder.encode([1]) == ValueEncoder(None, keys).encode([1])
    assert encoder.encode(large) == first


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abcdef", "abc"),
        ("éééé", "ééé"),
        ("😀" * 4, "😀" * 3),
        ("\ud800" * 4, "\ufffd" * 3),
        ("abc", "abc"),
        (Shouting("abcd"), "abc"),
        (["abcd", ("efgh", {"key longer": "ijkl"})], ["abc", ["efg", {"key longer": "ijk"}]]),
        (b"abcd", b"abc"),
        (decimal.Decimal("1.25"), "1.2"),
        (12345, 12345),
        (2**64, "184"),
    ],
    ids=repr,
)
def test_the_length_limit_counts_characters_at_every_level_and_spares_keys(value, expected):
    assert encode(value, longest=3) == _encode_value(expected)


@pytest.mark.parametrize(
    "value", [Mute(), Shouting("x"), 10**5000, object(), None, "\ud800"], ids=lambda v: type(v).__name__
)
def test_as_text_gives_a_plain_str_for_anything(value):
    assert type(as_text(value)) is str
