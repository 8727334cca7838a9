"""A signed request: a SERVER span with the attributes of the conventions, exported to another process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Less, Measure, Peer, Row, Setting
from benchmarks.receiver import received
from benchmarks.timing import of_process, of_thread
from benchmarks.workload import (
    BLOCK,
    KEY,
    Application,
    application,
    request,
    serve,
    signed_request,
    traceparent,
)

#: Blocks between two flushes: less than the queue of the SDK's span processor holds (2,048).
_BLOCKS = 3
_TIMES = 3


def _measure(
    setting: Setting,
    app: Application,
    flush: Callable[[], object],
    new_request: Callable[[], dict[str, Any]] = signed_request,
) -> Measure:
    requests: list[dict[str, Any]] = []
    bare, traced = serve(application, requests), serve(app, requests)
    sent = 0

    def renew(blocks: int) -> None:
        requests[:] = [new_request() for _ in range(blocks * BLOCK)]

    def batches() -> None:
        traced()
        flush()

    def measure() -> dict[str, float]:
        nonlocal sent
        samples: dict[str, list[float]] = {"bare": [], "caller": []}
        for _ in range(_TIMES):
            renew(1)
            samples["bare"].append(of_thread(bare, BLOCK))
            samples["caller"].append(of_thread(traced, BLOCK))
        flush()
        renew(_BLOCKS)
        samples["total"] = [of_process(batches, BLOCK * _BLOCKS)]
        sent += BLOCK * (_BLOCKS + _TIMES)
        assert received(setting.endpoint) == sent, "spans were lost"
        return {name: min(values) for name, values in samples.items()}

    return measure


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge.web import WsgiMiddleware

    provider = ours.provider(setting)
    app = WsgiMiddleware.factory({}, hmac_keys=KEY, enabled="true")(application)
    yield _measure(setting, app, provider.force_flush)


@contextmanager
def _osprofiler(setting: Setting) -> Iterator[Measure]:
    from osprofiler.web import WsgiMiddleware

    provider = peers.osprofiler_driver(setting)
    yield _measure(setting, WsgiMiddleware(application, KEY, True), provider.force_flush)


@contextmanager
def _contrib(setting: Setting, *, stable: bool) -> Iterator[Measure]:
    app, provider = peers.contrib_wsgi(setting, application, on=True, stable=stable)
    # What opens it for contrib is traceparent.
    yield _measure(setting, app, provider.force_flush, lambda: request(HTTP_TRACEPARENT=traceparent()))


def _row(title: str, sample: str, times: float) -> Row:
    goals = {peers.OSPROFILER_WEB_DRIVER: times, peers.CONTRIB_WSGI: times, peers.CONTRIB_WSGI_STABLE: None}
    return Row(
        title,
        "µs",
        Figure(OURS, sample, minus="bare"),
        tuple(
            Peer(name, Figure(name, sample, minus="bare"), None if goal is None else Less(goal))
            for name, goal in goals.items()
        ),
    )


CASE = Case(
    "wsgi-open",
    (
        Contender(OURS, _ours),
        Contender(peers.OSPROFILER_WEB_DRIVER, _osprofiler, peers.NEEDS_DRIVER),
        Contender(peers.CONTRIB_WSGI, partial(_contrib, stable=False), peers.NEEDS_CONTRIB_WSGI),
        Contender(peers.CONTRIB_WSGI_STABLE, partial(_contrib, stable=True), peers.NEEDS_CONTRIB_WSGI),
    ),
    (
        _row("WSGI, gate open: caller's thread", "caller", 14),
        _row("WSGI, gate open: total with export", "total", 10),
    ),
    launches=4,
)
