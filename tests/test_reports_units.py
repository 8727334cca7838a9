"""otel_bridge.reports.units: durations and points of time as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.reports import units


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (0, "0"),
        (1, "1 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (12_345, "12.3 µs"),
        (999_499, "999 µs"),
        (999_500, "1.00 ms"),
        (45_200_000, "45.2 ms"),
        (999_600_000, "1.00 s"),
        (1_234_000_000, "1.23 s"),
        (59_900_000_000, "59.9 s"),
        (59_960_000_000, "1 min 00 s"),
        (123_000_000_000, "2 min 03 s"),
        (3_599_600_000_000, "1 h 00 min"),
        (3_720_000_000_000, "1 h 02 min"),
        (-2_000_000, "-2.00 ms"),
    ],
)
def test_duration(ns: int, shown: str) -> None:
    assert units.duration(ns) == shown


@given(st.integers(0, 2**63))
def test_no_duration_is_shown_with_four_digits_before_its_unit(ns: int) -> None:
    number, *_ = units.duration(ns).split(" ")
    assert len(number) <= 4 or "h" in units.duration(ns)


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (1_795_356_361_123_999_999, "2026-11-22 14:06:01.123 UTC"),
        (0, "at no known time"),
        (-5, "at no known time"),
        (2**80, "at no known time"),
    ],
)
def test_moment(ns: int, shown: str) -> None:
    assert units.moment(ns) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 spans"), (1, "1 span"), (2, "2 spans"), (12_345, "12,345 spans")]
)
def test_count(number: int, shown: str) -> None:
    assert units.count(number, "span") == shown


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (5_000_000, "5 ms"),
        (1_500_000_000, "1.5 s"),
        (12_340_000, "12.3 ms"),
        (100_000_000, "100 ms"),
        (0, "0"),
        (120_000_000_000, "2 min 00 s"),
    ],
)
def test_round_duration(ns: int, shown: str) -> None:
    assert units.round_duration(ns) == shown
