"""translate.rpc: messages of oslo.messaging."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind

from otel_bridge.model.translate import (
    IncomingMessage,
    OutgoingMessage,
    Served,
    begin,
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
    ],
)
def test_a_native_span_reads_as_an_rpc_point_with_a_function(point: OutgoingMessage, function: str) -> None:
    name, attributes = point.translate()
    assert to_osprofiler(name, CLIENT, attributes) == ("rpc", {"function": {"name": function}}, {})


INNER = "oslo_messaging.rpc.server.expected_exceptions.<locals>.outer.<locals>.inner"
SELECT = Served("select_destinations", "nova.scheduler.manager", "SchedulerManager", kind="call")


@pytest.mark.parametrize(
    ("function", "served", "kind", "name", "expected"),
    [
        (
            INNER,
            SELECT,
            SpanKind.SERVER,
            "SchedulerManager.select_destinations",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "select_destinations",
                "code.function.name": "nova.scheduler.manager.SchedulerManager.select_destinations",
            },
        ),
        # nobody knows the endpoint
        (
            INNER,
            Served("select_destinations"),
            SpanKind.SERVER,
            "select_destinations",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "select_destinations",
                "code.function.name": INNER,
            },
        ),
        # the code that runs is of another class than the endpoint: both are told
        (
            FUNCTION,
            Served("reboot", "nova.compute.manager", "_ComputeV5Proxy"),
            SpanKind.SERVER,
            "ComputeManager.reboot",
            {"rpc.system.name": "oslo_messaging", "rpc.method": "reboot", "code.function.name": FUNCTION},
        ),
        (
            INNER,
            SELECT._replace(
                kind="cast", namespace="base", version="4.0", topic="scheduler", request_id="req-1"
            ),
            SpanKind.CONSUMER,
            "SchedulerManager.select_destinations",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "base/select_destinations",
                "rpc.oslo_messaging.version": "4.0",
                "code.function.name": "nova.scheduler.manager.SchedulerManager.select_destinations",
                "openstack.request_id": "req-1",
                "messaging.system": "oslo_messaging",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": "scheduler",
            },
        ),
        # the message calls something untraced, which calls this
        (
            FUNCTION,
            SELECT,
            SpanKind.SERVER,
            "ComputeManager.reboot",
            {"rpc.system.name": "oslo_messaging", "rpc.method": "reboot", "code.function.name": FUNCTION},
        ),
        # a service that calls another one before anything of its own is traced
        (
            "nova.compute.rpcapi.ComputeAPI.reboot",
            SELECT,
            SpanKind.CLIENT,
            "ComputeAPI.reboot",
            {
                "rpc.system.name": "oslo_messaging",
                "rpc.method": "reboot",
                "code.function.name": "nova.compute.rpcapi.ComputeAPI.reboot",
            },
        ),
        (None, Served(None), SpanKind.SERVER, "rpc", {"rpc.system.name": "oslo_messaging"}),
    ],
)
def test_the_first_point_below_a_message_is_named_by_it(
    function: str | None, served: Served, kind: SpanKind, name: str, expected: dict[str, Any]
) -> None:
    info = {"function": {"name": function}} if function else None
    point, found = begin("rpc", info, serving=True, served=served)
    assert found is kind
    assert point.translate() == (name, {**expected, "osprofiler.name": "rpc"})


def test_points_further_below_are_named_by_themselves() -> None:
    point, kind = begin("rpc", {"function": {"name": INNER}}, served=SELECT)
    assert kind is SpanKind.INTERNAL
    assert "select_destinations" not in str(point.translate())


@pytest.mark.parametrize(
    ("function", "method", "kind", "name"),
    [
        ("x.L3NATAgent.routers_updated", "routers_updated", SpanKind.SERVER, "L3NATAgent.routers_updated"),
        ("x.L3NATAgent.routers_updated", "agent_updated", SpanKind.INTERNAL, "L3NATAgent.routers_updated"),
        ("x.PluginApi.get_routers", "get_routers", SpanKind.INTERNAL, "PluginApi.get_routers"),
        (INNER, "routers_updated", SpanKind.INTERNAL, "l3-agent"),
    ],
)
def test_a_function_of_any_point_is_served_if_it_is_what_the_message_calls(
    function: str, method: str, kind: SpanKind, name: str
) -> None:
    info = {"function": {"name": function}}
    point, found = begin("l3-agent", info, serving=True, served=Served(method))
    assert found is kind
    made, attributes = point.translate()
    assert made == name
    assert attributes["osprofiler.name"] == "l3-agent"
    assert to_osprofiler(made, found.value + 1, attributes) == ("l3-agent", info, {})


def test_what_a_message_says_of_itself_is_bounded() -> None:
    served = Served("m" * 100_000, kind="call", version=7, topic=None)  # type: ignore[arg-type]
    name, attributes = begin("rpc", None, serving=True, served=served)[0].translate()
    assert len(name) == 255
    assert "rpc.oslo_messaging.version" not in attributes


ODD = st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.booleans())
SLOTS = (*OutgoingMessage.__slots__, *IncomingMessage.__slots__, "function", "args", "result")


@settings(deadline=None)
@given(
    st.builds(Served, ODD, ODD, ODD, ODD, ODD, ODD, ODD, ODD), st.booleans(), st.sampled_from(["rpc", "x"])
)
def test_whatever_a_message_says_a_span_comes_out(served: Served, named: bool, name: str) -> None:
    info = {"function": {"name": FUNCTION if named else INNER}}
    point, kind = begin(name, info, serving=True, served=served)
    made, attributes = point.describe()
    assert made
    to_osprofiler(made, kind.value + 1, attributes)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(SLOTS), ODD),
    st.sampled_from(["call", "cast", "fanout", None]),
)
def test_whatever_is_in_the_slots_a_span_comes_out(slots: dict[str, Any], kind: str | None) -> None:
    name, attributes = IncomingMessage(**{**slots, "kind": kind}).describe()
    assert name
    assert len(name) <= 255
    to_osprofiler(name, SERVER, attributes)
