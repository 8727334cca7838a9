"""otel_bridge.reports.html: a trace as one page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
import traces

from otel_bridge.model.trace import Trace
from otel_bridge.reports import html, report_data

_VOID = {"meta", "input"}
_URL_ATTRIBUTES = {"src", "href", "action", "data", "poster", "srcset", "background", "xlink:href"}


class Parsed(HTMLParser):
    """The elements of a page; fails where an element is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: dict[str, str] = {}
        self.plain = ""
        self._open: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append((tag, dict(attrs).get("id") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        tag, name = self._open[-1]
        if tag == "script" and name:
            self.data[name] = self.data.get(name, "") + data
        elif "noscript" in [tag for tag, _ in self._open]:
            self.plain += data


TRACES = [traces.boot(), traces.hostile(), traces.trace()]
IDS = ["boot", "hostile", "empty"]


@pytest.mark.parametrize("trace", TRACES, ids=IDS)
def test_the_page_has_the_data_of_the_trace(trace: Trace) -> None:
    data = Parsed(html.render(trace, link="http://jaeger/trace/1").html).data
    assert json.loads(data["report"]) == report_data.document(trace, link="http://jaeger/trace/1")
    assert json.loads(data["settings"]) == {"live": None, "home": None}


def test_a_page_of_a_server_may_ask_it_for_more() -> None:
    page = html.render(traces.boot(), live="/api/traces/1/report", home="/")
    settings = json.loads(Parsed(page.html).data["settings"])
    assert settings == {"live": "/api/traces/1/report", "home": "/"}
    assert "connect-src 'self'" in page.policy
    assert "connect-src" not in html.render(traces.boot()).policy


@pytest.mark.parametrize("trace", TRACES, ids=IDS)
def test_the_page_loads_nothing(trace: Trace) -> None:
    page = html.render(trace)
    parsed = Parsed(page.html)
    assert {tag for tag, _ in parsed.tags}.isdisjoint(
        {"link", "img", "iframe", "object", "embed", "base", "audio", "video", "image", "use"}
    )
    for _, attributes in parsed.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert not _URL_ATTRIBUTES & attributes.keys()
    for sheet in re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL):
        assert "url(" not in sheet
        assert "@import" not in sheet


def test_each_id_of_the_page_is_there_once_and_each_reference_leads_to_one() -> None:
    parsed = Parsed(html.render(traces.boot()).html)
    found = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(found) == len(set(found))
    for _, attributes in parsed.tags:
        for name in ("aria-controls", "aria-labelledby", "for"):
            if name in attributes:
                assert attributes[name] in found


def test_every_control_has_a_name() -> None:
    page = html.render(traces.boot()).html
    buttons = re.findall(r"<button([^>]*)>([^<]*)</button>", page)
    assert len(buttons) > 15
    assert all("aria-label=" in attributes or len(text) > 1 for attributes, text in buttons)


def test_without_scripts_there_are_the_head_the_errors_and_the_first_spans() -> None:
    plain = Parsed(html.render(traces.boot()).html).plain
    for text in (
        traces.BASE_ID,
        "6 spans, 1 error, 62.0 ms, started 2026-11-22 14:06:01.123 UTC",
        "ConductorManager.build_instances: nova.exception.NoValidHost: No valid host was found.",
        "SELECT nova.instances",
    ):
        assert text in plain
    long = Parsed(html.render(traces.fan(700)).html).plain
    assert long.count("leaf") == 499
    assert "and 201 spans more" in long


def test_hostile_content_is_text_without_scripts_too() -> None:
    page = html.render(traces.hostile())
    parsed = Parsed(page.html)
    assert page.html.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]", page.html)
    assert "</script><script>alert(1)</script>" in parsed.plain
    assert "\\u202egnp.exe" in parsed.plain
    scripts = [attributes for tag, attributes in parsed.tags if tag == "script"]
    assert len(scripts) == len(html._SCRIPTS) + 2


def test_a_huge_value_does_not_make_a_huge_page() -> None:
    usual = len(html.render(traces.trace(traces.span(1))).html)
    trace = traces.trace(traces.span(1, name="n" * 1_048_576, attributes={"big": "v" * 1_048_576}))
    text = html.render(trace).html
    assert len(text) < usual + 30_000
    assert "(1,048,576 characters)" in text


def test_the_title_names_the_root() -> None:
    assert "<title>nova-api POST /v2.1/servers</title>" in html.render(traces.boot()).html
    assert f"<title>Trace {traces.BASE_ID}</title>" in html.render(traces.trace()).html


def test_an_empty_trace_says_so_without_scripts() -> None:
    assert "0 spans" in Parsed(html.render(traces.trace()).html).plain
