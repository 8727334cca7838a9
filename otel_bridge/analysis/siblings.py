"""Which children of one span correspond to which of another, and what is there only on one side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from typing import Final, NamedTuple

from otel_bridge.analysis.sides import Key, Side
from otel_bridge.model.trace import SpanRecord, Trace

#: Of spans without children so many are worth a pair each; more of them are one node.
_FEW_LEAVES: Final = 2
#: Other counts that differ are aligned by position: few, or not more than so many and of a similar size.
_MOST_BY_POSITION: Final = 16
_FEW: Final = 3
_FACTOR: Final = 2
#: Kinds of leftovers that are compared with each other to find what was renamed.
_MOST_RENAMED: Final = 16


class Change(Enum):
    """How a part of the second trace relates to the first."""

    #: Both have it, equally often.
    SAME = "same"
    #: Both have it, but not equally often.
    MULTIPLIED = "multiplied"
    #: Only the second trace has it, and all below.
    APPEARED = "appeared"
    #: Only the first trace has it, and all below.
    VANISHED = "vanished"
    #: A level that only the second trace has; what is below it corresponds again.
    INSERTED = "inserted"
    #: A level that only the first trace has.
    REMOVED = "removed"


class Match(NamedTuple):
    """Siblings of both traces that correspond to each other."""

    change: Change
    #: Spans of the first trace, in order of their start.
    a: Sequence[SpanRecord]
    b: Sequence[SpanRecord]
    #: For an inserted or removed level: the spans of the other trace that correspond to those below it.
    beside: Sequence[SpanRecord] = ()


class Siblings:
    """Matches siblings of two traces."""

    def __init__(self, a: Trace, b: Trace) -> None:
        self.a = Side(a)
        self.b = Side(b)

    def matches(self, a: Sequence[SpanRecord], b: Sequence[SpanRecord], *, together: bool) -> list[Match]:
        """All of the spans, each in one match; in the order of ``b``.

        Args:
            a: siblings in the first trace, in order of their start.
            b: their counterparts in the second.
            together: they come from several parents, so that their positions say nothing: all spans of
                one key are one match.
        """
        left_a, left_b = self.a.groups(a), self.b.groups(b)
        found: list[Match] = []
        by_position: list[tuple[list[SpanRecord], list[SpanRecord]]] = []
        for key in [key for key in left_a if key in left_b]:
            spans, others = left_a.pop(key), left_b.pop(key)
            if together or self._is_loop(spans, others):
                found.append(_all(spans, others))
            elif len(spans) == len(others):
                found += _pairs(spans, self._reordered(spans, others))
            else:
                by_position.append((spans, others))
        if by_position:
            found += self._most_alike(a, b, by_position)
        found += self._extra_levels(left_a, left_b)
        found += self._renamed(left_a, left_b)
        found += (Match(Change.VANISHED, spans, ()) for spans in left_a.values())
        found += (Match(Change.APPEARED, (), spans) for spans in left_b.values())
        return _in_order(found, a, b)

    def _is_loop(self, a: Sequence[SpanRecord], b: Sequence[SpanRecord]) -> bool:
        least, most = sorted((len(a), len(b)))
        if self.a.are_leaves(a) and self.b.are_leaves(b):
            return most > _FEW_LEAVES or least < most
        return least < most and (most > _MOST_BY_POSITION or (most > _FEW and most >= _FACTOR * least))

    def _reordered(self, a: list[SpanRecord], b: list[SpanRecord]) -> list[SpanRecord]:
        """``b`` in the order of ``a``, where both have the same kinds of subtrees in another order."""
        if len(a) == 1:
            return b
        wanted = [self.a.outline(span) for span in a]
        given = [self.b.outline(span) for span in b]
        if wanted == given or Counter(wanted) != Counter(given):
            return b
        found: dict[frozenset[Key], list[SpanRecord]] = {}
        for outline, span in zip(reversed(given), reversed(b), strict=True):
            found.setdefault(outline, []).append(span)
        return [found[outline].pop() for outline in wanted]

    def _most_alike(
        self,
        all_a: Sequence[SpanRecord],
        all_b: Sequence[SpanRecord],
        groups: Sequence[tuple[list[SpanRecord], list[SpanRecord]]],
    ) -> Iterator[Match]:
        """A few spans against a few more: in pairs that keep the order and are as alike as they can be."""
        spans_a = [span for a, _ in groups for span in a]
        spans_b = [span for _, b in groups for span in b]
        described_a = iter(self.a.descriptions(all_a, spans_a))
        described_b = iter(self.b.descriptions(all_b, spans_b))
        for a, b in groups:
            ones = [next(described_a) for _ in a]
            others = [next(described_b) for _ in b]
            for i, j in _best_pairs([[one.likeness(other) for other in others] for one in ones]):
                if j is None and i is not None:
                    yield Match(Change.VANISHED, (a[i],), ())
                elif i is None and j is not None:
                    yield Match(Change.APPEARED, (), (b[j],))
                elif i is not None and j is not None:
                    yield Match(Change.SAME, (a[i],), (b[j],))

    def _extra_levels(
        self, left_a: dict[Key, list[SpanRecord]], left_b: dict[Key, list[SpanRecord]]
    ) -> Iterator[Match]:
        """Levels that one of the traces has between spans that correspond. Takes what it matches out."""
        for change, has, left, other, beside in (
            (Change.INSERTED, self.b, left_b, self.a, left_a),
            (Change.REMOVED, self.a, left_a, self.b, left_b),
        ):
            if not left or not beside:
                return
            sizes = {key: other.size(spans) for key, spans in beside.items()}
            total = sum(sizes.values())
            for key in list(left):
                spans = left[key]
                found = has.found_below(spans, sizes)
                shared = sum(sizes[name] for name in found)
                # One query that both have must not make a level of what is otherwise something else.
                if not found or 2 * shared < min(has.size(spans), total):
                    continue
                total -= shared
                for name in found:
                    del sizes[name]
                pool = [span for name in found for span in beside.pop(name)]
                pool.sort(key=attrgetter("start_ns", "span_id"))
                del left[key]
                inserted = change is Change.INSERTED
                yield Match(change, () if inserted else spans, spans if inserted else (), pool)

    def _renamed(
        self, left_a: dict[Key, list[SpanRecord]], left_b: dict[Key, list[SpanRecord]]
    ) -> Iterator[Match]:
        """What goes on under another service or name. Takes what it matches out."""
        if not left_a or not left_b:
            return
        services_b = _by_name(left_b)
        for name, olds in _by_name(left_a).items():
            news = services_b.get(name, ())
            if len(olds) == len(news) == 1:
                yield from _renamed_to(left_a.pop(olds[0]), left_b.pop(news[0]))
        if max(len(left_a), len(left_b)) > _MOST_RENAMED:
            return
        for old in list(left_a):
            below = self.a.outline(*left_a[old])
            for new in left_b if below else ():
                shared = below & self.b.outline(*left_b[new])
                if new[2] == old[2] and 2 * len(shared) >= len(below | self.b.outline(*left_b[new])):
                    yield from _renamed_to(left_a.pop(old), left_b.pop(new))
                    break


def _all(a: Sequence[SpanRecord], b: Sequence[SpanRecord]) -> Match:
    return Match(Change.SAME if len(a) == len(b) else Change.MULTIPLIED, a, b)


def _pairs(a: Iterable[SpanRecord], b: Iterable[SpanRecord]) -> Iterator[Match]:
    for one, other in zip(a, b, strict=True):
        yield Match(Change.SAME, (one,), (other,))


def _by_name(keys: Iterable[Key]) -> dict[tuple[str, int], list[Key]]:
    found: dict[tuple[str, int], list[Key]] = {}
    for key in keys:
        found.setdefault((key[1], key[2]), []).append(key)
    return found


def _renamed_to(a: Sequence[SpanRecord], b: Sequence[SpanRecord]) -> Iterator[Match]:
    if len(a) == len(b):
        yield from _pairs(a, b)
    else:
        yield _all(a, b)


def _best_pairs(likeness: Sequence[Sequence[int]]) -> Iterator[tuple[int | None, int | None]]:
    """Rows and columns in pairs of the greatest sum, in order; None beside those that are left over."""
    rows, columns = len(likeness), len(likeness[0])
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            best[i][j] = max(likeness[i][j] + best[i + 1][j + 1], best[i + 1][j], best[i][j + 1])
    i = j = 0
    while i < rows or j < columns:
        if i < rows and j < columns and best[i][j] == likeness[i][j] + best[i + 1][j + 1]:
            yield i, j
            i, j = i + 1, j + 1
        elif i < rows and best[i][j] == best[i + 1][j]:
            yield i, None
            i += 1
        else:
            yield None, j
            j += 1


def _in_order(matches: list[Match], a: Sequence[SpanRecord], b: Sequence[SpanRecord]) -> list[Match]:
    """The matches in the order of ``b``; one that ``b`` does not have follows what it followed in ``a``."""
    place_a = {span.span_id: index for index, span in enumerate(a)}
    place_b = {span.span_id: index for index, span in enumerate(b)}

    def first(match: Match, place: Mapping[int, int], spans: Sequence[SpanRecord]) -> int:
        known = spans or match.beside
        return min((place[span.span_id] for span in known if span.span_id in place), default=-1)

    ranks: dict[int, tuple[int, int]] = {}
    behind = -1
    for index in sorted(
        range(len(matches)), key=lambda index: first(matches[index], place_a, matches[index].a)
    ):
        match = matches[index]
        if match.b or match.beside:
            place = first(match, place_b, match.b)
            ranks[index] = place, -1
            if match.a:
                behind = place
        else:
            ranks[index] = behind, place_a[match.a[0].span_id]
    return [matches[index] for index in sorted(range(len(matches)), key=ranks.__getitem__)]
