"""The viewer: traces as pages for people, and as JSON for programs.

======================================  =================================================================
``GET /``                               the list: see :class:`~otel_bridge.collector.searching.Search`
``GET /trace/{id}``                     one trace, which grows while its spans arrive
``GET /diff/{id}/{id}``                 two traces compared; also ``/diff?trace={id}&trace={id}``
``GET /api/traces?...``                 ``{"traces": [...]}``: all fields of ``TraceQuery``
``GET /api/traces/{id}``                the trace as OTLP/JSON
``GET /api/traces/{id}/report?known=V`` what the page of a trace shows, unless it is of version V
``GET /api/list?...&known=V``           what the list shows, unless it is of version V
``GET /healthz``                        ``ok``
======================================  =================================================================
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import time_ns
from typing import Final, cast

from otel_bridge.analysis.difference import compare
from otel_bridge.collector import pages, searching, trace_table
from otel_bridge.collector.body import Refusal
from otel_bridge.collector.handler import RequestHandler
from otel_bridge.collector.listener import Limits, Listener
from otel_bridge.collector.searching import Search
from otel_bridge.model.trace import Trace
from otel_bridge.reports import diff_html, html, report_data
from otel_bridge.reports.page import Page
from otel_bridge.stores import otlp_json
from otel_bridge.stores.protocol import StoreError, Summaries, TraceNotFound, TraceQuery
from otel_bridge.stores.sqlite import SqliteStore
from otel_bridge.wire import ids

#: Traces that are made into pages at a time: the receiver has to go on meanwhile.
_MAX_RENDERING: Final = 2


class Viewer(Listener):
    """Listens for people's browsers and for reading commands."""

    def __init__(self, host: str, port: int, limits: Limits, path: Path) -> None:
        """See :class:`Listener`; ``path`` is the store's file."""
        super().__init__(host, port, _Handler, limits)
        self.store = SqliteStore(path)
        self.rendering = threading.BoundedSemaphore(_MAX_RENDERING)


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
                self._list_page(url.query)
            case ["trace", text]:
                self._trace_page(text)
            case ["diff"]:
                self._diff_of(url.query)
            case ["diff", first, second]:
                self._diff_page(first, second)
            case ["healthz"]:
                self.respond(200, "text/plain; charset=utf-8", b"ok")
            case ["api", *rest]:
                self._api(rest, url.query)
            case _:
                raise Refusal(404, "no such page")

    def refuse(self, refusal: Refusal) -> None:
        path = self.path.partition("?")[0]
        if path != "/" and path != "/diff" and not path.startswith(("/trace/", "/diff/")):
            super().refuse(refusal)
            return
        title = "No such trace" if refusal.status == 404 else "This cannot be shown"
        details = pages.WHY_MISSING if refusal.status == 404 else ()
        self._page(pages.message(title, refusal.reason, details), refusal.status, refusal.headers)

    # Pages.

    def _list_page(self, query: str) -> None:
        search = Search.parse(query)
        if (digits := searching.digits(search.q)) is not None and len(digits) == 32:
            self._redirect(f"/trace/{digits}")
            return
        try:
            listing = trace_table.listing(self._found(search), search)
        except ValueError as error:
            self._page(pages.trace_list(search, None, problem=str(error)), 400)
            return
        self._page(pages.trace_list(search, listing, suggested=self._suggested(search)))

    def _trace_page(self, text: str) -> None:
        trace_id = self._resolved(text)
        if trace_id is None:
            self._redirect(Search(q=text.lower()).url())
            return
        identity = ids.format_trace_id(trace_id)
        if text != identity:
            self._redirect(f"/trace/{identity}")
            return
        if not self._count(trace_id):
            self._page(pages.waiting(trace_id), 404)
            return
        with self._rendering():
            page = html.render(self._read(trace_id), live=f"/api/traces/{identity}/report", home="/")
        self._page(page)

    def _diff_of(self, query: str) -> None:
        given = searching.parameters(query)
        chosen = [*given.get("a", []), *given.get("b", [])]
        # The list has the newest first: what changed since then is what people ask for.
        chosen += reversed(given.get("trace", []))
        if len(chosen) != 2:
            raise Refusal(400, f"two traces can be compared, not {len(chosen)}: tick two in the list")
        self._redirect("/diff/{}/{}".format(*(ids.format_trace_id(self._only(text)) for text in chosen)))

    def _diff_page(self, first: str, second: str) -> None:
        a, b = self._only(first), self._only(second)
        canonical = ids.format_trace_id(a), ids.format_trace_id(b)
        if (first, second) != canonical:
            self._redirect("/diff/{}/{}".format(*canonical))
            return
        with self._rendering():
            page = diff_html.render(compare(self._read(a), self._read(b)), home="/")
        self._page(page)

    # The API.

    def _api(self, path: list[str], query: str) -> None:
        # Whoever reads from here from a page elsewhere does not say why.
        if self.headers.get("Sec-Fetch-Site") == "cross-site":
            raise Refusal(403, "this is for pages from here, and for programs")
        match path:
            case ["traces"]:
                found = self._list(searching.api_query(query))
                self.respond_json(200, {"traces": [summary.as_json() for summary in found]})
            case ["traces", text]:
                spans = self._read(_parsed(text)).spans
                self.respond(200, "application/json", otlp_json.dumps(spans))
            case ["traces", text, "report"]:
                self._report(_parsed(text), _known(query))
            case ["list"]:
                self._listing(query)
            case _:
                raise Refusal(404, "no such page")

    def _report(self, trace_id: int, known: str) -> None:
        # The store keeps a span as it came first, so that as many spans are the same spans.
        count = known.partition("-")[0]
        if count and str(self._count(trace_id)) == count:
            self._nothing_new()
            return
        with self._rendering():
            trace = self._read(trace_id)
            if report_data.version(trace) == known:
                self._nothing_new()
                return
            body = json.dumps(report_data.document(trace)).encode()
        self.respond(200, "application/json", body)

    def _listing(self, query: str) -> None:
        search = Search.parse(query)
        try:
            document = trace_table.listing(self._found(search), search).document()
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        if document["version"] == _known(query):
            self._nothing_new()
        else:
            self.respond_json(200, document)

    # The store.

    def _found(self, search: Search) -> Summaries:
        """What a search finds, and one more if there is one.

        Raises:
            ValueError: it cannot be understood; the message is for people.
        """
        query = search.query(time_ns())
        query = replace(query, limit=search.limit + 1)
        before = search.position
        with _explained():
            if search.prefix is not None:
                found = self._store.page(replace(query, id_prefix=search.prefix), before=before)
                if found or self._store.list(TraceQuery(limit=1, id_prefix=search.prefix)):
                    return found
            return self._store.page(query, search.q, before)

    def _suggested(self, search: Search) -> tuple[list[str], list[str]]:
        with _explained():
            return self._store.suggestions(search.service or None, pages.MAX_SUGGESTED)

    def _resolved(self, text: str) -> int | None:
        """The trace that an id, or the beginning of one, names; None: it is the beginning of several.

        A whole id need not be that of a trace that is there.
        """
        digits = searching.digits(text)
        if digits is None or len(digits) == 32:
            return _parsed(text)
        found = self._list(TraceQuery(limit=2, id_prefix=digits))
        if not found:
            raise Refusal(404, f"no trace's id begins with {digits}")
        return found[0].trace_id if len(found) == 1 else None

    def _only(self, text: str) -> int:
        found = self._resolved(text)
        if found is None:
            raise Refusal(400, f"several ids begin with {searching.digits(text)}: give more of it")
        if not self._count(found):
            raise Refusal(404, f"there is no trace {ids.format_trace_id(found)}")
        return found

    def _count(self, trace_id: int) -> int:
        with _explained():
            return self._store.span_count(trace_id)

    def _list(self, wanted: TraceQuery) -> Summaries:
        with _explained():
            return self._store.list(wanted)

    def _read(self, trace_id: int) -> Trace:
        with _explained():
            return self._store.get(trace_id)

    @property
    def _store(self) -> SqliteStore:
        return cast(Viewer, self.server).store

    @contextmanager
    def _rendering(self) -> Iterator[None]:
        """A turn to read a whole trace and make something of it."""
        turns = cast(Viewer, self.server).rendering
        if not turns.acquire(timeout=self.limits.response):
            raise Refusal(503, "too many traces are asked for at once", {"Retry-After": "5"})
        try:
            yield
        finally:
            turns.release()

    # Answers.

    def _page(self, page: Page, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        policy = f"{page.policy}; frame-ancestors 'none'"
        self.respond(
            status,
            "text/html; charset=utf-8",
            page.html.encode("utf-8", "replace"),
            {"Content-Security-Policy": policy, **(headers or {})},
        )

    def _redirect(self, address: str) -> None:
        self.respond(302, "text/plain; charset=utf-8", b"", {"Location": address})

    def _nothing_new(self) -> None:
        self.respond(204, "", b"")


@contextmanager
def _explained() -> Iterator[None]:
    """Errors of the store, as answers."""
    try:
        yield
    except TraceNotFound as error:
        raise Refusal(404, str(error)) from error
    except StoreError as error:
        raise Refusal(503, str(error), {"Retry-After": "5"}) from error


def _parsed(text: str) -> int:
    try:
        return ids.parse_trace_id(text)
    except ValueError as error:
        raise Refusal(400, str(error)) from error


def _known(query: str) -> str:
    return searching.parameters(query).get("known", [""])[-1]
