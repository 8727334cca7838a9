"""Starts and stops paired into points, by base id and trace id. No clock, no I/O: the caller says the time.

The rules, all of them; everything that decides about a point is in :data:`_RULES`.

* A point is *unknown* until one of its halves arrives. The halves may arrive in either order: then it is
  *started* or *stopped*, and open until the other half makes it *complete*.
* A point that stays open for ``timeout``, or that is the oldest when more than ``max_open`` are open, is
  given out *incomplete*, with the half that is there.
* What was given out is remembered for a while (``max_remembered`` points): a half that arrives for it is a
  *duplicate* (a redelivery), or comes *late* if the point was incomplete. Neither makes another point.
* Every event that is put in comes out exactly once: as part of a point, or as a duplicate or late one. Its
  receipt (a delivery tag, say) comes with it, so that a message is acknowledged when its point is dealt with.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from otel_bridge.model.tracepoint import Start, Stop

_Key = tuple[str, str]


class State(Enum):
    """What is known of a point."""

    UNKNOWN = auto()
    STARTED = auto()
    STOPPED = auto()
    COMPLETE = auto()
    INCOMPLETE = auto()


class Outcome(Enum):
    """Why something is given out."""

    COMPLETE = "complete"
    #: Its other half did not arrive in time, or too many points were open.
    INCOMPLETE = "incomplete"
    #: The same half arrived before; nothing is to be done but to acknowledge it.
    DUPLICATE = "duplicate"
    #: The point was given out as incomplete before this half of it arrived.
    LATE = "late"


#: (state, kind of event) -> (next state, what is given out at once)
_RULES: Final[dict[tuple[State, type[Start] | type[Stop]], tuple[State, Outcome | None]]] = {
    (State.UNKNOWN, Start): (State.STARTED, None),
    (State.UNKNOWN, Stop): (State.STOPPED, None),
    (State.STARTED, Start): (State.STARTED, Outcome.DUPLICATE),
    (State.STARTED, Stop): (State.COMPLETE, Outcome.COMPLETE),
    (State.STOPPED, Start): (State.COMPLETE, Outcome.COMPLETE),
    (State.STOPPED, Stop): (State.STOPPED, Outcome.DUPLICATE),
    (State.COMPLETE, Start): (State.COMPLETE, Outcome.DUPLICATE),
    (State.COMPLETE, Stop): (State.COMPLETE, Outcome.DUPLICATE),
    (State.INCOMPLETE, Start): (State.INCOMPLETE, Outcome.LATE),
    (State.INCOMPLETE, Stop): (State.INCOMPLETE, Outcome.LATE),
}


@dataclass(frozen=True, slots=True)
class Assembled:
    """A point, or an event that makes none."""

    outcome: Outcome
    start: Start | None
    stop: Stop | None
    #: What was put in with the events, the start's first.
    receipts: tuple[Any, ...]


@dataclass(slots=True)
class _Open:
    event: Start | Stop
    receipt: Any
    since: float


class Assembler:
    """Pairs events. Each operation takes a constant time on average, whatever is open."""

    def __init__(
        self, *, timeout: float = 600.0, max_open: int = 100_000, max_remembered: int | None = None
    ) -> None:
        """
        Args:
            timeout: seconds after which an open point is incomplete.
            max_open: how many points may be open.
            max_remembered: how many points that were given out are remembered; ``max_open`` if None.

        Raises:
            ValueError: a bound below its least sensible value.
        """
        if timeout <= 0:
            raise ValueError(f"timeout is {timeout}: expected more than 0 seconds")
        if max_open < 1:
            raise ValueError(f"max_open is {max_open}: expected at least 1")
        if max_remembered is not None and max_remembered < 0:
            raise ValueError(f"max_remembered is {max_remembered}: expected at least 0")
        self._timeout = timeout
        self._max_open = max_open
        self._max_remembered = max_open if max_remembered is None else max_remembered
        # Both in the order of their arrival. A plain dict finds its first entry slowly once many have been
        # deleted from its front.
        self._open: OrderedDict[_Key, _Open] = OrderedDict()
        self._given: OrderedDict[_Key, State] = OrderedDict()

    def __len__(self) -> int:
        """How many points are open."""
        return len(self._open)

    def put(self, event: Start | Stop, now: float, receipt: Any = None) -> list[Assembled]:
        """Take an event.

        Args:
            event: the half of a point.
            now: a monotonic time in seconds.
            receipt: comes back with what becomes of the event.

        Returns:
            What is to be dealt with now: mostly nothing or one complete point.
        """
        key = (event.base_id, event.trace_id)
        waiting = self._open.get(key)
        state, outcome = _RULES[self._state(key, waiting), event.__class__]
        if outcome is None:
            self._open[key] = _Open(event, receipt, now)
            return self._evict()
        if outcome is Outcome.COMPLETE and waiting is not None:
            del self._open[key]
            self._remember(key, state)
            return [_pair(waiting, event, receipt)]
        return [_alone(outcome, event, receipt)]

    def expire(self, now: float) -> list[Assembled]:
        """The points whose time is up, the oldest first, as incomplete ones."""
        expired: list[Assembled] = []
        while self._open:
            key, waiting = next(iter(self._open.items()))
            if now - waiting.since < self._timeout:
                break
            expired.append(self._give_up(key))
        return expired

    def flush(self) -> list[Assembled]:
        """All open points, as incomplete ones: the end."""
        return [self._give_up(key) for key in list(self._open)]

    def next_expiry(self) -> float | None:
        """The time at which :meth:`expire` has something to give; None when nothing is open."""
        for waiting in self._open.values():
            return waiting.since + self._timeout
        return None

    def _state(self, key: _Key, waiting: _Open | None) -> State:
        if waiting is not None:
            return State.STARTED if isinstance(waiting.event, Start) else State.STOPPED
        return self._given.get(key, State.UNKNOWN)

    def _evict(self) -> list[Assembled]:
        if len(self._open) <= self._max_open:
            return []
        return [self._give_up(next(iter(self._open)))]

    def _give_up(self, key: _Key) -> Assembled:
        waiting = self._open.pop(key)
        self._remember(key, State.INCOMPLETE)
        return _alone(Outcome.INCOMPLETE, waiting.event, waiting.receipt)

    def _remember(self, key: _Key, state: State) -> None:
        self._given[key] = state
        if len(self._given) > self._max_remembered:
            self._given.popitem(last=False)


def _pair(waiting: _Open, event: Start | Stop, receipt: Any) -> Assembled:
    if isinstance(waiting.event, Start) and isinstance(event, Stop):
        return Assembled(Outcome.COMPLETE, waiting.event, event, (waiting.receipt, receipt))
    assert isinstance(event, Start)
    assert isinstance(waiting.event, Stop)
    return Assembled(Outcome.COMPLETE, event, waiting.event, (receipt, waiting.receipt))


def _alone(outcome: Outcome, event: Start | Stop, receipt: Any) -> Assembled:
    if isinstance(event, Start):
        return Assembled(outcome, event, None, (receipt,))
    return Assembled(outcome, None, event, (receipt,))
