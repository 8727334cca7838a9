"""redaction.filters: the pipeline of attribute filters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.redaction import (
    DEFAULT_FILTERS,
    DROP,
    MASK,
    drop_keys,
    filtered,
    mask_keys,
    truncate,
    truncate_values,
)


def test_the_default_filters_hide_by_name_and_by_content() -> None:
    attributes = {"admin_pass": "x", "note": "password=hunter2", "n": 3, "list": ["token=abcdef", 1]}
    assert filtered(attributes) == {
        "admin_pass": MASK,
        "note": f"password={MASK}",
        "n": 3,
        "list": (f"token={MASK}", 1),
    }


def test_a_flag_with_a_secret_name_says_nothing_secret() -> None:
    assert filtered({"password_enabled": True}) == {"password_enabled": True}


def test_each_filter_sees_what_the_one_before_it_left() -> None:
    seen: list[Any] = []

    def first(key: str, value: Any) -> Any:
        return value + 1

    def second(key: str, value: Any) -> Any:
        seen.append(value)
        return value * 10

    assert filtered({"a": 1}, (first, second)) == {"a": 20}
    assert seen == [2]


def test_a_dropped_attribute_is_gone_and_no_further_filter_sees_it() -> None:
    def never(key: str, value: Any) -> Any:
        raise AssertionError(key)

    assert filtered({"A.b": 1}, (drop_keys(["a.B"]), never)) == {}
    assert filtered({"a": 1}, (lambda key, value: DROP,)) == {}


def test_an_operators_names_are_hidden_in_any_case() -> None:
    assert filtered({"SSN": "1", "ssn": "2", "x": "3"}, (mask_keys(["Ssn"]),)) == {
        "SSN": MASK,
        "ssn": MASK,
        "x": "3",
    }


def test_a_filter_that_raises_hides_the_value() -> None:
    def broken(key: str, value: Any) -> Any:
        raise RuntimeError

    assert filtered({"a": "b"}, (broken,)) == {"a": MASK}


def test_the_attributes_given_are_not_changed() -> None:
    attributes = {"password": "x"}
    filtered(attributes, DEFAULT_FILTERS)
    assert attributes == {"password": "x"}


@settings(deadline=None)
@given(st.text(), st.integers(0, 200))
def test_a_truncated_text_never_exceeds_the_limit(text: str, limit: int) -> None:
    assert len(truncate(text, limit)) <= max(limit, 0)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("abc", 3, "abc"), ("x" * 100, 40, "x" * 21 + "...[100 characters]"), ("abcdef", 3, "abc")],
)
def test_a_cut_is_marked_with_the_length_that_was(text: str, limit: int, expected: str) -> None:
    assert truncate(text, limit) == expected


def test_texts_in_lists_are_cut_as_well() -> None:
    cut = truncate_values(4)
    assert filtered({"a": "123456", "b": ["123456", 7], "c": 123456}, (cut,)) == {
        "a": "1234",
        "b": ("1234", 7),
        "c": 123456,
    }
