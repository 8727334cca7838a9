"""The spans of a trace from top to bottom, and what every report says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otel_bridge.model.trace import KIND_NAMES, SpanRecord, Trace
from otel_bridge.reports import units

_UNSAID_KINDS = ("UNSPECIFIED", "INTERNAL")


class Row(NamedTuple):
    span: SpanRecord
    #: 0 for a root.
    depth: int
    #: No sibling follows.
    last: bool


def rows(trace: Trace) -> Iterator[Row]:
    """Every span, each above its children. It takes no recursion, so any depth will do."""
    waiting = _rows(trace.roots, 0)
    while waiting:
        row = waiting.pop()
        yield row
        waiting += _rows(trace.children(row.span), row.depth + 1)


def _rows(spans: tuple[SpanRecord, ...], depth: int) -> list[Row]:
    """The rows of siblings, in the order in which a stack wants them."""
    end = len(spans) - 1
    return [Row(span, depth, index == end) for index, span in enumerate(spans)][::-1]


def kind(span: SpanRecord) -> str:
    """``server``, ``client``, ``producer`` or ``consumer``; empty for a span inside one service."""
    name = KIND_NAMES[span.kind] if 0 <= span.kind < len(KIND_NAMES) else ""
    return "" if name in _UNSAID_KINDS else name.lower()


def is_incomplete(span: SpanRecord) -> bool:
    """Whether the end of the span is not known: its stop never arrived."""
    return bool(span.attributes.get("osprofiler.incomplete")) or span.end_ns < span.start_ns


def refused_spans(span: SpanRecord) -> int:
    """How many spans below this local root its service did not record, by ``max_spans_per_trace``."""
    number = span.attributes.get("otel_bridge.refused_spans")
    return number if isinstance(number, int) and number > 0 else 0


def notes(trace: Trace) -> Iterator[str]:
    """What a reader has to know of the trace before trusting it: a sentence for each thing missing."""
    if trace.orphans:
        yield (
            f"{units.count(len(trace.orphans), 'span')} with a parent that is not in this trace: "
            "it is not exported yet, was lost, or its service is not traced"
        )
    incomplete = sum(map(is_incomplete, trace.spans))
    if incomplete:
        yield f"{units.count(incomplete, 'span')} without an end: how long it took is not known"
    refused = sum(map(refused_spans, trace.spans))
    if refused:
        yield f"{units.count(refused, 'span')} not recorded: [otel_bridge] max_spans_per_trace was reached"


def error_type(span: SpanRecord) -> str:
    """``error.type`` of a failed span, else the type of the exception that it recorded; may be empty."""
    named = span.attributes.get("error.type")
    if named:
        return str(named)
    return exception_type(span)


def exception_type(span: SpanRecord) -> str:
    """The type of the exception that a span recorded last; may be empty."""
    return _of_exception(span, "exception.type")


def error_message(span: SpanRecord) -> str:
    """What a failed span says of its failure; may be empty.

    The exception's own message first: a status description repeats its type.
    """
    return _of_exception(span, "exception.message") or span.status_message


def _of_exception(span: SpanRecord, key: str) -> str:
    for event in reversed(span.events):  # the last one is what ended the span
        if event.name == "exception" and event.attributes.get(key):
            return str(event.attributes[key])
    return ""
