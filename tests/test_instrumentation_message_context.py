"""The message context as a carrier: what is put in comes out, and nothing else does."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge import gate
from otel_bridge.instrumentation.message_context import (
    CARRIER,
    TRACE_INFO,
    CarryingContext,
    carrying,
    serve_below,
    take,
)
from otel_bridge.wire import ids
from otel_bridge.wire.signing import NO_KEY, Key, KeyRing, TraceInfo

KEY = Key("the key")
RING = KeyRing([Key("an older key"), KEY])
TRACE_ID, SPAN_ID = 0xA0A1A2A3A4A5A6A7A8A9AAABACADAEAF, 0xF0F1F2F3F4F5F6F7
INFO = TraceInfo(TRACE_ID, 0, KEY)

span_ids = st.integers(1, 2**64 - 1)
trace_ids = st.integers(1, 2**128 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=12,
)


class Context:
    """A request context without a serializer."""

    def to_dict(self) -> dict[str, Any]:
        return {"user": "me"}


@pytest.fixture(autouse=True)
def _gate() -> Any:
    yield
    gate.reset()


def received(ctxt: Any) -> Any:
    return SimpleNamespace(ctxt=ctxt)


@given(trace_id=trace_ids, span_id=span_ids, base_id=st.none() | st.text(min_size=1))
def test_round_trip(trace_id: int, span_id: int, base_id: str | None) -> None:
    """Over a bus of JSON, the receiver learns trace, sending span, base_id and key; the rest is untouched."""
    if base_id is not None:
        trace_id = ids.trace_id(base_id)
        if not trace_id or ids.base_id(trace_id) == base_id:
            base_id = None
    if not trace_id or span_id == ids.stand_in(trace_id):
        return
    sent = carrying({"user": "me"}, span_id, TraceInfo(trace_id, 0, KEY, base_id))
    message = received(json.loads(json.dumps(sent)))
    assert take(message, RING) == TraceInfo(trace_id, span_id, KEY, base_id)
    assert message.ctxt == {"user": "me"}


@pytest.mark.parametrize("ctxt", [{"user": "me"}, Context(), type("Subclass", (dict,), {})(user="me")])
def test_original_is_unchanged(ctxt: Any) -> None:
    """What is sent is another object; a driver that writes it out finds the carrier in it."""
    before = copy.copy(ctxt)
    sent = carrying(ctxt, SPAN_ID, INFO)
    assert sent is not ctxt
    written = sent if isinstance(sent, dict) else sent.to_dict()
    assert set(written) == {"user", CARRIER}
    if isinstance(ctxt, dict):
        assert ctxt == before


def test_object_is_handed_over() -> None:
    """Where a driver passes the object itself on, the receiver gets the one that was sent."""
    ctxt = Context()
    message = received(carrying(ctxt, SPAN_ID, INFO))
    assert isinstance(message.ctxt, CarryingContext)
    assert take(message, RING) == TraceInfo(TRACE_ID, SPAN_ID, KEY)
    assert message.ctxt is ctxt


def test_deep_copy() -> None:
    """The in-memory driver deep-copies queued messages for a pool of listeners."""
    message = received(copy.deepcopy(carrying(Context(), SPAN_ID, INFO)))
    assert take(message, RING) == TraceInfo(TRACE_ID, SPAN_ID, KEY)
    assert isinstance(message.ctxt, Context)


def test_received_dict_is_unchanged() -> None:
    """The in-memory driver gives one dict to all queues of a fanout: it stays as it is."""
    shared = carrying({"user": "me"}, SPAN_ID, INFO)
    before = copy.deepcopy(shared)
    first, second = received(shared), received(shared)
    assert take(first, RING) == take(second, RING) is not None
    assert shared == before
    assert first.ctxt == second.ctxt == {"user": "me"}


@given(value=json_values)
def test_hostile_carrier(value: Any) -> None:
    """Whatever stands in the carrier's place: no exception, no trace, and the service does not see it."""
    message = received({CARRIER: value, "user": "me"})
    assert take(message, RING) is None
    assert message.ctxt == {"user": "me"}


