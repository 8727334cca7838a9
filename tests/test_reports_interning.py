"""otel_bridge.reports.interning: texts of a page, each once and together within a bound."""

from __future__ import annotations

from typing import Any

import pytest
from traces import HOSTILE

from otel_bridge.reports import interning
from otel_bridge.reports.interning import MAX_NAME, MAX_VALUE, Texts


def shown(value: Any) -> str:
    texts = Texts()
    return texts.table[texts.value(value)]


def test_a_text_is_there_once() -> None:
    texts = Texts()
    numbers = [texts.name("a"), texts.value("a"), texts.name("b"), texts.value("b"), texts.name("a")]
    assert numbers == [0, 0, 1, 1, 0]
    assert texts.table == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        ("", ""),
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        (2**70, "1180591620717411303424"),
        (None, "null"),
        (float("nan"), "nan"),
        (b"\x00\xff", '"AP8="'),
        (("a", 1), '[\n  "a",\n  1\n]'),
        ({"__proto__": {}}, '{\n  "__proto__": {}\n}'),
        ("one\n\ttwo", "one\n\ttwo"),
    ],
)
def test_any_value_has_a_text(value: Any, text: str) -> None:
    assert shown(value) == text


def test_values_that_are_equal_but_of_other_types_stay_apart() -> None:
    texts = Texts()
    assert [texts.table[texts.value(value)] for value in (True, 1, 1.0)] == ["true", "1", "1.0"]


def test_a_value_nested_beyond_recursion_has_a_text() -> None:
    value: Any = "deep"
    for _ in range(100_000):
        value = [value]
    assert shown(value).endswith("characters)")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_acts(text: str) -> None:
    texts = Texts()
    texts.value({text: text})
    texts.value(text)
    texts.name(text)
    for found in texts.table:
        assert found.encode("utf-8")
        assert all(char.isprintable() or char in "\n\t" for char in found)
    assert texts.table[texts.name(text)].isprintable()


@pytest.mark.parametrize(("kind", "limit"), [("name", MAX_NAME), ("value", MAX_VALUE)])
def test_a_long_text_is_cut_and_its_length_said(kind: str, limit: int) -> None:
    texts = Texts()
    getattr(texts, kind)("x" * 1_048_576)
    assert texts.table == ["x" * limit + "… (1,048,576 characters)"]
    assert texts.notes() == []  # the text itself says it


def test_pairs_are_sorted_by_key_and_keys_that_occur_together_are_there_once() -> None:
    texts = Texts()
    first = texts.pairs({"b": 1, "a": "x"})
    second = texts.pairs({"b": 2, "a": "y"})
    assert first[0] == second[0]
    (keys,) = texts.keys
    assert [texts.table[number] for number in keys] == ["a", "b"]
    assert [[texts.table[number] for number in values] for _, values in (first, second)] == [
        ["x", "1"],
        ["y", "2"],
    ]


def test_all_texts_together_are_bounded_and_the_rest_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interning, "MAX_TOTAL", 100_000)
    texts = Texts()
    for number in range(2000):
        texts.value(f"{number:05d}" * 1000)
    assert sum(map(len, texts.table)) < 220_000
    assert texts.table[-1].endswith("page would be too large)")
    (note,) = texts.notes()
    assert note.startswith("1,9")
    assert "this page would be too large" in note


def test_short_texts_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interning, "MAX_TOTAL", 10_000)
    texts = Texts()
    for number in range(10_000):
        texts.value(f"text {number}")
    assert sum(map(len, texts.table)) < 25_000
    assert len(texts.notes()) == 1


def test_the_number_of_attributes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interning, "MAX_ITEMS", 10)
    texts = Texts()
    found = [len(texts.pairs({f"key {number}": 1 for number in range(4)})[1]) for _ in range(4)]
    assert found == [4, 4, 2, 0]
    assert not texts.has_room()
    assert texts.notes() == ["7 attributes, events or links left out: this page would be too large"]
