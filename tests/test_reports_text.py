"""otel_bridge.reports.text: text of unknown origin, made fit to be shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.reports.text import cells, clip, inert, wrap

ANY_TEXT = st.text(st.characters(codec=None), max_size=80)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße 日本 🚀", "Grüße 日本 🚀"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),
        ("two\nlines\r\tand tab", "two\\nlines\\r\\tand tab"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028end", "line\\u2028end"),
        ("half\udc80", "half\\udc80"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("no\u00a0break", "no break"),
        ("nul\x00", "nul\\x00"),
    ],
)
def test_what_acts_becomes_its_escape(text: str, shown: str) -> None:
    assert inert(text) == shown


@given(ANY_TEXT)
def test_nothing_inert_is_a_control_format_or_surrogate_character(text: str) -> None:
    shown = inert(text)
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)
    shown.encode("utf-8")


def test_kept_characters_stay() -> None:
    assert inert("a\nb\tc\rd", keep="\n\t") == "a\nb\tc\\rd"


def test_long_text_is_cut_and_says_so() -> None:
    assert inert("x" * 1_000_000, limit=10) == "x" * 10 + "…"
    assert inert("x" * 10, limit=10) == "x" * 10


@pytest.mark.parametrize(
    ("text", "columns"), [("", 0), ("abc", 3), ("日本", 4), ("e\u0301", 1), ("🚀", 2), ("│├─", 3)]
)
def test_cells_are_terminal_columns(text: str, columns: int) -> None:
    assert cells(text) == columns


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("abc", -1, ""),
    ],
)
def test_clip_cuts_to_columns(text: str, width: int, shown: str) -> None:
    assert clip(text, width) == shown


@given(ANY_TEXT.map(inert), st.integers(0, 40))
def test_clipped_text_fits(text: str, width: int) -> None:
    assert cells(clip(text, width)) <= width


def test_wrap_breaks_at_spaces_and_clips_the_last_line() -> None:
    text = "no valid host was found for the request"
    assert list(wrap(text, 16, lines=9)) == ["no valid host", "was found for", "the request"]
    assert list(wrap(text, 16, lines=2)) == ["no valid host", "was found for t…"]
    assert list(wrap("x" * 7, 3, lines=9)) == ["xxx", "xxx", "x"]
    assert list(wrap("", 3, lines=9)) == []


@given(ANY_TEXT.map(inert), st.integers(2, 30), st.integers(1, 5))
def test_wrapped_lines_fit_and_are_few(text: str, width: int, lines: int) -> None:
    wrapped = list(wrap(text, width, lines=lines))
    assert len(wrapped) <= lines
    assert all(cells(line) <= width for line in wrapped)


@given(st.text("ab ", max_size=60), st.integers(1, 30))
def test_wrap_loses_nothing_but_spaces(text: str, width: int) -> None:
    wrapped = "".join(wrap(text, width, lines=1000))
    assert wrapped.replace(" ", "") == text.replace(" ", "")
