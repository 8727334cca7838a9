"""Grafana Tempo, by its HTTP API.

What has to be known of it:

* The API v2 tells whether a trace is whole; versions before 2.7 have only the older one.
* Its JSON is protobuf's own: ids are base64, and in lists hexadecimal without leading zeros.
* A search without a time range finds nothing but what came in just now; with one, it must not be longer than
  a week. It stops when it has found enough, newest or not, unless it is told otherwise.
* What a search tells of a trace has the number of spans and errors of each service from version 2.5 on, and
  its duration in milliseconds. Where the numbers are missing, traces are fetched to count.
* Before version 2 there is no TraceQL: the question is passed over, and anything may be answered.
* A tenant is named by the header ``X-Scope-OrgID`` (:class:`~otel_bridge.stores.options.StoreOptions`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from time import time_ns
from typing import Any, Final, NamedTuple

from otel_bridge.model.trace import Trace, TraceSummary
from otel_bridge.stores import selecting, traceql
from otel_bridge.stores.fetching import Answer
from otel_bridge.stores.fields import short_id
from otel_bridge.stores.http_store import HttpStore
from otel_bridge.stores.options import USUAL, StoreOptions
from otel_bridge.stores.protocol import EVERYTHING, Summaries, TraceNotFound, TraceQuery
from otel_bridge.stores.watching import Watch
from otel_bridge.wire import ids

#: How far back a list goes when it is not told: together with the hour that clocks may be ahead it has to be
#: less than the 168 hours that a search may ask for unless Tempo's ``max_search_duration`` says otherwise.
DEFAULT_LOOKBACK_NS: Final = 166 * 3600 * 10**9
#: Traces that are fetched at most, to count what a search has not told.
MAX_FETCHED: Final = 100
#: Traces that are looked through at most for ``id_prefix``, which Tempo cannot look for.
MAX_DEPTH: Final = 1500

_FILTER_DEPTH = 10
_SECOND = 10**9
_MS = 10**6
_MAX_SECONDS = (1 << 31) - 1  # older versions take no more
_EXCEEDS = re.compile(rb"exceeds (?:(\d{1,6})h)?(?:(\d{1,2})m)?(?:(\d{1,2})s)?")
_MAX_REFUSAL = 1000
_IN_SEARCH = frozenset(("traces", "metrics"))
_NEWEST_FIRST = " with (most_recent=true)"


class _Found(NamedTuple):
    """What a search tells of a trace."""

    summary: TraceSummary
    #: The numbers of spans and errors are told.
    counted: bool
    #: It says which spans were found: Tempo has understood the question.
    understood: bool


class TempoStore(HttpStore):
    """A :class:`~otel_bridge.stores.TraceStore` in Grafana Tempo, named
    ``tempo+http://[USER:PASSWORD@]HOST:PORT[/BASE]``, or ``tempo+https``."""

    WANTED = "Tempo's API"

    def __init__(self, url: str, options: StoreOptions = USUAL) -> None:
        super().__init__(url, options)
        self._has_v2 = True  # until it turns out that it is not there
        self._has_hints = True

    def get(self, trace_id: int) -> Trace:
        """See :meth:`TraceStore.get <otel_bridge.stores.TraceStore.get>`. Where Tempo has not kept the
        trace as a whole, whoever watches is told."""
        with self._watch() as watch:
            return self._get(watch, trace_id)

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """See :meth:`TraceStore.list <otel_bridge.stores.TraceStore.list>`.

        Without ``since_ns``: the traces of the last :data:`DEFAULT_LOOKBACK_NS`. With ``id_prefix`` ten
        traces, :data:`MAX_DEPTH` at most, are looked through for each that is wanted. What
        cannot be counted, since it is beyond the :data:`MAX_FETCHED` newest, has 0 spans.
        """
        if query.limit <= 0:
            return []
        now = time_ns()
        window = selecting.window(query, DEFAULT_LOOKBACK_NS, now)
        if window is None:
            return []
        oldest, latest = window
        depth = query.limit
        if query.id_prefix is not None:
            depth = max(query.limit, min(query.limit * _FILTER_DEPTH, MAX_DEPTH))
        with self._watch() as watch:
            answer = self._search(query, oldest, latest, depth)
            longest = _longest_range(answer)
            if longest is not None and query.since_ns is None:
                latest = min(latest, now + longest // 10)
                answer = self._search(query, latest - longest, latest, depth)
            found = self._found(answer)
            return selecting.newest(self._counted(watch, found, query), TraceQuery(limit=query.limit))

    def ui_link(self, trace_id: int) -> str | None:
        """None: Tempo has no pages; they are Grafana's, wherever that is."""
        return None

    def _get(self, watch: Watch, trace_id: int) -> Trace:
        name = ids.format_trace_id(trace_id)
        for path in (f"/api/v2/traces/{name}", f"/api/traces/{name}")[0 if self._has_v2 else 1 :]:
            got = self._spans(watch, lambda spans: Trace.from_spans(trace_id, spans), path)
            if isinstance(got, Trace):
                # It may as well be answered when there is no such trace, so this says nothing of v2.
                if got.spans:
                    return got
            elif got.status != 404 or got.content_type == "text/html":
                raise self._unexpected(got)
            elif b"page not found" in got.body:
                self._has_v2 = False
        raise self._not_found(trace_id)

    def _search(self, query: TraceQuery, oldest: int, latest: int, depth: int) -> Answer:
        asked = traceql.expression(query)
        parameters = {
            "start": str(_seconds(oldest)),
            "end": str(_seconds(latest + _SECOND - 1)),
            "limit": str(depth),
            "spss": "1",
        }
        if self._has_hints:
            answer = self._fetcher.get("/api/search", {"q": asked + _NEWEST_FIRST, **parameters})
            if answer.status != 400:
                return answer
        answer = self._fetcher.get("/api/search", {"q": asked, **parameters})
        self._has_hints = self._has_hints and answer.status != 200  # it was not the hint that was refused
        return answer

    def _found(self, answer: Answer) -> Iterable[_Found]:
        document = answer.document()
        if document is None or answer.status != 200 or not _IN_SEARCH & set(document):
            raise self._unexpected(answer)
        try:
            return [_told(item) for item in document.get("traces") or []]
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise self._fetcher.unreadable(ValueError(f"trace summary: {error!r}")) from error

    def _counted(self, watch: Watch, found: Iterable[_Found], query: TraceQuery) -> Iterable[TraceSummary]:
        """The summaries of what was found, as far as it is what was asked for."""
        # Tempo has compared the durations; what it tells of them is cut to milliseconds.
        as_told = replace(query, min_duration_ns=None, max_duration_ns=None)
        uncounted = replace(as_told, errors_only=False)
        fetched = 0
        for one in sorted(found, key=lambda one: -one.summary.start_ns):
            if one.counted:
                if selecting.wanted(one.summary, as_told):
                    yield one.summary
            elif not selecting.wanted(one.summary, uncounted):
                continue
            elif fetched < MAX_FETCHED:
                fetched += 1
                try:
                    trace = self._get(watch, one.summary.trace_id)
                except TraceNotFound:  # expired meanwhile
                    continue
                summary = trace.summary()
                if selecting.wanted(summary, query) and selecting.has_operation(trace.spans, query):
                    yield summary
            elif one.understood:
                yield one.summary


def _told(item: Mapping[str, Any]) -> _Found:
    stats = item.get("serviceStats") or {}
    start = int(item.get("startTimeUnixNano") or 0)
    summary = TraceSummary(
        trace_id=short_id(item["traceID"], "traceID", 16),
        root_name=str(item.get("rootTraceName") or ""),
        root_service=str(item.get("rootServiceName") or ""),
        start_ns=start,
        duration_ns=_MS * int(item.get("durationMs") or 0),
        span_count=sum(int(of.get("spanCount") or 0) for of in stats.values()),
        error_count=sum(int(of.get("errorCount") or 0) for of in stats.values()),
        services=tuple(sorted(map(str, stats))),
    )
    return _Found(summary, bool(stats), bool({"spanSet", "spanSets"} & set(item)))


def _seconds(time_ns: int) -> int:
    return max(1, min(time_ns // _SECOND, _MAX_SECONDS))  # 0 counts as not given


def _longest_range(answer: Answer) -> int | None:
    """The longest time range, in ns, that Tempo says it searches when it is asked for a longer one."""
    if answer.status != 400:
        return None
    said = _EXCEEDS.search(answer.body[:_MAX_REFUSAL])
    if said is None or not any(said.groups()):
        return None
    hours, minutes, seconds = (int(part or 0) for part in said.groups())
    return max(0, 3600 * hours + 60 * minutes + seconds - 1) * _SECOND or None
