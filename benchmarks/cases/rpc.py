"""An RPC call of oslo.messaging, client and server together: what tracing adds to it.

The driver hands each message to the server at once, in a context of its own: what a real one adds is not the
matter here, and the in-memory one polls every 50 ms.
"""

from __future__ import annotations

import contextvars
import itertools
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Less, Limit, Measure, Peer, Row, Setting
from benchmarks.timing import of_thread
from benchmarks.workload import KEY, with_own_code

_COUNT = 200
_OSLO = "oslo.messaging's own tracing"
_OSPROFILER = "osprofiler's serializer"

#: What a service's message context says, beside the request's own id.
_CONTEXT = {
    "user_id": "3f1ad3a0b1b34e0f8f1f7c3a4f0a3c52",
    "project_id": "5f1ad3a0b1b34e0f8f1f7c3a4f0a3c52",
    "is_admin": False,
    "read_deleted": "no",
    "roles": ["member", "reader"],
    "timestamp": "2026-01-01T00:00:00.000000",
}


def _imported() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
        import oslo_messaging
        import oslo_messaging.rpc.dispatcher
        import oslo_messaging.rpc.server
        import oslo_messaging.transport
    logging.getLogger("oslo_messaging").setLevel(logging.WARNING)
    return oslo_messaging


class _Driver:
    """Serves each message in the sender's thread, but in another context, as the other process would."""

    _default_exchange = "nova"

    def __init__(self, conf: Any) -> None:
        self.conf = conf
        self.serve: Callable[[Any], None] = lambda incoming: None
        self._within = contextvars.Context()

    def send(self, target: Any, ctxt: Any, message: Any, **options: Any) -> Any:
        incoming = _incoming(ctxt, message)
        self._within.run(self.serve, [incoming])
        return incoming.answer


def _incoming(ctxt: Any, message: Any) -> Any:
    """A message as a driver makes it; the class is made once oslo.messaging has been imported."""
    global _Incoming
    if _Incoming is None:
        from oslo_messaging._drivers.base import RpcIncomingMessage

        class Incoming(RpcIncomingMessage):
            answer = None
            reply_q = "reply_4c2f"

            def reply(self, reply: Any = None, failure: Any = None) -> None:
                self.answer = reply

            def requeue(self) -> None:
                return None

            def heartbeat(self) -> None:
                return None

        _Incoming = Incoming
    return _Incoming(ctxt, message)


_Incoming: Any = None


def _calls(
    serializer: Any = None,
    traced: Callable[[type], type] = lambda cls: cls,
    *,
    tracing: bool = False,
) -> Callable[[], None]:
    """A block of calls, through a client and a server of their own."""
    oslo_messaging = _imported()
    from oslo_config import cfg
    from oslo_messaging._metrics.client import oslo_messaging_metrics
    from oslo_messaging._tracing.client import oslo_messaging_tracing

    conf = cfg.ConfigOpts()
    conf.register_opts(oslo_messaging_tracing, "oslo_messaging_tracing")
    conf.register_opts(oslo_messaging_metrics, "oslo_messaging_metrics")
    conf([])
    conf.set_override("tracing_enabled", tracing, "oslo_messaging_tracing")

    class Manager:
        target = oslo_messaging.Target(namespace="compute", version="2.3")

        def build(self, context: Any, instance: str) -> str:
            return instance

    class ComputeAPI:
        def __init__(self, client: Any) -> None:
            self.client = client

        def build(self, context: Any, instance: str) -> Any:
            return self.client.call(context, "build", instance=instance)

    driver = _Driver(conf)
    transport = oslo_messaging.transport.RPCTransport(driver)
    dispatcher = oslo_messaging.rpc.dispatcher.RPCDispatcher([traced(Manager)()], serializer)
    served = oslo_messaging.Target(topic="compute", server="compute-7")
    server = oslo_messaging.rpc.server.RPCServer(transport, served, dispatcher)
    driver.serve = server._process_incoming
    target = oslo_messaging.Target(topic="compute", namespace="compute", version="2.0")
    client = oslo_messaging.get_rpc_client(transport, target, timeout=60, serializer=serializer)
    api = traced(ComputeAPI)(client)
    instances = [f"instance-{number:08x}" for number in range(_COUNT)]

    def block() -> None:
        for instance in instances:
            api.build({**_CONTEXT, "request_id": next(_REQUESTS)}, instance)

    return block


_REQUESTS = (f"req-5f1ad3a0-b1b3-4e0f-8f1f-{number:012x}" for number in itertools.count())


def _open(calls: Callable[[], None], opened: Callable[[], Any], flush: Callable[[], object]) -> float:
    """µs for each call of a block that is traced."""
    best = float("inf")
    for _ in range(10):  # what is queued stays below what the SDK's queue and batches hold
        with opened():
            best = min(best, of_thread(calls, _COUNT))
        flush()
    return best


def _measure(
    bare: Callable[[], None],
    traced: Callable[[], None],
    opened: Callable[[], Any],
    flush: Callable[[], object],
    *,
    closed: bool = False,
) -> Measure:
    def measure() -> dict[str, float]:
        found = {"bare": of_thread(bare, _COUNT, times=10)}
        if closed:
            found["closed"] = of_thread(traced, _COUNT, times=10)
        found["open"] = _open(traced, opened, flush)
        return found

    return measure


