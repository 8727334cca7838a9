"""otel_bridge.reports.canvas: lines of a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.reports import canvas
from otel_bridge.reports.canvas import ASCII, UNICODE, Canvas
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import cells

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_printable = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=12)
parts = st.lists(
    st.tuples(_printable | st.just("  "), st.sampled_from(["", canvas.DIM, canvas.ERROR])), max_size=6
)


@given(parts, st.integers(1, 30))
def test_a_line_is_never_wider_than_the_terminal(given_parts: list[canvas.Part], width: int) -> None:
    assert cells(Canvas(Style(width=width)).line(given_parts)) <= width


@given(parts, st.none() | st.integers(1, 30))
def test_colours_add_nothing_but_colour_sequences(given_parts: list[canvas.Part], width: int | None) -> None:
    plain = Canvas(Style(width=width)).line(given_parts)
    assert _ANSI.sub("", Canvas(Style(width=width, colour=True)).line(given_parts)) == plain
    assert plain == plain.rstrip()


def test_without_a_width_nothing_is_cut() -> None:
    assert Canvas(Style()).line([("a" * 300, ""), ("b", canvas.BOLD)]) == "a" * 300 + "b"


def test_what_is_in_colour_ends_it() -> None:
    paint = Canvas(Style(colour=True))
    assert paint.line([("a", canvas.DIM), ("b", ""), ("  ", canvas.BOLD)]) == "\x1b[2ma\x1b[0mb"


def test_ascii_has_its_own_glyphs_for_all() -> None:
    assert all(glyph.isascii() for glyph in ASCII)
    assert list(map(len, ASCII)) == list(map(len, UNICODE))
    assert Canvas(Style(ascii=True)).line([("5.00 µs…", "")]) == "5.00 us~"


ITEMS: list[list[canvas.Part]] = [[("one", ""), (" 1", "")], [("two", "")], [("three", "")]]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, ["of: one 1 · two · three"]),
        (23, ["of: one 1 · two · three"]),
        (22, ["of: one 1 · two", "  three"]),
        (10, ["of: one 1", "  two", "  three"]),
        (4, ["of:", "  t…", "  t…"]),
    ],
)
def test_items_flow_into_lines_that_break_between_them(width: int | None, lines: list[str]) -> None:
    assert list(Canvas(Style(width=width)).flow([("of: ", "")], ITEMS)) == lines


def test_what_is_said_is_wrapped() -> None:
    assert list(Canvas(Style(width=12)).said("several words here")) == ["several", "words here"]
    assert list(Canvas(Style()).said("several words here")) == ["several words here"]
