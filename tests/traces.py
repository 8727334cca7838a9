"""Traces for the tests of what shows them."""

from __future__ import annotations

from typing import Any

from otel_bridge.model.trace import STATUS_ERROR, SpanEvent, SpanLink, SpanRecord, Trace

TRACE_ID = 0x0D06E2BC1234567890ABCDEF12345678
BASE_ID = "0d06e2bc-1234-5678-90ab-cdef12345678"
#: 2026-11-22 14:06:01.123 UTC
START = 1_795_356_361_123_000_000
MS = 1_000_000

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5


def span(
    span_id: int,
    parent_id: int = 0,
    name: str = "span",
    *,
    service: str = "nova-api",
    start: float = 0,
    end: float = 10,
    kind: int = INTERNAL,
    resource: dict[str, Any] | None = None,
    **more: Any,
) -> SpanRecord:
    """A span; ``start`` and ``end`` are milliseconds after :data:`START`."""
    return SpanRecord(
        TRACE_ID,
        span_id,
        parent_id,
        name,
        kind,
        START + round(start * MS),
        START + round(end * MS),
        resource={"service.name": service, **(resource or {})},
        **more,
    )


def trace(*spans: SpanRecord) -> Trace:
    return Trace.from_spans(TRACE_ID, spans)


def boot() -> Trace:
    """A request through three services, with a query, a failure and a cast that outlives it."""
    nova = {"service.namespace": "nova", "host.name": "ctl1"}
    request = {"http.request.method": "POST", "url.path": "/v2.1/servers", "url.scheme": "http"}
    build = {"rpc.system.name": "rabbitmq", "rpc.method": "build_instances"}
    query = {"db.system.name": "mysql", "db.query.text": "SELECT * FROM instances"}
    return trace(
        span(1, 0, "POST /v2.1/servers", kind=SERVER, end=45.2, resource=nova, attributes=request),
        span(2, 1, "build_instances", kind=CLIENT, start=1.2, end=31, resource=nova, attributes=build),
        span(
            3,
            2,
            "ConductorManager.build_instances",
            service="nova-conductor",
            kind=SERVER,
            start=2,
            end=30.4,
            resource=nova,
            status=STATUS_ERROR,
            status_message="No valid host was found.",
            attributes={**build, "error.type": "nova.exception.NoValidHost"},
            events=(
                SpanEvent(
                    "exception",
                    START + 30 * MS,
                    {"exception.type": "NoValidHost", "exception.message": "No valid host was found."},
                ),
            ),
            links=(SpanLink(TRACE_ID + 1, 7, {"why": "retry"}),),
        ),
        span(
            4,
            3,
            "SELECT nova.instances",
            service="nova-conductor",
            kind=CLIENT,
            start=2.1,
            end=2.9,
            attributes=query,
        ),
        span(5, 1, "cast build", kind=PRODUCER, start=40, end=40.1, resource=nova, attributes=build),
        span(
            6,
            5,
            "ComputeManager.build",
            service="nova-compute",
            kind=CONSUMER,
            start=41,
            end=62,
            attributes=build,
        ),
    )


def chain(depth: int) -> Trace:
    """Each span below the one before."""
    return trace(*(span(number, number - 1, f"level {number}") for number in range(1, depth + 1)))


def fan(width: int) -> Trace:
    """One root with all others below it."""
    return trace(span(1, 0, "root"), *(span(number, 1, "leaf") for number in range(2, width + 2)))


#: What somebody may put into a span to make a reader's terminal or browser act.
HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x9b31m",
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "<!--<style>*{display:none}</style>",
    "\u202egnp.exe\u2066\u200f",
    "line one\nline two\r\u2028line three",
    "\udc80\ud800 half",
    "nul\x00bell\x07back\x08space",
    "&lt;b&gt; &#60;script&#62;",
    "{{7*7}} ${7*7} %s %n {0}",
)


def hostile() -> Trace:
    """Every text of a span is hostile, in every place that a text can be."""
    spans = []
    for number, text in enumerate(HOSTILE, 1):
        attributes = {text: text, "list": [text], "map": {text: text}}
        spans.append(
            span(
                number,
                99 if number % 2 else 0,
                text,
                service=text,
                kind=number,
                status=STATUS_ERROR,
                status_message=text,
                attributes={**attributes, "error.type": text, "osprofiler.name": text},
                resource={text: text, "service.namespace": text, "host.name": text},
                scope=text,
                events=(SpanEvent(text, START, attributes), SpanEvent("exception", START, attributes)),
                links=(SpanLink(TRACE_ID, 1, attributes),),
            )
        )
    return trace(*spans)
