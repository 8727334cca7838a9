"""The viewer of ``otel-bridge serve``, read over HTTP."""

from __future__ import annotations

from typing import Any

from otel_bridge.model.trace import Trace, TraceSummary
from otel_bridge.stores import otlp_json
from otel_bridge.stores.address import Address
from otel_bridge.stores.fetching import TIMEOUT, Answer, Fetcher
from otel_bridge.stores.protocol import EVERYTHING, Summaries, TraceNotFound, TraceQuery
from otel_bridge.wire import ids

#: Fields of :class:`TraceQuery` that are parameters of the same name where they are given.
OPTIONAL_PARAMETERS = (
    "since_ns",
    "until_ns",
    "service",
    "operation",
    "min_duration_ns",
    "max_duration_ns",
    "id_prefix",
)


class EmbeddedStore:
    """A :class:`~otel_bridge.stores.TraceStore` behind a running ``otel-bridge serve``."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        """
        Args:
            url: ``http://[USER:PASSWORD@]HOST:PORT[/BASE]`` of the viewer, or ``https``.
            timeout: seconds for each request.

        Raises:
            StoreError: the URL is malformed.
        """
        self._fetcher = Fetcher(Address.parse(url), timeout=timeout)

    @property
    def url(self) -> str:
        return self._fetcher.address.shown

    def get(self, trace_id: int) -> Trace:
        """See :meth:`TraceStore.get <otel_bridge.stores.TraceStore.get>`."""
        answer = self._fetcher.get(f"/api/traces/{ids.format_trace_id(trace_id)}")
        if answer.status == 404 and answer.content_type == "application/json":
            raise TraceNotFound(f"no trace {ids.format_trace_id(trace_id)} in {self.url}")
        document = self._document(answer, "resourceSpans")
        try:
            return Trace.from_spans(trace_id, otlp_json.decode(document))
        except ValueError as error:
            raise self._fetcher.unreadable(error) from error

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """See :meth:`TraceStore.list <otel_bridge.stores.TraceStore.list>`."""
        answer = self._fetcher.get("/api/traces", query_to_parameters(query))
        document = self._document(answer, "traces")
        try:
            return [summary_from_json(item) for item in document["traces"]]
        except (KeyError, TypeError, ValueError) as error:
            raise self._fetcher.unreadable(ValueError(f"trace summary: {error!r}")) from error

    def _document(self, answer: Answer, key: str) -> dict[str, Any]:
        try:
            document = answer.json()
        except ValueError:
            document = None
        if answer.status != 200 or not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise self._fetcher.unexpected(
                answer, "the viewer of otel-bridge serve (a Jaeger is named jaeger+http://HOST:16686)"
            )
        return document


def query_to_parameters(query: TraceQuery) -> dict[str, str]:
    """``query`` as the parameters of ``GET /api/traces``: its own names, save ``errors=1``."""
    parameters = {"limit": str(query.limit)}
    if query.errors_only:
        parameters["errors"] = "1"
    for name in OPTIONAL_PARAMETERS:
        value = getattr(query, name)
        if value is not None:
            parameters[name] = str(value)
    return parameters


def summary_to_json(summary: TraceSummary) -> dict[str, Any]:
    """A line of ``GET /api/traces``; 64-bit integers are strings, as in OTLP/JSON."""
    return {
        "traceId": ids.format_trace_id(summary.trace_id),
        "rootName": summary.root_name,
        "rootService": summary.root_service,
        "startTimeUnixNano": str(summary.start_ns),
        "durationNano": str(summary.duration_ns),
        "spanCount": summary.span_count,
        "errorCount": summary.error_count,
        "services": list(summary.services),
    }


def summary_from_json(item: dict[str, Any]) -> TraceSummary:
    """What :func:`summary_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it did not write this.
    """
    return TraceSummary(
        trace_id=int(item["traceId"], 16),
        root_name=str(item["rootName"]),
        root_service=str(item["rootService"]),
        start_ns=int(item["startTimeUnixNano"]),
        duration_ns=int(item["durationNano"]),
        span_count=int(item["spanCount"]),
        error_count=int(item["errorCount"]),
        services=tuple(map(str, item["services"])),
    )
