"""A list of traces: a table for the terminal, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from otel_bridge.model.trace import TraceSummary
from otel_bridge.reports import units
from otel_bridge.reports.style import PLAIN, Style
from otel_bridge.reports.text import cells, clip, inert
from otel_bridge.wire import ids

_HEAD = ("TRACE", "STARTED", "DURATION", "SPANS", "ERRORS", "ROOT")
_MAX_SERVICES = 6


def table(summaries: Sequence[TraceSummary], style: Style = PLAIN) -> Iterator[str]:
    """The lines of the table, without line ends: a head and one line a trace, in the order given.

    Trace ids are whole, so that they can be copied; only the last column is cut to the width.
    """
    rows = [_HEAD, *map(_row, summaries)]
    widths = [max(cells(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    for number, row in enumerate(rows):
        fixed = "  ".join(
            cell.rjust(width) if column in (2, 3, 4) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        last = row[-1]
        if style.width is not None:
            last = clip(last, max(style.width - cells(fixed) - 2, 12))
        line = f"{fixed}  {last}"
        if style.colour and number == 0:
            line = f"\x1b[1m{line}\x1b[0m"
        elif style.colour and summaries[number - 1].error_count:
            line = f"\x1b[31m{line}\x1b[0m"
        yield line


def _row(summary: TraceSummary) -> tuple[str, ...]:
    others = [service for service in summary.services if service != summary.root_service]
    via = ""
    if others:
        more = f", {len(others) - _MAX_SERVICES} more" if len(others) > _MAX_SERVICES else ""
        via = f" ({', '.join(others[:_MAX_SERVICES])}{more})"
    return (
        ids.base_id(summary.trace_id),
        units.moment(summary.start_ns),
        units.duration(summary.duration_ns),
        f"{summary.span_count:,}",
        f"{summary.error_count:,}" if summary.error_count else "-",
        inert(f"{summary.root_service}  {summary.root_name}{via}"),
    )


def as_json(summaries: Sequence[TraceSummary]) -> dict[str, Any]:
    """``{"traces": [...]}``, as the viewer's ``/api/traces`` answers: 64-bit numbers are strings."""
    return {"traces": [one_as_json(summary) for summary in summaries]}


def one_as_json(summary: TraceSummary) -> dict[str, Any]:
    return {
        "traceId": ids.format_trace_id(summary.trace_id),
        "rootName": summary.root_name,
        "rootService": summary.root_service,
        "startTimeUnixNano": str(summary.start_ns),
        "durationNano": str(summary.duration_ns),
        "spanCount": summary.span_count,
        "errorCount": summary.error_count,
        "services": list(summary.services),
    }
