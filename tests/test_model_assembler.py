"""assembler: halves paired into points."""

from __future__ import annotations

import random
from itertools import product
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model import assembler
from otel_bridge.model.assembler import Assembled, Assembler, Outcome, State
from otel_bridge.model.tracepoint import Start, Stop


def half(kind: type[Start] | type[Stop], number: int, base: int = 1) -> Start | Stop:
    return kind(
        name="a",
        base_id=f"00000000-0000-0000-0000-{base:012d}",
        parent_id=f"00000000-0000-0000-0000-{base:012d}",
        trace_id=f"00000000-0000-0000-0001-{number + 1:012d}",
        timestamp=number,
    )


def start(number: int = 0, base: int = 1) -> Start | Stop:
    return half(Start, number, base)


def stop(number: int = 0, base: int = 1) -> Start | Stop:
    return half(Stop, number, base)


def test_the_rules_cover_every_state_and_event() -> None:
    assert set(assembler._RULES) == set(product(State, (Start, Stop)))


def test_a_start_and_its_stop_are_a_point() -> None:
    pairing = Assembler()
    assert pairing.put(start(), 0.0, "first") == []
    assert len(pairing) == 1
    assert pairing.put(stop(), 1.0, "second") == [
        Assembled(Outcome.COMPLETE, start(), stop(), ("first", "second"))
    ]
    assert len(pairing) == 0


def test_a_stop_before_its_start_is_the_same_point() -> None:
    pairing = Assembler()
    pairing.put(stop(), 0.0, "first")
    assert pairing.put(start(), 0.0, "second") == [
        Assembled(Outcome.COMPLETE, start(), stop(), ("second", "first"))
    ]


def test_points_of_other_traces_with_the_same_id_are_other_points() -> None:
    pairing = Assembler()
    pairing.put(start(0, base=1), 0.0)
    assert pairing.put(stop(0, base=2), 0.0) == []
    assert len(pairing) == 2


@pytest.mark.parametrize("again", [start, stop])
def test_a_half_of_a_point_that_was_given_out_is_a_duplicate(again: Any) -> None:
    pairing = Assembler()
    pairing.put(start(), 0.0)
    pairing.put(stop(), 0.0)
    (found,) = pairing.put(again(), 5.0, "tag")
    assert (found.outcome, found.receipts) == (Outcome.DUPLICATE, ("tag",))
    assert len(pairing) == 0


@pytest.mark.parametrize("which", [start, stop])
def test_the_same_half_twice_is_a_duplicate_and_the_first_one_counts(which: Any) -> None:
    pairing = Assembler()
    pairing.put(which(), 0.0, "first")
    assert [found.outcome for found in pairing.put(which(), 0.0, "second")] == [Outcome.DUPLICATE]
    (point,) = pairing.put(stop() if which is start else start(), 0.0, "third")
    assert set(point.receipts) == {"first", "third"}


@pytest.mark.parametrize(("which", "other"), [(start, stop), (stop, start)])
def test_an_open_point_is_incomplete_when_its_time_is_up_and_its_other_half_late(
    which: Any, other: Any
) -> None:
    pairing = Assembler(timeout=10.0)
    pairing.put(which(), 0.0, "tag")
    assert pairing.expire(9.9) == []
    (found,) = pairing.expire(10.0)
    assert (found.outcome, found.receipts) == (Outcome.INCOMPLETE, ("tag",))
    assert (found.start or found.stop) == which()
    assert [late.outcome for late in pairing.put(other(), 11.0)] == [Outcome.LATE]
    assert len(pairing) == 0


def test_the_oldest_goes_when_too_many_are_open() -> None:
    pairing = Assembler(max_open=2)
    assert pairing.put(start(0), 0.0) == []
    assert pairing.put(start(1), 0.0) == []
    (found,) = pairing.put(start(2), 0.0)
    assert (found.outcome, found.start) == (Outcome.INCOMPLETE, start(0))
    assert len(pairing) == 2


def test_what_was_given_out_is_forgotten_in_the_end() -> None:
    pairing = Assembler(max_remembered=1)
    for number in (0, 1):
        pairing.put(start(number), 0.0)
        pairing.put(stop(number), 0.0)
    assert [found.outcome for found in pairing.put(start(1), 0.0)] == [Outcome.DUPLICATE]
    assert pairing.put(start(0), 0.0) == []


def test_at_the_end_all_open_points_come_out() -> None:
    pairing = Assembler()
    pairing.put(start(0), 0.0)
    pairing.put(stop(1), 0.0)
    assert [(found.outcome, found.start, found.stop) for found in pairing.flush()] == [
        (Outcome.INCOMPLETE, start(0), None),
        (Outcome.INCOMPLETE, None, stop(1)),
    ]
    assert len(pairing) == 0


def test_the_next_expiry_is_that_of_the_oldest() -> None:
    pairing = Assembler(timeout=10.0)
    assert pairing.next_expiry() is None
    pairing.put(start(0), 5.0)
    pairing.put(start(1), 6.0)
    assert pairing.next_expiry() == 15.0


@pytest.mark.parametrize("bounds", [{"timeout": 0}, {"max_open": 0}, {"max_remembered": -1}])
def test_senseless_bounds_are_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bounds))):
        Assembler(**bounds)  # type: ignore[arg-type]


EVENTS = st.lists(
    st.tuples(st.sampled_from([Start, Stop]), st.integers(0, 5), st.sampled_from([0.0, 1.0, 20.0]))
)


@settings(deadline=None)
@given(EVENTS, st.integers(1, 3), st.integers(0, 3))
def test_every_event_comes_out_exactly_once(events: list[Any], max_open: int, max_remembered: int) -> None:
    pairing = Assembler(timeout=10.0, max_open=max_open, max_remembered=max_remembered)
    now = 0.0
    out: list[Assembled] = []
    for receipt, (kind, number, passed) in enumerate(events):
        now += passed
        out += pairing.expire(now)
        out += pairing.put(half(kind, number), now, receipt)
        assert len(pairing) <= max_open
    out += pairing.flush()
    assert sorted(receipt for found in out for receipt in found.receipts) == list(range(len(events)))
    for found in out:
        assert len(found.receipts) == (found.start is not None) + (found.stop is not None)
        if found.outcome is Outcome.COMPLETE:
            assert found.start is not None
            assert found.stop is not None
            assert found.start.trace_id == found.stop.trace_id


@settings(deadline=None)
@given(st.permutations(range(20)))
def test_any_order_of_arrival_gives_the_same_points(order: list[int]) -> None:
    pairing = Assembler()
    out: list[Assembled] = []
    for position in order:
        number, which = divmod(position, 2)
        out += pairing.put(half(Stop if which else Start, number), 0.0)
    assert {found.outcome for found in out} == {Outcome.COMPLETE}
    assert len(out) == 10


def test_many_open_points_cost_no_more_each() -> None:
    pairing = Assembler(timeout=1.0, max_open=50_000)
    numbers = list(range(100_000))
    random.Random(1).shuffle(numbers)
    events = [start(number) for number in numbers]
    started = process_time()
    out = sum(len(pairing.put(event, 0.0)) for event in events)
    out += len(pairing.expire(2.0))
    assert out == 100_000
    # A second or so; finding the oldest anew each time would be minutes.
    assert process_time() - started < 20
