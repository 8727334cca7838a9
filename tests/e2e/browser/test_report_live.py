"""The report of a trace that is still arriving."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from e2e.browser import traces
from e2e.browser.reading import active, press
from e2e.browser.timeline import TRACE_ID
from otel_bridge.model.trace import Trace
from otel_bridge.reports import html, report_data

pytestmark = pytest.mark.e2e


def part(spans: int) -> Trace:
    return Trace.from_spans(TRACE_ID, traces.boot_spans(600)[:spans])


class _Server(ThreadingHTTPServer):
    """Shows a trace that grows."""

    daemon_threads = True
    trace = part(400)
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/trace/1":
            page = html.render(self.server.trace, live="/newer", home="/")
            self._answer(200, "text/html; charset=utf-8", page.html, page.policy)
        elif url.path == "/newer":
            (known,) = parse_qs(url.query)["known"]
            self.server.asked.append(known)
            same = known == report_data.version(self.server.trace)
            status = 204 if same and self.server.status == 200 else self.server.status
            self._answer(status, "application/json", json.dumps(report_data.document(self.server.trace)))
        else:
            self._answer(404, "text/plain", "")

    def _answer(self, status: int, kind: str, text: str, policy: str = "") -> None:
        body = b"" if status == 204 else text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as started:
        thread = threading.Thread(target=started.serve_forever, daemon=True)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


@pytest.fixture
def page(browse, server: _Server) -> Page:
    opened = browse.url(f"{server.url}/trace/1")
    expect(opened.locator("#live")).to_have_text("live")
    return opened


def test_spans_that_arrive_are_shown(page: Page, server: _Server) -> None:
    expect(page.locator("#facts")).to_contain_text("400 spans")
    server.trace = part(600)
    expect(page.locator("#facts")).to_contain_text("600 spans")
    expect(page.locator("#said")).to_have_text("600 spans now")
    with page.expect_response("**/newer?known=600-*") as answer:
        pass
    assert answer.value.status == 204
    assert server.asked[0].startswith("400-")


def test_what_the_reader_chose_stays(page: Page, server: _Server) -> None:
    page.locator("#tree").focus()
    press(page, "ArrowDown", "ArrowDown", "ArrowLeft", "Enter", "+")
    page.get_by_role("group", name="Show only").get_by_role("button", name="keystone").click()
    name, view = active(page), page.evaluate("Report.app.view")
    server.trace = part(600)
    expect(page.locator("#facts")).to_contain_text("600 spans")
    assert active(page) == name
    assert page.evaluate("Report.app.view") == view
    expect(page.locator("#details")).to_be_visible()
    expect(page.locator(".row.active")).to_have_attribute("aria-expanded", "false")
    keystone = page.get_by_role("group", name="Show only").get_by_role("button", name="keystone")
    expect(keystone).to_have_attribute("aria-pressed", "true")
    expect(keystone).to_be_focused()


def test_what_is_scrolled_to_stays_in_sight(page: Page, server: _Server) -> None:
    page.locator("#scroller").evaluate("(scroller) => { scroller.scrollTop = 1000 }")
    top = """() => {
      const { model, layout } = Report.app;
      const node = layout.nodes[Math.floor(document.getElementById("scroller").scrollTop / 24)];
      return ReportModel.id(model, ReportModel.rowOf(model, node));
    }"""
    before = page.evaluate(top)
    server.trace = part(600)
    expect(page.locator("#facts")).to_contain_text("600 spans")
    assert page.evaluate(top) == before


def test_the_page_says_when_it_is_no_longer_updated(browse, page: Page, server: _Server) -> None:
    server.status = 500
    expect(page.locator("#live")).to_have_text("no longer updated")
    server.status = 200
    browse.problems = [problem for problem in browse.problems if "500" not in problem]


def test_the_list_of_traces_is_a_link_away(page: Page, server: _Server) -> None:
    link = page.get_by_role("link", name="All traces")
    assert link.evaluate("(link) => link.href") == f"{server.url}/"


def test_the_details_lead_to_the_right_span_after_others_have_arrived(page: Page, server: _Server) -> None:
    spans = traces.boot_spans(600)
    last = max(spans[:400], key=lambda span: span.start_ns)
    parent = next(span for span in spans if span.span_id == last.parent_id)
    # A span that comes late, and first in the tree: all others get other rows.
    early = replace(last, span_id=1, parent_id=spans[0].span_id, start_ns=spans[0].start_ns + 1, events=())
    page.evaluate(f"location.hash = '#s{last.span_id:016x}'")
    details = page.locator("#details")
    expect(details.get_by_role("heading", level=2)).to_have_text(last.name)
    copy = details.get_by_role("button", name="Copy span id")
    copy.focus()
    server.trace = Trace.from_spans(TRACE_ID, [*spans[:400], early])
    expect(page.locator("#facts")).to_contain_text("401 spans")
    expect(copy).to_be_focused()
    details.locator(".jump").first.click()
    expect(details).to_contain_text(f"{parent.span_id:016x}")


def test_controls_of_the_head_keep_the_focus(page: Page, server: _Server) -> None:
    for name in ("Copy trace id", "neutron-server"):
        server.trace = part(590)
        button = page.locator("header").get_by_role("button", name=name).first
        expect(page.locator("#facts")).to_contain_text("590 spans")
        button.focus()
        server.trace = part(600)
        expect(page.locator("#facts")).to_contain_text("600 spans")
        expect(button).to_be_focused()


def test_a_span_that_the_address_names_is_gone_to_when_it_arrives(browse, server: _Server) -> None:
    late = traces.boot_spans(600)[500]
    page = browse.url(f"{server.url}/trace/1#s{late.span_id:016x}")
    expect(page.locator("#notes")).to_contain_text("is not here")
    server.trace = part(600)
    expect(page.locator("#details h2")).to_have_text(late.name)
    expect(page.locator("#notes")).to_have_text("")


def test_much_that_is_to_be_said_is_said_seldom(page: Page) -> None:
    """At once; then only the last, and that later; and at once again after silence."""
    said = page.evaluate(
        """() => {
          const said = [], later = [];
          const usual = window.setTimeout;
          window.setTimeout = (act) => later.push(act);
          try {
            const say = ReportUpdate.seldom((text) => said.push(text), 1000);
            for (const text of ["a", "b", "c"]) say(text);
            said.push("|"); later.shift()();
            said.push("|"); later.shift()(); say("d");
            return [said.join(""), later.length];
          } finally { window.setTimeout = usual; }
        }"""
    )
    assert said == ["a|c|d", 1]
