"""What a list of traces shows of each, kept right while its spans arrive.

They arrive in any order and in several requests, children mostly before their parents. Start, end, counts
and services only grow. The root is harder: it is the earliest span whose parent is not there, and a parent
may still come.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from otel_bridge.model.trace import STATUS_ERROR


class Node(NamedTuple):
    """What matters of a span here. Sorts by start, then id, as siblings do."""

    start_ns: int
    #: Unsigned: the order of two spans with one start is that of :class:`~otel_bridge.model.trace.Trace`.
    span_id: int
    parent_id: int
    end_ns: int
    status: int
    name: str
    service: str


@dataclass(slots=True)
class Summary:
    """The row of one trace. Times are ns since the epoch."""

    start_ns: int
    end_ns: int
    root: Node
    span_count: int = 0
    error_count: int = 0
    services: set[str] = field(default_factory=set)


def extended(
    summary: Summary | None,
    new: Collection[Node],
    is_stored: Callable[[int], bool],
    earliest_root: Callable[[], Node],
) -> Summary:
    """The summary after some spans were added.

    It equals ``Trace.from_spans(all of them).summary()``, save for the name of a trace whose spans are
    each other's ancestors.

    Args:
        summary: of the spans before; None: there were none. It is changed.
        new: spans that were not there before, at least one.
        is_stored: whether a span of this id was there before.
        earliest_root: looks through all spans, new ones included, for the earliest without a parent among
            them. That takes time, and is only done when the root cannot be told otherwise.
    """
    first = min(new)
    if summary is None:
        summary = Summary(first.start_ns, max(node.end_ns for node in new), first)
        root = None
    else:
        summary.start_ns = min(summary.start_ns, first.start_ns)
        summary.end_ns = max(summary.end_ns, *(node.end_ns for node in new))
        root = summary.root
    summary.span_count += len(new)
    summary.error_count += sum(node.status == STATUS_ERROR for node in new)
    summary.services.update(node.service for node in new)

    arrived = {node.span_id for node in new}
    if root is not None and root.parent_id in arrived and root.parent_id != root.span_id:
        deposed, root = root, None
    else:
        deposed = None
    candidate = _earliest_root(new, arrived, is_stored if summary.span_count > len(new) else None, root)
    if root is None and (candidate is None or (deposed is not None and deposed < candidate)):
        # The other roots there were are all later than the one that is none any more, but which of them is
        # the earliest is not known; or all spans are each other's ancestors.
        candidate = earliest_root()
    summary.root = candidate or root or summary.root
    return summary


def _earliest_root(
    new: Collection[Node],
    arrived: Collection[int],
    is_stored: Callable[[int], bool] | None,
    before: Node | None,
) -> Node | None:
    """The earliest of the new spans whose parent is not there, if it is earlier than ``before``."""
    for node in sorted(new):
        if before is not None and before < node:
            break
        parent = node.parent_id
        if parent == node.span_id or not parent:
            return node
        if parent not in arrived and (is_stored is None or not is_stored(parent)):
            return node
    return None
