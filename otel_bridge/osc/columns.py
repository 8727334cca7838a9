"""The columns of a list of traces, for people and for programs.

Programs (``-f json``, ``csv``, ``value``, ``yaml``) get seconds where people get ``62.0 ms``, and times by
ISO 8601. Texts out of spans have nothing in them that a terminal would obey.
"""

from __future__ import annotations

from typing import Any, Final

from cliff.columns import FormattableColumn

from otel_bridge.model.trace import TraceSummary
from otel_bridge.model.tracepoint import format_timestamp
from otel_bridge.reports import units
from otel_bridge.reports.text import inert
from otel_bridge.wire import ids

NAMES: Final = ("Trace ID", "Started", "Duration", "Spans", "Errors", "Service", "Root Span", "Services")


class _Moment(FormattableColumn):  # type: ignore[type-arg, unused-ignore]
    """A point of time, in nanoseconds since the epoch."""

    def human_readable(self) -> str:
        return units.moment(self._value)

    def machine_readable(self) -> Any:
        try:
            return f"{format_timestamp(self._value)}Z" if self._value > 0 else None
        except (OverflowError, ValueError, OSError):  # no date that a calendar has
            return None


class _Duration(FormattableColumn):  # type: ignore[type-arg, unused-ignore]
    """Nanoseconds; for programs seconds."""

    def human_readable(self) -> str:
        return units.duration(self._value)

    def machine_readable(self) -> Any:
        return self._value / 1e9


class _Texts(FormattableColumn):  # type: ignore[type-arg, unused-ignore]
    """A list of texts."""

    def human_readable(self) -> str:
        return ", ".join(self._value)


def row(summary: TraceSummary) -> tuple[Any, ...]:
    """The cells of one trace, in the order of :data:`NAMES`."""
    return (
        ids.base_id(summary.trace_id),
        _Moment(summary.start_ns),
        _Duration(summary.duration_ns),
        summary.span_count,
        summary.error_count,
        inert(summary.root_service),
        inert(summary.root_name),
        _Texts(list(map(inert, summary.services))),
    )
