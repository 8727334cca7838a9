"""RPC beside services on plain osprofiler, with each executor, and whatever comes off the wire."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from adopting import run
from bus import Instrument, ProfilerSerializer, instrumenting
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind
from oslo_config import cfg
from osprofiler import notifier, profiler
from osprofiler import web as osprofiler_web
from recorders import KEY, Recorder

from otel_bridge import log
from otel_bridge.settings import Settings
from otel_bridge.wire import ids
from otel_bridge.wire.signing import Key, KeyRing, pack

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import oslo_messaging
    from oslo_messaging._drivers.impl_fake import FakeIncomingMessage
    from oslo_messaging.transport import Transport

    from otel_bridge.instrumentation import rpc
    from otel_bridge.instrumentation.messaging import register_options

RING = KeyRing([KEY])


class Peer:
    """A service on plain osprofiler."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.serializer = ProfilerSerializer()

    def serve(self, ctxt: dict[str, Any]) -> dict[str, Any]:
        """Serve a message, as it comes off the bus; what the endpoint's context is."""
        try:
            found: dict[str, Any] = self.serializer.deserialize_context(json.loads(json.dumps(ctxt)))
            with profiler.Trace("rpc"):
                self.headers.append(osprofiler_web.get_trace_id_headers())
        finally:
            profiler.clean()
        return found

    def context(self, base_id: str) -> dict[str, Any]:
        """The message context that it sends in the middle of a request."""
        profiler.init(KEY.reveal(), base_id)
        try:
            with profiler.Trace("wsgi"):
                found: dict[str, Any] = self.serializer.serialize_context({"user": "me"})
                return found
        finally:
            profiler.clean()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    before = notifier.get()
    notifier.set(lambda info, context=None: peer.events.append(info))
    yield peer
    notifier.set(before)


class Server:
    """A server whose messages a test hands over, and a client whose messages it takes."""

    def __init__(self, *, registered: bool = True) -> None:
        self.conf = cfg.ConfigOpts()
        self.conf([])
        if registered:
            register_options(self.conf)
        self.transport = oslo_messaging.get_rpc_transport(self.conf, "fake://")
        self.sent: list[Any] = []
        self.seen: list[Any] = []
        self.transport._driver.send = lambda target, ctxt, *arguments, **named: self.sent.append(ctxt)
        target = oslo_messaging.Target(topic="topic", server="host")
        self.server = oslo_messaging.get_rpc_server(self.transport, target, [self], "threading")

    def boot(self, ctxt: Any, **arguments: Any) -> None:
        self.seen.append(ctxt)

    def call(self, ctxt: Any) -> Any:
        """The context that the driver gets."""
        target = oslo_messaging.Target(topic="topic")
        oslo_messaging.get_rpc_client(self.transport, target, timeout=1).call(ctxt, "boot")
        return self.sent.pop()

    def process(self, ctxt: Any, message: Any = None) -> None:
        content = {"method": "boot", "args": {}} if message is None else message
        self.server._process_incoming([FakeIncomingMessage(ctxt, content, None, None)])


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    with instrumenting(RING) as switch_on:
        yield lambda recorder, **settings: switch_on(recorder, settings=Settings(**settings))


