"""translate.rpc: messages of oslo.messaging."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.translate import (
    IncomingMessage,
    OutgoingMessage,
    finish,
    outgoing_kind,
    point_from_info,
    to_osprofiler,
)

CLIENT, SERVER = 3, 2
MESSAGE = {
    "method": "reboot",
    "version": "6.0",
    "topic": "compute",
    "server": "cmp-1",
    "exchange": "nova",
    "system": "rabbit",
}


@pytest.mark.parametrize(
    ("wait", "fanout", "kind"),
    [(True, None, "call"), (True, True, "call"), (None, True, "fanout"), (None, None, "cast")],
)
def test_the_kind_of_a_message_is_what_the_transport_is_told(wait: Any, fanout: Any, kind: str) -> None:
    assert outgoing_kind(wait, fanout) == kind


@pytest.mark.parametrize(
    ("slots", "name", "expected"),
    [
        (
            {"kind": "call"},
            "reboot",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "reboot",
                "rpc.oslo_messaging.version": "6.0",
                "server.address": "cmp-1",
                "messaging.destination.name": "nova:compute.cmp-1",
            },
        ),
        (
            {"kind": "cast", "namespace": "base", "request_id": "req-1"},
            "reboot",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "base/reboot",
                "rpc.oslo_messaging.version": "6.0",
                "openstack.request_id": "req-1",
                "messaging.system": "rabbitmq",
                "messaging.operation.name": "cast",
                "messaging.operation.type": "send",
                "messaging.destination.name": "nova:compute.cmp-1",
            },
        ),
        (
            {"kind": "fanout", "server": None, "version": None},
            "reboot",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "reboot",
                "messaging.system": "rabbitmq",
                "messaging.operation.name": "fanout",
                "messaging.operation.type": "send",
                "messaging.destination.name": "compute_fanout",
            },
        ),
        (
            {
                "kind": "notification",
                "method": "instance.create.end",
                "topic": "notifications.info",
                "server": None,
                "system": "fake",
            },
            "notify instance.create.end",
            {
                "messaging.oslo_messaging.event_type": "instance.create.end",
                "messaging.system": "fake",
                "messaging.operation.name": "notify",
                "messaging.operation.type": "send",
                "messaging.destination.name": "notifications.info",
            },
        ),
    ],
)
def test_outgoing_messages(slots: dict[str, Any], name: str, expected: dict[str, Any]) -> None:
    assert OutgoingMessage(**{**MESSAGE, **slots}).translate() == (name, expected)


ENDPOINT = {"module": "nova.compute.manager", "endpoint": "ComputeManager", "msg_id": "m1"}
FUNCTION = "nova.compute.manager.ComputeManager.reboot"


@pytest.mark.parametrize(
    ("slots", "name", "expected"),
    [
        (
            {"kind": "call"},
            "ComputeManager.reboot",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "reboot",
                "rpc.oslo_messaging.version": "6.0",
                "code.function.name": FUNCTION,
                "server.address": "cmp-1",
                "messaging.destination.name": "nova:compute",
                "messaging.message.id": "m1",
            },
        ),
        (
            {"kind": "cast", "msg_id": None},
            "ComputeManager.reboot",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "reboot",
                "rpc.oslo_messaging.version": "6.0",
                "code.function.name": FUNCTION,
                "messaging.system": "rabbitmq",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": "nova:compute",
            },
        ),
        (
            {"kind": "call", "endpoint": None, "msg_id": None, "version": None, "exchange": None},
            "reboot",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "reboot",
                "server.address": "cmp-1",
                "messaging.destination.name": "compute",
            },
        ),
    ],
)
def test_incoming_messages(slots: dict[str, Any], name: str, expected: dict[str, Any]) -> None:
    assert IncomingMessage(**{**MESSAGE, **ENDPOINT, **slots}).translate() == (name, expected)


def test_an_incoming_notification_is_named_by_its_event() -> None:
    name, attributes = IncomingMessage(
        kind="notification", method="a.b", topic="t", endpoint="Listener"
    ).translate()
    assert name == "process a.b"
    assert attributes["messaging.operation.type"] == "process"
    assert "rpc.method" not in attributes


def test_a_call_is_no_messaging_operation() -> None:
    for kind in (OutgoingMessage, IncomingMessage):
        attributes = kind(**MESSAGE, kind="call").translate()[1]
        assert (
            not {"messaging.system", "messaging.operation.name", "messaging.operation.type"}
            & attributes.keys()
        )


@pytest.mark.parametrize("serving", [False, True])
def test_the_point_of_osprofiler_comes_back_as_it_was(serving: bool) -> None:
    info = {"function": {"name": FUNCTION, "args": "(1,)", "kwargs": "{'a': 1}"}}
    point = point_from_info("rpc", info, capture_args=True, serving=serving)
    finish(point, {"function": {"result": "7"}}, capture_args=True)
    name, attributes = point.translate()
    assert name == "ComputeManager.reboot"
    kind = SERVER if serving else CLIENT
    assert to_osprofiler(name, kind, attributes) == ("rpc", info, {"function": {"result": "7"}})


@pytest.mark.parametrize(
    ("point", "function"),
    [
        (OutgoingMessage(**MESSAGE, kind="cast"), "reboot"),
        (IncomingMessage(**MESSAGE, **ENDPOINT, kind="cast"), FUNCTION),
        (OutgoingMessage(kind="notification", method="a.b", topic="t"), "a.b"),
    ],
)
def test_a_native_span_reads_as_an_rpc_point_with_a_function(point: OutgoingMessage, function: str) -> None:
    name, attributes = point.translate()
    assert to_osprofiler(name, CLIENT, attributes) == ("rpc", {"function": {"name": function}}, {})


ODD = st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.booleans())
SLOTS = (*OutgoingMessage.__slots__, *IncomingMessage.__slots__, "function", "args", "result")


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(SLOTS), ODD),
    st.sampled_from(["call", "cast", "fanout", "notification", None]),
)
def test_whatever_is_in_the_slots_a_span_comes_out(slots: dict[str, Any], kind: str | None) -> None:
    name, attributes = IncomingMessage(**{**slots, "kind": kind}).describe()
    assert name
    assert len(name) <= 255
    to_osprofiler(name, SERVER, attributes)
