"""A trace that was read back: plain span values and the forest that they form.

Every store gives these values and every report takes them; neither knows of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from otel_bridge.wire.ids import format_trace_id, stand_in

#: OTLP's numbers of the span kinds (``opentelemetry.proto.trace.v1.Span.SpanKind``).
KIND_NAMES = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")

STATUS_UNSET = 0
STATUS_OK = 1
STATUS_ERROR = 2

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class SpanEvent:
    name: str
    time_ns: int
    attributes: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class SpanLink:
    trace_id: int
    span_id: int
    attributes: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One span as a store holds it. Times are nanoseconds since the epoch, ids are integers."""

    trace_id: int
    span_id: int
    #: 0: no parent.
    parent_id: int
    name: str
    #: Index into :data:`KIND_NAMES`.
    kind: int
    start_ns: int
    end_ns: int
    status: int = STATUS_UNSET
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=_nothing)
    resource: Mapping[str, Any] = field(default_factory=_nothing)
    scope: str = ""
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()

    @property
    def duration_ns(self) -> int:
        return max(0, self.end_ns - self.start_ns)

    @property
    def is_error(self) -> bool:
        return self.status == STATUS_ERROR

    @property
    def service(self) -> str:
        """``service.name`` of the resource; ``unknown_service`` where it is missing."""
        return str(self.resource.get("service.name") or "unknown_service")


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One line of a list of traces."""

    trace_id: int
    root_name: str
    root_service: str
    start_ns: int
    duration_ns: int
    span_count: int
    error_count: int
    services: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What JSON has words for; 64-bit integers are strings, as in OTLP/JSON."""
        return {
            "traceId": format_trace_id(self.trace_id),
            "rootName": self.root_name,
            "rootService": self.root_service,
            "startTimeUnixNano": str(self.start_ns),
            "durationNano": str(self.duration_ns),
            "spanCount": self.span_count,
            "errorCount": self.error_count,
            "services": list(self.services),
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of one trace, as a forest that is always well formed.

    Whatever a store answered: a span that came twice is there once, a parent that is missing makes its
    children roots (see :attr:`orphans`), a cycle is cut, siblings are sorted by start.
    """

    trace_id: int
    spans: tuple[SpanRecord, ...]
    roots: tuple[SpanRecord, ...]
    #: Roots whose parent was named but never arrived.
    orphans: frozenset[int]
    #: First start and last end, in ns since the epoch; 0 where there are no spans.
    start_ns: int = 0
    end_ns: int = 0
    _children: Mapping[int, tuple[SpanRecord, ...]] = field(repr=False, default_factory=dict)

    @classmethod
    def from_spans(cls, trace_id: int, spans: Iterable[SpanRecord]) -> Trace:
        """Build the forest from spans in any order; spans of another trace are left out."""
        by_id: dict[int, SpanRecord] = {}
        for span in spans:
            if span.trace_id == trace_id:
                known = by_id.get(span.span_id)
                # Of a span that came unfinished and again finished, the finished one.
                if known is None or span.end_ns > known.end_ns:
                    by_id[span.span_id] = span
        ordered = sorted(by_id.values(), key=lambda span: (span.start_ns, span.span_id))
        # OSProfiler's "parent_id == base_id": no point above, unless a span with that id really exists.
        base = stand_in(trace_id)
        parent_of: dict[int, int] = {}
        orphans = set()
        for span in ordered:
            if not span.parent_id or span.parent_id == span.span_id:
                continue  # even where a broken store has a span with the id 0
            if span.parent_id in by_id:
                parent_of[span.span_id] = span.parent_id
            elif span.parent_id != base:
                orphans.add(span.span_id)
        _cut_cycles([span.span_id for span in ordered], parent_of)
        children: dict[int, list[SpanRecord]] = {}
        for span in ordered:
            if span.span_id in parent_of:
                children.setdefault(parent_of[span.span_id], []).append(span)
        roots = tuple(span for span in ordered if span.span_id not in parent_of)
        return cls(
            trace_id,
            tuple(ordered),
            roots,
            frozenset(orphans),
            ordered[0].start_ns if ordered else 0,
            max((span.end_ns for span in ordered), default=0),
            {parent: tuple(below) for parent, below in children.items()},
        )

    def children(self, span: SpanRecord) -> tuple[SpanRecord, ...]:
        """The spans right below, sorted by start."""
        return self._children.get(span.span_id, ())

    def summary(self) -> TraceSummary:
        root = self.roots[0] if self.roots else None
        return TraceSummary(
            trace_id=self.trace_id,
            root_name=root.name if root else "",
            root_service=root.service if root else "",
            start_ns=self.start_ns,
            duration_ns=max(0, self.end_ns - self.start_ns),
            span_count=len(self.spans),
            error_count=sum(span.is_error for span in self.spans),
            services=tuple(sorted({span.service for span in self.spans})),
        )


def _cut_cycles(ordered: list[int], parent_of: dict[int, int]) -> None:
    """Make the earliest span of each cycle a root. Linear: each span is walked over once."""
    position = {span_id: index for index, span_id in enumerate(ordered)}
    settled: set[int] = set()
    for span_id in ordered:
        path: dict[int, None] = {}
        node: int | None = span_id
        while node is not None and node not in settled:
            if node in path:
                walked = list(path)
                cycle = walked[walked.index(node) :]
                del parent_of[min(cycle, key=position.__getitem__)]
                break
            path[node] = None
            node = parent_of.get(node)
        settled.update(path)
