"""A comparison of two traces on the terminal: sentences, a table of where the time went, and a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from otel_bridge.analysis import difference as analysis
from otel_bridge.analysis.attribute_changes import AttributeChange
from otel_bridge.analysis.difference import Contributor, Difference, Operation
from otel_bridge.analysis.siblings import Change
from otel_bridge.model.trace import Trace
from otel_bridge.reports import diff_rows, diff_words, palette, units, walk
from otel_bridge.reports.canvas import BOLD, DIM, ERROR, WARNING, Part
from otel_bridge.reports.diff_lines import FASTER, Pen
from otel_bridge.reports.diff_rows import Row
from otel_bridge.reports.diff_words import TIMES
from otel_bridge.reports.guides import Guides
from otel_bridge.reports.style import PLAIN, Style
from otel_bridge.reports.text import cells, inert
from otel_bridge.wire import ids

_CONTRIBUTORS: Final = 10
_OPERATIONS: Final = 8
_ATTRIBUTES: Final = 3
_MAX_VALUE: Final = 300

_MARKS: Final = {
    Change.SAME: (" ", ""),
    Change.MULTIPLIED: (TIMES, "1;35"),
    Change.APPEARED: ("+", "1;36"),
    Change.VANISHED: ("-", "1;33"),
    Change.INSERTED: (">", "1;36"),
    Change.REMOVED: ("<", "1;33"),
}
_MEANINGS: Final = {
    Change.MULTIPLIED: "another number of times",
    Change.APPEARED: "only in B",
    Change.VANISHED: "only in A",
    Change.INSERTED: "a level that only B has",
    Change.REMOVED: "a level that only A has",
}


def render(difference: Difference, style: Style = PLAIN, *, everything: bool = False) -> Iterator[str]:
    """The lines of the report, without line ends.

    Args:
        difference: what :func:`~otel_bridge.analysis.difference.compare` found.
        style: what the terminal can show.
        everything: the whole tree and tables, not only what differs most.
    """
    colours = palette.assign(span.service for span in (*difference.a.spans, *difference.b.spans))
    painter = _Painter(difference, Pen(style, colours), everything)
    yield from painter.head()
    if difference.parts:
        yield from painter.contributors()
        yield from painter.operations()
        yield from painter.tree()


class _Painter:
    def __init__(self, difference: Difference, pen: Pen, everything: bool) -> None:
        self._difference = difference
        self._pen = pen
        self._everything = everything
        longer = max(difference.duration_a_ns, difference.duration_b_ns)
        self._noticeable = max(1, longer // 100)

    def head(self) -> Iterator[str]:
        for name, trace in (("A", self._difference.a), ("B", self._difference.b)):
            yield self._pen.line([(f"{name}  {ids.base_id(trace.trace_id)}  ", BOLD), (_facts(trace), "")])
        yield ""
        for index, sentence in enumerate(diff_words.verdict(self._difference)):
            yield from self._pen.wrapped(sentence, "" if index else BOLD)

    def contributors(self) -> Iterator[str]:
        """On the critical path: the changes add up to the difference."""
        found = self._difference.contributors
        if not found:
            return
        yield from self._pen.title("Where the time went (critical path)")
        shown: Sequence[Contributor] = found
        if not self._everything:
            shown = [one for one in found if one.delta_ns][:_CONTRIBUTORS]
        rest = found[len(shown) :]
        largest = max(abs(one.delta_ns) for one in found)
        for one in shown:
            before = self._measured(one.a_ns, one.b_ns, largest)
            waiting = [("waiting for ", DIM)] if one.waiting else []
            yield self._pen.line([*before, *waiting, *self._pen.operation(one.service, one.name)])
        if rest:
            before = self._measured(sum(one.a_ns for one in rest), sum(one.b_ns for one in rest), largest)
            yield self._pen.line([*before, (units.count(len(rest), "other"), DIM)])
        before = self._measured(self._difference.duration_a_ns, self._difference.duration_b_ns, 0)
        yield self._pen.line([*before, ("in all", BOLD)])

    def operations(self) -> Iterator[str]:
        """What else was done more or less: its self time changed otherwise than that on the path."""
        rows: Sequence[Operation] = self._difference.operations
        if not self._everything:
            rows = [row for row in rows if abs(_beside(row)) >= self._noticeable][:_OPERATIONS]
        if not rows:
            return
        yield from self._pen.title("Also beside the critical path (self time of all spans)")
        largest = max(abs(row.b.self_ns - row.a.self_ns) for row in rows)
        for row in rows:
            before = self._measured(row.a.self_ns, row.b.self_ns, largest)
            yield self._pen.row(before, row.service, row.name, _counts(row.a.spans, row.b.spans))

    def _measured(self, a_ns: int, b_ns: int, largest_ns: int) -> list[Part]:
        return [*self._pen.times(a_ns, b_ns), *self._pen.bar(b_ns - a_ns, largest_ns), ("  ", "")]

    def tree(self) -> Iterator[str]:
        shown = None if self._everything else diff_rows.chosen(self._difference)
        title = "Spans of both" if shown is None else "Spans that differ, and those above them"
        yield from self._pen.title(title, tree=True)
        guides = Guides(self._pen.glyphs, self._pen.levels)
        for row in diff_rows.rows(self._difference, shown):
            lead, below = guides.lead(row.part.node.depth, last=row.last)
            yield from self._row(row, lead, below)
        yield from self._legend(shown)

    def _row(self, row: Row, lead: str, below: str) -> Iterator[str]:
        part = row.part
        mark, colour = _MARKS[part.change]
        before = self._pen.times(
            part.a.total_ns if part.node.a else None, part.b.total_ns if part.node.b else None
        )
        if self._pen.wide:
            before.append(self._pen.change(part.way_b_ns - part.way_a_ns))
        before.append((f" {mark} ", colour))
        margin = " " * sum(cells(text) for text, _ in before)
        after = self._notes(part)
        if row.hidden and self._pen.wide:
            after.append((f"  ({row.hidden:,} more below)", DIM))
        yield self._pen.row([*before, (lead, "")], part.service, part.name, after)
        for text in self._explained(part):
            yield self._pen.line([(f"{margin}{below}  ", ""), (text, WARNING)])

    def _notes(self, part: analysis.Part) -> list[Part]:
        notes = _counts(part.a.spans, part.b.spans)
        kind = walk.kind(part.node.example)
        if kind and self._pen.wide:
            notes.append((f"  [{kind}]", DIM))
        if part.b.errors or (part.a.errors and not part.node.b):
            errors = part.b.errors or part.a.errors
            notes.append((f"  ERROR{f' {TIMES}{errors:,}' if errors > 1 else ''}", ERROR))
        elif part.a.errors:
            notes.append(("  no ERROR any more", FASTER))
        return notes

    def _explained(self, part: analysis.Part) -> Iterator[str]:
        """Lines below the row: what it was called, and attributes that differ."""
        if part.renamed_from:
            yield f"was {diff_words.named(*part.renamed_from)}"
        shown: Sequence[AttributeChange] = part.attributes
        if not self._everything:
            shown = [change for change in shown if change.is_telling][:_ATTRIBUTES]
        for change in shown:
            values = f"{change.a or '(not set)'} → {change.b or '(not set)'}"
            yield inert(f"{change.key}: {values}", limit=_MAX_VALUE)

    def _legend(self, shown: set[int] | None) -> Iterator[str]:
        parts = self._difference.parts
        changes = {parts[index].change for index in (range(len(parts)) if shown is None else shown)}
        texts = [f"{_MARKS[change][0]} {what}" for change, what in _MEANINGS.items() if change in changes]
        if shown is not None and len(shown) < len(parts):
            texts.append("--all shows every span")
        if texts:
            yield from self._pen.wrapped("; ".join(texts), DIM)


def _facts(trace: Trace) -> str:
    if not trace.spans:
        return "0 spans"
    summary = trace.summary()
    facts = (
        units.duration(summary.duration_ns),
        units.count(summary.span_count, "span"),
        units.count(summary.error_count, "error"),
        inert(f"{summary.root_service} {summary.root_name}", limit=80),
        units.moment(summary.start_ns),
    )
    return " · ".join(facts)


def _beside(row: Operation) -> int:
    return (row.b.self_ns - row.a.self_ns) - (row.b.path_ns - row.a.path_ns)


def _counts(a: int, b: int) -> list[Part]:
    if a and b and a != b:
        return [(f"  {TIMES}{a:,} → {TIMES}{b:,}", BOLD)]
    spans = max(a, b)
    return [(f"  {TIMES}{spans:,}", DIM)] if spans > 1 else []
