"""Spans against what the recorder saw: each finding is a line that says what is wrong."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from otel_bridge.model.trace import KIND_NAMES, SpanRecord, Trace

from .records import Place, Point, Unit

#: The clock that both read may be set meanwhile.
_TOLERANCE = 200_000  # nanoseconds


def kind_of(span: SpanRecord) -> str:
    """The recorder's kind of the point that the span stands for."""
    attributes = span.attributes
    if "db.system.name" in attributes:
        return "db"
    if "http.request.method" in attributes:
        return "wsgi" if KIND_NAMES[span.kind] == "SERVER" else "http"
    return "function"


def recorded(trace: Trace) -> list[SpanRecord]:
    """The spans of the services; nothing records the client."""
    return [span for span in trace.spans if span.service != "openstackclient"]


@dataclass(frozen=True)
class Compared:
    """Spans and points, paired in the order of their begins.

    Attributes:
        pairs: each point with its span.
        uneven: where there are more of one than of the other.
    """

    pairs: tuple[tuple[Point, SpanRecord], ...]
    uneven: tuple[str, ...]


def compare(traces: Mapping[int, Trace], points: Iterable[Point]) -> Compared:
    """Pair what belongs to the same trace, process, thread (if spans tell theirs) and kind.

    Spans of the client are left out: nothing records it.
    """
    spans = [span for trace in traces.values() for span in trace.spans if span.service != "openstackclient"]
    threads = any("thread.id" in span.attributes for span in spans)

    def thread_of(thread: object) -> object:
        return thread if threads else None

    by_place: dict[tuple[object, ...], tuple[list[Point], list[SpanRecord]]] = defaultdict(lambda: ([], []))
    for point in points:
        key = (point.trace_id, point.place.pid, thread_of(point.place.thread), point.kind)
        by_place[key][0].append(point)
    for span in spans:
        thread = thread_of(span.attributes.get("thread.id"))
        by_place[span.trace_id, span.resource.get("process.pid"), thread, kind_of(span)][1].append(span)
    pairs: list[tuple[Point, SpanRecord]] = []
    uneven = []
    for (trace_id, *where), (wanted, found) in by_place.items():
        if len(wanted) != len(found):
            what = {point.detail for point in wanted} or {span.name for span in found}
            uneven.append(
                f"trace {trace_id:032x}, {where}: {len(found)} spans for {len(wanted)} points, "
                f"of {', '.join(sorted(what))[:500]}"
            )
            continue
        wanted.sort(key=lambda point: point.begin)
        found.sort(key=lambda span: span.start_ns)
        pairs += zip(wanted, found, strict=True)
    return Compared(tuple(pairs), tuple(uneven))


def misnamed(compared: Compared) -> Iterator[str]:
    """Spans that are called for something else than their point."""
    for point, span in compared.pairs:
        if point.kind == "function":
            method, right = point.detail.rpartition(".")[2], span.name.rpartition(".")[2]
            # A decorator may hide the function, whose name then is the message's.
            is_right = method == right or "<locals>" in point.detail
        elif point.kind == "db":
            is_right = span.name.removeprefix("BATCH ").split()[0] == point.detail.split()[0].upper()
        else:
            is_right = span.name.split()[0] == point.detail.split()[0]
        if not is_right:
            yield f"{span.service}: {point.detail[:200]} is {span.name}"


def wrong_ends(compared: Compared, units: Iterable[Unit]) -> Iterator[str]:
    """Spans that do not begin and end with what they stand for.

    The recorder is inside of what is traced, so the span begins earlier and ends later, but nothing else
    happens on its thread or greenlet in between. With SQL it is outside.
    """
    units = list(units)
    unit_of = {(unit.place.pid, unit.number): unit for unit in units}
    moments: dict[Place, list[int]] = defaultdict(list)
    for one in (*units, *(point for point, _ in compared.pairs)):
        moments[one.place] += (one.begin, one.end)
    for times in moments.values():
        times.sort()
    for point, span in compared.pairs:
        if point.kind == "db":
            begins, ends = (point.begin, point.end), (point.begin, point.end)
        else:
            # What the recorder takes for the unit of a request is inside of the request's span, too.
            inner = unit_of[point.place.pid, point.unit or 0] if point.kind == "wsgi" else point
            times = moments[point.place]
            before, after = bisect.bisect_left(times, inner.begin), bisect.bisect_right(times, inner.end)
            begins = times[before - 1] if before else 0, point.begin
            ends = point.end, times[after] if after < len(times) else 1 << 63
        for what, moment, (first, last) in (("begins", span.start_ns, begins), ("ends", span.end_ns, ends)):
            if not first - _TOLERANCE <= moment <= last + _TOLERANCE:
                off = (moment - last if moment > last else moment - first) / 1e6
                yield f"{span.service} {span.name} ({point.kind}) {what} {off:+.3f} ms off"


def wrong_errors(compared: Compared) -> Iterator[str]:
    """Errors where there were none, and none where there were."""
    for point, span in compared.pairs:
        if span.is_error != (point.error is not None):
            found = span.attributes.get("error.type") if span.is_error else None
            yield f"{span.service} {span.name} ({point.kind}): {found} instead of {point.error}"


def wrong_parents(compared: Compared, units: Iterable[Unit], traces: Mapping[int, Trace]) -> Iterator[str]:
    """Spans that hang below another one than what they ran in, or that sent them, and orphans."""
    span_of = {(point.place.pid, point.number): span for point, span in compared.pairs}
    unit_of = {(unit.place.pid, unit.number): unit for unit in units}
    for point, span in compared.pairs:
        pid = point.place.pid
        if point.around is not None:
            around = span_of.get((pid, point.around))
            wanted = None if around is None else around.span_id
        else:
            unit = unit_of.get((pid, point.unit or 0))
            wanted = None if unit is None else unit.parent_id
        if wanted != span.parent_id:
            yield f"{span.service} {span.name}: below {span.parent_id:016x} and not {wanted or 0:016x}"
    for trace in traces.values():
        for orphan in trace.orphans:
            yield f"trace {trace.trace_id:032x}: the parent of span {orphan:016x} is not there"


def in_strange_units(traces: Mapping[int, Trace], units: Iterable[Unit]) -> Iterator[str]:
    """Spans that ran on a thread while it served something of another trace, or of none."""
    served: dict[tuple[int, int], list[Unit]] = defaultdict(list)
    for unit in units:
        served[unit.place.pid, unit.place.thread].append(unit)
    for trace in traces.values():
        for span in recorded(trace):
            at = served[span.resource["process.pid"], span.attributes["thread.id"]]
            around = [unit for unit in at if unit.begin <= span.start_ns <= unit.end]
            if around and trace.trace_id not in {unit.trace_id for unit in around}:
                unit = around[-1]
                yield f"{span.service} {span.name} ran in {unit.kind} {unit.method} of another trace"


def text_of(trace: Trace) -> str:
    """All that a trace says, for searching."""
    return "\n".join(
        repr((span.name, span.attributes, span.resource, span.events, span.status_message, span.scope))
        for span in trace.spans
    )