@given(value=json_values, name=st.sampled_from(["hmac_key", "base_id", "parent_id"]))
def test_hostile_trace_info(value: Any, name: str) -> None:
    """trace_info with any value in any place never raises, and stays where it is."""
    trace_info = {
        "hmac_key": KEY.reveal(),
        "base_id": ids.base_id(5),
        "parent_id": ids.base_id(6),
        name: value,
    }
    for ctxt in ({TRACE_INFO: trace_info}, {TRACE_INFO: value}):
        message = received(ctxt)
        info = take(message, RING)
        assert message.ctxt is ctxt
        if info is not None:
            serve_below(message, info.trace_id, 7)


@pytest.mark.parametrize("ctxt", [None, 3, "text", [], [CARRIER], Context()])
def test_no_dict(ctxt: Any) -> None:
    """A context that is no dict carries nothing, and is left alone."""
    message = received(ctxt)
    assert take(message, RING) is None
    assert message.ctxt is ctxt


def test_carrier_wins() -> None:
    """Where both are there the signed carrier counts."""
    trace_info = {"hmac_key": KEY.reveal(), "base_id": ids.base_id(5), "parent_id": ids.base_id(6)}
    message = received({**carrying({}, SPAN_ID, INFO), TRACE_INFO: trace_info})
    assert take(message, RING) == TraceInfo(TRACE_ID, SPAN_ID, KEY)


def test_handed_on_by_plain_osprofiler() -> None:
    """A service that hands our context on, with its own point in trace_info: that point is the parent."""
    trace_info = {"hmac_key": "", "base_id": ids.base_id(TRACE_ID), "parent_id": ids.base_id(6)}
    message = received({**carrying({}, SPAN_ID, INFO), TRACE_INFO: trace_info})
    assert take(message, RING) == TraceInfo(TRACE_ID, 6, KEY)


@given(value=json_values, name=st.sampled_from(["base_id", "parent_id"]))
def test_hostile_trace_info_beside_a_carrier(value: Any, name: str) -> None:
    """It may move a span within the signed trace, and nothing else."""
    trace_info = {"base_id": ids.base_id(TRACE_ID), "parent_id": ids.base_id(6), name: value}
    for found in (trace_info, value):
        info = take(received({**carrying({}, SPAN_ID, INFO), TRACE_INFO: found}), RING)
        assert info is not None
        assert (info.trace_id, info.key) == (TRACE_ID, KEY)


def test_trace_info_of_a_root() -> None:
    """parent_id == base_id is OSProfiler's way to say that there is no span above."""
    base = ids.base_id(TRACE_ID)
    trace_info = {"hmac_key": KEY.reveal(), "base_id": base, "parent_id": base}
    assert take(received({TRACE_INFO: trace_info}), RING) == TraceInfo(TRACE_ID, 0, KEY)


def test_trace_info_with_another_base_id() -> None:
    """A base_id that is not a UUID is kept as it is, to be sent on."""
    trace_info = {"hmac_key": KEY.reveal(), "base_id": "no uuid", "parent_id": ids.point_id(SPAN_ID)}
    expected = TraceInfo(ids.trace_id("no uuid"), SPAN_ID, KEY, "no uuid")
    assert take(received({TRACE_INFO: trace_info}), RING) == expected


def test_without_keys() -> None:
    """Where nothing is to be traced the carrier is taken out all the same."""
    message = received(carrying({"user": "me"}, SPAN_ID, INFO))
    assert take(message, None) is None
    assert message.ctxt == {"user": "me"}


@pytest.mark.parametrize(
    ("ctxt", "counted"),
    [
        ({CARRIER: ["x", "0" * 40, "y"]}, 1),
        ({TRACE_INFO: {"hmac_key": "foreign", "base_id": ids.base_id(5)}}, 1),
        ({TRACE_INFO: {"hmac_key": "", "base_id": ids.base_id(5)}}, 0),
        ({TRACE_INFO: None}, 0),
        (carrying({}, SPAN_ID, INFO), 0),
    ],
)
def test_refused(ctxt: Any, counted: int) -> None:
    """Trace info that no key verifies is counted; a service that sends none of its keys is no attack."""
    before = gate.refused.value()
    take(received(ctxt), RING)
    assert gate.refused.value() - before == counted


