"""The spans of a trace in an order that lets a loop do what recursion would."""

from __future__ import annotations

from otel_bridge.model.trace import SpanRecord, Trace


def children_first(trace: Trace) -> list[SpanRecord]:
    """Every span, each after all that are below it."""
    order = []
    waiting = list(trace.roots)
    while waiting:
        span = waiting.pop()
        order.append(span)
        waiting += trace.children(span)
    return order[::-1]
