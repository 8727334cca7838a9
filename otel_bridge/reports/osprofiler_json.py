"""A trace in the shape of OSProfiler's report, for everything that was written to read that.

The shape is what ``osprofiler.drivers.base.Driver`` makes of the notifications of a trace
(``_append_results``, ``_parse_results``; osprofiler 4.4.0): ``osprofiler trace show``, Rally's chart and
Horizon's panel read it. The notifications themselves are made from the spans by the translation table.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from otel_bridge.model import translate
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import walk
from otel_bridge.wire import ids

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MICROSECOND = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


class _Origin(NamedTuple):
    """Who made a span, in OSProfiler's words."""

    project: str
    service: str
    #: The machine, as the service calls it where it does; not an address that it listens on.
    host: str


def report(trace: Trace, base_id: str | None = None) -> dict[str, Any]:
    """What ``get_report(base_id)`` of osprofiler's drivers returns for this trace.

    Times in it are whole milliseconds since the first event. A span whose end is not known has, as there,
    no stop payload, no ``exception``, and finishes when it starts. For an empty trace ``children`` is
    empty and ``info`` has no times.

    The result is nested as deep as the trace is, which ``json.dumps`` may not stand:
    :func:`otel_bridge.reports.json_text.pieces` does.

    Args:
        trace: the trace.
        base_id: its OSProfiler id; None: the UUID that the trace id is.
    """
    base = base_id or ids.base_id(trace.trace_id)
    started = [_microseconds(span.start_ns) for span in trace.spans]
    first = min(started, default=0)
    finished = [_finish(span) for span in trace.spans]
    stats: dict[str, dict[str, int]] = {}
    top: list[dict[str, Any]] = []
    #: The list that the children of a span at that depth go to.
    lists = [top]
    for span, depth, _last in walk.rows(trace):
        node = _node(span, base, first)
        del lists[depth + 1 :]
        lists[depth].append(node)
        lists.append(node["children"])
        info = node["info"]
        sums = stats.setdefault(info["name"], {"count": 0, "duration": 0})
        sums["count"] += 1
        sums["duration"] += info["finished"] - info["started"]
    return {
        "info": {
            "name": "total",
            "started": 0,
            "finished": (max(finished) - first) // 1000 if finished else None,
            "last_trace_started": (max(started) - first) // 1000 if started else None,
        },
        "children": top,
        "stats": stats,
    }


def _node(span: SpanRecord, base: str, first: int) -> dict[str, Any]:
    """One trace point, without children yet; ``first`` is the start of the report in microseconds."""
    point, start_info, stop_info = translate.to_osprofiler(span.name, span.kind, span.attributes)
    origin = _origin(span)
    point_id = ids.point_id(span.span_id)
    parent_id = ids.point_id(span.parent_id) if span.parent_id else base

    def payload(event: str, microseconds: int, details: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": f"{point}-{event}",
            "base_id": base,
            "trace_id": point_id,
            "parent_id": parent_id,
            "timestamp": _timestamp(microseconds),
            "info": {**details, "host": origin.host},
            "project": origin.project,
            "service": origin.service,
        }

    start = _microseconds(span.start_ns)
    finish = _finish(span)
    info: dict[str, Any] = {
        "name": point.split("-")[0],
        "project": origin.project,
        "service": origin.service,
        "host": origin.host,
        f"meta.raw_payload.{point}-start": payload("start", start, start_info),
        "started": (start - first) // 1000,
    }
    info["finished"] = (finish - first) // 1000
    if not walk.is_incomplete(span):
        details = _with_error(span, stop_info)
        info[f"meta.raw_payload.{point}-stop"] = payload("stop", finish, details)
        info["exception"] = details.get("etype", "None")
    return {"info": info, "trace_id": point_id, "parent_id": parent_id, "children": []}


def _origin(span: SpanRecord) -> _Origin:
    """As the span says, else its resource, else what the resource is called by the conventions."""
    own, resource = span.attributes, span.resource
    return _Origin(
        str(
            own.get("osprofiler.project")
            or resource.get("osprofiler.project")
            or resource.get("service.namespace")
            or ""
        ),
        str(own.get("osprofiler.service") or resource.get("osprofiler.service") or span.service),
        str(own.get("osprofiler.host") or resource.get("host.name") or ""),
    )


def _with_error(span: SpanRecord, details: dict[str, Any]) -> dict[str, Any]:
    """The stop's details, of a failed span with what OSProfiler calls ``etype`` and ``message``.

    A status code is a failure of the span but none to OSProfiler, which knows exceptions only; so the
    translation gives no ``etype`` for it.
    """
    if not span.is_error and "etype" not in details:
        return details
    etype = details.get("etype") or walk.exception_type(span)
    if not etype:
        if "error.type" in span.attributes:
            return details
        etype = "Error"
    return {"message": _message(span), **details, "etype": etype}


def _message(span: SpanRecord) -> str:
    """What the exception said, which may be nothing: a status then has its class, which ``etype`` says."""
    for event in reversed(span.events):  # the last one is what ended the span
        if event.name == "exception":
            return str(event.attributes.get("exception.message") or "")
    return span.status_message


def _microseconds(ns: int) -> int:
    return min(max(ns // 1000, 0), _LAST_MICROSECOND)


def _finish(span: SpanRecord) -> int:
    return _microseconds(span.start_ns if walk.is_incomplete(span) else span.end_ns)


def timestamp(ns: int) -> str:
    """Nanoseconds since the epoch as osprofiler writes a time; the nearest that it can write."""
    return _timestamp(_microseconds(ns))


def _timestamp(microseconds: int) -> str:
    """As osprofiler writes it: UTC, ``%Y-%m-%dT%H:%M:%S.%f``."""
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")