def test_serve_below() -> None:
    """trace_info of this trace gets the serving span as parent, in a copy; any other stays as it is."""
    trace_info = {"hmac_key": "x", "base_id": ids.base_id(TRACE_ID), "parent_id": ids.base_id(1)}
    ctxt = {TRACE_INFO: trace_info}
    message = received(ctxt)
    serve_below(message, TRACE_ID, SPAN_ID)
    assert message.ctxt == {TRACE_INFO: {**trace_info, "parent_id": ids.point_id(SPAN_ID)}}
    assert ctxt == {TRACE_INFO: trace_info}
    other = received({TRACE_INFO: {**trace_info, "base_id": ids.base_id(9)}})
    serve_below(other, TRACE_ID, SPAN_ID)
    assert other.ctxt[TRACE_INFO]["parent_id"] == ids.base_id(1)


PEERS = {
    "off": None,
    "unkeyed": {"hmac_key": "", "base_id": ids.base_id(TRACE_ID), "parent_id": ids.point_id(SPAN_ID)},
    "keyed": {
        "hmac_key": KEY.reveal(),
        "base_id": ids.base_id(TRACE_ID),
        "parent_id": ids.point_id(SPAN_ID),
    },
}


@pytest.mark.parametrize("ctxt", [{"user": "me"}, {"user": "me", TRACE_INFO: None}, Context()])
@pytest.mark.parametrize("mode", PEERS)
def test_for_plain_osprofiler(ctxt: Any, mode: Any) -> None:
    """What is added for services on plain osprofiler is what the operator chose; the carrier is signed."""
    sent = carrying(ctxt, SPAN_ID, INFO, mode)
    written = sent if isinstance(sent, dict) else sent.to_dict()
    assert written.get(TRACE_INFO) == PEERS[mode]
    assert (KEY.reveal() in json.dumps(written)) == (mode == "keyed")
    assert take(received(written), RING) == TraceInfo(TRACE_ID, SPAN_ID, KEY)


@pytest.mark.parametrize("mode", PEERS)
def test_what_the_serializer_wrote_is_kept(mode: Any) -> None:
    """trace_info of the service's own serializer gets another parent, and nothing else, in every mode."""
    own = {"hmac_key": "its own", "base_id": ids.base_id(TRACE_ID), "parent_id": ids.base_id(7)}
    sent = carrying({TRACE_INFO: own}, SPAN_ID, INFO, mode)
    assert sent[TRACE_INFO] == {**own, "parent_id": ids.point_id(SPAN_ID)}


@pytest.mark.parametrize("name", [ids.base_id(TRACE_ID), ids.base_id(TRACE_ID).upper()])
@pytest.mark.parametrize("written", [True, False])
def test_without_a_span_there_is_no_parent(name: str, written: bool) -> None:
    """Who sends without a span of its own names none to services on plain osprofiler either."""
    info = INFO if name == ids.base_id(TRACE_ID) else INFO._replace(base_id=name)
    own = {TRACE_INFO: {"hmac_key": "", "base_id": name, "parent_id": ids.base_id(7)}} if written else {}
    sent = carrying(own, ids.stand_in(TRACE_ID), info, "unkeyed")
    assert sent[TRACE_INFO] == {"hmac_key": "", "base_id": name, "parent_id": name}
    assert take(received(sent), RING) == info


@pytest.mark.parametrize(("mode", "sent"), [("off", {}), ("keyed", {}), ("unkeyed", PEERS["unkeyed"])])
def test_without_a_key(mode: Any, sent: Any) -> None:
    """A trace that no key stands behind is signed for with none, and no empty carrier raises an alarm."""
    written = carrying({}, SPAN_ID, TraceInfo(TRACE_ID, 0, NO_KEY), mode)
    assert written == ({TRACE_INFO: sent} if sent else {})


def test_the_base_id_goes_on_as_it_came() -> None:
    """A base_id that is no UUID is what peers know the trace by."""
    info = TraceInfo(ids.trace_id("no uuid"), 0, KEY, "no uuid")
    assert carrying({}, SPAN_ID, info, "unkeyed")[TRACE_INFO]["base_id"] == "no uuid"
