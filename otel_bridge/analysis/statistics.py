"""How often things happened in a trace and how long they took: by service, operation and statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from otel_bridge.analysis.timing import is_incomplete
from otel_bridge.model.trace import SpanRecord, Trace


class Row(NamedTuple):
    """A line of a table. Times are nanoseconds."""

    #: What the spans have in common: the fields that the function names.
    key: tuple[str, ...]
    count: int  # type: ignore[assignment]  # hides the count() that tuples have
    errors: int
    #: The sum of the durations. Spans that lie in or beside each other count each.
    total_ns: int
    #: The sum of the self times.
    self_ns: int
    #: Of the spans whose end is known; nearest rank.
    p50_ns: int
    p95_ns: int
    max_ns: int


def by_service(trace: Trace, selfs: Mapping[int, int]) -> list[Row]:
    """A row for each service, most total first. ``selfs``: what ``timing.self_times`` says."""
    return _rows(trace, selfs, lambda span: (span.service,))


def by_operation(trace: Trace, selfs: Mapping[int, int]) -> list[Row]:
    """A row for each service and span name, most total first."""
    return _rows(trace, selfs, lambda span: (span.service, span.name))


def by_statement(trace: Trace, selfs: Mapping[int, int]) -> list[Row]:
    """A row for each service, query summary and query text, most total first; only of spans that have a
    text or a summary. Where the summary is missing it is the span's name, a missing text is empty."""
    return _rows(trace, selfs, _statement)


def _statement(span: SpanRecord) -> tuple[str, ...] | None:
    summary = span.attributes.get("db.query.summary")
    text = span.attributes.get("db.query.text")
    if not summary and not text:
        return None
    return span.service, str(summary or span.name), str(text or "")


def _rows(
    trace: Trace, selfs: Mapping[int, int], key_of: Callable[[SpanRecord], tuple[str, ...] | None]
) -> list[Row]:
    members: dict[tuple[str, ...], list[SpanRecord]] = {}
    for span in trace.spans:
        key = key_of(span)
        if key is not None:
            members.setdefault(key, []).append(span)
    rows = [_row(key, spans, selfs) for key, spans in members.items()]
    return sorted(rows, key=lambda row: (-row.total_ns, row.key))


def _row(key: tuple[str, ...], spans: Sequence[SpanRecord], selfs: Mapping[int, int]) -> Row:
    durations = sorted(span.duration_ns for span in spans if not is_incomplete(span))
    return Row(
        key,
        count=len(spans),
        errors=sum(span.is_error for span in spans),
        total_ns=sum(span.duration_ns for span in spans),
        self_ns=sum(selfs[span.span_id] for span in spans),
        p50_ns=percentile(durations, 50),
        p95_ns=percentile(durations, 95),
        max_ns=durations[-1] if durations else 0,
    )


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The smallest of the sorted values that at least ``percent`` of them do not exceed; 0 of none."""
    if not ordered:
        return 0
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