class TestPlainOsprofiler:
    @pytest.mark.parametrize("mode", ["unkeyed", "keyed"])
    def test_what_it_gets(
        self, instrument: Instrument, any_recorder: Recorder, peer: Peer, mode: Any
    ) -> None:
        """Its points are in our trace, below our span; it can sign what it sends if it was given the key."""
        instrument(any_recorder, rpc_trace_info=mode)
        server = Server()
        with any_recorder.request(trace_id=0xABC):
            ctxt = server.call({"user": "me"})
        (client,) = any_recorder.of_kind(SpanKind.CLIENT)
        found = peer.serve(ctxt)
        assert {"user": "me"}.items() <= found.items()
        start, stop = peer.events
        assert start["base_id"] == stop["base_id"] == ids.base_id(0xABC)
        assert ids.span_id(start["parent_id"]) == client.context.span_id
        (headers,) = peer.headers
        if mode == "unkeyed":
            assert headers == {}
            assert KEY.reveal() not in json.dumps(ctxt)
        else:
            info = RING.verify(headers["X-Trace-Info"], headers["X-Trace-HMAC"])
            assert info is not None
            assert info.trace_id == 0xABC

    def test_off(self, instrument: Instrument, recorder: Recorder, peer: Peer) -> None:
        """By default it is told nothing, and no key is on the bus."""
        instrument(recorder)
        with recorder.request():
            ctxt = Server().call({"user": "me"})
        assert KEY.reveal() not in json.dumps(ctxt)
        peer.serve(ctxt)
        assert peer.events == []

    def test_what_it_sends(self, instrument: Instrument, any_recorder: Recorder, peer: Peer) -> None:
        """What its serializer writes is continued: the SERVER span is below its point."""
        instrument(any_recorder)
        base_id = ids.base_id(0xDEF)
        Server().process(peer.context(base_id))
        (span,) = any_recorder.wait(1)
        assert span.context.trace_id == 0xDEF
        assert span.parent.span_id == ids.span_id(peer.events[0]["trace_id"])

    @pytest.mark.parametrize("mode", ["off", "unkeyed", "keyed"])
    def test_between_two_of_ours(self, instrument: Instrument, any_recorder: Recorder, mode: Any) -> None:
        """Among ourselves the signature counts, in every mode."""
        instrument(any_recorder, rpc_trace_info=mode)
        server = Server()
        with any_recorder.request(trace_id=5):
            ctxt = server.call({})
        server.process(ctxt)
        (client,) = any_recorder.of_kind(SpanKind.CLIENT)
        (served,) = any_recorder.of_kind(SpanKind.CONSUMER)  # it was handed over without a reply queue
        assert (served.context.trace_id, served.parent.span_id) == (5, client.context.span_id)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(ctxt=st.dictionaries(st.sampled_from(["otel_bridge", "trace_info", "request_id", "user"]), _json))
def test_forged_contexts(instrument: Instrument, ctxt: dict[str, Any]) -> None:
    """Whatever stands in a context: the endpoint is called with it, without a carrier, and untraced."""
    recorder, server = Recorder(), Server()
    instrumentor = instrument(recorder)
    try:
        server.process(ctxt)
    finally:
        instrumentor.uninstrument()
    assert server.seen == [{key: value for key, value in ctxt.items() if key != "otel_bridge"}]
    assert recorder.spans == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    message=st.dictionaries(st.sampled_from(["namespace", "version", "args", "extra"]), _json),
    request_id=_json,
)
def test_odd_messages(instrument: Instrument, message: dict[str, Any], request_id: Any) -> None:
    """A signed message that is odd has the fate that oslo.messaging has for it, and a span."""
    recorder, server, plain = Recorder(), Server(), Server()
    content = {"method": "boot", "args": {}, **message}
    plain.process({"request_id": request_id}, content)
    instrumentor = instrument(recorder)
    try:
        signed = [*pack(ids.base_id(5), ids.point_id(6), KEY)]
        server.process({"request_id": request_id, "otel_bridge": signed}, content)
    finally:
        instrumentor.uninstrument()
    assert server.seen == plain.seen
    (span,) = recorder.spans
    assert (span.context.trace_id, span.parent.span_id) == (5, 6)
    span.to_json()


@pytest.mark.parametrize("key", [Key("a foreign key"), KEY])
def test_size(instrument: Instrument, recorder: Recorder, key: Key) -> None:
    """Trace info that is longer than it can be is not even verified."""
    instrument(recorder)
    info, mac = pack("x" * 10_000, "y" * 10_000, key)
    server = Server()
    server.process({"otel_bridge": [info, mac, "z" * 1_000_000]})
    assert server.seen == [{}]
    assert recorder.spans == []


