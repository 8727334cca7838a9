"""What is to be known of a trace to compare it with another."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from otel_bridge.analysis.operation import operation
from otel_bridge.analysis.order import children_first
from otel_bridge.model.trace import SpanRecord, Trace

#: Service, operation and kind.
Key = tuple[str, str, int]

#: Levels in a row that only one of the traces may have.
_LEVELS: Final = 3


class Side:
    """The keys of the spans of one trace, their children and sizes."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._keys: dict[int, Key] = {
            span.span_id: (span.service, operation(span), span.kind) for span in trace.spans
        }
        self._sizes: dict[int, int] = {}
        for span in children_first(trace):
            below = sum(self._sizes[child.span_id] for child in trace.children(span))
            self._sizes[span.span_id] = 1 + below

    def below(self, spans: Sequence[SpanRecord]) -> list[SpanRecord]:
        """The children of all of them, in order of their start."""
        found = [child for span in spans for child in self._trace.children(span)]
        if len(spans) > 1:
            found.sort(key=attrgetter("start_ns"))
        return found

    def groups(self, spans: Iterable[SpanRecord]) -> dict[Key, list[SpanRecord]]:
        found: dict[Key, list[SpanRecord]] = {}
        for span in spans:
            found.setdefault(self._keys[span.span_id], []).append(span)
        return found

    def size(self, spans: Iterable[SpanRecord]) -> int:
        """How many spans they are, with all that are below them."""
        return sum(self._sizes[span.span_id] for span in spans)

    def are_leaves(self, spans: Iterable[SpanRecord]) -> bool:
        return all(self._sizes[span.span_id] == 1 for span in spans)

    def outline(self, *spans: SpanRecord) -> frozenset[Key]:
        """What is right below, whatever its number and order."""
        return frozenset(self._keys[child.span_id] for span in spans for child in self._trace.children(span))

    def found_below(self, spans: Sequence[SpanRecord], wanted: Container[Key]) -> set[Key]:
        """Those of the wanted keys that are on the first of the levels below that has any."""
        level: Sequence[SpanRecord] = spans
        for _ in range(_LEVELS):
            level = [child for span in level for child in self._trace.children(span)]
            found = {key for key in map(self._key, level) if key in wanted}
            if found:
                return found
        return set()

    def descriptions(self, among: Sequence[SpanRecord], spans: Iterable[SpanRecord]) -> list[Description]:
        """What tells the spans from each other; ``among`` are they and their neighbours."""
        neighbours: dict[int, tuple[Key | None, Key | None]] = {}
        keys = [None, *map(self._key, among), None]
        for index, span in enumerate(among, 1):
            neighbours[span.span_id] = keys[index - 1], keys[index + 1]
        return [Description(self.outline(span), *neighbours[span.span_id], span.is_error) for span in spans]

    def _key(self, span: SpanRecord) -> Key:
        return self._keys[span.span_id]


class Description(NamedTuple):
    """What tells a span from others of its key."""

    outline: frozenset[Key]
    before: Key | None
    after: Key | None
    failed: bool

    def likeness(self, other: Description) -> int:
        """1 or more."""
        parts = self.outline | other.outline
        shared = 4 * len(self.outline & other.outline) // len(parts) if parts else 4
        return (
            1
            + shared
            + (self.before == other.before)
            + (self.after == other.after)
            + 2 * (self.failed == other.failed)
        )
