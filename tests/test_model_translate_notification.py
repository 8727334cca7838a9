"""Notifications into spans: named by the event, described by the conventions for messaging."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.model.translate import ReceivedNotification, SentNotification, to_osprofiler

NOTIFICATION = {
    "event_type": "instance.create.end",
    "message_id": "m1",
    "priority": "info",
    "publisher": "compute.host-1",
    "topic": "notifications.info",
    "exchange": "nova",
    "system": "rabbit",
    "request_id": "req-1",
}
COMMON = {
    "messaging.system": "rabbitmq",
    "messaging.destination.name": "nova:notifications.info",
    "messaging.message.id": "m1",
    "messaging.oslo_messaging.event_type": "instance.create.end",
    "messaging.oslo_messaging.priority": "info",
    "messaging.oslo_messaging.publisher_id": "compute.host-1",
    "openstack.request_id": "req-1",
}


def test_sent() -> None:
    """A notification that is sent: every value in its attribute."""
    assert SentNotification(**NOTIFICATION).translate() == (
        "notify instance.create.end",
        {**COMMON, "messaging.operation.name": "notify", "messaging.operation.type": "send"},
    )


def test_received() -> None:
    """A notification that is received: as it was sent, and who got it."""
    point = ReceivedNotification(**NOTIFICATION, function="ceilometer.Endpoint.info")
    assert point.translate() == (
        "process instance.create.end",
        {
            **COMMON,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "code.function.name": "ceilometer.Endpoint.info",
        },
    )


def test_several_events() -> None:
    """A batch of several events is named by the destination; it counts its messages and has no one id."""
    several = {**NOTIFICATION, "event_type": None, "message_id": None}
    name, attributes = ReceivedNotification(**several, count=3).translate()
    assert name == "process nova:notifications.info"
    assert attributes["messaging.batch.message_count"] == 3
    assert "messaging.message.id" not in attributes


@pytest.mark.parametrize(
    ("slots", "destination"),
    [
        ({"system": "kafka"}, "notifications.info"),
        ({"system": "fake", "exchange": "nova"}, "notifications.info"),
        ({"system": "kombu"}, "nova:notifications.info"),
        ({"exchange": None}, "notifications.info"),
        ({"topic": None}, None),
    ],
)
def test_destination(slots: dict[str, Any], destination: str | None) -> None:
    """The destination as the driver chooses it; none where the topic is not known."""
    attributes = SentNotification(**{**NOTIFICATION, **slots}).translate()[1]
    assert attributes.get("messaging.destination.name") == destination


def test_nothing_known() -> None:
    """Of a notification that says nothing there is the operation."""
    name, attributes = ReceivedNotification().translate()
    assert name == "process"
    assert attributes == {
        "messaging.system": "oslo_messaging",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
    }


@given(
    st.dictionaries(
        st.sampled_from([*NOTIFICATION, "count", "function"]),
        st.none() | st.text() | st.integers() | st.lists(st.text()) | st.binary(),
    )
)
def test_whatever_is_in_the_slots_a_span_comes_out(slots: dict[str, Any]) -> None:
    """A name of bounded length and attributes that the report can be made of."""
    name, attributes = ReceivedNotification(**slots).describe()
    assert 0 < len(name) <= 255
    to_osprofiler(name, 5, attributes)
