"""The viewer of ``otel-bridge serve``, read over HTTP."""

from __future__ import annotations

from typing import Any

from otel_bridge.model.trace import Trace, TraceSummary
from otel_bridge.stores import selecting
from otel_bridge.stores.fields import short_id
from otel_bridge.stores.http_store import HttpStore
from otel_bridge.stores.protocol import EVERYTHING, Summaries, TraceQuery
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


class EmbeddedStore(HttpStore):
    """A :class:`~otel_bridge.stores.TraceStore` behind a running ``otel-bridge serve``, named
    ``http://[USER:PASSWORD@]HOST:PORT[/BASE]``, or ``https``."""

    WANTED = "the viewer of otel-bridge serve (a Jaeger is named jaeger+http://HOST:16686)"

    def get(self, trace_id: int) -> Trace:
        """See :meth:`TraceStore.get <otel_bridge.stores.TraceStore.get>`."""
        path = f"/api/traces/{ids.format_trace_id(trace_id)}"
        with self._watch() as watch:
            got = self._spans(watch, lambda spans: Trace.from_spans(trace_id, spans), path)
        if isinstance(got, Trace) and got.spans:
            return got
        if isinstance(got, Trace) or (got.status == 404 and got.content_type == "application/json"):
            raise self._not_found(trace_id)
        raise self._unexpected(got)

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """See :meth:`TraceStore.list <otel_bridge.stores.TraceStore.list>`."""
        answer = self._fetcher.get("/api/traces", query_to_parameters(query))
        document = answer.document()
        if answer.status != 200 or document is None or "traces" not in document:
            raise self._unexpected(answer)
        try:
            found = [summary_from_json(item) for item in document["traces"]]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._fetcher.unreadable(ValueError(f"trace summary: {error!r}")) from error
        # Once more, since an older viewer passes over what it does not know.
        return selecting.newest(found, query)

    def ui_link(self, trace_id: int) -> str | None:
        """See :meth:`TraceStore.ui_link <otel_bridge.stores.TraceStore.ui_link>`."""
        return self._fetcher.address.link(f"/trace/{ids.format_trace_id(trace_id)}")


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


def summary_from_json(item: dict[str, Any]) -> TraceSummary:
    """What :meth:`TraceSummary.as_json` made.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: it was not made by that.
    """
    return TraceSummary(
        trace_id=short_id(item["traceId"], "traceId", 16),
        root_name=str(item["rootName"]),
        root_service=str(item["rootService"]),
        start_ns=int(item["startTimeUnixNano"]),
        duration_ns=int(item["durationNano"]),
        span_count=int(item["spanCount"]),
        error_count=int(item["errorCount"]),
        services=tuple(map(str, item["services"])),
    )
