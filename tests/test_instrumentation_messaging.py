"""RPC traced over oslo.messaging's in-memory driver, with real servers and their threads."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bus import Instrument, instrumenting
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from oslo_config import cfg
from recorders import KEY, PATIENCE, Recorder

from otel_bridge import gate
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire import ids
from otel_bridge.wire.signing import Key, KeyRing, pack

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import oslo_messaging
    from oslo_messaging._drivers import common as driver_common
    from oslo_messaging._drivers.impl_fake import FakeIncomingMessage
    from oslo_messaging._drivers.impl_rabbit import RabbitMessage
    from oslo_messaging.rpc.server import RPCServer
    from oslo_messaging.transport import Transport

    from otel_bridge.instrumentation.messaging import MessagingInstrumentor, register_options

RING = KeyRing([Key("another key"), KEY])
_topics = (f"topic-{number}" for number in itertools.count())


class Expected(Exception):
    pass


class Endpoint:
    """What the tests call."""

    target = oslo_messaging.Target(namespace="compute", version="2.3")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        #: Message contexts that arrived.
        self.seen: list[Any] = []
        self.relay: Callable[[], object] = lambda: None
        self.release = threading.Event()

    def boot(self, ctxt: Any, name: str = "vm") -> str:
        self.seen.append(ctxt)
        self.relay()
        return name

    def fail(self, ctxt: Any) -> None:
        self.seen.append(ctxt)
        raise ValueError("no valid host")

    @oslo_messaging.expected_exceptions(Expected)
    def refuse(self, ctxt: Any) -> None:
        raise Expected("not here")

    def hang(self, ctxt: Any) -> None:
        self.release.wait(PATIENCE)

    def leak(self, ctxt: Any) -> None:
        ctx.set_(ctx.get())

    def context_size(self, ctxt: Any) -> int:
        return len(ctx.get())


class Rpc:
    """Servers of one endpoint, and clients, on a topic of their own."""

    def __init__(self, servers: int = 1, threads: int = 4) -> None:
        self.conf = cfg.ConfigOpts()
        self.conf([])
        register_options(self.conf)
        self.transport = oslo_messaging.get_rpc_transport(self.conf, "fake://")
        self.topic = next(_topics)
        self.endpoint = Endpoint()
        self.servers = []
        for number in range(servers):
            target = oslo_messaging.Target(topic=self.topic, server=f"host-{number}")
            server = oslo_messaging.get_rpc_server(self.transport, target, [object(), self.endpoint])
            server.start(override_pool_size=threads)
            self.servers.append(server)

    def client(self, **target: Any) -> Any:
        target = {"namespace": "compute", "version": "2.0", **target}
        return oslo_messaging.get_rpc_client(
            self.transport, oslo_messaging.Target(topic=self.topic, **target), timeout=PATIENCE
        )

    def stop(self) -> None:
        self.endpoint.release.set()
        for server in self.servers:
            server.stop()

    def wait(self) -> None:
        for server in self.servers:
            server.wait()


Serve = Callable[..., Rpc]


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., Rpc]]:
    """Starts servers, which run to the end of the module: to stop one takes a second."""
    started: list[Rpc] = []

    def start(**options: int) -> Rpc:
        started.append(Rpc(**options))
        return started[-1]

    yield start
    for rpc in started:
        rpc.stop()
    for rpc in started:
        rpc.wait()


@pytest.fixture(scope="module")
def running(serve: Serve) -> Rpc:
    return serve()


@pytest.fixture
def rpc(running: Rpc) -> Rpc:
    """A server that has seen nothing yet."""
    running.endpoint.reset()
    return running


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    with instrumenting(RING) as switch_on:
        yield switch_on


def only(recorder: Recorder, kind: SpanKind) -> ReadableSpan:
    (span,) = [span for span in recorder.of_kind(kind) if span.name != "request"]
    return span


def exception_of(span: ReadableSpan) -> dict[str, Any]:
    (event,) = span.events
    assert event.name == "exception"
    return dict(event.attributes or {})


def spy(rpc: Rpc, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The message contexts that the driver is given."""
    sent: list[Any] = []
    send = rpc.transport._driver.send

    def record(target: Any, ctxt: Any, *arguments: Any, **named: Any) -> Any:
        sent.append(ctxt)
        return send(target, ctxt, *arguments, **named)

    monkeypatch.setattr(rpc.transport._driver, "send", record)
    return sent


