"""Where the time of a whole trace went, from its first start to its last end."""

from __future__ import annotations

from heapq import heapify, heappop

from otel_bridge.analysis.timing import Segment, critical_path
from otel_bridge.model.trace import SpanRecord, Trace


def whole_path(trace: Trace) -> list[Segment]:
    """The critical paths of the trees of a trace, one after the other where it has several roots.

    A client that signs several requests for one trace (log in, find the image, create the server) makes a
    root of each. From the end of the trace backwards: the tree that ends last is on the path, then of those
    that ran right before it started the one that started first, and so on. Time in which no tree ran, which
    the client spent, is waiting of the root that comes next; so is what clocks that disagree put before the
    first root.

    The segments follow each other from the start of the trace to its end, without a gap or an overlap.
    """
    if not trace.spans:
        return []
    paths = [_path(tree) for tree in _trees(trace)]
    latest_first = [(-path[-1].end_ns, index) for index, path in enumerate(paths)]
    heapify(latest_first)
    found: list[list[Segment]] = []
    start = trace.start_ns
    cursor = max(start, trace.end_ns)
    following = paths[latest_first[0][1]][0].span_id
    while latest_first and cursor > start:
        ended = -latest_first[0][0]
        if ended < cursor:
            found.append([Segment(following, ended, cursor, waiting=True)])
            cursor = ended
        reaching = []
        while latest_first and -latest_first[0][0] >= cursor:
            reaching.append(paths[heappop(latest_first)[1]])
        path = min(reaching, key=lambda path: path[0].start_ns)
        if path[0].start_ns < cursor:
            found.append([_until(segment, cursor) for segment in path if segment.start_ns < cursor])
            cursor, following = path[0].start_ns, path[0].span_id
    if cursor > start:
        found.append([Segment(following, start, cursor, waiting=True)])
    return [segment for path in reversed(found) for segment in path]


def _path(tree: Trace) -> list[Segment]:
    """The critical path; for a tree without any duration a segment of none."""
    root = tree.roots[0]
    return critical_path(tree) or [Segment(root.span_id, root.start_ns, root.start_ns)]


def _until(segment: Segment, end_ns: int) -> Segment:
    return segment._replace(end_ns=min(segment.end_ns, end_ns))


def _trees(trace: Trace) -> list[Trace]:
    """A trace of its own of each root and what is below it."""
    if len(trace.roots) == 1:
        return [trace]
    trees = []
    for root in trace.roots:
        spans: list[SpanRecord] = []
        waiting = [root]
        while waiting:
            span = waiting.pop()
            spans.append(span)
            waiting += trace.children(span)
        trees.append(Trace.from_spans(trace.trace_id, spans))
    return trees
