"""RPC and notifications over a real RabbitMQ, between processes: ours, and one on plain osprofiler."""

from __future__ import annotations

import itertools
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import amqp
import pytest
from bus import Instrument, instrumenting
from opentelemetry.trace import SpanKind, StatusCode
from oslo_config import cfg
from recorders import Recorder

from e2e import bus_server
from otel_bridge.cli.processes import Process, wait_for
from otel_bridge.settings import Settings
from otel_bridge.wire import ids
from otel_bridge.wire.signing import Key, KeyRing

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import oslo_messaging

    from otel_bridge.instrumentation.messaging import register_options

pytestmark = pytest.mark.e2e

KEY = Key(bus_server.KEY)
_BOUND = 60.0  # seconds
_trace_ids = itertools.count(0xA0A1A2A3A4A5A6A7A8A9AAABACADAE00)


class Service:
    """A process of ``bus_server``, and what it has said so far of a trace."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def lines(self) -> list[dict[str, Any]]:
        said = self.process.output().splitlines()
        return [json.loads(line) for line in said if line.startswith("{") and line.endswith("}")]

    def of(self, trace_id: int, count: int = 1) -> list[dict[str, Any]]:
        """Its spans, or osprofiler's events, of this trace, once there are so many."""

        def found() -> list[dict[str, Any]]:
            return [
                line
                for line in self.lines()
                if line.get("trace_id") == trace_id or line.get("base_id") == ids.base_id(trace_id)
            ]

        wait_for(
            "what is said of the trace",
            lambda: len(found()) >= count,
            timeout=_BOUND,
            processes=[self.process],
        )
        assert len(found()) == count
        return found()


class Fleet:
    """Two hosts of ours on one topic, and one on plain osprofiler."""

    def __init__(self, url: str, directory: Path, stack: ExitStack) -> None:
        self.url = url
        tests = str(Path(bus_server.__file__).parents[1])
        paths = [tests, *filter(None, [os.environ.get("PYTHONPATH")])]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}

        def start(flavour: str, topic: str, host: str) -> Service:
            command = [sys.executable, bus_server.__file__, flavour, url, topic, host]
            log = directory / f"{topic}-{host}"
            return Service(stack.enter_context(Process(host, command, log=log, env=env)))

        self.ours = [start("ours", "ours", "host-1"), start("ours", "ours", "host-2")]
        self.plain = start("plain", "plain", "host-3")
        processes = [service.process for service in (*self.ours, self.plain)]
        wait_for(
            "the services",
            lambda: all("ready" in process.output() for process in processes),
            timeout=_BOUND,
            processes=processes,
        )
        self.conf = cfg.ConfigOpts()
        self.conf([])
        register_options(self.conf)
        self.transport = oslo_messaging.get_rpc_transport(self.conf, url)
        self.notifications = oslo_messaging.get_notification_transport(self.conf, url)
        stack.callback(self.transport.cleanup)
        stack.callback(self.notifications.cleanup)

    def client(self, topic: str = "ours", **target: Any) -> Any:
        return oslo_messaging.get_rpc_client(
            self.transport, oslo_messaging.Target(topic=topic, **target), timeout=20
        )

    def notifier(self, topic: str, driver: str = "messagingv2") -> Any:
        return oslo_messaging.Notifier(
            self.notifications, "test.host", driver=driver, topics=[f"ours-{topic}"]
        )


