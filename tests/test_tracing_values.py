"""tracing/values.py: attribute values as a span may keep them."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.tracing.values import Limits, clean_attributes, clean_value

LIMITS = Limits(attribute_count=4, attribute_length=5)


class Text(str):
    pass


class Bad:
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("abc", "abc"),
        ("abcdef", "abcde"),
        (Text("abcdef"), "abcde"),
        (b"abcdef", b"abcde"),
        (bytearray(b"abcdef"), b"abcde"),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (["abcdef", 1], ("abcde", 1)),
        ((), ()),
        ({"a": [1]}, {"a": (1,)}),
        (None, None),
        (object(), None),
        (Bad(), None),
        ({1, 2}, None),
    ],
)
def test_a_value_is_bounded_and_immutable_or_refused(value, kept):
    found = clean_value(value, LIMITS)
    assert found == kept
    assert type(found) is type(kept) or isinstance(value, str)


def test_a_value_that_contains_itself_ends_somewhere():
    loop = []
    loop.append(loop)
    assert clean_value(loop, LIMITS) is not None


def test_later_changes_of_the_callers_do_not_reach_the_copy():
    given_ = {"a": [1], "b": "x"}
    kept, _ = clean_attributes(given_, LIMITS)
    given_["a"].append(2)
    given_["c"] = 3
    assert kept == {"a": (1,), "b": "x"}


@pytest.mark.parametrize(
    ("attributes", "kept", "dropped"),
    [
        (None, {}, 0),
        ({}, {}, 0),
        ({"a": 1}, {"a": 1}, 0),
        (MappingProxyType({"a": 1}), {"a": 1}, 0),
        ({"a": "x" * 9}, {"a": "x" * 5}, 0),
        ({"a": object(), "b": 1}, {"b": 1}, 1),
        ({5: [], "b": 1}, {"b": 1}, 1),
        ({str(i): i for i in range(6)}, {str(i): i for i in range(4)}, 2),
        (17, {}, 1),
    ],
)
def test_attributes_keep_to_the_limits(attributes, kept, dropped):
    assert clean_attributes(attributes, LIMITS) == (kept, dropped)


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary() | st.floats(), st.lists))
def test_no_value_raises(value):
    clean_value(value, LIMITS)
