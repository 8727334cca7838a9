"""Two traces of the same kind of request, for the tests of what compares them."""

from __future__ import annotations

from typing import Any

import traces
from traces import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, START

from otel_bridge.model.trace import SpanEvent, SpanRecord, Trace

#: Trace id of what comes after.
AFTER_ID = 0x1D06E2BC1234567890ABCDEF12345678
IMAGE = "http://glance:9292/v2/images/0d06e2bc-1234-5678-90ab-cdef12345678?x=1"


class Builder:
    """Spans one after the other, with ids of their own."""

    def __init__(self, first_id: int = 1, trace_id: int = traces.TRACE_ID) -> None:
        self._next = first_id
        self._trace_id = trace_id
        self.spans: list[SpanRecord] = []

    def add(
        self,
        parent: int,
        name: str,
        service: str = "nova-api",
        start: float = 0,
        end: float = 10,
        kind: int = INTERNAL,
        **more: Any,
    ) -> int:
        """Add a span; returns its id."""
        made = traces.span(self._next, parent, name, service=service, start=start, end=end, kind=kind, **more)
        self.spans.append(replaced(made, trace_id=self._trace_id))
        self._next += 1
        return made.span_id

    def trace(self) -> Trace:
        return Trace.from_spans(self._trace_id, self.spans)


def replaced(span: SpanRecord, **changes: Any) -> SpanRecord:
    fields = {name: getattr(span, name) for name in SpanRecord.__slots__}
    return SpanRecord(**{**fields, **changes})


def with_id(trace: Trace, trace_id: int = AFTER_ID, offset: int = 1_000_000) -> Trace:
    """The same trace once more: other ids, an hour later."""
    return Trace.from_spans(
        trace_id,
        [
            replaced(
                span,
                trace_id=trace_id,
                span_id=span.span_id + offset,
                parent_id=span.parent_id + offset if span.parent_id else 0,
                start_ns=span.start_ns + 3600 * 10**9,
                end_ns=span.end_ns + 3600 * 10**9,
            )
            for span in trace.spans
        ],
    )


def before() -> Trace:
    """The creation of a server: 2.3 s, of which the answer needs 90 ms."""
    return _boot(Builder(), after=False)


def after() -> Trace:
    """The same with a slower hypervisor, a query in a loop, a failure that is retried, a new level, another
    host and more: 3.7 s."""
    return _boot(Builder(1000, AFTER_ID), after=True)


def _boot(made: Builder, *, after: bool) -> Trace:
    root = made.add(0, "POST /v2.1/servers", end=90, kind=SERVER)
    api = made.add(root, "AuthToken.process_request", start=0.5, end=88) if after else root
    url = {"url.full": "http://keystone:5000/v3/auth/tokens"}
    client = made.add(api, "GET", start=1, end=30, kind=CLIENT, attributes=url)
    keystone = made.add(client, "GET /v3/auth/tokens", "keystone", 2, 29, SERVER)
    queries = 240 if after else 37
    for number in range(queries):
        start = 3 + number * 25 / queries
        made.add(keystone, "SELECT keystone.user", "keystone", start, start + 0.1, CLIENT)
    cast = made.add(api, "build_instances", start=70, end=71, kind=PRODUCER)
    begin = 100 if after else 80
    conductor = made.add(cast, "ComputeTaskManager.build_instances", "nova-conductor", begin, 400, CONSUMER)
    if not after:
        made.add(conductor, "SELECT nova.quotas", "nova-conductor", 110, 140, CLIENT)
    cast = made.add(conductor, "build_and_run_instance", "nova-conductor", 390, 391, PRODUCER)
    _build(made, cast, after=after)
    return made.trace()


def _build(made: Builder, cast: int, *, after: bool) -> None:
    end = 3700 if after else 2300
    where = {"host.name": "cmp2" if after else "cmp1", "service.version": "31.0.1" if after else "31.0.0"}
    build = made.add(
        cast, "ComputeManager.build_and_run_instance", "nova-compute", 420, end, CONSUMER, resource=where
    )
    status = {"http.response.status_code": 503 if after else 200}
    failed = {"status": 2} if after else {}
    image = made.add(
        build, "GET", "nova-compute", 500, 600, CLIENT, attributes={"url.full": IMAGE, **status}, **failed
    )
    said = {"exception.type": "StoreDown", "exception.message": "the store does not answer"}
    events = (SpanEvent("exception", START, said),) if after else ()
    made.add(
        image,
        "GET /v2/images/{image_id}",
        "glance-api",
        505,
        595,
        SERVER,
        attributes=status,
        events=events,
        **failed,
    )
    if after:
        again = {"url.full": IMAGE, "http.response.status_code": 200, "http.request.resend_count": 1}
        made.add(build, "GET", "nova-compute", 650, 700, CLIENT, attributes=again)
        made.add(build, "Scrubber.scrub", "nova-compute", end - 300, end - 100)
    made.add(build, "Driver.spawn", "nova-compute", 900, end - 500)
