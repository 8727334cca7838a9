"""otel_bridge.cli.moments: points of time as people type them."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.cli import moments

NOW = 1_795_356_361_123_000_000
SECOND = 10**9


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "time_ns", lambda: NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("30m", 1800),
        ("30min", 1800),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        (" 2 H ", 7200),
        ("10m ago", 600),
        ("0s", 0),
    ],
)
def test_so_long_ago(text: str, seconds: float) -> None:
    assert moments.parse(text) == NOW - round(seconds * SECOND)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-02", 86_400 * SECOND),
        ("1970-01-01T00:00:01", SECOND),
        ("1970-01-01 00:00:01.000002", SECOND + 2000),
        ("1970-01-01t00:00:01z", SECOND),
        ("1970-01-01T01:00:01+01:00", SECOND),
        ("19700102", 86_400 * SECOND),
        ("1969-12-31", 0),
    ],
)
def test_a_date_or_a_time_is_in_utc_unless_it_says_otherwise(text: str, moment: int) -> None:
    assert moments.parse(text) == moment


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_what_python_writes_is_read(when: datetime) -> None:
    """Property: to the microsecond."""
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000
    assert moments.parse(when.isoformat()) == expected


def test_before_the_epoch_is_the_epoch() -> None:
    assert moments.parse("999999999w") == 0


@pytest.mark.parametrize(
    "text", ["", "now", "5", "-5m", "5 parsecs", "2026-13-01", "1e3s", "٣m", "9" * 99 + "s"]
)
def test_what_is_no_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no time: write 30m, 2h or 1d"):
        moments.parse(text)
