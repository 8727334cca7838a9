"""What stands above the tree: which trace it is, what to know of it, where its time went, what failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from otel_bridge.analysis import timing
from otel_bridge.analysis.timing import Segment
from otel_bridge.model.trace import Trace
from otel_bridge.reports import canvas, units, walk
from otel_bridge.reports.canvas import Canvas, Part
from otel_bridge.reports.text import clip, inert
from otel_bridge.wire import ids

_MOST_SERVICES = 8
_MOST_FAILURES = 5
_MAX_SERVICE = 40


def lines(trace: Trace, paint: Canvas, colours: Mapping[str, int], path: Sequence[Segment]) -> Iterator[str]:
    """The head of a report. ``path``: the critical path of the trace; ``colours``: of its services."""
    summary = trace.summary()
    dot = f" {paint.glyphs.dot} "
    yield from paint.said(
        f"Trace {ids.base_id(trace.trace_id)}  ({ids.format_trace_id(trace.trace_id)})", canvas.BOLD
    )
    facts = [
        units.count(summary.span_count, "span"),
        units.count(len(summary.services), "service"),
        units.count(summary.error_count, "error"),
    ]
    if trace.spans:
        facts += [units.duration(summary.duration_ns), f"started {units.moment(summary.start_ns)}"]
    if len(trace.roots) > 1:
        facts.insert(1, units.count(len(trace.roots), "root"))
    yield from paint.said(dot.join(facts))
    for note in walk.notes(trace):
        yield from paint.said(note, canvas.WARNING)
    if path:
        yield from _critical(trace, paint, colours, path)
    yield from _failures(trace, paint, colours)


def _critical(
    trace: Trace, paint: Canvas, colours: Mapping[str, int], path: Sequence[Segment]
) -> Iterator[str]:
    """The share of each service in the critical path, the largest first."""
    services = {span.span_id: span.service for span in trace.spans}
    spent: dict[str, int] = {}
    for span_id, ns in timing.critical_ns(path).items():
        spent[services[span_id]] = spent.get(services[span_id], 0) + ns
    waiting = timing.waiting_ns(path)
    whole = path[-1].end_ns - path[0].start_ns
    ordered = sorted(spent.items(), key=lambda item: (-item[1], item[0]))
    items: list[list[Part]] = [
        [
            (clip(inert(service), _MAX_SERVICE), canvas.of_service(colours, service)),
            (" " + _share(ns, whole), ""),
        ]
        for service, ns in ordered[:_MOST_SERVICES]
    ]
    rest = ordered[_MOST_SERVICES:]
    if rest:
        items.append([(f"{len(rest)} more {_share(sum(ns for _, ns in rest), whole)}", "")])
    if waiting:
        items.append([(f"in queues {_share(waiting, whole)}", "")])
    lead = f"{paint.glyphs.critical} critical path {units.duration(whole)}: "
    yield from paint.flow([(lead, canvas.CRITICAL)], items)


def _share(ns: int, whole: int) -> str:
    percent = 100 * ns / whole
    return f"{units.duration(ns)} ({'<1' if percent < 0.5 else round(percent)} %)"


def _failures(trace: Trace, paint: Canvas, colours: Mapping[str, int]) -> Iterator[str]:
    """Where failures began: failed spans without a failed child, each kind once."""
    found: dict[tuple[str, str, str], int] = {}
    for span in trace.spans:
        if span.is_error and not any(child.is_error for child in trace.children(span)):
            key = (span.service, span.name, walk.failure(span))
            found[key] = found.get(key, 0) + 1
    for (service, name, what), number in list(found.items())[:_MOST_FAILURES]:
        parts: list[Part] = [
            (f"{paint.glyphs.failed} ", canvas.ERROR),
            (clip(inert(service), _MAX_SERVICE), canvas.of_service(colours, service)),
            (f"  {inert(name) or '(no name)'}", ""),
        ]
        if number > 1:
            parts.append((f" {paint.glyphs.times}{number}", canvas.BOLD))
        if what:
            parts.append(("  " + inert(what), canvas.FAILED))
        yield paint.line(parts)
    if len(found) > _MOST_FAILURES:
        yield from paint.said(f"  and {units.count(len(found) - _MOST_FAILURES, 'failure')} more")
