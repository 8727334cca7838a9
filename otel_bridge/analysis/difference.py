"""What differs between two traces of the same kind of request, and where the time went.

The first trace is "before", the second "after", whichever is slower: every change is what the second has
more than the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from otel_bridge.analysis import attribute_changes
from otel_bridge.analysis.alignment import Node, align
from otel_bridge.analysis.attribute_changes import AttributeChange, ServiceChange
from otel_bridge.analysis.extent import whole_path
from otel_bridge.analysis.operation import operation
from otel_bridge.analysis.siblings import Change
from otel_bridge.analysis.timing import self_times
from otel_bridge.model.trace import SpanRecord, Trace


class Measures(NamedTuple):
    """Some spans of one trace, added up. Times are nanoseconds."""

    spans: int = 0
    errors: int = 0
    #: The sum of the durations: more than the time that passed where spans ran at the same time.
    total_ns: int = 0
    #: The longest duration.
    max_ns: int = 0
    #: The sum of the self times.
    self_ns: int = 0
    #: On the path that explains the duration of the trace, running (:func:`whole_path`).
    path_ns: int = 0
    #: On that path, but not begun yet: in a queue, or not yet sent by the client.
    waiting_ns: int = 0

    def plus(self, other: Measures) -> Measures:
        return Measures(
            self.spans + other.spans,
            self.errors + other.errors,
            self.total_ns + other.total_ns,
            max(self.max_ns, other.max_ns),
            self.self_ns + other.self_ns,
            self.path_ns + other.path_ns,
            self.waiting_ns + other.waiting_ns,
        )


@dataclass(frozen=True, slots=True)
class Part:
    """A node of both traces and what was measured of it."""

    node: Node
    #: Of the node's own spans.
    a: Measures
    b: Measures
    #: Spans below the node.
    below_a: int
    below_b: int
    #: Nanoseconds of the path within the node and below it, waiting included.
    way_a_ns: int
    way_b_ns: int
    attributes: tuple[AttributeChange, ...]

    @property
    def change(self) -> Change:
        return self.node.change

    @property
    def service(self) -> str:
        return self.node.example.service

    @property
    def name(self) -> str:
        return operation(self.node.example)

    @property
    def renamed_from(self) -> tuple[str, str] | None:
        """Service and operation in the first trace, where they were others."""
        if not self.node.a or not self.node.b:
            return None
        old = (self.node.a[0].service, operation(self.node.a[0]))
        return old if old != (self.service, self.name) else None


class Contributor(NamedTuple):
    """Time on the path by operation. Over all of them the changes add up to that of the duration."""

    service: str
    name: str
    #: The time passed before it began: in a queue, or before the client sent it.
    waiting: bool
    a_ns: int
    b_ns: int

    @property
    def delta_ns(self) -> int:
        return self.b_ns - self.a_ns


class Operation(NamedTuple):
    """All spans of a service and operation, wherever they are."""

    service: str
    name: str
    a: Measures
    b: Measures


@dataclass(frozen=True, slots=True)
class Difference:
    a: Trace
    b: Trace
    #: Each above those below it.
    parts: tuple[Part, ...]
    #: The largest change first.
    contributors: tuple[Contributor, ...]
    #: The largest change of self time first.
    operations: tuple[Operation, ...]
    services: tuple[ServiceChange, ...]

    @property
    def duration_a_ns(self) -> int:
        return self.a.summary().duration_ns

    @property
    def duration_b_ns(self) -> int:
        return self.b.summary().duration_ns

    @property
    def delta_ns(self) -> int:
        return self.duration_b_ns - self.duration_a_ns

    @property
    def same_structure(self) -> bool:
        """Nothing appeared, vanished, was multiplied, or has another level or name."""
        return all(part.change is Change.SAME and part.renamed_from is None for part in self.parts)

    @property
    def shared(self) -> tuple[int, int]:
        """How many spans of each trace correspond to some of the other."""
        both = [part for part in self.parts if part.node.a and part.node.b]
        return sum(part.a.spans for part in both), sum(part.b.spans for part in both)


def compare(a: Trace, b: Trace) -> Difference:
    """What ``b`` has more than ``a``, and less. n log n in the spans of both, of any depth and width."""
    measured_a, measured_b = _measured(a), _measured(b)
    nodes = align(a, b)
    own_a = [_sum(measured_a, node.a) for node in nodes]
    own_b = [_sum(measured_b, node.b) for node in nodes]
    size_a, way_a = _with_below(nodes, own_a)
    size_b, way_b = _with_below(nodes, own_b)
    parts = tuple(
        Part(
            node,
            own_a[index],
            own_b[index],
            size_a[index] - own_a[index].spans,
            size_b[index] - own_b[index].spans,
            way_a[index],
            way_b[index],
            tuple(attribute_changes.of_spans(node.a, node.b)),
        )
        for index, node in enumerate(nodes)
    )
    operations = _operations(a, measured_a, b, measured_b)
    return Difference(
        a,
        b,
        parts,
        tuple(_contributors(operations)),
        tuple(operations),
        tuple(attribute_changes.of_services(a.spans, b.spans)),
    )


def _measured(trace: Trace) -> dict[int, Measures]:
    selfs = self_times(trace)
    running: dict[int, int] = {}
    waiting: dict[int, int] = {}
    for segment in whole_path(trace):
        spent = waiting if segment.waiting else running
        spent[segment.span_id] = spent.get(segment.span_id, 0) + segment.end_ns - segment.start_ns
    return {
        span.span_id: Measures(
            1,
            int(span.is_error),
            span.duration_ns,
            span.duration_ns,
            selfs[span.span_id],
            running.get(span.span_id, 0),
            waiting.get(span.span_id, 0),
        )
        for span in trace.spans
    }


def _sum(measured: Mapping[int, Measures], spans: Iterable[SpanRecord]) -> Measures:
    total = Measures()
    for span in spans:
        total = total.plus(measured[span.span_id])
    return total


def _with_below(nodes: Sequence[Node], own: Sequence[Measures]) -> tuple[list[int], list[int]]:
    """Of each node and all that is below it: the spans, and their time on the path."""
    sizes = [one.spans for one in own]
    ways = [one.path_ns + one.waiting_ns for one in own]
    for index in range(len(nodes) - 1, -1, -1):
        parent = nodes[index].parent
        if parent >= 0:
            sizes[parent] += sizes[index]
            ways[parent] += ways[index]
    return sizes, ways


def _operations(
    a: Trace, measured_a: Mapping[int, Measures], b: Trace, measured_b: Mapping[int, Measures]
) -> list[Operation]:
    by_name_a, by_name_b = _by_name(a, measured_a), _by_name(b, measured_b)
    nothing = Measures()
    rows = [
        Operation(*key, by_name_a.get(key, nothing), by_name_b.get(key, nothing))
        for key in by_name_a.keys() | by_name_b.keys()
    ]
    return sorted(
        rows,
        key=lambda row: (
            -abs(row.b.self_ns - row.a.self_ns),
            -abs(row.b.spans - row.a.spans),
            row.service,
            row.name,
        ),
    )


def _by_name(trace: Trace, measured: Mapping[int, Measures]) -> dict[tuple[str, str], Measures]:
    found: dict[tuple[str, str], Measures] = {}
    for span in trace.spans:
        key = span.service, operation(span)
        one = measured[span.span_id]
        found[key] = found[key].plus(one) if key in found else one
    return found


def _contributors(operations: Iterable[Operation]) -> list[Contributor]:
    found = []
    for row in operations:
        for waiting, a_ns, b_ns in (
            (False, row.a.path_ns, row.b.path_ns),
            (True, row.a.waiting_ns, row.b.waiting_ns),
        ):
            if a_ns or b_ns:
                found.append(Contributor(row.service, row.name, waiting, a_ns, b_ns))
    return sorted(found, key=lambda one: (-abs(one.delta_ns), one.service, one.name, one.waiting))
