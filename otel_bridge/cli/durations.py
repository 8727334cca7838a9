"""Durations as people give them to a command."""

from __future__ import annotations

import argparse

from otel_bridge.reports import units


def parse(text: str) -> int:
    """:func:`otel_bridge.reports.units.parse_duration` as an ``argparse`` type.

    Raises:
        argparse.ArgumentTypeError: it is no number with a unit; the message says what would be.
    """
    try:
        return units.parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
