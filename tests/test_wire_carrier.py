"""The carrier in messages: signed once for each trace, verified, and by the sending span."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otel_bridge.wire import carrier as carriers
from otel_bridge.wire import ids
from otel_bridge.wire.carrier import carrier, from_carrier
from otel_bridge.wire.signing import NO_KEY, Key, KeyRing, TraceInfo, pack_ids

TRACE_ID, SPAN_ID = 0xA0A1A2A3A4A5A6A7A8A9AAABACADAEAF, 0xF0F1F2F3F4F5F6F7


@pytest.fixture
def key() -> Key:
    return Key("the key")


@pytest.fixture
def keys(key: Key) -> KeyRing:
    return KeyRing([Key("an older key"), key])


@example(trace_id=1 << 64, spans=[1])
@given(trace_id=st.integers(1, 2**128 - 1), spans=st.lists(st.integers(1, 2**64 - 1), min_size=1))
def test_round_trip(trace_id: int, spans: list[int]) -> None:
    """Every message of a trace names its own sender; what stands in for no span names none."""
    key = Key("the key")
    keys = KeyRing([key])
    for span_id in spans:
        found = from_carrier(carrier(span_id, TraceInfo(trace_id, 7, key)), keys)
        parent = 0 if span_id == ids.stand_in(trace_id) else span_id
        assert found == TraceInfo(trace_id, parent, key)


def test_signed_once(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace's messages share one signature."""
    info = TraceInfo(TRACE_ID, 0, key)
    first = carrier(1, info)
    monkeypatch.setattr(carriers, "pack_ids", None)
    assert carrier(2, info)[:2] == first[:2]
    assert carrier(2, info)[2] != first[2]


def test_verified_once(key: Key, keys: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was verified is known again, with this very HMAC only."""
    value = carrier(SPAN_ID, TraceInfo(TRACE_ID, 0, key))
    expected = TraceInfo(TRACE_ID, SPAN_ID, key)
    assert from_carrier(value, keys) == expected
    asked: list[Any] = []
    monkeypatch.setattr(KeyRing, "verify", lambda self, *pair: asked.append(pair))
    assert from_carrier(value, keys) == expected
    assert asked == []
    for mac in ("0" * 40, value[1][:-1], value[1].upper(), "ä" * 40, ""):
        assert from_carrier([value[0], mac, value[2]], keys) is None


def test_another_ring_knows_nothing(key: Key, keys: KeyRing) -> None:
    """What one ring has verified counts for no other: keys can be taken away."""
    value = carrier(SPAN_ID, TraceInfo(TRACE_ID, 0, key))
    assert from_carrier(value, keys) is not None
    assert from_carrier(value, KeyRing([Key("an older key")])) is None


def test_one_trace_by_two_names(key: Key, keys: KeyRing) -> None:
    """A base_id as it came is signed for as it came, whatever other name the trace has had."""
    odd = ids.base_id(TRACE_ID).upper()
    for base_id in (None, odd, None):
        found = from_carrier(carrier(SPAN_ID, TraceInfo(TRACE_ID, 0, key, base_id)), keys)
        assert found == TraceInfo(TRACE_ID, SPAN_ID, key, base_id)


def test_without_a_key() -> None:
    """Nobody would believe what is not signed."""
    assert carrier(SPAN_ID, TraceInfo(TRACE_ID, 0, NO_KEY)) == []


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE_ID ^ 1:032x}-{SPAN_ID:016x}-01",
        f"00-{TRACE_ID:032x}-{0:016x}-01",
        f"00-{TRACE_ID:032x}-{'x' * 16}-01",
        f"00-{TRACE_ID:032x}-{'٣' * 16}-01",
        f"00-{TRACE_ID:032x}-+{SPAN_ID:015x}-01x",
        f"00-{TRACE_ID:032x}-{-1:016x}-01",
        "",
        None,
        7,
    ],
)
def test_a_traceparent_that_does_not_count(key: Key, keys: KeyRing, traceparent: Any) -> None:
    """It moves a span within the signed trace or does nothing: then the signed parent counts."""
    signed = pack_ids(TRACE_ID, 0x77, key)
    assert from_carrier([*signed, traceparent], keys) == TraceInfo(TRACE_ID, 0x77, key)
    assert from_carrier([*signed], keys) == TraceInfo(TRACE_ID, 0x77, key)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "x",
        5,
        {},
        [],
        ["a"],
        ["a", "b"],
        [1, 2, 3],
        ["a"] * 9,
        [None, None],
        [["a"], ["b"]],
        ["\ud800", "0" * 40],
        ["x" * 100_000, "0" * 40, ""],
        [*pack_ids(TRACE_ID, 1, Key("a foreign key"))],
    ],
    ids=lambda value: repr(value)[:30],
)
def test_hostile(keys: KeyRing, value: Any) -> None:
    """Anything else is nothing, and nothing of it is remembered."""
    assert from_carrier(value, keys) is None
    assert keys.carriers == {}


def test_traces_in_turn(key: Key, keys: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces that are under way at the same time cost one signature each, here and there."""
    infos = [TraceInfo(trace_id, 0, key) for trace_id in range(1, 101)]
    for info in infos:
        assert from_carrier(carrier(5, info), keys) is not None
    monkeypatch.setattr(Key, "sign", lambda self, data: pytest.fail("signed again"))
    monkeypatch.setattr(KeyRing, "verify", lambda self, *pair: pytest.fail("verified again"))
    for info in infos:
        assert from_carrier(carrier(SPAN_ID, info), keys) == info._replace(parent_span_id=SPAN_ID)


def test_bounds(key: Key, keys: KeyRing) -> None:
    """However many traces there are, a bounded number of them is remembered; long names never."""
    remembered: set[tuple[int, int]] = set()
    for trace_id in range(1, carriers.MAX_REMEMBERED * 3):
        assert from_carrier(carrier(5, TraceInfo(trace_id, 0, key)), keys) is not None
        remembered.add((len(key.carriers), len(keys.carriers)))
    assert [max(sizes) for sizes in zip(*remembered, strict=True)] == [carriers.MAX_REMEMBERED] * 2
    keys.carriers.clear()
    long = "x" * 1000
    info = TraceInfo(ids.trace_id(long), 0, key, long)
    assert from_carrier(carrier(5, info), keys) == info._replace(parent_span_id=5)
    assert keys.carriers == {}
