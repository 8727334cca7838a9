"""A trace as the data of the HTML report: columns of numbers, and each text once.

A row is a span; rows are in the order of the tree, each above its children. What a row says in texts is
the number of a text in ``strings``, and times are nanoseconds from the start of the trace. Everything
that is computed of a trace is computed here, by :mod:`otel_bridge.analysis`, and only drawn by the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from otel_bridge.analysis import folding, statistics, timing
from otel_bridge.model.trace import KIND_NAMES, SpanRecord, Trace
from otel_bridge.reports import palette, units, walk
from otel_bridge.reports.interning import Texts
from otel_bridge.wire import ids

#: Spans that a page shows; of more, those nearest to the roots.
MAX_SPANS: Final = 200_000
#: Rows of each table.
MAX_ROWS: Final = 2_000

#: Bits of ``flags``.
ERROR: Final = 1
INCOMPLETE: Final = 2
ORPHAN: Final = 4


def version(trace: Trace) -> str:
    """Changes whenever a span is new or has another end; starts with the number of spans and ``-``."""
    ends = ",".join([f"{span.span_id:x}.{span.end_ns:x}" for span in trace.spans])
    return f"{len(trace.spans)}-{crc32(ends.encode()):08x}"


def document(trace: Trace, *, link: str | None = None) -> dict[str, Any]:
    """What ``json.dumps`` and the page's scripts take; takes time linear in the trace, save for sorting.

    Args:
        trace: any trace, also an empty one.
        link: address of the trace in another viewer; left out where it is no HTTP address.
    """
    texts = Texts()
    rows = _rows(trace)
    index = {row.span.span_id: number for number, row in enumerate(rows)}
    colours = palette.assign(span.service for span in trace.spans)
    services = {name: number for number, name in enumerate(colours)}
    selfs = timing.self_times(trace)
    tables, table_notes = _tables(trace, selfs, texts, services)
    columns = _columns(trace, rows, services, selfs, texts)
    notes = [*walk.notes(trace), *texts.notes(), *table_notes]
    if len(rows) < len(trace.spans):
        left_out = units.count(len(trace.spans) - len(rows), "span")
        notes.append(f"{left_out} left out: the {len(rows):,} nearest to the roots are shown")
    summary = trace.summary()
    return {
        "version": version(trace),
        "trace": {
            "id": ids.format_trace_id(trace.trace_id),
            "base": ids.base_id(trace.trace_id),
            "link": link if link and link.lower().startswith(("http://", "https://")) else None,
            # A text, since it is beyond what JavaScript's numbers hold.
            "start": str(trace.start_ns),
            "started": units.moment(trace.start_ns),
            "duration": summary.duration_ns,
            "spans": summary.span_count,
            "errors": summary.error_count,
        },
        "notes": notes,
        "kinds": [name.lower() for name in KIND_NAMES],
        "services": [[texts.name(name), slot] for name, slot in colours.items()],
        "columns": columns,
        "groups": _groups(trace, index),
        "critical": _critical(trace, index),
        "tables": tables,
        # Last, when all of them are there.
        "keys": texts.keys,
        "strings": texts.table,
    }


def _rows(trace: Trace) -> list[walk.Row]:
    rows = list(walk.rows(trace))
    if len(rows) <= MAX_SPANS:
        return rows
    # A parent is nearer to the root than its children: whoever is kept has a parent that is.
    deepest = sorted(row.depth for row in rows)[MAX_SPANS]
    kept = [row for row in rows if row.depth < deepest]
    room = MAX_SPANS - len(kept)
    of_last_level = [row.span.span_id for row in rows if row.depth == deepest][:room]
    wanted = {row.span.span_id for row in kept}.union(of_last_level)
    return [row for row in rows if row.span.span_id in wanted]


def _columns(
    trace: Trace,
    rows: Sequence[walk.Row],
    services: Mapping[str, int],
    selfs: Mapping[int, int],
    texts: Texts,
) -> dict[str, Any]:
    start = trace.start_ns
    spans = [row.span for row in rows]
    resources = _Resources(texts)
    flags, shapes, values = [], [], []
    failures: list[list[int]] = []
    orphans: list[list[Any]] = []
    skewed: list[list[int]] = []
    events: list[list[int]] = []
    links: list[list[Any]] = []
    parents = _parents(rows)
    for number, span in enumerate(spans):
        flag = INCOMPLETE if walk.is_incomplete(span) else 0
        if span.is_error:
            flag |= ERROR
            failures.append(
                [number, texts.value(walk.error_type(span)), texts.value(walk.error_message(span))]
            )
        if span.span_id in trace.orphans:
            flag |= ORPHAN
            orphans.append([number, ids.format_span_id(span.parent_id)])
        flags.append(flag)
        parent = spans[parents[number]] if parents[number] >= 0 else None
        early, late = walk.early_ns(span, parent), walk.late_ns(span, parent)
        if early or late:
            skewed.append([number, early, late])
        shape, found = texts.pairs(span.attributes)
        shapes.append(shape)
        values += found
        for event in span.events:
            if texts.has_room():
                shape, found = texts.pairs(event.attributes)
                events.append([number, texts.name(event.name), event.time_ns - start, shape, *found])
        for link in span.links:
            if texts.has_room():
                shape, found = texts.pairs(link.attributes)
                target = ids.format_trace_id(link.trace_id), ids.format_span_id(link.span_id)
                links.append([number, *target, shape, *found])
    return {
        "ids": "".join([ids.format_span_id(span.span_id) for span in spans]),
        "parent": parents,
        "start": [span.start_ns - start for span in spans],
        "duration": [span.duration_ns for span in spans],
        "self": [selfs[span.span_id] for span in spans],
        "name": [texts.name(span.name or "(no name)") for span in spans],
        # What a client asked for, where its name does not say it.
        "detail": [texts.name(walk.detail(span)) for span in spans],
        "service": [services[span.service] for span in spans],
        "kind": [span.kind if 0 <= span.kind < len(KIND_NAMES) else 0 for span in spans],
        "flags": flags,
        "scope": [texts.name(span.scope) for span in spans],
        "resource": [resources.number(span.resource) for span in spans],
        "shape": shapes,
        "values": values,
        "resources": resources.found,
        "failures": failures,
        "orphans": orphans,
        "skewed": skewed,
        "events": events,
        "links": links,
    }


def _parents(rows: Iterable[walk.Row]) -> list[int]:
    """The row above each row; -1 for roots."""
    parents: list[int] = []
    above: list[int] = []
    for number, row in enumerate(rows):
        del above[row.depth :]
        parents.append(above[-1] if above else -1)
        above.append(number)
    return parents


class _Resources:
    """The distinct resources of a trace."""

    def __init__(self, texts: Texts) -> None:
        #: Of each the place of its keys, and the numbers of its values.
        self.found: list[list[int]] = []
        self._texts = texts
        self._numbers: dict[tuple[int, ...], int] = {}
        # Stores share one mapping between the spans of a process: look at its content once.
        self._seen: dict[int, int] = {}

    def number(self, resource: Mapping[str, Any]) -> int:
        number = self._seen.get(id(resource))
        if number is None:
            shape, values = self._texts.pairs(resource)
            number = self._numbers.setdefault((shape, *values), len(self._numbers))
            if number == len(self.found):
                self.found.append([shape, *values])
            self._seen[id(resource)] = number
        return number


def _groups(trace: Trace, index: Mapping[int, int]) -> list[list[int]]:
    """The rows of each group of alike siblings."""
    shape_of = folding.shapes(trace)
    groups = []
    for siblings in _families(trace):
        if len(siblings) >= folding.FEWEST:
            for item in folding.fold(siblings, shape_of):
                if isinstance(item, folding.Group):
                    rows = [index[span.span_id] for span in item.spans if span.span_id in index]
                    if len(rows) >= folding.FEWEST:
                        groups.append(rows)
    return groups


def _families(trace: Trace) -> Iterable[tuple[SpanRecord, ...]]:
    yield trace.roots
    for span in trace.spans:
        yield trace.children(span)


def _critical(trace: Trace, index: Mapping[int, int]) -> list[int]:
    """Row, start, end and whether it waited, of each segment of the critical path, one after the other."""
    start = trace.start_ns
    flat: list[int] = []
    for segment in timing.critical_path(trace):
        row = index.get(segment.span_id)
        if row is not None:
            flat += (row, segment.start_ns - start, segment.end_ns - start, int(segment.waiting))
    return flat


def _tables(
    trace: Trace, selfs: Mapping[int, int], texts: Texts, services: Mapping[str, int]
) -> tuple[dict[str, list[list[int]]], list[str]]:
    """Of each row the numbers of its service and its other texts, and its figures; and what is missing."""
    tables: dict[str, list[list[int]]] = {}
    notes: list[str] = []
    for name, found in (
        ("services", statistics.by_service(trace, selfs)),
        ("operations", statistics.by_operation(trace, selfs)),
        ("statements", statistics.by_statement(trace, selfs)),
    ):
        tables[name] = [_table_row(row, texts, services) for row in found[:MAX_ROWS]]
        if len(found) > MAX_ROWS:
            notes.append(f"the table of {name} has the first {MAX_ROWS:,} of {len(found):,}, by total time")
    return tables, notes


def _table_row(row: statistics.Row, texts: Texts, services: Mapping[str, int]) -> list[int]:
    service, *words = row.key
    names = [texts.name(words[0] or "(no name)")] if words else []
    return [services[service], *names, *map(texts.value, words[1:]), *row[1:]]