def _seams(*, traced: bool) -> Callable[[], None]:
    """A block of what a call goes through of ours, around nothing: it is less than what a whole call varies."""
    from otel_bridge.instrumentation.message_tracing import MessageTracing
    from otel_bridge.instrumentation.rpc import traced_process, traced_send

    def send(
        self: Any,
        target: Any,
        ctxt: Any,
        message: Any,
        wait_for_reply: Any = None,
        timeout: Any = None,
        call_monitor_timeout: Any = None,
        retry: Any = None,
        transport_options: Any = None,
    ) -> None:
        return None

    def process(self: Any, incoming: Any) -> None:
        return None

    sending: Callable[..., Any] = send
    processing: Callable[..., Any] = process
    if traced:
        tracing = MessageTracing(lambda *arguments: None, lambda *arguments: None)
        sending, processing = traced_send(send, tracing), traced_process(process, tracing)
    message = {"method": "build", "args": {}}
    incoming = [_incoming({**_CONTEXT, "request_id": "req-1"}, message)]

    def block() -> None:
        for _ in range(_COUNT):
            sending(
                None,
                None,
                _CONTEXT,
                message,
                wait_for_reply=True,
                timeout=60,
                call_monitor_timeout=None,
                retry=None,
                transport_options=None,
            )
            processing(None, incoming)

    return with_own_code(block)


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    provider = ours.provider(setting)
    bare = _calls()
    from otel_bridge.instrumentation.messaging import MessagingInstrumentor
    from otel_bridge.wire.signing import KeyRing

    seams = {"bare seams": _seams(traced=False), "seams": _seams(traced=True)}
    instrumentor = MessagingInstrumentor()
    tracer = provider.get_tracer("benchmarks")

    def measure() -> dict[str, float]:
        found = {name: of_thread(block, _COUNT, times=20) for name, block in seams.items()}
        found["bare"] = of_thread(bare, _COUNT, times=10)
        instrumentor.instrument(tracer_provider=provider, keys=KeyRing.parse(KEY))
        try:
            calls = _calls()
            found["open"] = _open(calls, lambda: ours.signed_request(tracer), provider.force_flush)
        finally:
            instrumentor.uninstrument()
        return found

    yield measure


@contextmanager
def _oslo(setting: Setting) -> Iterator[Measure]:
    from opentelemetry import trace

    provider = peers.sdk_provider(setting)
    trace.set_tracer_provider(provider)
    yield _measure(_calls(), _calls(tracing=True), peers.remote_parent, provider.force_flush)


def _serializer() -> Any:
    """As Nova has it (``nova.rpc.ProfilerRequestContextSerializer``), and as other services do."""
    from osprofiler import profiler

    class ProfilerSerializer(_imported().NoOpSerializer):  # type: ignore[misc]
        def serialize_context(self, context: Any) -> Any:
            found = {**context}
            prof = profiler.get()
            if prof:
                found["trace_info"] = {
                    "hmac_key": prof.hmac_key,
                    "base_id": prof.get_base_id(),
                    "parent_id": prof.get_id(),
                }
            return found

        def deserialize_context(self, context: Any) -> Any:
            trace_info = context.pop("trace_info", None)
            if trace_info:
                profiler.init(**trace_info)
            return context

    return ProfilerSerializer()


@contextmanager
def _osprofiler(setting: Setting) -> Iterator[Measure]:
    from osprofiler import profiler

    provider = peers.osprofiler_driver(setting)

    @contextmanager
    def initialised() -> Iterator[None]:
        profiler.init(KEY)
        yield
        profiler.clean()

    def traced(cls: type) -> type:
        found: type = profiler.trace_cls("rpc")(cls)  # on both sides, as in Nova
        return found

    yield _measure(_calls(), _calls(_serializer(), traced), initialised, provider.force_flush, closed=True)


def _figure(contender: str, sample: str) -> Figure:
    return Figure(contender, sample, minus="bare")


_NEEDS = ("oslo_messaging",)

CASE = Case(
    "rpc",
    (
        Contender(OURS, _ours, _NEEDS),
        Contender(_OSLO, _oslo, ("oslo_messaging._tracing", *_NEEDS, *peers.NEEDS_SDK)),
        Contender(_OSPROFILER, _osprofiler, (*_NEEDS, *peers.NEEDS_DRIVER)),
    ),
    (
        Row(
            "RPC call, client and server, gate closed: added",
            "µs",
            Figure(OURS, "seams", minus="bare seams"),
            (Peer(_OSPROFILER, _figure(_OSPROFILER, "closed")),),
            limit=Limit(1.0),
        ),
        Row(
            "RPC call, client and server, gate open: added, caller",
            "µs",
            _figure(OURS, "open"),
            (
                Peer(f"{_OSLO}, SDK", _figure(_OSLO, "open"), Less(3)),
                Peer(f"{_OSPROFILER}, otlp driver", _figure(_OSPROFILER, "open"), Less(6)),
            ),
        ),
    ),
    launches=4,
)
