"""A viewer with traces in its store, for tests in Chromium."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from e2e.browser import traces
from e2e.browser.timeline import START
from otel_bridge.collector import Server, ingest
from otel_bridge.model.trace import STATUS_ERROR, SpanRecord
from otel_bridge.stores import otlp_json

MINUTE = 60 * 10**9


class Viewing:
    """A running server, as its tests see it."""

    def __init__(self, directory: Path) -> None:
        self._server = Server(str(directory / "traces.sqlite"), otlp_port=0, viewer_port=0)

    def __enter__(self) -> Viewing:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return self._server.viewer_url

    def write(self, spans: Iterable[SpanRecord]) -> None:
        """Store spans; they are there when it returns."""
        receiver = self._server._receiver
        assert receiver is not None
        assert receiver.writer is not None
        receiver.writer.write(ingest.batch(ingest.parse_json(otlp_json.dumps(list(spans)))), 30)


def trace_id(number: int) -> int:
    """The id of trace ``number``: ids of different numbers differ in their first digits."""
    return random.Random(number).getrandbits(128)


def request(number: int, spans: int, at_ns: int) -> list[SpanRecord]:
    """The creation of servers, again, as trace ``number``."""
    made = traces.boot_spans(spans, seed=number)
    return [
        replace(
            span,
            trace_id=trace_id(number),
            start_ns=span.start_ns - START + at_ns,
            end_ns=span.end_ns - START + at_ns,
        )
        for span in made
    ]


def small(number: int, name: str, service: str, ms: float, at_ns: int, error: bool = False) -> SpanRecord:
    """A trace of one span."""
    return SpanRecord(
        trace_id=trace_id(number),
        span_id=number + 1,
        parent_id=0,
        name=name,
        kind=2,
        start_ns=at_ns,
        end_ns=at_ns + round(ms * 1_000_000),
        status=STATUS_ERROR if error else 0,
        resource={"service.name": service},
    )


def day(now_ns: int) -> list[SpanRecord]:
    """What a small cloud did in the three hours before."""
    chance = random.Random(3)
    kinds = [
        ("GET /v2.1/servers/detail", "nova-api", 40),
        ("GET /v3/auth/tokens", "keystone", 9),
        ("GET /v2/images", "glance-api", 18),
        ("GET /v2.0/ports", "neutron-server", 30),
        ("POST /v3/{project_id}/volumes", "cinder-api", 160),
        ("POST /v2.1/servers", "nova-api", 0),
    ]
    spans: list[SpanRecord] = []
    for number in range(90):
        at = now_ns - 180 * MINUTE + number * 2 * MINUTE - chance.randrange(MINUTE)
        name, service, ms = kinds[chance.randrange(len(kinds))]
        if ms:
            took = ms * chance.lognormvariate(0, 0.4)
            spans.append(small(number, name, service, took, at, number % 17 == 5))
        else:
            spans += request(number, chance.choice((120, 300, 600)), at)
    return spans
