"""An RPC call of oslo.messaging, client and server together: what tracing adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Less, Limit, Measure, Peer, Row, Setting
from benchmarks.messaging import CONTEXT, COUNT, calls, imported, incoming
from benchmarks.timing import of_process, of_thread
from benchmarks.workload import KEY, with_own_code

_OSLO = "oslo.messaging's own tracing"
_OSPROFILER = "osprofiler's serializer"


def _open(block: Callable[[], None], opened: Callable[[], Any], flush: Callable[[], object]) -> float:
    """µs for each call of a block that is traced."""
    best = float("inf")
    for _ in range(10):  # what is queued stays below what the SDK's queue and batches hold
        with opened():
            best = min(best, of_thread(block, COUNT))
        flush()
    return best


def _total(block: Callable[[], None], opened: Callable[[], Any], flush: Callable[[], object]) -> float:
    """µs of the whole process for each traced call, with the export of its spans."""

    def work() -> None:
        with opened():
            block()
        flush()

    return min(of_process(work, COUNT) for _ in range(3))


def _measure(
    bare: Callable[[], None],
    traced: Callable[[], None],
    opened: Callable[[], Any],
    flush: Callable[[], object],
    *,
    closed: bool = False,
) -> Measure:
    def measure() -> dict[str, float]:
        found = {"bare": of_thread(bare, COUNT, times=10)}
        if closed:
            found["closed"] = of_thread(traced, COUNT, times=10)
        found["open"] = _open(traced, opened, flush)
        found["total"] = _total(traced, opened, flush)
        return found

    return measure


def _seams(*, traced: bool) -> Callable[[], None]:
    """A block of what a call goes through of ours, around nothing: whole calls vary by more than it takes."""
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
    received = [incoming({**CONTEXT, "request_id": "req-1"}, message)]

    def block() -> None:
        for _ in range(COUNT):
            sending(
                None,
                None,
                CONTEXT,
                message,
                wait_for_reply=True,
                timeout=60,
                call_monitor_timeout=None,
                retry=None,
                transport_options=None,
            )
            processing(None, received)

    return with_own_code(block)


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    provider = ours.provider(setting)
    bare = calls()
    from otel_bridge.instrumentation.messaging import MessagingInstrumentor
    from otel_bridge.wire.signing import KeyRing

    seams = {"bare seams": _seams(traced=False), "seams": _seams(traced=True)}
    instrumentor = MessagingInstrumentor()
    tracer = provider.get_tracer("benchmarks")

    def measure() -> dict[str, float]:
        found = {name: of_thread(block, COUNT, times=20) for name, block in seams.items()}
        found["bare"] = of_thread(bare, COUNT, times=10)
        instrumentor.instrument(tracer_provider=provider, keys=KeyRing.parse(KEY))
        try:
            traced = calls()  # made now: a server keeps the method that it was started with
            opened = partial(ours.signed_request, tracer)
            found["open"] = _open(traced, opened, provider.force_flush)
            found["total"] = _total(traced, opened, provider.force_flush)
        finally:
            instrumentor.uninstrument()
        return found

    yield measure


@contextmanager
def _oslo(setting: Setting) -> Iterator[Measure]:
    from opentelemetry import trace

    provider = peers.sdk_provider(setting)
    trace.set_tracer_provider(provider)
    yield _measure(calls(), calls(tracing=True), peers.remote_parent, provider.force_flush)


def _serializer() -> Any:
    """As Nova has it (``nova.rpc.ProfilerRequestContextSerializer``), and as other services do."""
    from osprofiler import profiler

    class ProfilerSerializer(imported().NoOpSerializer):  # type: ignore[misc]
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

    def traced(cls: type) -> type:
        found: type = profiler.trace_cls("rpc")(cls)  # on both sides, as in Nova
        return found

    def elsewhere(process: Callable[[Any], None]) -> Callable[[Any], None]:
        local = getattr(profiler, "__local_ctx")

        def serve(received: Any) -> None:
            here = profiler.get()
            local.profiler = None
            try:
                process(received)
            finally:
                local.profiler = here

        return serve

    yield _measure(
        calls(),
        calls(_serializer(), traced, elsewhere),
        peers.osprofiler_request,
        provider.force_flush,
        closed=True,
    )


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
        Row(
            "RPC call, client and server, gate open: added, total with export",
            "µs",
            _figure(OURS, "total"),
            (
                Peer(f"{_OSLO}, SDK", _figure(_OSLO, "total")),
                Peer(f"{_OSPROFILER}, otlp driver", _figure(_OSPROFILER, "total")),
            ),
        ),
    ),
    launches=4,
)
