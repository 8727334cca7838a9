"""A comparison as the data of its HTML page: columns of numbers, and each text once.

A row of ``parts`` is a part of the comparison, each above those below it. What a row says in texts is the
number of a text in ``strings``; times are nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from otel_bridge.analysis.difference import Difference, Part
from otel_bridge.analysis.siblings import Change
from otel_bridge.model.trace import KIND_NAMES, SpanRecord
from otel_bridge.reports import diff_rows, palette, walk
from otel_bridge.reports.interning import Texts
from otel_bridge.wire import ids

#: Parts that a page shows; of more, those that differ most and what is above them.
MAX_PARTS: Final = 50_000
#: Rows of each table.
MAX_ROWS: Final = 2_000
#: Attributes that differ, of all parts together.
MAX_ATTRIBUTES: Final = 20_000

CHANGES: Final = tuple(Change)


def document(difference: Difference) -> dict[str, Any]:
    """What ``json.dumps`` and the page's scripts take."""
    texts = Texts()
    spans = (*difference.a.spans, *difference.b.spans)
    colours = palette.assign(span.service for span in spans)
    services = {name: number for number, name in enumerate(colours)}
    parts, attributes = _parts(difference, services, texts)
    return {
        "a": ids.format_trace_id(difference.a.trace_id),
        "b": ids.format_trace_id(difference.b.trace_id),
        "durations": [difference.duration_a_ns, difference.duration_b_ns],
        "changes": [change.value for change in CHANGES],
        "kinds": [name.lower() for name in KIND_NAMES],
        "services": [[texts.name(name), slot] for name, slot in colours.items()],
        # Service, operation, whether it waited, before, after.
        "contributors": [
            [services[one.service], texts.name(one.name or "(no name)"), int(one.waiting), one.a_ns, one.b_ns]
            for one in difference.contributors[:MAX_ROWS]
        ],
        # Service, operation, spans, errors, total and self time, each before and after.
        "operations": [
            [
                services[row.service],
                texts.name(row.name or "(no name)"),
                *(row.a.spans, row.b.spans),
                *(row.a.errors, row.b.errors),
                *(row.a.total_ns, row.b.total_ns),
                *(row.a.self_ns, row.b.self_ns),
            ]
            for row in difference.operations[:MAX_ROWS]
        ],
        "parts": parts,
        "attributes": attributes,
        "leftOut": len(difference.parts) - len(parts["parent"]),
        # Last, when all of them are there.
        "strings": texts.table,
    }


def _parts(
    difference: Difference, services: Mapping[str, int], texts: Texts
) -> tuple[dict[str, Any], list[list[Any]]]:
    differing = diff_rows.chosen(difference)
    shown: Iterable[int] = range(len(difference.parts))
    if len(difference.parts) > MAX_PARTS:
        shown = sorted(diff_rows.chosen(difference, MAX_PARTS))[:MAX_PARTS]
    place = {index: number for number, index in enumerate(shown)}
    parts = [difference.parts[index] for index in place]
    attributes: list[list[Any]] = []
    failures: list[list[Any]] = []
    renamed: list[list[int]] = []
    for number, part in enumerate(parts):
        for change in part.attributes[: MAX_ATTRIBUTES - len(attributes)]:
            values = (texts.value(change.a), texts.value(change.b))
            attributes.append([number, texts.name(change.key), *values, int(change.is_telling)])
        if part.renamed_from:
            service, name = part.renamed_from
            renamed.append([number, services[service], texts.name(name)])
        for side, spans in enumerate((part.node.a, part.node.b)):
            failed = next((span for span in spans if span.is_error), None)
            if failed:
                failures.append([number, side, texts.value(walk.failure(failed))])
    columns = {
        "parent": [place.get(part.node.parent, -1) for part in parts],
        "depth": [part.node.depth for part in parts],
        "change": [CHANGES.index(part.change) for part in parts],
        "service": [services[part.service] for part in parts],
        "name": [texts.name(part.name or "(no name)") for part in parts],
        "kind": [_kind(part.node.example) for part in parts],
        "differs": [int(index in differing) for index in place],
        "spans": _pairs(parts, lambda part: (part.a.spans, part.b.spans)),
        "errors": _pairs(parts, lambda part: (part.a.errors, part.b.errors)),
        "total": _pairs(parts, lambda part: (part.a.total_ns, part.b.total_ns)),
        "longest": _pairs(parts, lambda part: (part.a.max_ns, part.b.max_ns)),
        "self": _pairs(parts, lambda part: (part.a.self_ns, part.b.self_ns)),
        "way": _pairs(parts, lambda part: (part.way_a_ns, part.way_b_ns)),
        "waiting": _pairs(parts, lambda part: (part.a.waiting_ns, part.b.waiting_ns)),
        "below": _pairs(parts, lambda part: (part.below_a, part.below_b)),
        "ids": [[_first_id(part.node.a), _first_id(part.node.b)] for part in parts],
        "failures": failures,
        "renamed": renamed,
    }
    return columns, attributes


def _pairs(parts: Sequence[Part], values: Callable[[Part], tuple[int, int]]) -> list[int]:
    """Before and after of each part, one after the other."""
    return [value for part in parts for value in values(part)]


def _kind(span: SpanRecord) -> int:
    return span.kind if 0 <= span.kind < len(KIND_NAMES) else 0


def _first_id(spans: Sequence[SpanRecord]) -> str | None:
    return ids.format_span_id(spans[0].span_id) if spans else None
