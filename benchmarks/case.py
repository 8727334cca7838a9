"""What a benchmark is: contenders that are measured, and rows that compare what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

#: What one repetition found: name of the sample -> value.
Samples = Mapping[str, float]
#: Does one repetition.
Measure = Callable[[], Samples]

#: The name of our own contender in every case.
OURS: Final = "otel_bridge"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a contender is told."""

    #: Base URL of the OTLP/HTTP receiver, with a path of this contender's own: ``{endpoint}/v1/traces``.
    endpoint: str
    #: A short run: fewer iterations where one repetition is long.
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of doing the same work; runs in a process of its own."""

    name: str
    #: Sets up and gives the function that measures; tears down when the context is left.
    prepare: Callable[[Setting], AbstractContextManager[Measure]]
    #: Modules it needs. Where one is not installed the contender is left out, and the table says so.
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of one contender: a sample, less another one, divided."""

    contender: str
    sample: str
    minus: str | None = None
    divided_by: float = 1.0


@dataclass(frozen=True, slots=True)
class Less:
    """Goal: ours is at least so many times less than the peer."""

    times: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """Goal: ours is at most so many times the peer, which serves as the unit."""

    times: float


@dataclass(frozen=True, slots=True)
class Limit:
    """Goal: ours is at most this value, in the unit of the row."""

    value: float


@dataclass(frozen=True, slots=True)
class Peer:
    """What ours is compared with in a row."""

    label: str
    figure: Figure
    goal: Less | AtMost | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of ours beside its peers."""

    title: str
    unit: str
    ours: Figure
    peers: tuple[Peer, ...] = ()
    #: What cannot be undercut: the least that any implementation has to do.
    floor: Figure | None = None
    limit: Limit | None = None
    #: The largest repetition counts, not the smallest.
    worst: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """Contenders that are measured in turns, and the rows made of their samples."""

    #: What ``--only`` takes.
    name: str
    contenders: tuple[Contender, ...]
    rows: tuple[Row, ...]
    repetitions: int = 20
    quick_repetitions: int = 3
    #: How often the processes are started anew in the course of it: where the allocator happens to put
    #: things makes some processes slower than others for as long as they live. Once in a quick run.
    launches: int = 1
