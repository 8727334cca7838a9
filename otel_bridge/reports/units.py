"""Durations and points of time as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
