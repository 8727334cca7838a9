"""Jaeger: its stable HTTP API v3, and the older one of Jaeger 1 where that is all there is.

What has to be known of it:

* A path that it does not know is answered by its front page with status 200. The media type tells: JSON
  comes as ``text/plain`` from some versions, so only ``text/html`` is telling.
* A search answers the spans of all traces in one list, and with status 404 when there are none.
* The names of query parameters changed their spelling; the snake_case ones are understood by all versions.
* Before v2.19 there are no summaries: whole traces are fetched instead. From v2.21 on there is no older API.
* It looks for spans, not for traces: by duration, and by error where it can at all.

Traces are asked for raw: Jaeger can move the times of spans to hide that clocks differ, which nobody could
tell from what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import time_ns
from typing import Any, Final, Literal, TypeVar

from otel_bridge.model.trace import SpanRecord, Trace, TraceSummary
from otel_bridge.stores import selecting
from otel_bridge.stores.fetching import Answer
from otel_bridge.stores.fields import short_id
from otel_bridge.stores.http_store import HttpStore
from otel_bridge.stores.options import USUAL, StoreOptions
from otel_bridge.stores.protocol import EVERYTHING, Summaries, TraceQuery
from otel_bridge.stores.watching import Watch
from otel_bridge.wire import ids

#: How far back a list goes when it is not told: Jaeger wants a time, and those of its backends that keep
#: an index a day do not bear an early one.
DEFAULT_LOOKBACK_NS: Final = 7 * 24 * 3600 * 10**9
#: Traces that are looked through at most of each service, where Jaeger cannot filter as we do.
MAX_DEPTH: Final = 1500

# Which traces are the newest is for Jaeger when they were written, or when their last span began: of some
# more the newest by their start are taken.
_SPARE = 20
# Traces that are looked through at first for each that is wanted, where it cannot filter as we do.
_FILTER_DEPTH = 10
_LATEST_NS = 253_402_300_799 * 10**9  # the end of the year 9999, where datetime ends
_RAW = {"raw_traces": "true", "rawTraces": "true"}

T = TypeVar("T")


class JaegerStore(HttpStore):
    """A :class:`~otel_bridge.stores.TraceStore` in Jaeger's query service, named
    ``jaeger+http://[USER:PASSWORD@]HOST:PORT[/BASE]``, or ``jaeger+https``."""

    WANTED = "Jaeger's API v3"

    def __init__(self, url: str, options: StoreOptions = USUAL) -> None:
        super().__init__(url, options)
        self._dialect: Literal["v3", "older"] | None = None  # until one has been answered
        self._has_summaries = True  # until it turns out that they are not there

    def get(self, trace_id: int) -> Trace:
        """See :meth:`TraceStore.get <otel_bridge.stores.TraceStore.get>`."""
        name = ids.format_trace_id(trace_id)
        with self._watch() as watch:
            trace = self._ask(
                watch,
                lambda spans: Trace.from_spans(trace_id, spans),
                (f"/api/v3/traces/{name}", _RAW),
                (f"/api/traces/{name}", {"raw": "true"}),
            )
        if trace is None or not trace.spans:
            raise self._not_found(trace_id)
        return trace

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """See :meth:`TraceStore.list <otel_bridge.stores.TraceStore.list>`.

        Without ``since_ns``: the traces of the last :data:`DEFAULT_LOOKBACK_NS`. With ``errors_only``, a
        duration or ``id_prefix`` the newest traces of each service are looked through here, ten for each that
        is wanted, and with summaries :data:`MAX_DEPTH`, so fewer than ``limit`` may be found.
        """
        if query.limit <= 0:
            return []
        window = selecting.window(query, DEFAULT_LOOKBACK_NS, time_ns())
        if window is None:
            return []
        oldest, latest = window
        with self._watch() as watch:
            found: list[TraceSummary] = []
            for service in self._services(watch) if query.service is None else [query.service]:
                found += self._search(watch, service, query, max(0, oldest), max(0, latest))
        return selecting.newest(found, query)

    def ui_link(self, trace_id: int) -> str | None:
        """See :meth:`TraceStore.ui_link <otel_bridge.stores.TraceStore.ui_link>`."""
        return self._fetcher.address.link(f"/trace/{ids.format_trace_id(trace_id)}")

    def _services(self, watch: Watch) -> Iterable[str]:
        if self._dialect != "older":
            answer = self._fetcher.get("/api/v3/services")
            document = answer.document()
            if document is not None and answer.status == 200:
                self._dialect = "v3"
                return self._names(answer, document.get("services"))
            if not _is_unknown(answer):
                raise self._unexpected(answer)
            older = self._fetcher.get("/api/services")
            if (document := older.document()) is None or "data" not in document:
                raise self._unexpected(answer)
            self._dialect = "older"
            return self._names(older, document["data"])
        answer = self._fetcher.get("/api/services")
        return self._names(answer, (answer.document() or {}).get("data"))

    def _names(self, answer: Answer, services: Any) -> Iterable[str]:
        services = services or []
        if not isinstance(services, list) or not all(isinstance(name, str) for name in services):
            raise self._fetcher.unexpected(answer, "Jaeger's services")
        return services

    def _search(
        self, watch: Watch, service: str, query: TraceQuery, oldest: int, latest: int
    ) -> Iterable[TraceSummary]:
        """The traces that are asked for out of the newest ones of a service."""
        filtered = (
            query.errors_only
            or query.min_duration_ns is not None
            or query.max_duration_ns is not None
            or query.id_prefix is not None
        )
        # Jaeger refuses to look for more traces than it may hold: who asks for that many gets no spare.
        depth = query.limit + (_SPARE if query.limit < MAX_DEPTH else 0)
        if filtered:
            depth = max(depth, min(query.limit * _FILTER_DEPTH, MAX_DEPTH))
        asked = {"service": service, "operation": query.operation}
        parameters = _v3(asked, oldest, latest)
        while self._has_summaries and self._dialect != "older":
            summaries = self._summaries({**parameters, "query.num_traces": str(depth)})
            if summaries is None:
                self._has_summaries = False
                break
            matching = [summary for summary in summaries if selecting.wanted(summary, query)]
            if len(matching) >= query.limit or len(summaries) < depth or not filtered or depth >= MAX_DEPTH:
                return matching
            depth = MAX_DEPTH
        found = self._ask(
            watch,
            lambda spans: selecting.summaries(spans, query),
            ("/api/v3/traces", {**parameters, "query.num_traces": str(depth), "query.raw_traces": "true"}),
            ("/api/traces", {**_older(asked, oldest, latest), "limit": str(depth), "raw": "true"}),
        )
        return found or []

    def _summaries(self, parameters: Mapping[str, str]) -> Summaries | None:
        """What v2.19 and newer have; None: this one has not."""
        answer = self._fetcher.get("/api/v3/trace-summaries", parameters)
        document = answer.document()
        if _is_unknown(answer):
            return None
        if document is None or (answer.status != 200 and not _is_nothing(answer, document)):
            raise self._unexpected(answer)
        try:
            return [_summary(item) for item in document.get("summaries") or []]
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise self._fetcher.unreadable(ValueError(f"trace summary: {error!r}")) from error

    def _ask(
        self,
        watch: Watch,
        use: Callable[[Iterable[SpanRecord]], T],
        v3: tuple[str, Mapping[str, str]],
        older: tuple[str, Mapping[str, str]],
    ) -> T | None:
        """What ``use`` makes of the answer to ``v3``, or to ``older`` where that is not known; None where
        Jaeger says that it found nothing."""
        if self._dialect != "older":
            got = self._spans(watch, use, *v3)
            if not isinstance(got, Answer):
                self._dialect = "v3"
                return got
            if _is_nothing(got, got.document()):
                self._dialect = "v3"
                return None
            if self._dialect == "v3" or not _is_unknown(got):
                raise self._unexpected(got)
        got = self._spans(watch, use, *older)
        if not isinstance(got, Answer):
            self._dialect = "older"
            return got
        if _is_nothing(got, got.document()):
            self._dialect = "older"
            return None
        raise self._unexpected(got)


