"""Traces that just happened, and their way into a store."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from time import time_ns

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_bridge.model.trace import SpanEvent, SpanLink, SpanRecord, Trace
from otel_bridge.stores import otlp_json

MS = 1_000_000
SERVER, CLIENT, INTERNAL = 2, 3, 1


def now() -> int:
    """Ten seconds ago, on a whole millisecond: Jaeger's older API knows microseconds only."""
    return (time_ns() // MS - 10_000) * MS


def boot(
    *,
    service: str = "nova-api",
    start: int | None = None,
    ms: int = 50,
    error: bool = False,
    trace_id: int | None = None,
) -> Trace:
    """A request and what it caused in another service, with something in each field that there is."""
    trace_id = secrets.randbits(127) | 1 << 127 if trace_id is None else trace_id
    start = now() if start is None else start
    api = {"service.name": service, "host.name": "ctl1", "process.pid": 42}
    conductor = {"service.name": f"{service}-conductor", "host.name": "ctl2"}
    call = {
        "rpc.method": "build",
        "big": 1 << 62,
        "ratio": 0.25,
        "ok": True,
        "text": 'a "quoted" ü',
    }
    exception = SpanEvent("exception", start + 5 * MS, {"exception.type": "NoValidHost"})
    spans = [
        SpanRecord(
            trace_id, 1, 0, "POST /servers", SERVER, start, start + ms * MS, resource=api, scope="web"
        ),
        SpanRecord(
            trace_id,
            2,
            1,
            "build",
            CLIENT,
            start + MS,
            start + 9 * MS,
            attributes=call,
            resource=api,
            scope="rpc",
        ),
        SpanRecord(
            trace_id,
            3,
            2,
            "conductor.build",
            SERVER,
            start + 2 * MS,
            start + 8 * MS,
            status=2 if error else 0,
            status_message="No valid host" if error else "",
            resource=conductor,
            scope="rpc",
            events=(exception,) if error else (),
            links=(SpanLink(trace_id ^ 1, 7, {}),),
        ),
    ]
    return Trace.from_spans(trace_id, spans)


def wide(count: int) -> Trace:
    """A request with so many queries below it."""
    trace_id = secrets.randbits(127) | 1 << 127
    start = now()
    resource = {"service.name": "wide"}
    query = {"db.system.name": "mysql", "db.query.text": "SELECT * FROM instances WHERE uuid = ?"}
    spans = [SpanRecord(trace_id, 1, 0, "root", SERVER, start, start + count * 1000, resource=resource)]
    spans += [
        SpanRecord(
            trace_id,
            number,
            1,
            "SELECT instances",
            CLIENT,
            start + number * 1000,
            start + number * 1000 + 900,
            attributes=query,
            resource=resource,
        )
        for number in range(2, count + 1)
    ]
    return Trace.from_spans(trace_id, spans)


def send(endpoint: str, *sent: Trace) -> None:
    """Export traces, as OTLP/JSON."""
    for trace in sent:
        _post(endpoint, otlp_json.dumps(trace.spans), {"Content-Type": "application/json"})


def send_protobuf(endpoint: str, request: ExportTraceServiceRequest) -> None:
    """Export spans, as OTLP/protobuf."""
    _post(endpoint, request.SerializeToString(), {"Content-Type": "application/x-protobuf"})


def _post(endpoint: str, body: bytes, headers: dict[str, str]) -> None:
    answer = requests.post(f"{endpoint}/v1/traces", data=body, headers=headers, timeout=60)
    answer.raise_for_status()


def content(spans: Iterable[SpanRecord]) -> dict[int, SpanRecord]:
    """The spans by their ids, to compare."""
    return {span.span_id: span for span in spans}
