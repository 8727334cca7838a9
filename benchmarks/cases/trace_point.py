"""A trace point below an open gate: the current span with six attributes, those of a database query."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry.trace import SpanKind

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Less, Measure, Peer, Row, Setting
from benchmarks.receiver import received
from benchmarks.timing import of_process, of_thread
from benchmarks.workload import BLOCK, KEY, PARAMETERS, PATHS, QUERIES

_CLIENT = SpanKind.CLIENT
#: Blocks between two flushes: less than the queue of the SDK's span processor holds (2,048).
_BLOCKS = 3


def _through_api(tracer: Any) -> Callable[[], None]:
    start = tracer.start_as_current_span

    def block() -> None:
        for text, summary in QUERIES:
            with start(
                summary,
                kind=_CLIENT,
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

    return block


def _fast(tracer: Any) -> Callable[[], None]:
    span = tracer.span

    def block() -> None:
        for text, summary in QUERIES:
            with span(
                summary,
                _CLIENT,
                {
                    "db.system.name": "mysql",
                    "db.namespace": "nova",
                    "db.query.text": text,
                    "db.query.summary": summary,
                    "server.address": "db.example",
                    "server.port": 3306,
                },
            ):
                pass

    return block


def _profiler_query(profiler: Any) -> Callable[[], None]:
    """The same query as osprofiler's SQLAlchemy listener notes it: ``profiler`` is osprofiler's or ours."""
    start, stop = profiler.start, profiler.stop

    def block() -> None:
        for text, _summary in QUERIES:
            start("db", info={"db": {"statement": text, "params": PARAMETERS}})
            stop()

    return block


def _profiler_request(profiler: Any) -> Callable[[], None]:
    """A request as osprofiler notes it that is sent with requests: its driver makes six attributes of it."""
    start, stop = profiler.start, profiler.stop

    def block() -> None:
        for path in PATHS:
            info = {
                "method": "GET",
                "query": "limit=100",
                "path": path,
                "hostname": "image.example",
                "port": 9292,
                "scheme": "http",
            }
            start("requests", info={"requests": info})
            stop(info={"requests": {"status_code": 200}})

    return block


def _recorder() -> Callable[[], None]:
    """The floor: something is current meanwhile, and a tuple with what there is to say is queued."""
    current: ContextVar[Any] = ContextVar("current")
    queue: deque[Any] = deque(maxlen=BLOCK)
    now = time.time_ns

    def block() -> None:
        for text, summary in QUERIES:
            begin = now()
            token = current.set(summary)
            current.reset(token)
            queue.append(
                (
                    summary,
                    _CLIENT,
                    {
                        "db.system.name": "mysql",
                        "db.namespace": "nova",
                        "db.query.text": text,
                        "db.query.summary": summary,
                        "server.address": "db.example",
                        "server.port": 3306,
                    },
                    begin,
                    now(),
                )
            )

    return block


def _measure(
    setting: Setting,
    blocks: dict[str, Callable[[], None]],
    parent: Callable[[], Any],
    flush: Callable[[], object],
    extra: int = 0,
) -> Measure:
    """Samples ``{name}, caller`` and ``{name}, total`` of each block.

    Args:
        setting: says where the spans arrive.
        blocks: make a block of spans each.
        parent: context manager that opens the gate.
        flush: waits until everything is exported.
        extra: spans that ``parent`` makes.
    """
    sent = 0

    def measure() -> dict[str, float]:
        nonlocal sent
        samples = {}
        for name, block in blocks.items():
            with parent():
                samples[f"{name}, caller"] = of_thread(block, BLOCK, times=3)
            flush()

            def batches(block: Callable[[], None] = block) -> None:
                with parent():
                    for _ in range(_BLOCKS):
                        block()
                flush()

            samples[f"{name}, total"] = of_process(batches, BLOCK * _BLOCKS)
            sent += BLOCK * (_BLOCKS + 3) + 2 * extra
        assert received(setting.endpoint) == sent, "spans were lost"
        return samples

    return measure


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge import profiler

    provider = ours.provider(setting)
    tracer = provider.get_tracer("benchmarks")
    measure = _measure(
        setting,
        {
            "api": _through_api(tracer),
            "fast": _fast(tracer),
            "query": _profiler_query(profiler),
            "request": _profiler_request(profiler),
        },
        lambda: ours.signed_request(tracer),
        provider.force_flush,
        extra=1,
    )
    recorder = _recorder()
    yield lambda: {**measure(), "recorder": of_thread(recorder, BLOCK, times=3)}


@contextmanager
def _sdk(setting: Setting) -> Iterator[Measure]:
    provider = peers.sdk_provider(setting)
    yield _measure(
        setting,
        {"api": _through_api(provider.get_tracer("benchmarks"))},
        peers.remote_parent,
        provider.force_flush,
    )


@contextmanager
def _osprofiler(setting: Setting) -> Iterator[Measure]:
    from osprofiler import profiler

    provider = peers.osprofiler_driver(setting)

    @contextmanager
    def initialised() -> Iterator[None]:
        profiler.init(KEY)
        yield
        profiler.clean()

    yield _measure(
        setting,
        {"query": _profiler_query(profiler), "request": _profiler_request(profiler)},
        initialised,
        provider.force_flush,
    )


_FLOOR = Figure(OURS, "recorder")


def _span(title: str, sample: str, part: str, sdk: float, driver: float | None = None) -> Row:
    """A row about a span with six attributes; goals are how many times less ours is to be."""
    return Row(
        f"{title}: {part}",
        "µs",
        Figure(OURS, f"{sample}, {part}"),
        (
            Peer(peers.SDK, Figure(peers.SDK, f"api, {part}"), Less(sdk)),
            Peer(
                f"{peers.DRIVER}, six attributes",
                Figure(peers.DRIVER, f"request, {part}"),
                None if driver is None else Less(driver),
            ),
            Peer(f"{peers.DRIVER}, a query's two", Figure(peers.DRIVER, f"query, {part}")),
        ),
        floor=_FLOOR if part == "caller" else None,
    )


def _point(title: str, sample: str, part: str, driver: float | None = None) -> Row:
    """A row about the profiler API, called alike on both sides."""
    return Row(
        f"{title}: {part}",
        "µs",
        Figure(OURS, f"{sample}, {part}"),
        (
            Peer(
                peers.DRIVER,
                Figure(peers.DRIVER, f"{sample}, {part}"),
                None if driver is None else Less(driver),
            ),
        ),
        floor=_FLOOR if part == "caller" else None,
    )


CASE = Case(
    "trace-point",
    (
        Contender(OURS, _ours),
        Contender(peers.SDK, _sdk, peers.NEEDS_SDK),
        Contender(peers.DRIVER, _osprofiler, peers.NEEDS_DRIVER),
    ),
    (
        _span("Trace point, start_as_current_span", "api", "caller", 8),
        _span("Trace point, start_as_current_span", "api", "total", 12, 18),
        _span("Trace point, tracer.span", "fast", "caller", 10),
        _span("Trace point, tracer.span", "fast", "total", 12, 18),
        _point("profiler.start/stop, a query", "query", "caller"),
        _point("profiler.start/stop, a query", "query", "total", 12),
        _point("profiler.start/stop, an outgoing request", "request", "caller"),
        _point("profiler.start/stop, an outgoing request", "request", "total", 12),
    ),
    launches=4,
)
