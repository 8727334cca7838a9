"""The statistics of a trace on the terminal: by service, by operation, by statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from otel_bridge.analysis import statistics, timing
from otel_bridge.analysis.statistics import Row
from otel_bridge.model.trace import Trace
from otel_bridge.reports import canvas, palette, terminal_head, units
from otel_bridge.reports.canvas import Canvas, Part
from otel_bridge.reports.style import PLAIN, Style
from otel_bridge.reports.text import cells, clip, inert

_NUMBERS = ("COUNT", "ERRORS", "TOTAL", "SELF", "P50", "P95", "MAX")
_ERRORS = 1
_MAX_SERVICE = 30
#: Rows of one table on a terminal.
_MOST_ROWS = 30


def render(trace: Trace, style: Style = PLAIN) -> Iterator[str]:
    """The lines, without line ends: the head of the tree, then the tables, the most total first."""
    paint = Canvas(style)
    colours = palette.assign(span.service for span in trace.spans)
    yield from terminal_head.lines(trace, paint, colours, timing.critical_path(trace))
    selfs = timing.self_times(trace)
    for heads, rows in (
        (("SERVICE",), statistics.by_service(trace, selfs)),
        (("SERVICE", "OPERATION"), statistics.by_operation(trace, selfs)),
        (("SERVICE", "STATEMENT"), statistics.by_statement(trace, selfs)),
    ):
        if rows:
            yield ""
            yield from _table(heads, rows, paint, colours)


def _table(
    heads: Sequence[str], rows: Sequence[Row], paint: Canvas, colours: Mapping[str, int]
) -> Iterator[str]:
    left_out = 0
    if paint.style.width is not None and len(rows) > _MOST_ROWS + 1:
        left_out = len(rows) - _MOST_ROWS
        rows = rows[:_MOST_ROWS]
    lines = [_numbers(row) for row in rows]
    widths = [max(map(cells, column)) for column in zip(_NUMBERS, *lines, strict=True)]
    services = [clip(inert(row.key[0]), _MAX_SERVICE) for row in rows]
    of_service = max(cells(text) for text in (heads[0], *services))
    yield paint.line(
        [(_justified(_NUMBERS, widths) + _padded(heads[0], of_service) + "".join(heads[1:]), canvas.DIM)]
    )
    for row, line, service in zip(rows, lines, services, strict=True):
        before, errors, after = line[:_ERRORS], line[_ERRORS], line[_ERRORS + 1 :]
        parts: list[Part] = [
            (_justified(before, widths), ""),
            (_justified([errors], widths[_ERRORS:]), canvas.ERROR if row.errors else canvas.DIM),
            (_justified(after, widths[_ERRORS + 1 :]), ""),
            (_padded(service, of_service), canvas.of_service(colours, row.key[0])),
        ]
        if len(row.key) > 1:
            parts.append((inert(row.key[1]) or "(no name)", ""))
        parts += [("  " + inert(" ".join(text.split())), canvas.DIM) for text in row.key[2:]]
        yield paint.line(parts)
    if left_out:
        yield from paint.said(f"{paint.glyphs.ellipsis} {left_out:,} more: --out FILE has them all")


def _numbers(row: Row) -> tuple[str, ...]:
    times = (row.total_ns, row.self_ns, row.p50_ns, row.p95_ns, row.max_ns)
    return (f"{row.count:,}", f"{row.errors:,}" if row.errors else "-", *map(units.duration, times))


def _justified(texts: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{text:>{width}}  " for text, width in zip(texts, widths, strict=False))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text) + 2)
