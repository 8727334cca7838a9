"""What ``otel-bridge check`` has found."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that was looked at."""

    is_ok: bool
    #: What it is: ``activation``, ``[profiler] enabled``.
    about: str
    #: How it is, and what to do where it is a problem. Never holds a secret.
    text: str

    def __str__(self) -> str:
        return f"{'ok' if self.is_ok else 'problem':8} {self.about}: {self.text}"


def ok(about: str, text: str) -> Finding:
    """Nothing to do here."""
    return Finding(True, about, text)


def problem(about: str, text: str) -> Finding:
    """Something that keeps traces from being made, or from being right."""
    return Finding(False, about, text)
