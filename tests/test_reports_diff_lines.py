"""otel_bridge.reports.diff_lines: how the lines of a comparison are drawn."""

from __future__ import annotations

import pytest

from otel_bridge.reports.diff_lines import Pen
from otel_bridge.reports.diff_words import TIMES
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import cells

COLOURS = {"nova": 1, "a-service-with-a-long-name-indeed": 2, "\u4e2d" * 30: 3}
MS = 1_000_000


def test_times_are_columns() -> None:
    pen = Pen(Style(), COLOURS)
    assert pen.line(pen.times(2 * MS, 5 * MS)) == "  2.00 ms   5.00 ms   +3.00 ms"
    assert pen.line(pen.times(None, 5 * MS)) == "            5.00 ms   +5.00 ms"
    assert pen.line(pen.times(5 * MS, None)) == "  5.00 ms             -5.00 ms"
    assert pen.line(pen.times(MS, MS)) == "  1.00 ms   1.00 ms          ·"


def test_bars_go_to_both_sides() -> None:
    pen = Pen(Style(), COLOURS)
    assert [pen.line(pen.bar(delta, 4)) for delta in (-4, -2, 0, 1, 4)] == [
        "  ████████",
        "      ████",
        "",
        "          ██",
        "          ████████",
    ]
    assert Pen(Style(width=100), COLOURS).bar(4, 4) == []
    assert pen.line(pen.bar(0, 0)) == ""


def test_a_name_is_cut_before_what_follows_it() -> None:
    pen = Pen(Style(width=40), COLOURS)
    line = pen.row([("before ", "")], "nova", "a name that is far too long", [("  after", "")])
    assert line == "before nova  a name that is far …  after"
    assert cells(line) == 40


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("service", list(COLOURS))
def test_no_row_is_wider_than_the_terminal(width: int, service: str, ascii_only: bool) -> None:
    pen = Pen(Style(width=width, ascii=ascii_only), COLOURS)
    for name in ("x", "\u4e2d\u6587" * 40, "n" * 500):
        line = pen.row([("12345 ", "")], service, name, [(f"  {TIMES}37 → {TIMES}240", "")])
        assert cells(line) <= width


def test_the_service_gives_room_to_the_name() -> None:
    pen = Pen(Style(width=60), COLOURS)
    line = pen.row([(" " * 30, "")], "a-service-with-a-long-name-indeed", "SELECT keystone.user", [])
    assert line.strip() == "a-service-with…  SELECT keyst…"


def test_colours_are_codes_around_the_text() -> None:
    pen = Pen(Style(colour=True), COLOURS)
    assert pen.line(pen.times(MS, 2 * MS)) == "  1.00 ms   2.00 ms \x1b[31m  +1.00 ms\x1b[0m"


def test_a_terminal_of_ascii_gets_nothing_else() -> None:
    pen = Pen(Style(ascii=True, width=30), COLOURS)
    parts = [("→ · █ µ … ", ""), (TIMES, ""), (" and more than there is room for", "")]
    assert pen.line(parts) == "-> - # u ~ x and more than th~"


def test_sentences_are_wrapped_and_indented() -> None:
    lines = list(Pen(Style(width=20), COLOURS).wrapped("one two three four five six"))
    assert lines == ["one two three four", "  five six"]
    assert list(Pen(Style(), COLOURS).wrapped("one two three four five six")) == [
        "one two three four five six"
    ]


def test_titles_stand_over_their_columns() -> None:
    [_, narrow] = Pen(Style(width=80), COLOURS).title("Title", tree=True)
    assert narrow == "        A         B     change   Title"
    [_, wide] = Pen(Style(), COLOURS).title("Title", tree=True)
    assert wide == "        A         B     change    on path   Title"
