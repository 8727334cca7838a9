"""Which parts of a comparison are worth a line: what differs, and what leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from otel_bridge.analysis.difference import Difference, Part
from otel_bridge.analysis.siblings import Change

#: Parts that are chosen; what is above them comes in addition.
MOST: Final = 40
_MOST_ABOVE: Final = 100
#: Change of a part's own time that makes it worth a line: parts per thousand of the longer duration.
_NOTICEABLE: Final = 10
#: What a change beside the critical path is divided by.
_BESIDE: Final = 3
#: A loop that ran at least so many times more is worth a line however fast it is.
_MANY_MORE: Final = 10


class Row(NamedTuple):
    part: Part
    #: No sibling follows that has a row.
    last: bool
    #: Spans below that have no row, in the trace that has more of them.
    hidden: int


def weight(part: Part) -> int:
    """How much the part itself matters: nanoseconds by which its own time differs.

    Beside the critical path a change is of less interest: the end did not wait for it.
    """
    own = part.b.self_ns - part.a.self_ns
    way = (part.b.path_ns + part.b.waiting_ns) - (part.a.path_ns + part.a.waiting_ns)
    return max(abs(own) // _BESIDE, abs(way))


def _tells(part: Part) -> bool:
    """Whether it differs in something else than time and number."""
    return (
        part.change in (Change.INSERTED, Change.REMOVED)
        or part.renamed_from is not None
        or any(change.is_telling for change in part.attributes)
    )


def chosen(difference: Difference, most: int = MOST) -> set[int]:
    """The indexes of the parts that differ most, failures first, and of what is above them (not further than
    a reader would follow)."""
    parts = difference.parts
    noticeable = max(difference.duration_a_ns, difference.duration_b_ns) * _NOTICEABLE // 1000
    ranked: list[tuple[bool, int, int]] = []
    for index, part in enumerate(parts):
        parent = part.node.parent
        weighs = weight(part)
        if part.change in (Change.APPEARED, Change.VANISHED):
            if parent >= 0 and parts[parent].change is part.change:
                differs = weighs >= noticeable  # the uppermost says that it is there
            else:
                differs = True
                weighs = part.a.total_ns + part.b.total_ns
        elif part.change is Change.MULTIPLIED:
            differs = 10 * weighs >= noticeable or abs(part.b.spans - part.a.spans) >= _MANY_MORE
        else:
            differs = weighs >= max(noticeable, 1)
        differs = differs or part.a.errors != part.b.errors or _tells(part)
        if differs:
            ranked.append((part.a.errors == part.b.errors, -weighs, index))
    ranked.sort()
    found: set[int] = set()
    for _, _, index in ranked[:most]:
        above = index
        for _ in range(_MOST_ABOVE):
            if above < 0 or above in found:
                break
            found.add(above)
            above = parts[above].node.parent
    found.update(index for index, part in enumerate(parts) if part.node.parent < 0 and len(found) < most)
    return found


def rows(difference: Difference, shown: set[int] | None = None) -> Iterator[Row]:
    """The rows from top to bottom.

    Args:
        difference: the comparison.
        shown: indexes of the parts that have a row, what :func:`chosen` says; None: all.
    """
    parts = difference.parts
    if shown is None:
        shown = set(range(len(parts)))
    last: dict[int, int] = {}
    hidden = [max(part.below_a, part.below_b) for part in parts]
    for index, part in enumerate(parts):
        if index in shown:
            last[part.node.parent] = index
            if part.node.parent >= 0:
                hidden[part.node.parent] -= max(part.a.spans + part.below_a, part.b.spans + part.below_b)
    for index in sorted(shown):
        part = parts[index]
        yield Row(part, last[part.node.parent] == index, max(0, hidden[index]))