class TestCalls:
    def test_call(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder) -> None:
        """A call is a CLIENT span below the current one, and a SERVER span below that."""
        instrument(any_recorder)
        with any_recorder.request(trace_id=0xABC) as request:
            assert rpc.client().call({}, "boot", name="vm-1") == "vm-1"
            above = request.get_span_context()
        any_recorder.wait(3)
        client, server = only(any_recorder, SpanKind.CLIENT), only(any_recorder, SpanKind.SERVER)
        assert {client.context.trace_id, server.context.trace_id} == {0xABC}
        assert client.parent.span_id == above.span_id
        assert server.parent.span_id == client.context.span_id
        assert client.status.status_code is server.status.status_code is StatusCode.UNSET

    def test_cast(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder) -> None:
        """A cast is a PRODUCER span and a CONSUMER span below it."""
        instrument(any_recorder)
        with any_recorder.request():
            rpc.client().cast({}, "boot")
        any_recorder.wait(3)
        producer, consumer = only(any_recorder, SpanKind.PRODUCER), only(any_recorder, SpanKind.CONSUMER)
        assert consumer.parent.span_id == producer.context.span_id

    def test_fanout(self, instrument: Instrument, serve: Serve, any_recorder: Recorder) -> None:
        """A fanout is one PRODUCER span, and a CONSUMER span below it on each server."""
        instrument(any_recorder)
        rpc = serve(servers=2)
        with any_recorder.request():
            rpc.client(fanout=True).cast({"request_id": "req-1"}, "boot")
        any_recorder.wait(4)
        producer = only(any_recorder, SpanKind.PRODUCER)
        consumers = any_recorder.of_kind(SpanKind.CONSUMER)
        assert [span.parent.span_id for span in consumers] == [producer.context.span_id] * 2
        assert rpc.endpoint.seen == [{"request_id": "req-1"}] * 2

    def test_nested(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder) -> None:
        """What an endpoint sends goes below the span that serves, signed with the request's own key."""
        instrument(any_recorder)
        client = rpc.client()

        def relay() -> None:
            rpc.endpoint.relay = lambda: None
            client.call({}, "boot")

        rpc.endpoint.relay = relay
        with any_recorder.request(key=KEY):
            client.call({}, "boot")
        any_recorder.wait(5)
        parents = {span.context.span_id: span.parent and span.parent.span_id for span in any_recorder.spans}
        deepest = min(any_recorder.of_kind(SpanKind.SERVER), key=lambda span: span.end_time)
        path = [deepest.context.span_id]
        while parents.get(path[-1]) in parents:
            path.append(parents[path[-1]])
        assert len(path) == 5

    def test_names_and_attributes(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """Method, endpoint, destination and request id are recorded; arguments are not."""
        instrument(recorder)
        with recorder.request():
            rpc.client().call({"request_id": "req-7"}, "boot", name="an argument")
        recorder.wait(3)
        client, server = only(recorder, SpanKind.CLIENT), only(recorder, SpanKind.SERVER)
        assert client.name == "boot"
        assert server.name == "Endpoint.boot"
        assert server.attributes["code.function.name"] == f"{__name__}.Endpoint.boot"
        for span in (client, server):
            assert "boot" in span.attributes["rpc.method"]
            assert span.attributes["openstack.request_id"] == "req-7"
            assert rpc.topic in json.dumps(dict(span.attributes))
            assert "an argument" not in span.to_json()

    def test_untraced(
        self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Outside a traced request nothing is recorded, and the context is sent as it is."""
        instrument(any_recorder)
        sent = spy(rpc, monkeypatch)
        ctxt = {"user": "me"}
        rpc.client().call(ctxt, "boot")
        assert sent[0] is ctxt
        assert rpc.endpoint.seen == [{"user": "me"}]
        assert any_recorder.spans == []

    def test_other_messages(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """A message that is no RPC reaches the driver, untraced."""
        instrument(recorder)
        target = oslo_messaging.Target(topic=next(_topics))
        with recorder.request():
            assert rpc.transport._send(target, {}, "no RPC") is None
        assert len(recorder.wait(1)) == 1

    def test_suppression(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """Nothing is recorded where OpenTelemetry's suppression key is set."""
        instrument(recorder)
        with recorder.request(), suppress_instrumentation():
            rpc.client().call({}, "boot")
        assert len(recorder.wait(1)) == 1


class TestContext:
    def test_sent_context(
        self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The caller's context is not changed, the endpoint does not see the carrier, no key is sent."""
        instrument(any_recorder)
        sent = spy(rpc, monkeypatch)
        ctxt = {"user": "me"}
        with any_recorder.request():
            rpc.client().call(ctxt, "boot")
        assert ctxt == {"user": "me"}
        assert rpc.endpoint.seen == [{"user": "me"}]
        assert set(sent[0]) == {"user", "otel_bridge"}
        assert KEY.reveal() not in json.dumps(sent)

    @pytest.mark.parametrize("kind", ["object", "dict subclass", "None"])
    def test_no_plain_dict(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder, kind: str) -> None:
        """A context of another kind, sent without a serializer, arrives as the object that was sent."""

        class Subclass(dict[str, Any]):
            pass

        ctxt: Any = {"object": object(), "dict subclass": Subclass(user="me"), "None": None}[kind]
        instrument(any_recorder)
        with any_recorder.request():
            rpc.client().call(ctxt, "boot")
        any_recorder.wait(3)
        assert rpc.endpoint.seen[0] is ctxt

    def test_base_id(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder) -> None:
        """A base_id that is not a UUID travels on as it is."""
        instrument(any_recorder)
        seen = []
        rpc.endpoint.relay = lambda: seen.append(ctx.trace_info())
        trace_id = ids.trace_id("no uuid")
        with any_recorder.request(trace_id=trace_id, base_id="no uuid"):
            rpc.client().call({}, "boot")
        assert (seen[0].base_id, seen[0].trace_id, seen[0].key) == ("no uuid", trace_id, KEY)

    def test_no_room(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """A trace that may not have more spans in this process goes on in the next one."""
        recorder.provider = TracerProvider(recorder, spans_per_trace=2)
        instrument(recorder)
        with recorder.request() as request:
            for _ in range(2):
                rpc.client().call({}, "boot")
            above = request.get_span_context()
        recorder.wait(4)
        (client,) = recorder.of_kind(SpanKind.CLIENT)
        served = [span.parent.span_id for span in recorder.of_kind(SpanKind.SERVER) if span.name != "request"]
        assert served == [client.context.span_id, above.span_id]

    def test_another_trace_in_a_request(
        self, instrument: Instrument, rpc: Rpc, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A span that is not of the signed request's trace is not signed for with its key."""
        instrument(recorder)
        sent = spy(rpc, monkeypatch)
        with recorder.request(trace_id=1), recorder.request(trace_id=2):
            token = ctx.set_(ctx.with_request(ctx.get(), ctx.get()[ctx.SPAN_KEY], _info(trace_id=1)))
            rpc.client().call({"user": "me"}, "boot")
            ctx.reset(token)
        assert sent == [{"user": "me"}]


def _info(trace_id: int) -> Any:
    packed, mac = pack(ids.base_id(trace_id), ids.base_id(trace_id), KEY)
    return RING.verify(packed, mac)


class TestTraceInfo:
    """Services whose serializer is osprofiler's own."""

    BASE = ids.base_id(0xABC)

    def trace_info(self, **changes: Any) -> dict[str, Any]:
        return {"hmac_key": KEY.reveal(), "base_id": self.BASE, "parent_id": ids.point_id(0x77), **changes}

    def test_accepted(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder) -> None:
        """trace_info with a key of ours, from a service that does not run otel_bridge, is continued."""
        instrument(any_recorder)
        rpc.client().call({"trace_info": self.trace_info()}, "boot")
        (server,) = any_recorder.wait(1)
        assert server.kind is SpanKind.SERVER
        assert (server.context.trace_id, server.parent.span_id) == (0xABC, 0x77)

    def test_signs_on(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """What such a request sends on is signed with the key that it named."""
        instrument(recorder)
        seen = []
        rpc.endpoint.relay = lambda: seen.append(ctx.trace_info())
        rpc.client().call({"trace_info": self.trace_info()}, "boot")
        assert seen[0].key == KEY

    def test_deserializer(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder) -> None:
        """What the service's own deserializer makes of trace_info goes below the span that serves."""
        instrument(any_recorder)
        rpc.client().call({"trace_info": self.trace_info()}, "boot")
        (server,) = any_recorder.wait(1)
        assert rpc.endpoint.seen[0]["trace_info"] == self.trace_info(
            parent_id=ids.point_id(server.context.span_id)
        )

    def test_kept_when_sent(
        self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the service's own serializer sends is kept, with the sending span as the parent."""
        instrument(any_recorder)
        sent = spy(rpc, monkeypatch)
        ctxt = {"trace_info": self.trace_info()}
        with any_recorder.request(trace_id=0xABC):
            rpc.client().call(ctxt, "boot")
        any_recorder.wait(3)
        client, server = only(any_recorder, SpanKind.CLIENT), only(any_recorder, SpanKind.SERVER)
        assert sent[0]["trace_info"] == self.trace_info(parent_id=ids.point_id(client.context.span_id))
        assert server.parent.span_id == client.context.span_id
        assert ctxt == {"trace_info": self.trace_info()}

    def test_of_another_trace(
        self, instrument: Instrument, rpc: Rpc, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """trace_info of another trace than the current one is left alone."""
        instrument(recorder)
        sent = spy(rpc, monkeypatch)
        with recorder.request(trace_id=0xDEF):
            rpc.client().call({"trace_info": self.trace_info()}, "boot")
        assert sent[0]["trace_info"] == self.trace_info()

    @pytest.mark.parametrize(
        "value",
        [
            {"hmac_key": "a foreign key"},
            {"hmac_key": ""},
            {"hmac_key": None},
            {"hmac_key": ["x"]},
            {"base_id": 7},
            {"base_id": ""},
            {"base_id": "x" * 5000},
            {"base_id": "00000000-0000-0000-0000-000000000000"},
            {"parent_id": 7},
            {"parent_id": "x" * 5000},
        ],
        ids=str,
    )
    def test_refused(self, instrument: Instrument, rpc: Rpc, recorder: Recorder, value: Any) -> None:
        """trace_info without a key of ours, or malformed, is processed untraced and unchanged."""
        instrument(recorder)
        ctxt = {"trace_info": self.trace_info(**value)}
        rpc.client().call(ctxt, "boot")
        assert rpc.endpoint.seen == [ctxt]
        assert recorder.spans == []


HOSTILE = [
    None,
    7,
    "text",
    True,
    {},
    {"0": "x", "1": "y"},
    [],
    ["x"],
    ["x", "y"],
    ["x", "y", "z"],
    ["x", "y", "z", "w"],
    [1, 2, 3],
    [None, None, None],
    [["x"], ["y"], ["z"]],
    ["x" * 1_000_000, "0" * 40, "y" * 1_000_000],
    ["\udcff\0", "0" * 40],
    ["ä", "ä" * 40],
    ["x"] * 100_000,
    [*pack(ids.base_id(5), ids.base_id(5), Key("a foreign key")), "00-" + "1" * 32 + "-" + "1" * 16 + "-01"],
    [pack(ids.base_id(5), ids.base_id(5), KEY)[0], 40 * "0"],
]


class TestHostile:
    @pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:30])
    def test_carrier(self, instrument: Instrument, rpc: Rpc, recorder: Recorder, value: Any) -> None:
        """A carrier that was not signed with one of our keys: processed as ever, untraced, without it."""
        instrument(recorder)
        assert rpc.client().call({"otel_bridge": value, "user": "me"}, "boot") == "vm"
        assert rpc.endpoint.seen == [{"user": "me"}]
        assert recorder.spans == []

    def test_traceparent_of_another_trace(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """A traceparent beside a valid signature counts only within the signed trace."""
        instrument(recorder)
        signed = pack(ids.base_id(5), ids.point_id(6), KEY)
        rpc.client().call({"otel_bridge": [*signed, f"00-{9:032x}-{9:016x}-01"]}, "boot")
        (server,) = recorder.wait(1)
        assert (server.context.trace_id, server.parent.span_id) == (5, 6)

    def test_no_keys(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """Without keys nothing that comes in is traced."""
        instrument(recorder, keys=KeyRing())
        with recorder.request():
            rpc.client().call({}, "boot")
        assert [span.name for span in recorder.wait(2)] == ["boot", "request"]

    @pytest.mark.parametrize("method", [7, None, ["x"], {"a": 1}, "\udcff", "x" * 100_000])
    def test_method(self, instrument: Instrument, rpc: Rpc, recorder: Recorder, method: Any) -> None:
        """A signed message that names no method ends as an error of the span, on the server alone."""
        instrument(recorder)
        signed = [*pack(ids.base_id(5), ids.base_id(5), KEY)]
        target = oslo_messaging.Target(topic=rpc.topic)
        message = {"method": method, "args": {}, "namespace": "compute", "version": "2.0"}
        rpc.transport._driver.send(target, {"otel_bridge": signed}, message)
        (span,) = recorder.wait(1)
        assert span.status.status_code is StatusCode.ERROR
        span.to_json()


class TestDrivers:
    @pytest.mark.parametrize("reply_queue", ["reply_q", "_reply_q", "_reply_to"])
    def test_messages_of_drivers(
        self, instrument: Instrument, rpc: Rpc, recorder: Recorder, reply_queue: str
    ) -> None:
        """Messages and reply queues are known as each driver has them; RabbitMQ's message is a subclass."""
        instrument(recorder)
        content = RabbitMessage.__new__(RabbitMessage)
        content.update(method="boot", args={}, namespace="compute", version="2.0")
        for kind, queue in ((SpanKind.SERVER, "reply_1234"), (SpanKind.CONSUMER, None)):
            message = FakeIncomingMessage(
                {"otel_bridge": [*pack(ids.base_id(5), ids.base_id(5), KEY)]}, content, None, None
            )
            message.reply = lambda reply=None, failure=None: None
            setattr(message, reply_queue, queue)
            recorder.spans.clear()
            rpc.servers[0]._process_incoming([message])
            (span,) = recorder.wait(1)
            assert span.kind is kind


class TestGate:
    """Messages ask the switch of the process, as every way in does."""

    def test_disabled(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """Nothing that comes in is traced while the gate is off."""
        instrument(recorder)
        gate.disable()
        rpc.client().call({"otel_bridge": [*pack(ids.base_id(5), ids.base_id(5), KEY)]}, "boot")
        assert recorder.spans == []
        assert rpc.endpoint.seen == [{}]

    def test_keys(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """The gate's keys come before the instrumentor's own."""
        instrument(recorder, keys=KeyRing([Key("old")]))
        gate.enable(KeyRing([Key("new")]))
        for name in ("old", "new"):
            signed = pack(ids.base_id(5), ids.base_id(5), Key(name))
            rpc.client().call({"request_id": name, "otel_bridge": [*signed]}, "boot")
        (span,) = recorder.wait(1)
        assert span.attributes["openstack.request_id"] == "new"


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "error", "error_type"),
        [
            ("fail", ValueError, "ValueError"),
            ("refuse", Expected, f"{__name__}.Expected"),
            ("missing", oslo_messaging.NoSuchMethod, "oslo_messaging.rpc.dispatcher.NoSuchMethod"),
        ],
    )
    def test_endpoint(
        self,
        instrument: Instrument,
        rpc: Rpc,
        any_recorder: Recorder,
        method: str,
        error: type[Exception],
        error_type: str,
    ) -> None:
        """An exception of the endpoint fails both spans, under its own name, and reaches the caller."""
        instrument(any_recorder)
        with any_recorder.request(), pytest.raises(error):
            rpc.client().call({}, method)
        any_recorder.wait(3)
        for kind in (SpanKind.CLIENT, SpanKind.SERVER):
            span = only(any_recorder, kind)
            assert span.status.status_code is StatusCode.ERROR
            assert span.attributes["error.type"] == error_type
            assert exception_of(span)["exception.type"] == error_type

    def test_cast(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder) -> None:
        """An exception of a cast fails the CONSUMER span only."""
        instrument(any_recorder)
        with any_recorder.request():
            rpc.client().cast({}, "fail")
        any_recorder.wait(3)
        assert only(any_recorder, SpanKind.CONSUMER).status.status_code is StatusCode.ERROR
        assert only(any_recorder, SpanKind.PRODUCER).status.status_code is StatusCode.UNSET

    def test_version(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """A version that no endpoint has fails the SERVER span; it names no endpoint."""
        instrument(recorder)
        with recorder.request(), pytest.raises(oslo_messaging.UnsupportedVersion):
            rpc.client(version="3.0").call({}, "boot")
        recorder.wait(3)
        server = only(recorder, SpanKind.SERVER)
        assert server.status.status_code is StatusCode.ERROR
        assert server.name == "boot"

    def test_timeout(self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder) -> None:
        """A call that times out fails the CLIENT span; the SERVER span ends later, under the same parent."""
        instrument(any_recorder)
        with any_recorder.request(), pytest.raises(oslo_messaging.MessagingTimeout):
            rpc.client().prepare(timeout=0.2).call({}, "hang")
        any_recorder.wait(2)
        rpc.endpoint.release.set()
        any_recorder.wait(3)
        client, server = only(any_recorder, SpanKind.CLIENT), only(any_recorder, SpanKind.SERVER)
        assert client.attributes["error.type"] == "oslo_messaging.exceptions.MessagingTimeout"
        assert server.parent.span_id == client.context.span_id
        assert server.status.status_code is StatusCode.UNSET

    @pytest.mark.parametrize(
        ("raised", "importable", "error_type"),
        [
            (Expected, True, f"{__name__}.Expected"),
            (Expected, False, "Expected"),
            (ValueError, True, "ValueError"),
        ],
    )
    def test_remote(
        self,
        instrument: Instrument,
        rpc: Rpc,
        any_recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
        raised: type[Exception],
        importable: bool,
        error_type: str,
    ) -> None:
        """What another process raised keeps its name there, one line of message, and not its stack."""
        try:
            raise raised("no valid host")
        except raised as exc:
            wire = driver_common.serialize_remote_exception((type(exc), exc, exc.__traceback__))
        remote = driver_common.deserialize_remote_exception(wire, [__name__] if importable else [])
        assert "Traceback" in str(remote)

        def send(*arguments: Any, **named: Any) -> None:
            raise remote

        monkeypatch.setattr(rpc.transport._driver, "send", send)
        instrument(any_recorder)
        with any_recorder.request(), pytest.raises(type(remote)):
            rpc.client().call({}, "boot")
        any_recorder.wait(2)
        client = only(any_recorder, SpanKind.CLIENT)
        exception = exception_of(client)
        assert exception["exception.type"] == error_type
        assert exception["exception.message"] == "no valid host"
        assert "raise raised" in str(remote)
        assert "raise raised" not in client.to_json()
        assert "exception.stacktrace" not in exception

    @pytest.mark.parametrize("name", [None, "", "a\0b", "\udcff", "no name", "x" * 10_000, 7])
    def test_remote_name(
        self,
        instrument: Instrument,
        rpc: Rpc,
        recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
        name: Any,
    ) -> None:
        """Whatever a peer calls its exception, the caller gets the one that the driver raised."""
        remote = oslo_messaging.RemoteError(name, None, None)

        def send(*arguments: Any, **named: Any) -> None:
            raise remote

        monkeypatch.setattr(rpc.transport._driver, "send", send)
        instrument(recorder)
        with recorder.request(), pytest.raises(oslo_messaging.RemoteError) as caught:
            rpc.client().call({}, "boot")
        assert caught.value is remote
        assert only(recorder, SpanKind.CLIENT).status.status_code is StatusCode.ERROR

    def test_reply(
        self, instrument: Instrument, rpc: Rpc, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reply that cannot be sent fails the SERVER span, which otherwise would not tell."""

        def reply(self: Any, reply: Any = None, failure: Any = None) -> None:
            self._reply_q.put((reply, None))
            raise RuntimeError("the reply queue is gone")

        monkeypatch.setattr(FakeIncomingMessage, "reply", reply)
        instrument(recorder)
        with recorder.request():
            rpc.client().call({}, "boot")
        recorder.wait(3)
        assert only(recorder, SpanKind.SERVER).attributes["error.type"] == "RuntimeError"


class TestPooledThreads:
    def test_concurrent_calls(self, instrument: Instrument, serve: Serve, any_recorder: Recorder) -> None:
        """Ten calls at once through a pool: each span in its own trace, nothing left on any thread."""
        instrument(any_recorder)
        rpc = serve(threads=10)
        barrier = threading.Barrier(10)
        rpc.endpoint.relay = lambda: barrier.wait(PATIENCE)
        client = rpc.client()

        def work(number: int) -> None:
            with any_recorder.request(trace_id=number):
                client.call({"request_id": f"req-{number}"}, "boot")

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(work, range(1, 11)))
            any_recorder.wait(30)
            for span in any_recorder.spans:
                if span.name != "request":
                    assert span.attributes["openstack.request_id"] == f"req-{span.context.trace_id}"
            clients = {span.context.span_id: span for span in any_recorder.of_kind(SpanKind.CLIENT)}
            for span in any_recorder.of_kind(SpanKind.SERVER):
                if span.name != "request":
                    assert clients.pop(span.parent.span_id).context.trace_id == span.context.trace_id
            assert clients == {}

            sizes: list[int] = []

            def look() -> None:
                barrier.wait(PATIENCE)
                sizes.append(len(ctx.get()))

            rpc.endpoint.relay = look
            list(pool.map(lambda number: client.call({}, "boot"), range(10)))
            assert sizes == [0] * 10
        assert len(any_recorder.spans) == 30

    @pytest.mark.parametrize("method", ["fail", "leak"])
    def test_detached(
        self, instrument: Instrument, serve: Serve, any_recorder: Recorder, method: str
    ) -> None:
        """Whatever an endpoint does, its span ends and its thread has no context left."""
        instrument(any_recorder)
        rpc = serve(threads=1)
        with any_recorder.request():
            rpc.client().cast({}, method)
        any_recorder.wait(3)
        assert rpc.client().call({}, "context_size") == 0

    @pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, BaseException])
    def test_no_exception(
        self, instrument: Instrument, rpc: Rpc, any_recorder: Recorder, error: type[BaseException]
    ) -> None:
        """What is no Exception (SystemExit, GreenletExit) passes, fails the span, and leaves nothing."""
        instrument(any_recorder)

        def die() -> None:
            raise error

        rpc.endpoint.relay = die
        signed = {"otel_bridge": [*pack(ids.base_id(5), ids.base_id(5), KEY)]}
        content = {"method": "boot", "args": {}, "namespace": "compute", "version": "2.0"}
        message = FakeIncomingMessage(signed, content, None, None)
        with pytest.raises(error):
            rpc.servers[0]._process_incoming([message])
        (span,) = any_recorder.wait(1)
        assert span.attributes["error.type"] == error.__name__
        assert len(ctx.get()) == 0
        assert "reply" not in vars(message)


class TestInstrumentor:
    def test_uninstrument(self, instrument: Instrument, recorder: Recorder) -> None:
        """oslo.messaging is as it was found."""
        before = Transport.__dict__["_send"], RPCServer.__dict__["_process_incoming"]
        instrumentor = instrument(recorder)
        assert Transport.__dict__["_send"] is not before[0]
        assert RPCServer.__dict__["_process_incoming"] is not before[1]
        instrumentor.uninstrument()
        assert (Transport.__dict__["_send"], RPCServer.__dict__["_process_incoming"]) == before

    def test_running_server(self, instrument: Instrument, rpc: Rpc, recorder: Recorder) -> None:
        """A server that runs already is traced from instrument() to uninstrument()."""
        client = rpc.client()
        counts = []
        for _ in range(2):
            instrumentor = instrument(recorder)
            with recorder.request():
                client.call({}, "boot")
            counts.append(len(recorder.wait(len(recorder.spans) if recorder.spans else 3)))
            instrumentor.uninstrument()
            recorder.spans.clear()
            with recorder.request():
                client.call({}, "boot")
            assert len(recorder.wait(1)) == 1
            recorder.spans.clear()

    def test_wrapped_by_another(
        self, instrument: Instrument, rpc: Rpc, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A wrapper that somebody put around ours stays; ours lets everything through."""
        found = Transport.__dict__["_send"], RPCServer.__dict__["_process_incoming"]
        instrumentor = instrument(recorder)
        ours = Transport._send, RPCServer._process_incoming
        monkeypatch.setattr(Transport, "_send", lambda *args, **named: ours[0](*args, **named))
        monkeypatch.setattr(RPCServer, "_process_incoming", lambda *args: ours[1](*args))
        foreign = Transport.__dict__["_send"], RPCServer.__dict__["_process_incoming"]
        instrumentor.uninstrument()
        assert (Transport.__dict__["_send"], RPCServer.__dict__["_process_incoming"]) == foreign
        signed = {"otel_bridge": [*pack(ids.base_id(5), ids.base_id(5), KEY)]}
        with recorder.request():
            rpc.client().call(signed, "boot")
        assert len(recorder.wait(1)) == 1
        monkeypatch.setattr(Transport, "_send", found[0])
        monkeypatch.setattr(RPCServer, "_process_incoming", found[1])

    def test_private_conf(self, rpc: Rpc, recorder: Recorder) -> None:
        """instrument(conf=…) lets RPC work on a ConfigOpts of the service's own."""
        conf = cfg.ConfigOpts()
        conf([])
        instrumentor = MessagingInstrumentor()
        instrumentor.instrument(tracer_provider=recorder.provider, keys=RING, conf=conf)
        transport = oslo_messaging.get_rpc_transport(conf, "fake://")
        target = oslo_messaging.Target(topic=rpc.topic, namespace="compute", version="2.0")
        client = oslo_messaging.get_rpc_client(transport, target, timeout=PATIENCE)
        assert client.call({}, "boot") == "vm"
        instrumentor.uninstrument()

    def test_register_twice(self) -> None:
        """Registering is harmless where it was done before, on the global ConfigOpts too."""
        conf = cfg.ConfigOpts()
        for chosen in (conf, conf, cfg.CONF):
            register_options(chosen)
            assert chosen.oslo_messaging_metrics.metrics_enabled is False

    def test_two_tracings(self, caplog: pytest.LogCaptureFixture) -> None:
        """The operator is told once when oslo.messaging's own tracing is on as well."""
        conf = cfg.ConfigOpts()
        register_options(conf)
        if "oslo_messaging_tracing" not in conf:
            pytest.skip("this oslo.messaging has no tracing of its own")
        conf.set_override("tracing_enabled", True, "oslo_messaging_tracing")
        with caplog.at_level(logging.WARNING, "otel_bridge"):
            register_options(conf)
            register_options(conf)
        assert [record for record in caplog.text.splitlines() if "tracing_enabled" in record] != []
        assert caplog.text.count("tracing_enabled is set") == 1
