"""Jaeger, by its stable HTTP API v3.

What has to be known of it:

* A path that it does not know is answered by its front page with status 200. The media type tells: JSON
  comes as ``text/plain`` from some versions, so only ``text/html`` is telling.
* A search answers the spans of all traces in one list, and with status 404 when there are none.
* The names of query parameters changed their spelling; the snake_case ones are understood by all versions.
* Before v2.19 there are no summaries: whole traces are fetched instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from time import time_ns
from typing import Any

from otel_bridge.model.trace import SpanRecord, Trace, TraceSummary
from otel_bridge.stores import otlp_json
from otel_bridge.stores.address import Address
from otel_bridge.stores.fetching import TIMEOUT, Answer, Fetcher
from otel_bridge.stores.protocol import EVERYTHING, Summaries, TraceNotFound, TraceQuery
from otel_bridge.wire import ids

#: How far back a list goes when it is not told: Jaeger wants a time, and those of its backends that keep
#: an index a day do not bear an early one.
DEFAULT_LOOKBACK_NS = 7 * 24 * 3600 * 10**9

# Clocks differ: what just happened elsewhere may lie in the future here.
_AHEAD_NS = 3600 * 10**9
# Traces that are looked at for each that is wanted, where Jaeger cannot filter as we do; and at most.
_FILTER_DEPTH = 10
_MAX_FILTER_DEPTH = 1500
_LATEST_NS = 253_402_300_799 * 10**9  # the end of the year 9999, where datetime ends


class JaegerStore:
    """A :class:`~otel_bridge.stores.TraceStore` in Jaeger's query service."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        """
        Args:
            url: ``jaeger+http://[USER:PASSWORD@]HOST:PORT[/BASE]``, or ``jaeger+https``.
            timeout: seconds for each request.

        Raises:
            StoreError: the URL is malformed.
        """
        self._fetcher = Fetcher(Address.parse(url), timeout=timeout)
        self._has_summaries = True  # until it turns out that they are not there

    @property
    def url(self) -> str:
        return self._fetcher.address.shown

    def get(self, trace_id: int) -> Trace:
        """See :meth:`TraceStore.get <otel_bridge.stores.TraceStore.get>`."""
        answer = self._fetcher.get(f"/api/v3/traces/{ids.format_trace_id(trace_id)}")
        trace = Trace.from_spans(trace_id, self._spans(self._document(answer)))
        if not trace.spans:
            raise TraceNotFound(f"no trace {ids.format_trace_id(trace_id)} in {self.url}")
        return trace

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """See :meth:`TraceStore.list <otel_bridge.stores.TraceStore.list>`.

        Without ``since_ns``: the traces of the last :data:`DEFAULT_LOOKBACK_NS`. Jaeger looks for spans,
        not for traces, by error and duration; with ``errors_only`` or ``min_duration_ns`` the newest
        traces are looked through here, ten for each that is wanted, so fewer than ``limit`` may be found.
        """
        if query.limit <= 0:
            return []
        now = time_ns()
        oldest = max(0, query.since_ns) if query.since_ns is not None else now - DEFAULT_LOOKBACK_NS
        depth = query.limit
        if query.errors_only or query.min_duration_ns is not None:
            depth = max(query.limit, min(query.limit * _FILTER_DEPTH, _MAX_FILTER_DEPTH))
        parameters = {
            "query.start_time_min": _rfc3339(oldest),
            "query.start_time_max": _rfc3339(now + _AHEAD_NS),
            "query.num_traces": str(depth),
        }
        found: dict[int, TraceSummary] = {}
        for name in [query.service] if query.service is not None else self._services():
            for summary in self._search({"query.service_name": name, **parameters}):
                found.setdefault(summary.trace_id, summary)
        wanted = [
            summary
            for summary in found.values()
            if summary.start_ns >= oldest
            and (summary.error_count or not query.errors_only)
            and (query.min_duration_ns is None or summary.duration_ns >= query.min_duration_ns)
        ]
        return sorted(wanted, key=lambda summary: (-summary.start_ns, summary.trace_id))[: query.limit]

    def _services(self) -> Sequence[str]:
        answer = self._fetcher.get("/api/v3/services")
        services = self._document(answer).get("services") or []
        if not isinstance(services, list) or not all(isinstance(name, str) for name in services):
            raise self._fetcher.unexpected(answer, "Jaeger's services")
        return services

    def _search(self, query: Mapping[str, str]) -> Iterable[TraceSummary]:
        if self._has_summaries:
            answer = self._fetcher.get("/api/v3/trace-summaries", query)
            if answer.content_type != "text/html":
                try:
                    return [_summary(item) for item in self._document(answer).get("summaries") or []]
                except (KeyError, TypeError, AttributeError, ValueError) as error:
                    raise self._fetcher.unreadable(ValueError(f"trace summary: {error!r}")) from error
            self._has_summaries = False
        spans_of: defaultdict[int, Any] = defaultdict(list)
        for span in self._spans(self._document(self._fetcher.get("/api/v3/traces", query))):
            spans_of[span.trace_id].append(span)
        return [Trace.from_spans(trace_id, spans).summary() for trace_id, spans in spans_of.items()]

    def _document(self, answer: Answer) -> Mapping[str, Any]:
        """What was answered; nothing at all where Jaeger says that it found nothing."""
        try:
            document = answer.json() if answer.content_type != "text/html" else None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise self._fetcher.unexpected(answer, "Jaeger's API v3")
        if answer.status == 404 and "error" in document:
            return {}
        if answer.status != 200:
            raise self._fetcher.unexpected(answer, "Jaeger's API v3")
        return document

    def _spans(self, document: Mapping[str, Any]) -> Sequence[SpanRecord]:
        try:
            return otlp_json.decode(document.get("result") or {})
        except ValueError as error:
            raise self._fetcher.unreadable(error) from error


def _summary(item: Mapping[str, Any]) -> TraceSummary:
    """One of ``/api/v3/trace-summaries``, v2.19 and newer."""
    start = int(item["minStartTimeUnixNano"])
    return TraceSummary(
        trace_id=int(item["traceId"], 16),
        root_name=str(item.get("rootOperationName") or ""),
        root_service=str(item.get("rootServiceName") or ""),
        start_ns=start,
        duration_ns=max(0, int(item["maxEndTimeUnixNano"]) - start),
        span_count=int(item.get("spanCount") or 0),
        error_count=int(item.get("errorSpanCount") or 0),
        services=tuple(sorted(str(service["name"]) for service in item.get("services") or [])),
    )


def _rfc3339(time_ns: int) -> str:
    """A time with all its nine digits, as Go's ``time.RFC3339Nano`` reads it."""
    seconds, nanoseconds = divmod(min(time_ns, _LATEST_NS), 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
