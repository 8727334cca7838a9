"""Durations as people give them to a command."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction
from typing import Final

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
_FORM = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})\s*([a-zµ\u03bc]+)").fullmatch


def parse(text: str) -> int:
    """The nanoseconds that ``5ms``, ``1.5 s`` or ``2m`` is; an ``argparse`` type.

    Raises:
        argparse.ArgumentTypeError: it is no number with a unit; the message says what would be.
    """
    plain = text.strip().lower()
    if plain == "0":
        return 0
    found = _FORM(plain)
    if found is None or found[2] not in _NANOSECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: give a number and ns, us, ms, s, m or h")
    return round(Fraction(found[1]) * _NANOSECONDS[found[2]])
