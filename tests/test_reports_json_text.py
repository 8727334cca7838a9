"""otel_bridge.reports.json_text: JSON of values of any depth."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.reports import json_text

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def dumps(value: Any) -> str:
    return "".join(json_text.pieces(value))


@given(VALUES)
def test_it_is_what_json_dumps_writes(value: Any) -> None:
    assert dumps(value) == json.dumps(value, indent=2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), '"NaN"'),
        (float("inf"), '"Infinity"'),
        (float("-inf"), '"-Infinity"'),
        (b"\x00\xff", '"AP8="'),
        ((1, 2), "[\n  1,\n  2\n]"),
        ({1: 2}, '{\n  "1": 2\n}'),
        ({1, 2} - {2}, '"{1}"'),
    ],
)
def test_what_json_has_no_word_for(value: Any, text: str) -> None:
    assert dumps(value) == text


def test_depth_is_no_limit_and_costs_no_square() -> None:
    deep: Any = "bottom"
    for _ in range(50_000):
        deep = {"child": [deep]}
    text = dumps(deep)
    assert '"bottom"' in text
    assert text.count("[") == text.count("]") == 50_000
    assert len(text) < 50_000 * 300
    while isinstance(deep, dict):  # taken apart from above, without recursion
        deep = deep["child"].pop()


@pytest.mark.parametrize("value", [list(range(20_000)), {str(n): [n] for n in range(20_000)}])
def test_the_text_comes_in_pieces_that_are_neither_tiny_nor_the_whole(value: Any) -> None:
    pieces = list(json_text.pieces(value))
    assert "".join(pieces) == json.dumps(value, indent=2)
    assert 10 < len(pieces) < 1000
