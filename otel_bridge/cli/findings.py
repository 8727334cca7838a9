"""What ``otel-bridge check`` has found."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Level = Literal["ok", "note", "problem"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Finding(NamedTuple):
    """One thing that was looked at."""

    #: ``note``: worth knowing, and no reason for a trace not to be there.
    level: Level
    #: What it is: ``activation``, ``[profiler] enabled``.
    about: str
    #: How it is, and what to do where it is a problem. One line; never holds a secret.
    text: str
    #: The same for programs, by names that stay: what JSON can hold.
    data: Mapping[str, Any] = _NOTHING

    @property
    def is_ok(self) -> bool:
        """Nothing that keeps traces from being made, or from being right."""
        return self.level != "problem"

    def __str__(self) -> str:
        return f"{self.level:8} {self.about}: {self.text}"

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        found = {"about": self.about, "level": self.level, "ok": self.is_ok, "text": self.text}
        return {**found, "data": dict(self.data)} if self.data else found


def ok(about: str, text: str, **data: Any) -> Finding:
    """Nothing to do here."""
    return Finding("ok", about, text, data or _NOTHING)


def note(about: str, text: str, **data: Any) -> Finding:
    """Worth knowing; the exit code does not tell of it."""
    return Finding("note", about, text, data or _NOTHING)


def problem(about: str, text: str, **data: Any) -> Finding:
    """Something that keeps traces from being made, or from being right."""
    return Finding("problem", about, text, data or _NOTHING)
