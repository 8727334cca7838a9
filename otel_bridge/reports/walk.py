"""The spans of a trace from top to bottom, and what every report says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otel_bridge.analysis import timing
from otel_bridge.model.trace import KIND_NAMES, SpanRecord, Trace
from otel_bridge.reports import units

_UNSAID_KINDS = ("UNSPECIFIED", "INTERNAL")
_SERVER, _CLIENT = 2, 3

#: Clocks that differ by less are good ones, and some stores round times.
_SKEW_NS = 100_000

#: Whether the end of a span is not known: its stop never arrived.
is_incomplete = timing.is_incomplete


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


def detail(span: SpanRecord) -> str:
    """What a client asked for, where the name of the span does not say it; may be empty.

    That is the URL without its query, or the statement. A name of more than one word is taken to say it.
    """
    if span.kind != _CLIENT or " " in span.name:
        return ""
    url = str(span.attributes.get("url.full") or "")
    return url.partition("?")[0] or str(span.attributes.get("db.query.text") or "")


def refused_spans(span: SpanRecord) -> int:
    """How many spans below this local root its service did not record, by ``max_spans_per_trace``."""
    number = span.attributes.get("otel_bridge.refused_spans")
    return number if isinstance(number, int) and number > 0 else 0


def early_ns(span: SpanRecord, parent: SpanRecord | None) -> int:
    """By how much a span began before its parent did, which only differing clocks explain; 0 if it is too
    little to be of interest."""
    early = parent.start_ns - span.start_ns if parent else 0
    return early if early > _SKEW_NS else 0


def late_ns(span: SpanRecord, parent: SpanRecord | None) -> int:
    """By how much a called server ended after the client that called it; 0 as for :func:`early_ns`."""
    if parent is None or span.kind != _SERVER or parent.kind != _CLIENT or is_incomplete(parent):
        return 0
    late = span.end_ns - parent.end_ns
    return late if late > _SKEW_NS else 0


def notes(trace: Trace) -> Iterator[str]:
    """What a reader has to know of the trace before trusting it: a sentence for each thing missing."""
    if trace.orphans:
        yield (
            f"{units.count(len(trace.orphans), 'span')} with a parent that is not in this trace: "
            "it is not exported yet, was lost, or its service is not traced"
        )
    known = {span.span_id for span in trace.spans}
    cut = sum(root.parent_id in known for root in trace.roots)
    if cut:
        yield f"{units.count(cut, 'span')} with a parent that is below it: the circle is cut there"
    incomplete = sum(map(is_incomplete, trace.spans))
    if incomplete:
        yield f"{units.count(incomplete, 'span')} without an end: how long it took is not known"
    yield from _skew(trace)
    refused = sum(map(refused_spans, trace.spans))
    if refused:
        yield f"{units.count(refused, 'span')} not recorded: [otel_bridge] max_spans_per_trace was reached"


def _skew(trace: Trace) -> Iterator[str]:
    early, late = [], []
    for span in trace.spans:
        for child in trace.children(span):
            early.append(early_ns(child, span))
            late.append(late_ns(child, span))
    if any(early):
        yield (
            f"{units.count(sum(map(bool, early)), 'span')} that began before the span above, by up to "
            f"{units.duration(max(early))}: the clocks of the hosts differ"
        )
    if any(late):
        yield (
            f"{units.count(sum(map(bool, late)), 'called server')} that ended after the client, by up to "
            f"{units.duration(max(late))}: the clocks of the hosts differ, or the client gave up"
        )


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


def failure(span: SpanRecord) -> str:
    """The type and the message of a failure in one text; may be empty."""
    return ": ".join(filter(None, (error_type(span), error_message(span).strip())))


def repeats_a_child(trace: Trace, span: SpanRecord) -> bool:
    """Whether a failed span says of its failure only what a failed child of it says, too."""
    what = failure(span)
    return any(child.is_error and failure(child) == what for child in trace.children(span))


def _of_exception(span: SpanRecord, key: str) -> str:
    for event in reversed(span.events):  # the last one is what ended the span
        if event.name == "exception" and event.attributes.get(key):
            return str(event.attributes[key])
    return ""
