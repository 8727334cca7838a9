"""A list of traces: a table for the terminal, and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from otel_bridge.model.trace import TraceSummary
from otel_bridge.reports import units
from otel_bridge.reports.style import PLAIN, Style
from otel_bridge.reports.text import cells, clip, inert
from otel_bridge.wire import ids

_HEAD = ("TRACE", "STARTED", "DURATION", "SPANS", "ERRORS", "ROOT")
_NARROW_HEAD = ("TRACE", "STARTED (UTC)", "DURATION", "SPANS", "ERR", "ROOT")
_MAX_SERVICES = 6
# Columns that the last one wants before the others are made shorter, and that it has in any case.
_ROOM = 24
_LEAST_ROOM = 12
_SHORT_ID = 8  # digits, or more until each is another one


def table(summaries: Sequence[TraceSummary], style: Style = PLAIN) -> Iterator[str]:
    """The lines of the table, without line ends: a head and one line a trace, in the order given.

    Trace ids are whole, so that they can be copied, unless the terminal is too narrow: then they are cut
    where they still differ. The last column is cut to the width.
    """
    rows = [_HEAD, *map(_row, summaries)]
    widths = _widths(rows)
    if style.width is not None and sum(widths) + 2 * len(widths) + _ROOM > style.width:
        digits = _different(summary.trace_id for summary in summaries)
        rows = [_NARROW_HEAD, *(_narrow_row(summary, digits) for summary in summaries)]
        widths = _widths(rows)
    for number, row in enumerate(rows):
        fixed = "  ".join(
            cell.rjust(width) if column in (2, 3, 4) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        last = row[-1]
        if style.width is not None:
            last = clip(last, max(style.width - cells(fixed) - 2, _LEAST_ROOM))
        line = f"{fixed}  {last}"
        if style.colour and number == 0:
            line = f"\x1b[1m{line}\x1b[0m"
        elif style.colour and summaries[number - 1].error_count:
            line = f"\x1b[31m{line}\x1b[0m"
        yield line


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(cells(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]


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
        *_counts(summary),
        inert(f"{summary.root_service}  {summary.root_name}{via}"),
    )


def _narrow_row(summary: TraceSummary, digits: int) -> tuple[str, ...]:
    _, _, duration, spans, errors, root = _row(summary)
    started = units.moment(summary.start_ns)
    # Without the year and what is less than a second; what is no date is a question.
    started = started[5:19] if started[:1].isdigit() else "?"
    return ids.format_trace_id(summary.trace_id)[:digits], started, duration, spans, errors, root


def _counts(summary: TraceSummary) -> tuple[str, str]:
    if not summary.span_count:  # a store that does not tell
        return "?", "?"
    return f"{summary.span_count:,}", f"{summary.error_count:,}" if summary.error_count else "-"


def _different(trace_ids: Iterable[int]) -> int:
    """How many of their 32 digits, from the first one on, are enough to tell ids from each other."""
    ordered = sorted(set(trace_ids))
    same = max((32 - ((one ^ other).bit_length() + 3) // 4 for one, other in pairwise(ordered)), default=0)
    return max(_SHORT_ID, same + 1)


def as_json(summaries: Sequence[TraceSummary]) -> dict[str, Any]:
    """``{"traces": [...]}``, as the viewer's ``/api/traces`` answers: 64-bit numbers are strings."""
    return {"traces": [summary.as_json() for summary in summaries]}
