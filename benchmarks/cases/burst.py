"""Spans in a tight loop, faster than any exporter: what arrives, what is counted as lost, what vanishes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import otel_bridge
from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Limit, Measure, Peer, Row, Setting
from benchmarks.receiver import received
from benchmarks.workload import QUERIES

#: Spans below one request: less than ``max_spans_per_trace`` lets through.
_PER_REQUEST = 1000
SMALL, LARGE = 20_000, 200_000


def _make(tracer: Any, count: int) -> None:
    """``count`` spans below what is current, through the API."""
    start = tracer.start_as_current_span
    text, summary = QUERIES[0]
    for number in range(count):
        with start(summary, attributes={"db.query.text": text, "db.system.name": "mysql", "n": number}):
            pass


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    provider = ours.provider(setting)
    tracer = provider.get_tracer("benchmarks")

    def burst(count: int) -> tuple[int, int]:
        """Delivered, and counted as lost."""
        before, counted = received(setting.endpoint), sum(otel_bridge.stats().dropped.values())
        for _ in range(count // _PER_REQUEST):
            with ours.signed_request(tracer):
                _make(tracer, _PER_REQUEST - 1)
        provider.force_flush()
        return received(setting.endpoint) - before, sum(otel_bridge.stats().dropped.values()) - counted

    yield lambda: _samples(burst)


@contextmanager
def _sdk(setting: Setting) -> Iterator[Measure]:
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a warning for each span it drops
    provider = peers.sdk_provider(setting)
    tracer = provider.get_tracer("benchmarks")

    def burst(count: int) -> tuple[int, int]:
        before = received(setting.endpoint)
        with peers.remote_parent():
            _make(tracer, count)
        provider.force_flush()
        return received(setting.endpoint) - before, 0  # by default it counts nothing

    yield lambda: _samples(burst)


def _samples(burst: Callable[[int], tuple[int, int]]) -> dict[str, float]:
    delivered, counted = burst(SMALL)
    samples: dict[str, float] = {"small, lost": SMALL - delivered}
    delivered, counted = burst(LARGE)
    samples["large, lost"] = LARGE - delivered
    samples["large, uncounted"] = abs(LARGE - delivered - counted)
    return samples


def _row(title: str, sample: str, limit: Limit | None) -> Row:
    return Row(
        title,
        "spans",
        Figure(OURS, sample),
        (Peer(peers.SDK, Figure(peers.SDK, sample)),),
        limit=limit,
        worst=True,
    )


CASE = Case(
    "burst",
    (Contender(OURS, _ours), Contender(peers.SDK, _sdk, peers.NEEDS_SDK)),
    (
        _row(f"Burst of {SMALL:,} spans: lost", "small, lost", Limit(0)),
        _row(f"Burst of {LARGE:,} spans: lost", "large, lost", None),
        _row(f"Burst of {LARGE:,} spans: lost and not counted", "large, uncounted", Limit(0)),
    ),
    repetitions=5,
    quick_repetitions=1,
)
