"""Notifications traced over oslo.messaging's in-memory driver, with its own notifiers and listeners."""

from __future__ import annotations

import contextvars
import gc
import itertools
import json
import logging
import threading
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from bus import Instrument, instrumenting
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from oslo_config import cfg
from recorders import KEY, PATIENCE, Recorder

from otel_bridge import log
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire import ids
from otel_bridge.wire.carrier import from_carrier
from otel_bridge.wire.signing import Key, KeyRing, pack_ids

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import oslo_messaging
    from oslo_messaging._drivers.impl_fake import FakeIncomingMessage
    from oslo_messaging.notify import _impl_test
    from oslo_messaging.notify.dispatcher import BatchNotificationDispatcher, NotificationDispatcher
    from oslo_messaging.notify.listener import BatchNotificationServer, NotificationServer
    from oslo_messaging.transport import Transport


RING = KeyRing([KEY])
_topics = (f"notifications-{number}" for number in itertools.count())


class Endpoint:
    """Gets notifications one by one."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.current: list[Any] = []
        self.error: BaseException | None = None
        self.arrived = threading.Event()

    def info(self, ctxt: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any) -> None:
        self.note(ctxt)

    def note(self, what: Any) -> None:
        self.seen.append(what)
        self.current.append(ctx.get().get(ctx.SPAN_KEY))
        self.arrived.set()
        if self.error is not None:
            raise self.error


class BatchEndpoint(Endpoint):
    """Gets them all at once."""

    def info(self, messages: Any) -> None:  # type: ignore[override]
        self.note(messages)


class Context:
    """A request context as the notifier wants it."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def redacted_copy(self) -> Context:
        return self


class Serializer(oslo_messaging.NoOpSerializer):  # type: ignore[misc]
    """Hands the very dict over, as not every serializer makes a new one."""

    def serialize_context(self, ctxt: Any) -> Any:
        return ctxt.values if isinstance(ctxt, Context) else ctxt


class Bus:
    """A notifier, and listeners that are given what it has sent."""

    def __init__(self, drivers: list[str] | None = None) -> None:
        self.conf = cfg.ConfigOpts()
        self.conf([])
        self.transport = oslo_messaging.get_notification_transport(self.conf, "fake://")
        self.topic = next(_topics)
        self.conf.set_override("driver", drivers or ["messagingv2"], "oslo_messaging_notifications")
        self.notifier = oslo_messaging.Notifier(
            self.transport, "compute.host-1", topics=[self.topic], serializer=Serializer()
        )
        #: Context and message of each notification that the driver has got.
        self.sent: list[tuple[Any, Any]] = []
        send = self.transport._driver.send_notification

        def record(target: Any, ctxt: Any, message: Any, *arguments: Any, **named: Any) -> Any:
            self.sent.append((ctxt, message))
            return send(target, ctxt, message, *arguments, **named)

        self.transport._driver.send_notification = record

    @property
    def target(self) -> Any:
        return oslo_messaging.Target(topic=self.topic)

    def listener(self, endpoint: Endpoint, *more: Any, batch: bool = False, **options: Any) -> Any:
        make = (
            oslo_messaging.get_batch_notification_listener
            if batch
            else oslo_messaging.get_notification_listener
        )
        return make(
            self.transport, [self.target], [*more, endpoint], "threading", allow_requeue=True, **options
        )

    def notify(self, event: str = "instance.create.end", ctxt: Any = None) -> None:
        self.notifier.info(Context({"request_id": "req-1"} if ctxt is None else ctxt), event, {"a": 1})

    def received(self) -> list[Any]:
        """What was sent so far, as a driver hands it to a listener."""
        made = [Received(ctxt, message) for ctxt, message in self.sent]
        self.sent.clear()
        return made


class Received(FakeIncomingMessage):
    """A message that knows what became of it."""

    def __init__(self, ctxt: Any, message: Any) -> None:
        super().__init__(ctxt, message, None, None)
        self.ended = ""

    def acknowledge(self) -> None:
        self.ended = "acknowledged"

    def requeue(self) -> None:
        self.ended = "requeued"


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    with instrumenting(RING) as switch_on:
        yield switch_on


@pytest.fixture
def bus() -> Bus:
    return Bus()


def only(recorder: Recorder, kind: SpanKind) -> ReadableSpan:
    (span,) = recorder.of_kind(kind)
    return span