@pytest.fixture(scope="module")
def fleet(rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(rabbitmq.url, tmp_path_factory.mktemp("bus"), stack)


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    with instrumenting(KeyRing([KEY])) as switch_on:
        yield switch_on


@pytest.fixture
def trace_id() -> int:
    return next(_trace_ids)


def only(recorder: Recorder, kind: SpanKind) -> Any:
    (span,) = [span for span in recorder.of_kind(kind) if span.name != "request"]
    return span


def test_call(fleet: Fleet, instrument: Instrument, recorder: Recorder, trace_id: int) -> None:
    """A call is answered as ever; CLIENT here, SERVER below it there."""
    instrument(recorder)
    with recorder.request(trace_id, KEY):
        answer = fleet.client(server="host-1").call({"request_id": "req-1"}, "boot", name="vm")
    assert answer == "vm runs"
    client, (server,) = only(recorder, SpanKind.CLIENT), fleet.ours[0].of(trace_id)
    assert (server["kind"], server["parent_id"]) == ("SERVER", client.context.span_id)
    assert server["name"] == "Endpoint.boot"
    assert server["attributes"]["openstack.request_id"] == "req-1"
    assert client.attributes["messaging.destination.name"] == "openstack:ours.host-1"
    assert server["error"] is None


@pytest.mark.parametrize(
    ("method", "raised", "error_type"),
    [
        ("fail", ValueError, "ValueError"),
        ("refuse", oslo_messaging.RemoteError, "Refused"),
        ("missing", oslo_messaging.RemoteError, "NoSuchMethod"),
    ],
)
def test_errors(
    fleet: Fleet,
    instrument: Instrument,
    recorder: Recorder,
    trace_id: int,
    method: str,
    raised: type[Exception],
    error_type: str,
) -> None:
    """What the endpoint raises fails both spans, under the name that it has there."""
    instrument(recorder)
    with recorder.request(trace_id, KEY), pytest.raises(raised):
        fleet.client(server="host-1").call({}, method)
    client, (server,) = only(recorder, SpanKind.CLIENT), fleet.ours[0].of(trace_id)
    assert client.status.status_code is StatusCode.ERROR
    assert client.attributes["error.type"].rpartition(".")[2] == error_type
    assert server["error"].rpartition(".")[2] == error_type
    assert "Traceback" not in client.to_json()


def test_timeout(fleet: Fleet, instrument: Instrument, recorder: Recorder, trace_id: int) -> None:
    """A call that times out fails CLIENT; SERVER ends later, below it, and well."""
    instrument(recorder)
    with recorder.request(trace_id, KEY), pytest.raises(oslo_messaging.MessagingTimeout):
        fleet.client(server="host-2").prepare(timeout=0.5).call({}, "hang")
    client = only(recorder, SpanKind.CLIENT)
    assert client.attributes["error.type"] == "oslo_messaging.exceptions.MessagingTimeout"
    fleet.client(server="host-2").call({}, "go_on")
    (server,) = fleet.ours[1].of(trace_id)
    assert (server["parent_id"], server["error"]) == (client.context.span_id, None)


def test_cast(fleet: Fleet, instrument: Instrument, recorder: Recorder, trace_id: int) -> None:
    """A cast is PRODUCER and CONSUMER; what the endpoint raises is seen there alone."""
    instrument(recorder)
    with recorder.request(trace_id, KEY):
        fleet.client(server="host-1").cast({}, "fail")
    producer, (consumer,) = only(recorder, SpanKind.PRODUCER), fleet.ours[0].of(trace_id)
    assert (consumer["kind"], consumer["parent_id"]) == ("CONSUMER", producer.context.span_id)
    assert consumer["error"] == "ValueError"
    assert producer.status.status_code is StatusCode.UNSET


def test_fanout(fleet: Fleet, instrument: Instrument, recorder: Recorder, trace_id: int) -> None:
    """A fanout is one PRODUCER, and a CONSUMER on each host."""
    instrument(recorder)
    with recorder.request(trace_id, KEY):
        fleet.client(fanout=True).cast({}, "boot", name="all")
    producer = only(recorder, SpanKind.PRODUCER)
    for service in fleet.ours:
        (consumer,) = service.of(trace_id)
        assert consumer["parent_id"] == producer.context.span_id


def test_untraced(fleet: Fleet, instrument: Instrument, recorder: Recorder, trace_id: int) -> None:
    """Untraced and forged messages are served as ever, and leave nothing: nowhere, before or after."""
    instrument(recorder)
    client = fleet.client(server="host-1")
    forged = {"otel_bridge": ["eyJ9", "0" * 40, "x" * 10_000], "trace_info": {"hmac_key": ["?"]}}
    for ctxt in ({}, forged):
        assert client.call(ctxt, "boot", name="vm") == "vm runs"
    before = len(fleet.ours[0].lines())
    with recorder.request(trace_id, KEY):
        client.call({}, "boot", name="vm")
    fleet.ours[0].of(trace_id)
    assert len(fleet.ours[0].lines()) == before + 1


@pytest.mark.parametrize("driver", ["messaging", "messagingv2"])
@pytest.mark.parametrize("priority", ["info", "error"])
def test_notification(
    fleet: Fleet, instrument: Instrument, recorder: Recorder, trace_id: int, driver: str, priority: str
) -> None:
    """A notification is PRODUCER and CONSUMER; what the listener raises is on its span."""
    instrument(recorder)
    with recorder.request(trace_id, KEY):
        getattr(fleet.notifier("events", driver), priority)({}, "instance.create", {"a": 1})
    producer = only(recorder, SpanKind.PRODUCER)
    wait_for("it", lambda: any(_said(service, trace_id) for service in fleet.ours), timeout=_BOUND)
    (consumer,) = [line for service in fleet.ours for line in _said(service, trace_id)]
    assert (consumer["kind"], consumer["parent_id"]) == ("CONSUMER", producer.context.span_id)
    assert consumer["name"] == "process instance.create"
    assert consumer["error"] == {"info": None, "error": "ValueError"}[priority]
    for attributes in (producer.attributes, consumer["attributes"]):
        assert attributes["messaging.destination.name"] == f"openstack:ours-events.{priority}"


def _said(service: Service, trace_id: int) -> list[dict[str, Any]]:
    return [line for line in service.lines() if line.get("trace_id") == trace_id]


def test_batch(fleet: Fleet, instrument: Instrument, recorder: Recorder) -> None:
    """A batch has a CONSUMER for each trace, linked to the further messages of that trace."""
    instrument(recorder)
    first, second = next(_trace_ids), next(_trace_ids)
    notifier = fleet.notifier("batches")
    # Two hosts take them in turns, in batches of three.
    for trace_id in [first, first, first, first, second, second]:
        with recorder.request(trace_id, KEY):
            notifier.info({}, f"event.{trace_id & 1}", {})
    sent = {span.context.span_id: span for span in recorder.of_kind(SpanKind.PRODUCER)}

    def consumed() -> list[dict[str, Any]]:
        return [line for service in fleet.ours for trace in (first, second) for line in _said(service, trace)]

    def count() -> int:
        return sum(1 + len(line["links"]) for line in consumed())

    wait_for("all messages", lambda: count() >= 6, timeout=_BOUND)
    for line in consumed():
        for sender in (line["parent_id"], *line["links"]):
            assert sent.pop(sender).context.trace_id == line["trace_id"]
    assert not sent


@pytest.mark.parametrize("mode", ["off", "unkeyed", "keyed"])
@pytest.mark.parametrize("anew", [False, True], ids=["context handed on", "context made anew"])
def test_plain_osprofiler(
    fleet: Fleet, instrument: Instrument, recorder: Recorder, trace_id: int, mode: str, anew: bool
) -> None:
    """A service on plain osprofiler joins in if it is told the ids.

    It takes us along if it has the key or hands its context on, whatever else is in it.
    """
    instrument(recorder, settings=Settings(rpc_trace_info=mode))
    before = [len(service.lines()) for service in fleet.ours]
    with recorder.request(trace_id, KEY):
        assert fleet.client("plain").call({}, "relay", topic="ours", anew=anew) == "relayed runs"
    parent = only(recorder, SpanKind.CLIENT).context.span_id
    events = [line for line in fleet.plain.lines() if line.get("base_id") == ids.base_id(trace_id)]
    if mode == "off":
        assert events == []
    else:
        start = next(line for line in events if line["name"] == "rpc-start")
        assert ids.span_id(start["parent_id"]) == parent
        parent = ids.span_id(start["trace_id"])
    if anew and mode != "keyed":
        with recorder.request(next(_trace_ids), KEY) as request:  # what comes after it has arrived
            fleet.client(fanout=True).cast({}, "boot", name="all")
        for service, count in zip(fleet.ours, before, strict=True):
            service.of(request.get_span_context().trace_id)
            assert len(service.lines()) == count + 1
    else:
        wait_for("it", lambda: any(_said(service, trace_id) for service in fleet.ours), timeout=_BOUND)
        (server,) = [line for service in fleet.ours for line in _said(service, trace_id)]
        assert server["parent_id"] == parent


@pytest.mark.parametrize("mode", ["off", "unkeyed", "keyed"])
def test_on_the_wire(
    fleet: Fleet, instrument: Instrument, recorder: Recorder, trace_id: int, mode: str
) -> None:
    """The key is in a message only if the operator wants it there, and never in a notification."""
    instrument(recorder, settings=Settings(rpc_trace_info=mode))
    port = int(fleet.url.rpartition(":")[2].strip("/"))
    connection = amqp.Connection(f"127.0.0.1:{port}", connect_timeout=5)
    connection.connect()
    try:
        channel = connection.channel()
        queue = channel.queue_declare(exclusive=True).queue
        for routing_key in ("observed", "ours-observed.info"):
            channel.queue_bind(queue, "openstack", routing_key)
        with recorder.request(trace_id, KEY):
            fleet.client("observed").cast({"user": "me"}, "boot", name="vm")
            fleet.notifier("observed").info({}, "event", {})
        bodies: list[str] = []

        def arrived() -> bool:
            message = channel.basic_get(queue, no_ack=True)
            if message is not None:
                bodies.append(str(message.body))
            return len(bodies) == 2

        wait_for("both messages", arrived, timeout=_BOUND)
    finally:
        connection.close()
    assert all("_context_otel_bridge" in body for body in bodies)
    (rpc,) = [body for body in bodies if "boot" in body]
    (notification,) = [body for body in bodies if "boot" not in body]
    assert ("_context_trace_info" in rpc) == (mode != "off")
    assert (bus_server.KEY in rpc) == (mode == "keyed")
    assert "trace_info" not in notification
    assert bus_server.KEY not in notification