def test_a_point_that_cannot_be_made(
    instrument: Instrument,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What goes wrong with us is told to the operator, and the message goes its way."""

    def broken(*arguments: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(log, "_last", {})
    monkeypatch.setattr(rpc, "_outgoing", broken)
    monkeypatch.setattr(rpc.IncomingMessages, "point", broken)
    instrument(recorder)
    server, ctxt = Server(), {"user": "me"}
    with recorder.request():
        assert server.call(ctxt) is ctxt
    server.process({"otel_bridge": [*pack(ids.base_id(5), ids.base_id(5), KEY)]})
    assert server.seen == [{}]
    assert caplog.text.count("could not be traced") == 2
    assert len(recorder.spans) == 1


@pytest.mark.parametrize("wait", [True, None])
def test_a_transport_with_other_parameters(
    instrument: Instrument, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, wait: bool | None
) -> None:
    """Whatever arguments a release of oslo.messaging, or who has wrapped it, takes: they arrive."""
    got: list[Any] = []

    def _send(
        self: Any, target: Any, ctxt: Any, message: Any, wait_for_reply: Any = None, **more: Any
    ) -> Any:
        got.append((wait_for_reply, more))
        return "answer"

    monkeypatch.setattr(Transport, "_send", _send)
    instrument(recorder)
    target = oslo_messaging.Target(topic="topic")
    server = Server()
    with recorder.request():
        assert server.transport._send(target, {}, {"method": "boot"}, wait, new=7) == "answer"
    assert server.transport._send(target, {}, {"method": "boot"}, wait_for_reply=wait, new=7) == "answer"
    assert got == [(wait, {"new": 7})] * 2
    assert [span.kind for span in recorder.spans] == [
        SpanKind.CLIENT if wait else SpanKind.PRODUCER,
        SpanKind.SERVER,
    ]


def test_an_exception_without_a_text(
    instrument: Instrument, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that cannot say what it is reaches the caller, and fails the span by its class."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    def send(*arguments: Any, **named: Any) -> None:
        raise Mute

    instrument(recorder)
    server = Server()
    monkeypatch.setattr(server.transport._driver, "send", send)
    with recorder.request(), pytest.raises(Mute):
        server.call({})
    (span,) = recorder.of_kind(SpanKind.CLIENT)
    assert (span.attributes or {})["error.type"].endswith("Mute")


class TestOptions:
    def test_private_configuration(self, instrument: Instrument, recorder: Recorder) -> None:
        """A transport over any ConfigOpts can be used for RPC while the instrumentation is on."""
        instrument(recorder)
        assert Server(registered=False).call({}) == {}

    def test_two_tracings(
        self,
        instrument: Instrument,
        recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """oslo.messaging's own tracing beside ours is told once, however many transports there are."""
        monkeypatch.setattr(log, "_last", {})
        instrument(recorder)
        conf = cfg.ConfigOpts()
        register_options(conf)
        conf([])
        conf.set_override("tracing_enabled", True, "oslo_messaging_tracing")
        for _ in range(3):
            oslo_messaging.get_rpc_transport(conf, "fake://")
        assert caplog.text.count("tracing_enabled is set") == 1


@pytest.mark.parametrize("executor", ["threading", "eventlet"])
def test_executors(executor: str) -> None:
    """Concurrent calls that call on stay in their own traces, and leave no context to the next message."""
    found = run(_EXECUTOR, executor, activate=False)
    assert found["left"] == [0] * 12
    assert found["spans"] == 12 * 5
    assert found["wrong"] == []


_EXECUTOR = """
import sys, warnings
warnings.simplefilter("ignore")
executor = sys.argv[1]
if executor == "eventlet":
    import eventlet
    eventlet.monkey_patch()
import json, threading, time
from concurrent.futures import ThreadPoolExecutor
import oslo_messaging
from oslo_config import cfg
from opentelemetry import context
from recorders import KEY, Recorder
from otel_bridge.instrumentation.messaging import MessagingInstrumentor
from otel_bridge.wire.signing import KeyRing

recorder = Recorder()
MessagingInstrumentor().instrument(tracer_provider=recorder.provider, keys=KeyRing([KEY]))
conf = cfg.ConfigOpts()
conf([])
transport = oslo_messaging.get_rpc_transport(conf, "fake://")
client = oslo_messaging.get_rpc_client(transport, oslo_messaging.Target(topic="a"), timeout=30)

class Endpoint:
    def outer(self, ctxt, number):
        time.sleep(0)
        return client.prepare(topic="b").call(ctxt, "inner", number=number)
    def inner(self, ctxt, number):
        time.sleep(0)
        return number
    def left(self, ctxt):
        return len(context.get_current())

servers = []
for topic in "ab":
    target = oslo_messaging.Target(topic=topic, server="host")
    servers.append(oslo_messaging.get_rpc_server(transport, target, [Endpoint()], executor))
    servers[-1].start()

def work(number):
    with recorder.request(trace_id=number):
        client.call({"request_id": f"req-{number}"}, "outer", number=number)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, range(1, 13)))
    left = list(pool.map(lambda number: client.call({}, "left"), range(12)))
recorder.wait(60)
by_id = {span.context.span_id: span for span in recorder.spans}
wrong = [
    span.name
    for span in recorder.spans
    if span.parent is not None
    and (
        by_id[span.parent.span_id].context.trace_id != span.context.trace_id
        or span.attributes.get("openstack.request_id") != f"req-{span.context.trace_id}"
    )
]
print(json.dumps({"left": left, "spans": len(recorder.spans), "wrong": wrong}), flush=True)
import os
os._exit(0)
"""
