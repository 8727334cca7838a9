"""Notifications of oslo.messaging, as sent and as received: PRODUCER and CONSUMER.

They follow the conventions for messaging. The span is named by the event (``notify instance.update``),
of which a service has a fixed number; a batch of several events by the destination.
"""

from __future__ import annotations

from typing import Any

from otel_bridge.model.translate.function import FUNCTION_NAME
from otel_bridge.model.translate.point import Point, number_of, span_name, text_of
from otel_bridge.model.translate.rpc import destination_name, messaging_system

_PREFIX = "messaging.oslo_messaging."


class SentNotification(Point):
    """A notification that is given to the transport."""

    __slots__ = (
        "event_type",
        "exchange",
        "message_id",
        "priority",
        "publisher",
        "request_id",
        "system",
        "topic",
    )
    fallback = "notify"

    event_type: str | None
    message_id: str | None
    priority: str | None
    #: ``publisher_id``: ``compute.host-1``.
    publisher: str | None
    #: The topic with the priority, as queues are named: ``notifications.info``.
    topic: str | None
    exchange: str | None
    #: Scheme of the transport URL: ``rabbit``, ``kafka``, ``fake``.
    system: str | None
    request_id: str | None

    def describe(self) -> tuple[str, dict[str, Any]]:
        return self.of_operation("notify", "send")

    def of_operation(self, name: str, kind: str) -> tuple[str, dict[str, Any]]:
        """The span's name and attributes.

        Args:
            name: ``messaging.operation.name``.
            kind: ``messaging.operation.type``.
        """
        attributes: dict[str, Any] = {
            "messaging.system": messaging_system(self.system),
            "messaging.operation.name": name,
            "messaging.operation.type": kind,
        }
        destination = destination_name(self.topic, self.exchange, self.system)
        for key, value in (
            ("messaging.destination.name", destination),
            ("messaging.message.id", self.message_id),
            (f"{_PREFIX}event_type", self.event_type),
            (f"{_PREFIX}priority", self.priority),
            (f"{_PREFIX}publisher_id", self.publisher),
            ("openstack.request_id", self.request_id),
        ):
            if text_of(value):
                attributes[key] = value
        subject = text_of(self.event_type) or destination
        return span_name(f"{name} {subject}" if subject else name), attributes


class ReceivedNotification(SentNotification):
    """A notification that is given to a listener, or those of one trace in a batch."""

    __slots__ = ("count", "function")
    fallback = "process"

    #: Messages, where they are several.
    count: int | None
    #: Fully qualified name of the first method that was called with it.
    function: str | None

    def describe(self) -> tuple[str, dict[str, Any]]:
        name, attributes = self.of_operation("process", "process")
        count = number_of(self.count)
        if count is not None:
            attributes["messaging.batch.message_count"] = count
        if text_of(self.function):
            attributes[FUNCTION_NAME] = self.function
        return name, attributes
