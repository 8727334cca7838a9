"""Durations and points of time as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # the micro sign, and below the Greek letter
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
}
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})\s*([a-zµ\u03bc]+)").fullmatch


def parse_duration(text: str) -> int:
    """The nanoseconds that ``5ms``, ``1.5 s`` or ``2m`` is.

    Raises:
        ValueError: it is no number with a unit; the message says what would be.
    """
    plain = text.strip().lower()
    if plain == "0":
        return 0
    found = _DURATION(plain)
    if found is None or found[2] not in _NANOSECONDS:
        raise ValueError(f"{text!r} is no duration: give a number and ns, us, ms, s, m or h")
    return round(Fraction(found[1]) * _NANOSECONDS[found[2]])


def duration(ns: int) -> str:
    """A duration in nanoseconds, with three significant digits: ``850 ns``, ``45.2 ms``, ``1.23 s``.

    From one minute on in minutes and seconds, from one hour on in hours and minutes.
    """
    if ns < 0:
        return "-" + duration(-ns)
    if ns < 1000:
        return f"{ns} ns" if ns else "0"
    # The bounds are where rounding to three digits reaches the next unit: 999,600 ns are 1.00 ms.
    if ns < 999_500:
        return f"{_three_digits(ns / 1e3)} µs"
    if ns < 999_500_000:
        return f"{_three_digits(ns / 1e6)} ms"
    value = ns / 1e9
    if value < 59.95:
        return f"{_three_digits(value)} s"
    seconds = round(value)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    minutes = round(value / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def round_duration(ns: int) -> str:
    """As :func:`duration`, without zeros behind the point: ``5 ms``. For what a person asked for."""
    number, _, unit = duration(ns).partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {unit}".rstrip()


def _three_digits(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def moment(ns: int) -> str:
    """Nanoseconds since the epoch as ``2026-11-22 14:06:01.123 UTC``; ``at no known time`` where that
    is no date."""
    if ns <= 0:
        return "at no known time"
    try:
        when = _EPOCH + timedelta(microseconds=ns // 1000)
    except OverflowError:
        return "at no known time"
    return f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03d} UTC"


def count(number: int, noun: str) -> str:
    """``1 span``, ``1,234 spans``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
