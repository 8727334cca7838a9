"""Trace points that real services emitted: as OSProfiler reports them, and as spans of ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from opentelemetry.trace import SpanKind

from otel_bridge import resource
from otel_bridge.model import tracepoint, translate
from otel_bridge.model.assembler import Assembled, Assembler
from otel_bridge.model.redaction import exception_message
from otel_bridge.model.trace import STATUS_ERROR, SpanEvent, SpanRecord, Trace

#: Part of a server boot: payloads as osprofiler 4.4.0 hands them to its driver; ``svc`` is the project, the
#: service and the host that the driver was made with. Arguments and values are cut out, the error is added.
BOOT = Path(__file__).parent / "data" / "osprofiler" / "boot.jsonl"
#: The machine on which all of it ran.
MACHINE = "ctl1"

Payload = dict[str, Any]


def load(path: Path = BOOT) -> list[Payload]:
    """The payloads, in the order of their time."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(found, key=lambda payload: payload["timestamp"])


def stored(payload: Payload) -> Payload:
    """What osprofiler's drivers for Redis, MongoDB, Elasticsearch and messaging keep of a payload."""
    kept = copy.deepcopy(payload)
    kept["project"], kept["service"], _host = kept.pop("svc")
    kept.pop("tid", None)
    return kept


def report(payloads: Iterable[Payload]) -> dict[str, Any]:
    """The report that osprofiler itself makes of the payloads, by what those drivers do."""
    from osprofiler.drivers import base

    driver = base.Driver("nowhere://")
    for payload in map(stored, payloads):
        driver._append_results(
            payload["trace_id"],
            payload["parent_id"],
            payload["name"],
            payload["project"],
            payload["service"],
            payload["info"]["host"],
            payload["timestamp"],
            payload,
        )
    found: dict[str, Any] = driver._parse_results()
    return found


def spans(payloads: Iterable[Payload]) -> Trace:
    """The same payloads as spans: paired, translated, each with the resource that its service has."""
    assembler = Assembler()
    found: list[Assembled] = []
    services: dict[str, list[str]] = {}
    for payload in payloads:
        services[payload["trace_id"]] = payload["svc"]
        found += assembler.put(tracepoint.parse(payload), 0.0)
    found += assembler.flush()
    records = [_record(point, services) for point in found]
    return Trace.from_spans(records[0].trace_id, records)


def _record(point: Assembled, services: dict[str, list[str]]) -> SpanRecord:
    start, stop = point.start, point.stop
    event = start or stop
    assert event is not None
    project, service, host = services[event.trace_id]
    # The first point below one of another service is what serves its request.
    serving = services.get(event.parent_id, [None, None])[:2] != [project, service]
    captured, kind = translate.begin(event.name, start and dict(start.info), serving=serving)
    failed = translate.finish(captured, stop and dict(stop.info))
    name, attributes = captured.translate()
    events: tuple[SpanEvent, ...] = ()
    if failed is not None:
        message = exception_message(*failed)
        exception = {"exception.type": failed[0], "exception.message": message}
        events = (SpanEvent("exception", event.timestamp, exception),)
    if start is None or stop is None:
        attributes["osprofiler.incomplete"] = True
    return SpanRecord(
        trace_id=event.otel_trace_id,
        span_id=event.otel_span_id,
        parent_id=event.otel_parent_id,
        name=name,
        kind=_OTLP[kind],
        start_ns=event.timestamp,
        end_ns=event.timestamp if stop is None else stop.timestamp,
        status=STATUS_ERROR if "error.type" in attributes else 0,
        attributes=attributes,
        resource=resource.build(project=project, service=service, host=host),
        events=events,
    )


_OTLP = {kind: kind.value + 1 for kind in SpanKind}
