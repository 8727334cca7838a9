"""A :class:`~otel_bridge.stores.TraceQuery` applied here, where a store cannot do it itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from otel_bridge.model.trace import SpanRecord, Trace, TraceSummary
from otel_bridge.stores.protocol import Summaries, TraceQuery
from otel_bridge.wire import ids

# Clocks differ: what just happened elsewhere may lie in the future here.
_AHEAD_NS: Final = 3600 * 10**9


def window(query: TraceQuery, lookback_ns: int, now: int) -> tuple[int, int] | None:
    """From when to when traces are looked for, for stores that want to be told; None: no time lies in it.

    Args:
        query: says so, or not.
        lookback_ns: how far back to go where it says no beginning.
        now: ns since the epoch.
    """
    latest = now + _AHEAD_NS if query.until_ns is None else query.until_ns
    oldest = min(now, latest) - lookback_ns if query.since_ns is None else query.since_ns
    return (oldest, latest) if oldest < latest else None


def wanted(summary: TraceSummary, query: TraceQuery) -> bool:
    """Whether a trace is one of those that are asked for, as far as its summary tells: all but
    ``operation``, and ``service`` where the summary names none."""
    return (
        (query.since_ns is None or summary.start_ns >= query.since_ns)
        and (query.until_ns is None or summary.start_ns < query.until_ns)
        and (query.service is None or not summary.services or query.service in summary.services)
        and (summary.error_count > 0 or not query.errors_only)
        and (query.min_duration_ns is None or summary.duration_ns >= query.min_duration_ns)
        and (query.max_duration_ns is None or summary.duration_ns <= query.max_duration_ns)
        and (query.id_prefix is None or ids.format_trace_id(summary.trace_id).startswith(query.id_prefix))
    )


def newest(summaries: Iterable[TraceSummary], query: TraceQuery) -> Summaries:
    """The newest ``limit`` of the summaries that are :func:`wanted`, each trace once, the newest first."""
    found = {summary.trace_id: summary for summary in summaries if wanted(summary, query)}
    ordered = sorted(found.values(), key=lambda summary: (-summary.start_ns, summary.trace_id))
    return ordered[: max(0, query.limit)]


def has_operation(spans: Iterable[SpanRecord], query: TraceQuery) -> bool:
    """Whether one of the spans is what ``operation`` and ``service`` ask for, both at a time."""
    return query.operation is None or any(
        span.name == query.operation and (query.service is None or span.service == query.service)
        for span in spans
    )


def summaries(spans: Iterable[SpanRecord], query: TraceQuery) -> Summaries:
    """The traces that these spans are of, in any order; all that ``query`` says holds for them.

    Of each span only what a summary is made of is kept.
    """
    of_trace: dict[int, list[SpanRecord]] = {}
    for span in spans:
        outline = replace(span, attributes={}, events=(), links=(), status_message="")
        of_trace.setdefault(span.trace_id, []).append(outline)
    traces = (Trace.from_spans(trace_id, outlines) for trace_id, outlines in of_trace.items())
    return newest((trace.summary() for trace in traces if has_operation(trace.spans, query)), query)