def _is_unknown(answer: Answer) -> bool:
    """Whether a Jaeger answers like that to a path that it does not know."""
    return answer.content_type == "text/html" or (answer.status == 404 and answer.document() is None)


def _is_nothing(answer: Answer, document: Mapping[str, Any] | None) -> bool:
    """Whether Jaeger says that there is no such trace, in either dialect."""
    return answer.status == 404 and document is not None and bool({"error", "errors"} & set(document))


def _v3(asked: Mapping[str, str | None], oldest: int, latest: int) -> dict[str, str]:
    return {
        **{f"query.{name}_name": value for name, value in asked.items() if value is not None},
        "query.start_time_min": _rfc3339(oldest),
        "query.start_time_max": _rfc3339(latest),
    }


def _older(asked: Mapping[str, str | None], oldest: int, latest: int) -> dict[str, str]:
    return {
        **{name: value for name, value in asked.items() if value is not None},
        "start": str(min(oldest, _LATEST_NS) // 1000),
        "end": str(min(latest, _LATEST_NS) // 1000),
    }


def _summary(item: Mapping[str, Any]) -> TraceSummary:
    """One of ``/api/v3/trace-summaries``."""
    start = int(item["minStartTimeUnixNano"])
    return TraceSummary(
        trace_id=short_id(item["traceId"], "traceId", 16),
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
