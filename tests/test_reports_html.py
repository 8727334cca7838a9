"""otel_bridge.reports.html: a trace as one page."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from time import monotonic

import pytest
import traces

from otel_bridge.model.trace import Trace
from otel_bridge.reports import html

_VOID = {"meta", "rect"}
_URL_ATTRIBUTES = {"src", "href", "action", "data", "poster", "srcset", "background", "xlink:href"}


class Page(HTMLParser):
    """The elements and the text of a page; fails where an element is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_page_shows_ids_services_spans_and_details() -> None:
    page = Page(html.render(traces.boot()))
    for text in (
        traces.BASE_ID,
        "0d06e2bc1234567890abcdef12345678",
        "62.0 ms",
        "nova-conductor",
        "ConductorManager.build_instances",
        "nova.exception.NoValidHost: No valid host was found.",
        "Event exception at 30.0 ms",
        "0d06e2bc-1234-5678-90ab-cdef12345679",
        "service.namespace",
        "2026-11-22 14:06:01.123 UTC",
    ):
        assert text in page.text
    assert len([tag for tag, attributes in page.tags if tag == "tr" and "id" in attributes]) == 6


def test_every_link_leads_to_a_place_in_the_page() -> None:
    for trace in (traces.boot(), traces.hostile(), traces.trace(traces.span(1, 99), traces.span(2, 1))):
        page = Page(html.render(trace))
        targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
        links = [attributes["href"] for attributes in page.attributes("a")]
        assert links
        assert all(link and link[1:] in targets for link in links)


def test_bars_lie_where_the_spans_do() -> None:
    bars = Page(html.render(traces.boot())).attributes("rect")
    assert [(bar["x"], bar["width"]) for bar in bars][:2] == [("0", "729"), ("19", "480")]
    assert all(0 <= int(bar["x"] or -1) <= 998 for bar in bars)
    assert all(int(bar["x"] or 0) + int(bar["width"] or 0) <= 1000 for bar in bars)


@pytest.mark.parametrize(
    "trace", [traces.boot(), traces.hostile(), traces.trace()], ids=["boot", "hostile", "empty"]
)
def test_the_page_loads_nothing_and_runs_nothing(trace: Trace) -> None:
    page = Page(html.render(trace))
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "code", "div", "ul",
        "li", "p", "table", "thead", "tbody", "tr", "th", "td", "span", "details", "summary", "bdi", "svg",
        "rect", "dl", "dt", "dd", "a",
    }  # fmt: skip
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in _URL_ATTRIBUTES & attributes.keys():
            assert (attributes[name] or "").startswith("#")
    assert "url(" not in html.render(trace)
    assert "@import" not in html.render(trace)


def test_the_policy_allows_the_style_sheet_by_its_hash_and_nothing_else() -> None:
    text = html.render(traces.boot())
    metas = Page(text).attributes("meta")
    policy = next(meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy")
    sheet = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert sheet
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    assert policy == html.CONTENT_SECURITY_POLICY
    assert policy == (f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
    # A policy in a page holds for what follows it: it has to come before the style sheet.
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_hostile_content_is_shown_as_text() -> None:
    text = html.render(traces.hostile())
    page = Page(text)
    assert text.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]", text)
    assert "</script><script>alert(1)</script>" in page.text
    assert "&lt;b&gt; &#60;script&#62;" in page.text
    assert "\\u202egnp.exe" in page.text
    assert "\\udc80" in page.text


def test_a_huge_value_is_cut_and_its_length_said() -> None:
    trace = traces.trace(traces.span(1, name="n" * 1_000_000, attributes={"big": "v" * 1_000_000}))
    text = html.render(trace)
    assert len(text) < 50_000
    assert "(1,000,000 characters)" in text


def test_line_ends_of_values_stay() -> None:
    trace = traces.trace(traces.span(1, attributes={"stack": "one\n\ttwo"}))
    assert "one\n\ttwo" in html.render(trace)


def test_processes_are_shown_once() -> None:
    spans = (traces.span(n, 0, resource={"process.pid": 4711 + n % 2}) for n in range(1, 9))
    page = Page(html.render(traces.trace(*spans)))
    assert page.text.count("process.pid") == 2
    assert page.text.count("4711") == 1


def test_an_empty_trace_says_so() -> None:
    assert "This trace has no spans." in html.render(traces.trace())


@pytest.mark.parametrize(
    "trace", [traces.chain(10_000), traces.fan(20_000)], ids=["10,000 deep", "20,000 wide"]
)
def test_large_traces_are_rendered_in_linear_time(trace: Trace) -> None:
    begin = monotonic()
    text = html.render(trace)
    assert monotonic() - begin < 30  # below two seconds; minutes if it were quadratic
    assert text.count("<tr id=") == len(trace.spans)
    assert len(text) < 2_000 * len(trace.spans)
