"""Memory of spans that wait, and of a service that has exported a day's worth of them."""

from __future__ import annotations

import ctypes
import gc
import resource
import statistics
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Limit, Measure, Peer, Row, Setting
from benchmarks.receiver import received
from benchmarks.workload import KEY, QUERIES, application, serve, signed_request

_QUEUED = 30_000
_NEVER = 3600.0


def _points(tracer: Any, count: int) -> None:
    start = tracer.start_as_current_span
    for number in range(count):
        text, summary = QUERIES[number % len(QUERIES)]
        with start(
            summary,
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": "mysql",
                "db.namespace": "nova",
                "db.query.text": text,
                "db.query.summary": summary,
                "server.address": "db.example",
                "server.port": 3306,
            },
        ):
            pass


def _held(fill: Callable[[], object], queue: Callable[[], int]) -> float:
    """Bytes that a queued span holds."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0], queue()
    fill()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0], queue()
    tracemalloc.stop()
    return (after[0] - before[0]) / (after[1] - before[1])


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge.export.exporters import DiscardingExporter
    from otel_bridge.export.pipeline import Pipeline
    from otel_bridge.tracing.provider import TracerProvider
    from otel_bridge.web import WsgiMiddleware

    pipeline = Pipeline(DiscardingExporter(), interval=_NEVER)
    provider = TracerProvider(pipeline, Resource({"service.name": "nova-api"}))
    tracer = provider.get_tracer("benchmarks")
    app = WsgiMiddleware(application, KEY, True, tracer_provider=provider)
    count = _QUEUED // 10 if setting.quick else _QUEUED

    def points() -> None:
        for _ in range(count // 100):
            with ours.signed_request(tracer):
                _points(tracer, 99)

    def requests() -> None:
        serve(app, (signed_request() for _ in range(count)))()

    def measure() -> dict[str, float]:
        samples = {}
        for name, fill in (("point", points), ("request", requests)):
            samples[name] = _held(fill, lambda: pipeline.stats().waiting)
            pipeline.force_flush()
        return samples

    yield measure
    pipeline.shutdown()


@contextmanager
def _sdk(setting: Setting) -> Iterator[Measure]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    processor = BatchSpanProcessor(exporter, 2 * _QUEUED, _NEVER * 1000, 2 * _QUEUED)
    provider = TracerProvider(resource=Resource({"service.name": "nova-api"}), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("benchmarks")
    count = _QUEUED // 10 if setting.quick else _QUEUED
    queued = 0

    def fill() -> None:
        nonlocal queued
        with peers.remote_parent():
            _points(tracer, count)
        queued += count

    def measure() -> dict[str, float]:
        held = _held(fill, lambda: queued)
        processor.force_flush()
        exporter.clear()
        return {"point": held}

    yield measure


QUEUED = Case(
    "memory",
    (Contender(OURS, _ours), Contender(peers.SDK, _sdk, peers.NEEDS_SDK)),
    (
        Row(
            "Memory of a queued span, six attributes",
            "bytes",
            Figure(OURS, "point"),
            (Peer(peers.SDK, Figure(peers.SDK, "point")),),
            limit=Limit(700),
        ),
        Row("Memory of a queued request, texts of its own included", "bytes", Figure(OURS, "request")),
    ),
    repetitions=3,
    quick_repetitions=1,
)

_DAY = 2_000_000
_QUICK_DAY = 200_000
_STEPS = 40
_FLUSH = 10_000
#: Spans before the day begins: what fills up once, such as the encoder's memory, has filled up.
_WARM_UP = 60_000
#: MiB by which RSS may differ without having grown: room of the spans between two flushes, which the
#: allocator keeps or not as it happens. To leak the smallest object per span would be three times that.
_GROWTH = 8.0


def _resident() -> float:
    """RSS of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _trim() -> None:
    """Have the C library give back what it keeps for later: some MiB of a batch, now and then."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def _day(setting: Setting) -> Iterator[Measure]:
    """Spans with values that never come back, flushed every now and then so that none is dropped."""
    provider = ours.provider(setting)
    tracer = provider.get_tracer("benchmarks")
    count = _QUICK_DAY if setting.quick else _DAY

    def request() -> None:
        with ours.signed_request(tracer):
            for number in range(99):
                text, summary = QUERIES[number]
                with tracer.start_as_current_span(
                    summary,
                    kind=SpanKind.CLIENT,
                    attributes={
                        "db.query.text": text,
                        "db.namespace": f"tenant_{uuid.uuid4().hex}",
                        "url.path": f"/v2.1/servers/{number}/{uuid.uuid4()}",
                        "client.port": uuid.uuid4().int & 0xFFFF,
                    },
                ):
                    pass

    def make(spans: int) -> None:
        for made in range(100, spans + 1, 100):
            request()
            if made % _FLUSH == 0:
                provider.force_flush()
        provider.force_flush()

    make(_WARM_UP)

    def measure() -> dict[str, float]:
        before = received(setting.endpoint)
        sizes = []
        highest = 0.0
        for _ in range(_STEPS):
            make(count // _STEPS)
            highest = max(highest, _resident())
            _trim()
            sizes.append(_resident())
        assert received(setting.endpoint) - before == count, "spans were lost"
        quarter = _STEPS // 4
        first, last = statistics.median(sizes[:quarter]), statistics.median(sizes[-quarter:])
        return {"first": first, "last": last, "growth": last - first, "highest": highest}

    yield measure


def _rss(title: str, sample: str, limit: Limit | None = None) -> Row:
    return Row(f"RSS over {_DAY:,} spans: {title}", "MiB", Figure(OURS, sample), limit=limit, worst=True)


DAY = Case(
    "rss",
    (Contender(OURS, _day),),
    (
        _rss("growth from first to last quarter", "growth", Limit(_GROWTH)),
        _rss("last quarter", "last"),
        _rss("highest, with what the C library keeps", "highest"),
    ),
    repetitions=1,
    quick_repetitions=1,
)
