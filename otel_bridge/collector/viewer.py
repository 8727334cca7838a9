"""The viewer: traces as pages for people, and as JSON for programs.

=============================  ==============================================================
``GET /``                      the newest traces
``GET /trace/{32 hex}``        one trace
``GET /api/traces?...``        ``{"traces": [...]}``; see :func:`_query` for the parameters
``GET /api/traces/{32 hex}``   the trace as OTLP/JSON
``GET /healthz``               ``ok``
=============================  ==============================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast
from urllib.parse import parse_qs

from otel_bridge.collector import pages
from otel_bridge.collector.body import Refusal
from otel_bridge.collector.handler import RequestHandler
from otel_bridge.collector.listener import Limits, Listener
from otel_bridge.model.trace import Trace
from otel_bridge.reports import html
from otel_bridge.stores import otlp_json
from otel_bridge.stores.embedded import summary_to_json
from otel_bridge.stores.protocol import StoreError, Summaries, TraceNotFound, TraceQuery
from otel_bridge.stores.sqlite import SqliteStore
from otel_bridge.wire import ids

_MAX_LIMIT: Final = 1000


class Viewer(Listener):
    """Listens for people's browsers and for reading commands."""

    def __init__(self, host: str, port: int, limits: Limits, path: Path) -> None:
        """See :class:`Listener`; ``path`` is the store's file."""
        super().__init__(host, port, _Handler, limits)
        self.store = SqliteStore(path)


def _query(text: str) -> TraceQuery:
    """What is to be listed: the parameters of a request are named like the fields, save ``errors=1``.

    Raises:
        Refusal: a parameter is malformed; the reason names it.
    """
    try:
        given = {name: values[-1] for name, values in parse_qs(text, max_num_fields=20).items()}
    except ValueError as error:
        raise Refusal(400, "too many parameters") from error
    limit = _number(given, "limit")
    return TraceQuery(
        limit=20 if limit is None else min(limit, _MAX_LIMIT),
        since_ns=_number(given, "since_ns"),
        service=given.get("service"),
        errors_only=given.get("errors", "0") not in ("0", "false"),
        min_duration_ns=_number(given, "min_duration_ns"),
    )


def _number(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Refusal(400, f"{name}={text[:50]!r} is not a number")
    return int(text)


class _Handler(RequestHandler):
    HEADERS = {
        **RequestHandler.HEADERS,
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    def answer(self) -> None:
        if self.command not in ("GET", "HEAD"):
            raise Refusal(405, "nothing is changed here: GET", {"Allow": "GET, HEAD"})
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # for what follows is a body, which nobody reads
        url = self.url
        match url.path.split("/")[1:]:
            case [""]:
                self._trace_list(_query(url.query))
            case ["trace", text]:
                self._trace(text)
            case ["api", "traces"]:
                self._api_traces(_query(url.query))
            case ["api", "traces", text]:
                self.respond(200, "application/json", otlp_json.dumps(self._read(text).spans))
            case ["healthz"]:
                self.respond(200, "text/plain; charset=utf-8", b"ok")
            case _:
                raise Refusal(404, "no such page")

    def refuse(self, refusal: Refusal) -> None:
        if not self.path.startswith("/trace/"):
            super().refuse(refusal)
            return
        page = pages.message("No trace", refusal.reason)
        self._page(refusal.status, page, pages.CONTENT_SECURITY_POLICY, refusal.headers)

    def _trace_list(self, wanted: TraceQuery) -> None:
        page = pages.trace_list(
            self._list(wanted), limit=wanted.limit, service=wanted.service, errors_only=wanted.errors_only
        )
        self._page(200, page, pages.CONTENT_SECURITY_POLICY)

    def _trace(self, text: str) -> None:
        trace = self._read(text)
        self._page(200, html.render(trace), f"{html.CONTENT_SECURITY_POLICY}; frame-ancestors 'none'")

    def _api_traces(self, wanted: TraceQuery) -> None:
        self.respond_json(200, {"traces": [summary_to_json(summary) for summary in self._list(wanted)]})

    def _list(self, wanted: TraceQuery) -> Summaries:
        try:
            return self._store.list(wanted)
        except StoreError as error:
            raise Refusal(503, str(error), {"Retry-After": "5"}) from error

    def _read(self, text: str) -> Trace:
        try:
            return self._store.get(ids.parse_trace_id(text))
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        except TraceNotFound as error:
            raise Refusal(404, str(error)) from error
        except StoreError as error:
            raise Refusal(503, str(error), {"Retry-After": "5"}) from error

    @property
    def _store(self) -> SqliteStore:
        return cast(Viewer, self.server).store

    def _page(self, status: int, page: str, policy: str, headers: Mapping[str, str] | None = None) -> None:
        self.respond(
            status,
            "text/html; charset=utf-8",
            page.encode("utf-8", "replace"),
            {"Content-Security-Policy": policy, **(headers or {})},
        )
