"""How long and how much ``serve`` keeps, as people give it: ``7d``, ``2GiB``, ``unlimited``."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction
from typing import Final

#: Say that there is no bound.
UNLIMITED: Final = "unlimited"

#: Shorter, a trace might be removed that is still arriving; smaller, not even one would fit.
MIN_AGE: Final = 60
MIN_SIZE: Final = 1 << 20

_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_BYTES: Final = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{unit: 1024**power for power, letter in enumerate("kmgt", 1) for unit in (letter, f"{letter}ib")},
}
_FORM: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([a-z]+)").fullmatch


def age(text: str) -> float | None:
    """The seconds that ``90m``, ``12h`` or ``7d`` is; None: unlimited. An ``argparse`` type.

    Raises:
        argparse.ArgumentTypeError: it is no age, or less than :data:`MIN_AGE`; the message says which.
    """
    found = _number(text, _SECONDS, "is no age: give a number and m, h, d or w, such as 7d")
    if found is not None and found < MIN_AGE:
        raise argparse.ArgumentTypeError(f"{text!r} is too short: give a minute (1m) or more")
    return found


def size(text: str) -> int | None:
    """The bytes that ``500MB`` or ``2GiB`` is; None: unlimited. An ``argparse`` type.

    Raises:
        argparse.ArgumentTypeError: it is no size, or less than :data:`MIN_SIZE`; the message says which.
    """
    found = _number(text, _BYTES, "is no size: give a number and MB, GB, MiB or GiB, such as 2GiB")
    if found is not None and found < MIN_SIZE:
        raise argparse.ArgumentTypeError(f"{text!r} is too small: give 1MiB or more")
    return None if found is None else int(found)


def _number(text: str, units: dict[str, int], problem: str) -> float | None:
    plain = text.strip().lower()
    if plain == UNLIMITED:
        return None
    found = _FORM(plain)
    if found is None or found[2] not in units:
        raise argparse.ArgumentTypeError(f"{text!r} {problem}; or {UNLIMITED}")
    return float(Fraction(found[1]) * units[found[2]])
