"""What fails in one of two compared traces, and not, or less often, in the other."""

from __future__ import annotations

from typing import NamedTuple

from otel_bridge.analysis.difference import Difference, Part
from otel_bridge.model.trace import SpanRecord


class Failure(NamedTuple):
    """An operation that fails more often in one trace."""

    #: Of that trace; the first of those that failed.
    span: SpanRecord
    #: In the other trace nothing of this operation fails.
    only: bool


def more(difference: Difference, *, in_b: bool) -> list[Failure]:
    """What fails more often in ``b`` than in ``a``, or with ``in_b`` false in ``a`` than in ``b``.

    An error makes what is above it fail too: of spans above each other only the lowest, where it came from,
    is named. What fails as often in the other trace, though elsewhere, is left out.
    """
    totals = {
        (row.service, row.name): _ordered(row.a.errors, row.b.errors, in_b) for row in difference.operations
    }
    explained = set()
    found = []
    for index in range(len(difference.parts) - 1, -1, -1):
        part = difference.parts[index]
        here, there = _ordered(part.a.errors, part.b.errors, in_b)
        if here > there and index not in explained:
            here_all, there_all = totals[part.service, part.name]
            if part.renamed_from or here_all > there_all:
                found.append(Failure(_failed(part, in_b), not (there or there_all)))
        if (here > there or index in explained) and part.node.parent >= 0:
            explained.add(part.node.parent)
    return found[::-1]


def _ordered(a: int, b: int, in_b: bool) -> tuple[int, int]:
    return (b, a) if in_b else (a, b)


def _failed(part: Part, in_b: bool) -> SpanRecord:
    return next(span for span in (part.node.b if in_b else part.node.a) if span.is_error)
