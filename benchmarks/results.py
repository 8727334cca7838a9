"""From samples to results: minima, ratios, and whether goals are met."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.case import AtMost, Figure, Less, Peer, Row
from benchmarks.runner import Measured


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours beside one peer; ``value`` is None where the peer was not measured, and ``absent`` says why."""

    label: str
    value: float | None
    absent: str | None
    #: How many times less ours is; where the peer is a unit, how many units ours is.
    ratio: float | None
    goal: Less | AtMost | None
    met: bool | None


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table."""

    case: str
    row: Row
    ours: float | None
    floor: float | None
    peers: tuple[Comparison, ...]
    #: Whether ours keeps to the row's own limit; None where there is none.
    within: bool | None


def of(measured: Measured) -> list[Result]:
    """The rows of a measured case."""
    return [_result(measured, row) for row in measured.case.rows]


def _result(measured: Measured, row: Row) -> Result:
    ours = _value(measured, row.ours, row.worst)
    return Result(
        measured.case.name,
        row,
        ours,
        None if row.floor is None else _value(measured, row.floor, row.worst),
        tuple(_comparison(measured, row, ours, peer) for peer in row.peers),
        None if row.limit is None or ours is None else ours <= row.limit.value,
    )


def _comparison(measured: Measured, row: Row, ours: float | None, peer: Peer) -> Comparison:
    theirs = _value(measured, peer.figure, row.worst)
    ratio = met = None
    goal = peer.goal
    if ours is not None and theirs is not None:
        if isinstance(goal, AtMost):
            ratio = ours / theirs if theirs > 0 else None
            met = ratio is not None and ratio <= goal.times
        else:
            # A difference of two minima may come out at nothing; then ours cannot be told from free.
            ratio = theirs / ours if ours > 0 else None
            if goal is not None:
                met = theirs >= goal.times * ours
    return Comparison(peer.label, theirs, measured.absent.get(peer.figure.contender), ratio, goal, met)


def _value(measured: Measured, figure: Figure, worst: bool) -> float | None:
    samples = measured.samples.get(figure.contender)
    if not samples:
        return None
    best = max if worst else min
    value = best(samples[figure.sample])
    if figure.minus is not None:
        value -= min(samples[figure.minus])
    return value / figure.divided_by