def signed(trace_id: int, span_id: int, key: Key = KEY) -> list[str]:
    return [*pack_ids(trace_id, span_id, key)]


class TestSending:
    @pytest.mark.parametrize("driver", ["messaging", "messagingv2"])
    def test_span(self, instrument: Instrument, any_recorder: Recorder, driver: str) -> None:
        """A notification is a PRODUCER span below the current one; its payload is not recorded."""
        instrument(any_recorder)
        bus = Bus([driver])
        with any_recorder.request(trace_id=0xABC) as request:
            bus.notify()
            above = request.get_span_context()
        span = only(any_recorder, SpanKind.PRODUCER)
        assert span.name == "notify instance.create.end"
        assert (span.context.trace_id, span.parent.span_id) == (0xABC, above.span_id)
        assert dict(span.attributes or {}) == {
            "messaging.system": "fake",
            "messaging.operation.name": "notify",
            "messaging.operation.type": "send",
            "messaging.destination.name": f"{bus.topic}.info",
            "messaging.message.id": bus.sent[0][1]["message_id"],
            "messaging.oslo_messaging.event_type": "instance.create.end",
            "messaging.oslo_messaging.priority": "info",
            "messaging.oslo_messaging.publisher_id": "compute.host-1",
            "openstack.request_id": "req-1",
        }

    def test_what_is_sent(self, instrument: Instrument, any_recorder: Recorder, bus: Bus) -> None:
        """The caller's context stays as it was; the driver's has the carrier, and no key in it."""
        instrument(any_recorder)
        ctxt = {"user": "me"}
        with any_recorder.request():
            bus.notify(ctxt=ctxt)
        assert ctxt == {"user": "me"}
        assert set(bus.sent[0][0]) == {"user", "otel_bridge"}
        assert KEY.reveal() not in json.dumps(bus.sent)

    def test_other_drivers_see_nothing(
        self,
        instrument: Instrument,
        recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """What RabbitMQ's driver writes into the message is not in what the log driver logs."""
        instrument(recorder)
        bus = Bus(["messagingv2", "log", "noop", "test"])
        send = bus.transport._driver.send_notification

        def pack(target: Any, ctxt: Any, message: Any, *arguments: Any, **named: Any) -> None:
            message.update({f"_context_{name}": value for name, value in ctxt.items()})
            send(target, ctxt, message, *arguments, **named)

        monkeypatch.setattr(bus.transport._driver, "send_notification", pack)
        _impl_test.reset()
        with recorder.request(), caplog.at_level(logging.INFO, "oslo.messaging.notification"):
            bus.notify()
        assert "instance.create.end" in caplog.text
        assert "otel_bridge" not in caplog.text
        ((_ctxt, message, priority, _retry),) = _impl_test.NOTIFICATIONS
        assert (message["event_type"], priority) == ("instance.create.end", "INFO")
        assert "_context_otel_bridge" not in message
        assert len(recorder.of_kind(SpanKind.PRODUCER)) == 1

    @pytest.mark.parametrize("driver", ["log", "noop", "test"])
    def test_drivers_that_send_nothing(self, instrument: Instrument, recorder: Recorder, driver: str) -> None:
        """A notification that goes on no transport is no span."""
        instrument(recorder)
        _impl_test.reset()
        with recorder.request():
            Bus([driver]).notify()
        assert len(recorder.wait(1)) == 1
        assert len(_impl_test.NOTIFICATIONS or ()) == (driver == "test")

    def test_failure(
        self, instrument: Instrument, any_recorder: Recorder, bus: Bus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the driver raises, which the notifier swallows, fails the span."""
        instrument(any_recorder)

        def broken(*arguments: Any, **named: Any) -> None:
            raise oslo_messaging.MessageDeliveryFailure("no broker")

        monkeypatch.setattr(bus.transport._driver, "send_notification", broken)
        with any_recorder.request():
            bus.notify()
        span = only(any_recorder, SpanKind.PRODUCER)
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "oslo_messaging.exceptions.MessageDeliveryFailure"

    def test_closed(self, instrument: Instrument, recorder: Recorder, bus: Bus) -> None:
        """Untraced or suppressed, the context goes out as it came, and there is no span."""
        instrument(recorder)
        ctxt = {"user": "me"}
        bus.notify(ctxt=ctxt)
        with recorder.request(), suppress_instrumentation():
            bus.notify(ctxt=ctxt)
        assert [sent for sent, _ in bus.sent] == [ctxt, ctxt]
        assert len(recorder.wait(1)) == 1

    def test_no_room(self, instrument: Instrument, recorder: Recorder, bus: Bus) -> None:
        """A trace that may not have more spans here is carried on all the same."""
        recorder.provider = TracerProvider(recorder, spans_per_trace=1)
        instrument(recorder)
        with recorder.request() as request:
            bus.notify()
            above = request.get_span_context()
        info = from_carrier(bus.sent[0][0]["otel_bridge"], RING)
        assert info is not None
        assert info.parent_span_id == above.span_id
        assert len(recorder.wait(1)) == 1

    def test_notifications_of_osprofiler(self, instrument: Instrument, recorder: Recorder, bus: Bus) -> None:
        """What osprofiler's own driver publishes of a trace is no part of the trace."""
        instrument(recorder)
        notifier = oslo_messaging.Notifier(bus.transport, "x", driver="messaging", topics=["profiler"])
        with recorder.request():
            notifier.info({}, "profiler.compute", {"name": "wsgi-start"})
        assert [ctxt for ctxt, _ in bus.sent] == [{}]
        assert len(recorder.wait(1)) == 1


class TestListening:
    def test_over_the_driver(self, instrument: Instrument, any_recorder: Recorder, bus: Bus) -> None:
        """A listener's span is a CONSUMER below the sender's; it is current, and the thread keeps nothing."""
        instrument(any_recorder)
        endpoint = Endpoint()
        listener = bus.listener(endpoint)
        listener.start(override_pool_size=1)
        try:
            with any_recorder.request():
                bus.notify()
            any_recorder.wait(3)
            endpoint.arrived.clear()
            bus.notify()
            assert endpoint.arrived.wait(PATIENCE)
        finally:
            listener.stop()
            listener.wait()
        producer, consumer = only(any_recorder, SpanKind.PRODUCER), only(any_recorder, SpanKind.CONSUMER)
        assert consumer.parent.span_id == producer.context.span_id
        assert endpoint.current[0].get_span_context().span_id == consumer.context.span_id
        assert endpoint.current[1] is None
        assert endpoint.seen == [{"request_id": "req-1"}] * 2
        sent, got = dict(producer.attributes or {}), dict(consumer.attributes or {})
        changed = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
        assert got == {**sent, **changed, "code.function.name": f"{__name__}.Endpoint.info"}
        assert consumer.name == "process instance.create.end"

    @pytest.mark.parametrize("batch", [False, True])
    def test_error(self, instrument: Instrument, any_recorder: Recorder, bus: Bus, batch: bool) -> None:
        """What a listener raises, which the dispatcher swallows, fails the span; the message is requeued."""
        instrument(any_recorder)
        endpoint = BatchEndpoint() if batch else Endpoint()
        endpoint.error = ValueError("no disk")
        with any_recorder.request():
            bus.notify()
        (message,) = bus.received()
        bus.listener(endpoint, batch=batch)._process_incoming([message])
        span = only(any_recorder, SpanKind.CONSUMER)
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "ValueError"
        assert [event.name for event in span.events] == ["exception"]
        assert message.ended == "requeued"

    @pytest.mark.parametrize("batch", [False, True])
    def test_deserializer(self, instrument: Instrument, recorder: Recorder, bus: Bus, batch: bool) -> None:
        """What a deserializer raises fails the span, too."""

        class Broken(oslo_messaging.NoOpSerializer):  # type: ignore[misc]
            def deserialize_context(self, ctxt: Any) -> Any:
                raise KeyError("user")

        instrument(recorder)
        with recorder.request():
            bus.notify()
        bus.listener(Endpoint(), batch=batch, serializer=Broken())._process_incoming(bus.received())
        assert (only(recorder, SpanKind.CONSUMER).attributes or {})["error.type"] == "KeyError"

    @pytest.mark.parametrize("batch", [False, True])
    def test_no_exception(self, instrument: Instrument, recorder: Recorder, bus: Bus, batch: bool) -> None:
        """What is no Exception passes, fails the span and leaves nothing behind."""
        instrument(recorder)
        endpoint = BatchEndpoint() if batch else Endpoint()
        endpoint.error = SystemExit(3)
        with recorder.request():
            bus.notify()
        listener = bus.listener(endpoint, batch=batch)
        with pytest.raises(SystemExit):
            listener._process_incoming(bus.received())
        assert (only(recorder, SpanKind.CONSUMER).attributes or {})["error.type"] == "SystemExit"
        assert len(ctx.get()) == 0

    def test_several_targets(self, instrument: Instrument, recorder: Recorder, bus: Bus) -> None:
        """From which of several topics a message came is not known, and not said."""
        instrument(recorder)
        with recorder.request():
            bus.notify()
        listener = bus.listener(Endpoint())
        listener.targets.append(oslo_messaging.Target(topic="another"))
        listener._process_incoming(bus.received())
        attributes = only(recorder, SpanKind.CONSUMER).attributes or {}
        assert "messaging.destination.name" not in attributes

    def test_trace_info(self, instrument: Instrument, any_recorder: Recorder, bus: Bus) -> None:
        """OSProfiler's trace_info with a key of ours is continued; what is below gets this span as parent."""
        instrument(any_recorder)
        trace_info = {"hmac_key": KEY.reveal(), "base_id": ids.base_id(5), "parent_id": ids.point_id(6)}
        bus.notify(ctxt={"trace_info": trace_info})
        endpoint = Endpoint()
        bus.listener(endpoint)._process_incoming(bus.received())
        span = only(any_recorder, SpanKind.CONSUMER)
        assert (span.context.trace_id, span.parent.span_id) == (5, 6)
        assert endpoint.seen[0]["trace_info"]["parent_id"] == ids.point_id(span.context.span_id)


class TestBatch:
    def received(self, bus: Bus, *traces: int | None, event: str | None = None) -> list[Any]:
        """Messages of these traces, the n-th sent by span n of its trace; None: an untraced one."""
        for number, trace_id in enumerate(traces, 1):
            carrier = {} if trace_id is None else {"otel_bridge": signed(trace_id, number)}
            bus.notify(event or f"event.{number}", {"request_id": f"req-{number}", **carrier})
        return bus.received()

    def test_one_trace(self, instrument: Instrument, any_recorder: Recorder, bus: Bus) -> None:
        """All messages of one trace: one span, below the first sender, linked to the others, and current."""
        instrument(any_recorder)
        endpoint = BatchEndpoint()
        bus.listener(endpoint, batch=True)._process_incoming(self.received(bus, 7, 7, 7, event="same"))
        (span,) = any_recorder.wait(1)
        assert (span.kind, span.name) == (SpanKind.CONSUMER, "process same")
        assert (span.context.trace_id, span.parent.span_id) == (7, 1)
        assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(7, 2), (7, 3)]
        attributes = span.attributes or {}
        assert attributes["messaging.batch.message_count"] == 3
        assert "messaging.message.id" not in attributes
        assert endpoint.current[0].get_span_context().span_id == span.context.span_id
        assert all("otel_bridge" not in message["ctxt"] for message in endpoint.seen[0])

    def test_what_a_listener_hands_on_does_not_keep_the_messages(
        self, instrument: Instrument, recorder: Recorder, bus: Bus
    ) -> None:
        """Its context knows the listener's work, whose messages may be large; the work may take for ever."""
        instrument(recorder)
        handed: list[contextvars.Context] = []

        class HandsOn(BatchEndpoint):
            def note(self, *seen: Any) -> None:
                handed.append(contextvars.copy_context())

        listener = bus.listener(HandsOn(), batch=True)
        incoming = self.received(bus, 7, 8)
        watched = [weakref.ref(message) for message in incoming]
        listener._process_incoming(incoming)
        recorder.wait(2)
        del incoming
        gc.collect()
        assert len(handed) == 1
        assert [message() for message in watched] == [None, None]

    def test_several_traces(self, instrument: Instrument, any_recorder: Recorder, bus: Bus) -> None:
        """One span for each trace, none of them current: the work belongs to no single one."""
        instrument(any_recorder)
        endpoint = BatchEndpoint()
        bus.listener(endpoint, batch=True)._process_incoming(self.received(bus, 7, 8, 7, 9))
        spans = {span.context.trace_id: span for span in any_recorder.wait(3)}
        assert {trace: span.parent.span_id for trace, span in spans.items()} == {7: 1, 8: 2, 9: 4}
        assert [link.context.span_id for link in spans[7].links] == [3]
        assert not spans[8].links
        assert spans[7].name == f"process {bus.topic}.info"
        assert "messaging.batch.message_count" not in (spans[8].attributes or {})
        assert endpoint.current == [None]

    def test_with_untraced(self, instrument: Instrument, recorder: Recorder, bus: Bus) -> None:
        """A trace does not become current for messages that are not of it, forged ones among them."""
        instrument(recorder)
        endpoint = BatchEndpoint()
        forged = {"otel_bridge": signed(8, 1, Key("a foreign key"))}
        bus.notify(ctxt=forged)
        listener = bus.listener(endpoint, batch=True)
        listener._process_incoming([*bus.received(), *self.received(bus, 7, None)])
        (span,) = recorder.wait(1)
        assert span.context.trace_id == 7
        assert endpoint.current == [None]
        assert len(endpoint.seen[0]) == 3

    def test_error_concerns(self, instrument: Instrument, any_recorder: Recorder, bus: Bus) -> None:
        """An exception fails the spans of the messages that the method was given, and no other."""

        class First(BatchEndpoint):
            filter_rule = oslo_messaging.NotificationFilter(event_type="event.1$")

        instrument(any_recorder)
        first = First()
        first.error = ValueError()
        bus.listener(BatchEndpoint(), first, batch=True)._process_incoming(self.received(bus, 7, 8))
        failed = {
            span.context.trace_id: span.status.status_code is StatusCode.ERROR
            for span in any_recorder.wait(2)
        }
        assert failed == {7: True, 8: False}

    def test_over_the_driver(self, instrument: Instrument, recorder: Recorder, bus: Bus) -> None:
        """A batch as the driver makes it."""
        instrument(recorder)
        for trace_id in (7, 8):
            with recorder.request(trace_id=trace_id):
                bus.notify()
        listener = bus.listener(BatchEndpoint(), batch=True, batch_size=2, batch_timeout=PATIENCE)
        listener.start(override_pool_size=1)
        try:
            recorder.wait(6)
        finally:
            listener.stop()
            listener.wait()
        producers = {span.context.span_id: span for span in recorder.of_kind(SpanKind.PRODUCER)}
        for span in recorder.of_kind(SpanKind.CONSUMER):
            assert producers.pop(span.parent.span_id).context.trace_id == span.context.trace_id
        assert not producers


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("batch", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    carrier=_json,
    trace_info=_json,
    message=st.dictionaries(st.sampled_from(["event_type", "message_id", "publisher_id", "payload"]), _json),
    valid=st.booleans(),
)
def test_hostile(
    instrument: Instrument, batch: bool, carrier: Any, trace_info: Any, message: Any, valid: bool
) -> None:
    """Whatever stands in context and message: it reaches the listener, and is traced only if it is signed."""
    recorder, bus, endpoint = Recorder(), Bus(), BatchEndpoint() if batch else Endpoint()
    instrumentor = instrument(recorder)
    try:
        value = signed(7, 6) if valid else carrier
        received = Received({"otel_bridge": value, "trace_info": trace_info}, {"priority": "INFO", **message})
        bus.listener(endpoint, batch=batch)._process_incoming([received])
        assert received.ended == "acknowledged"
        assert len(endpoint.seen) == 1
        assert [span.context.trace_id for span in recorder.spans] == ([7] if valid else [])
        for span in recorder.spans:
            span.to_json()
    finally:
        instrumentor.uninstrument()


def test_uninstrument(instrument: Instrument, recorder: Recorder) -> None:
    """Every class is left as it was found."""
    seams = [(Transport, "_send_notification"), (Transport, "__init__")]
    seams += [(cls, "_process_incoming") for cls in (NotificationServer, BatchNotificationServer)]
    for cls in (NotificationDispatcher, BatchNotificationDispatcher):
        seams += [(cls, "dispatch"), (cls, "_exec_callback")]
    before = [cls.__dict__[name] for cls, name in seams]
    instrumentor = instrument(recorder)
    assert all(cls.__dict__[name] is not was for (cls, name), was in zip(seams, before, strict=True))
    instrumentor.uninstrument()
    assert [cls.__dict__[name] for cls, name in seams] == before


def test_a_driver_of_another_make(
    instrument: Instrument,
    recorder: Recorder,
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A listener that is not as we know it gets its messages, untraced; the operator is told."""
    monkeypatch.setattr(log, "_last", {})
    instrument(recorder)
    endpoint = Endpoint()
    listener = bus.listener(endpoint)
    bus.notify(ctxt={"otel_bridge": signed(7, 6)})
    messages = bus.received()
    listener.targets = None
    listener._process_incoming(messages)
    assert endpoint.seen == [{}]
    assert "could not be traced" in caplog.text
