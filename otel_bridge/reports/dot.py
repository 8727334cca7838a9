"""A trace as a graph in the DOT language of Graphviz, for instance for ``dot -Tsvg``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otel_bridge.analysis import timing
from otel_bridge.analysis.folding import Group
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import outline, palette, units, walk
from otel_bridge.reports.outline import Hidden, Row, View
from otel_bridge.reports.text import clip, inert
from otel_bridge.wire import ids

#: By the slots of the palette; black can be read on each.
_FILLS = (
    *("#cfe5f3", "#f8dcc6", "#c9ecdf", "#efd6e8", "#f3e6b5", "#d8e3f0"),
    *("#f7d3e0", "#c8eaec", "#e0dbf5", "#efd5d5", "#dcebc4", "#f3dfc2"),
)
_FAILED = 'color="#b00020", penwidth=3'
_CRITICAL = 'color="#7a1fa2", penwidth=2'
_MAX_LINE = 60


def render(trace: Trace, view: View = outline.EVERYTHING) -> Iterator[str]:
    """The lines of the graph, without line ends: a node for each row of the outline, an edge to it from
    the one above. Alike siblings are one node. The border of what is on the critical path is thick, of what
    failed red; the time that a message waited is written on its edge."""
    graph = _Graph(trace)
    yield "digraph trace {"
    yield f"  label={_quoted([f'Trace {ids.base_id(trace.trace_id)}'])};"
    yield '  graph [rankdir=LR, labelloc=t, fontname="Helvetica"];'
    yield '  node [shape=box, style="filled,rounded", fontname="Helvetica", fontsize=10, margin="0.2,0.1"];'
    yield '  edge [fontname="Helvetica", fontsize=9, color="#808080"];'
    names: dict[int, str] = {}  # of the nodes, by the span whose children hang below them
    for number, row in enumerate(outline.rows(trace, view)):
        name = f"n{number}"
        if isinstance(row.item, Hidden):
            yield f"  {name} [{_hidden(row.item, view)}];"
        else:
            yield f"  {name} [{graph.node(row, row.item)}];"
            below = row.item.slowest if isinstance(row.item, Group) else row.item
            names[below.span_id] = name
        if row.parent is not None:
            yield f"  {names[row.parent.span_id]} -> {name}{graph.edge(row.item)};"
    yield "}"


class _Graph:
    def __init__(self, trace: Trace) -> None:
        path = timing.critical_path(trace)
        self._colours: Mapping[str, int] = palette.assign(span.service for span in trace.spans)
        self._selfs = timing.self_times(trace)
        self._critical = timing.critical_ns(path)
        self._waited = {
            segment.span_id: segment.end_ns - segment.start_ns for segment in path if segment.waiting
        }

    def node(self, row: Row, item: SpanRecord | Group) -> str:
        """The attributes of the node of a row."""
        spans = outline.members(item)
        span = spans[0]
        attributes = [
            f"label={_quoted(self._label(row, item))}",
            f'fillcolor="{_FILLS[self._colours[span.service]]}"',
            f"tooltip={_quoted([inert(span.name)])}",
        ]
        if span.is_error:
            attributes.append(_FAILED)
        elif any(member.span_id in self._critical for member in spans):
            attributes.append(_CRITICAL)
        if row.context:
            attributes.append('style="rounded,dotted"')
        return ", ".join(attributes)

    def edge(self, item: SpanRecord | Group | Hidden) -> str:
        waited = 0
        if not isinstance(item, Hidden):
            waited = sum(self._waited.get(span.span_id, 0) for span in outline.members(item))
        return f" [label={_quoted([f'queued {units.duration(waited)}'])}]" if waited else ""

    def _label(self, row: Row, item: SpanRecord | Group) -> list[str]:
        group = item if isinstance(item, Group) else None
        spans = outline.members(item)
        span = spans[0]
        number = f" \u00d7{len(spans):,}" if group else ""
        total = units.duration(sum(member.duration_ns for member in spans))
        own = units.duration(sum(self._selfs[member.span_id] for member in spans))
        lines = [
            clip(inert(span.service), _MAX_LINE),
            clip(inert(span.name) or "(no name)", _MAX_LINE) + number,
            "no end" if walk.is_incomplete(span) else f"{total}, self {own}",
        ]
        if group:
            lines.append(f"slowest {units.duration(group.slowest.duration_ns)}")
        if span.is_error:
            lines.append(clip("ERROR " + inert(walk.failure(span)), _MAX_LINE).rstrip())
        if row.cut.spans:
            lines.append(f"+{row.cut.spans:,} below")
        return lines


def _hidden(hidden: Hidden, view: View) -> str:
    return f"label={_quoted(outline.left_out(hidden, view))}, style=dashed"


def _quoted(lines: list[str]) -> str:
    """A string of DOT. A backslash begins an escape in it, an ampersand an entity."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
