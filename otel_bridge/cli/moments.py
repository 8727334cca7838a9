"""Points of time as people type them: ``30m``, ``2d``, ``2026-11-22``, ``2026-11-22T14:06:01Z``."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from time import time_ns
from typing import Final

_SECOND: Final = 10**9
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(s|m|min|h|d|w)(?: ago)?", re.ASCII).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> int:
    """Nanoseconds since the epoch; an argparse type.

    So long ago, with one of the units s, m, h, d, w; or a date or a time of ISO 8601, in UTC where it names
    no zone.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    plain = text.strip().lower()
    ago = _AGO(plain)
    if ago is not None:
        return max(0, time_ns() - round(float(ago[1]) * _UNITS[ago[2]] * _SECOND))
    try:
        when = datetime.fromisoformat(plain.upper())
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        since = when - _EPOCH
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write 30m, 2h or 1d for so long ago, or 2026-11-22T14:06:01 (UTC)"
        ) from None
    return max(0, (since.days * 86400 + since.seconds) * _SECOND + since.microseconds * 1000)
