"""otel_bridge.cli.durations: durations as people give them."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.cli import durations
from otel_bridge.reports import units


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("5ms", 5_000_000),
        (" 5 MS ", 5_000_000),
        ("1.5s", 1_500_000_000),
        (".5us", 500),
        ("100\u00b5s", 100_000),
        ("100\u03bcs", 100_000),
        ("7ns", 7),
        ("0.4ns", 0),
        ("2m", 120_000_000_000),
        ("2min", 120_000_000_000),
        ("1h", 3_600_000_000_000),
        ("0", 0),
        ("0.1s", 100_000_000),
    ],
)
def test_a_number_and_a_unit(text: str, ns: int) -> None:
    assert durations.parse(text) == ns


@pytest.mark.parametrize(
    "text",
    ["", "5", "ms", "-5ms", "5 d", "5e3ms", "1..5s", "inf s", "nan", "5ms 3", "\u0665ms", "9" * 5000 + "s"],
)
def test_anything_else_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="give a number and ns, us, ms, s, m or h"):
        durations.parse(text)


@given(st.text(max_size=10))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        assert durations.parse(text) >= 0
    except argparse.ArgumentTypeError:
        pass


@given(st.integers(1, 59_000_000_000))
def test_what_reports_show_can_be_given(ns: int) -> None:
    """Property: a duration of a report, given back, is that duration to its three digits."""
    shown = units.round_duration(ns)
    assert units.round_duration(durations.parse(shown)) == shown
