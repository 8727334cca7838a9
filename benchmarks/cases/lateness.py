"""How late another thread of the service wakes up while spans are made and exported.

One thread makes 20,000 spans a second, another one sleeps 1 ms over and over and notes by how much it
overslept. The floor is the same without tracing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, sleep
from typing import Any

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Limit, Measure, Peer, Row, Setting
from benchmarks.workload import QUERIES

RATE = 20_000
_TICK = 0.001
_SPANS = int(RATE * _TICK)
_SECONDS = 2.0
_FLOOR = "no tracing"


def _percentile(values: list[float], share: float) -> float:
    values.sort()
    return values[min(len(values) - 1, int(len(values) * share))]


def _measure(setting: Setting, request: Callable[[int], None], flush: Callable[[], object]) -> Measure:
    """``request(n)`` makes n spans."""
    seconds = 0.5 if setting.quick else _SECONDS

    def measure() -> dict[str, float]:
        late: list[float] = []
        over = threading.Event()

        def wake_up() -> None:
            while not over.is_set():
                begin = perf_counter()
                sleep(_TICK)
                late.append(perf_counter() - begin - _TICK)

        thread = threading.Thread(target=wake_up)
        thread.start()
        begin = perf_counter()
        ticks = int(seconds / _TICK)
        for tick in range(1, ticks + 1):
            request(_SPANS)
            ahead = begin + tick * _TICK - perf_counter()
            if ahead > 0:
                sleep(ahead)
        elapsed = perf_counter() - begin
        over.set()
        thread.join()
        flush()
        return {"p99": _percentile(late, 0.99) * 1000, "rate": ticks * _SPANS / elapsed}

    return measure


def _points(tracer: Any, count: int) -> None:
    start = tracer.start_as_current_span
    for text, summary in QUERIES[:count]:
        with start(
            summary,
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


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    provider = ours.provider(setting)
    tracer = provider.get_tracer("benchmarks")

    def request(count: int) -> None:
        with ours.signed_request(tracer):
            _points(tracer, count - 1)

    yield _measure(setting, request, provider.force_flush)


@contextmanager
def _sdk(setting: Setting) -> Iterator[Measure]:
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a warning for each span it drops
    provider = peers.sdk_provider(setting)
    tracer = provider.get_tracer("benchmarks")

    def request(count: int) -> None:
        with peers.remote_parent():
            _points(tracer, count)

    yield _measure(setting, request, provider.force_flush)


@contextmanager
def _nothing(setting: Setting) -> Iterator[Measure]:
    yield _measure(setting, lambda count: None, lambda: None)


CASE = Case(
    "lateness",
    (
        Contender(OURS, _ours),
        Contender(_FLOOR, _nothing),
        Contender(peers.SDK, _sdk, peers.NEEDS_SDK),
    ),
    (
        Row(
            f"Another thread's p99 lateness at {RATE:,} spans/s",
            "ms",
            Figure(OURS, "p99"),
            (Peer(peers.SDK, Figure(peers.SDK, "p99")),),
            floor=Figure(_FLOOR, "p99"),
            limit=Limit(1.0),
        ),
    ),
    repetitions=8,
    quick_repetitions=2,
)
