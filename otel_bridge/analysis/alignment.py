"""Which spans of one trace correspond to which of another.

Both are walked from the top. Below spans that correspond, the children of the same service, operation and
kind correspond: in pairs by their position, or, where a loop ran more or less often, all of them together.
So ``SELECT`` 37 times and 240 times is one node that was multiplied, not 203 spans that appeared. A level
that only one trace has (a retry, a new middleware) does not hide what is below it, nor does a new name of a
service or a function.

Nothing here recurses, and time and memory are n log n in the spans of both.
"""

from __future__ import annotations

from dataclasses import dataclass

from otel_bridge.analysis.siblings import Change, Siblings
from otel_bridge.model.trace import SpanRecord, Trace


@dataclass(frozen=True, slots=True)
class Node:
    """Spans of both traces that correspond to each other; every span is in exactly one node."""

    #: Index of the node above; -1 for none.
    parent: int
    depth: int
    change: Change
    #: Spans of the first trace, in order of their start.
    a: tuple[SpanRecord, ...]
    b: tuple[SpanRecord, ...]

    @property
    def example(self) -> SpanRecord:
        """A span to name the node by: of the second trace where it has one."""
        return (self.b or self.a)[0]


def align(a: Trace, b: Trace) -> list[Node]:
    """The nodes, each above those below it, siblings in the order of the second trace."""
    siblings = Siblings(a, b)
    nodes: list[Node] = []
    waiting = [(-1, 0, match) for match in reversed(siblings.matches(a.roots, b.roots, together=False))]
    while waiting:
        parent, depth, match = waiting.pop()
        index = len(nodes)
        nodes.append(Node(parent, depth, match.change, tuple(match.a), tuple(match.b)))
        below = siblings.matches(
            match.beside if match.change is Change.INSERTED else siblings.a.below(match.a),
            match.beside if match.change is Change.REMOVED else siblings.b.below(match.b),
            together=len(match.a) > 1 or len(match.b) > 1,
        )
        waiting += [(index, depth + 1, one) for one in reversed(below)]
    return nodes
