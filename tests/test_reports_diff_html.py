"""otel_bridge.reports.diff_html: a comparison as one page. What its scripts do is tested in a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import compared
import pytest
import traces

from otel_bridge.analysis.difference import compare
from otel_bridge.model.trace import Trace
from otel_bridge.reports import diff_html


def rendered(a: Trace, b: Trace, home: str | None = None) -> str:
    return diff_html.render(compare(a, b), home=home).html


class _Elements(HTMLParser):
    """Counts the elements of a page and what is asked for from outside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]


def test_it_begins_with_the_verdict() -> None:
    page = rendered(compared.before(), compared.after())
    assert "<h1>B is slower: it took 1.40 s longer than A (2.30 s → 3.70 s, +61 %).</h1>" in page
    assert "<li>1.40 s of it in nova-compute Driver.spawn (900 ms → 2.30 s).</li>" in page
    assert "<title>Comparison: nova-api POST /v2.1/servers</title>" in page


def test_without_scripts_there_is_where_the_time_went() -> None:
    page = rendered(compared.before(), compared.after())
    plain = page[page.index("<noscript>") : page.index("</noscript>")]
    row = "<tr><td><bdi>nova-compute</bdi></td><td><bdi>Driver.spawn</bdi></td>"
    assert row + '<td class="number">900 ms</td><td class="number">2.30 s</td>' in plain


def test_both_critical_paths_are_drawn_on_one_scale() -> None:
    page = rendered(compared.before(), compared.after())
    strips = re.findall(r"<svg .*?</svg>", page)
    ends = []
    for strip in strips:
        boxes = [(int(x), int(width)) for x, width in re.findall(r'x="(\d+)" y="0" width="(\d+)"', strip)]
        reached = 0
        for x, width in boxes:
            assert x == reached
            assert width > 0
            reached += width
        ends.append(reached)
    assert ends == [2300 * 1000 // 3700, 1000]


def test_it_loads_nothing_and_allows_only_itself() -> None:
    page = diff_html.render(compare(compared.before(), compared.after()))
    found = _Elements(page.html)
    assert found.addresses == []
    assert found.handlers == []
    assert "default-src 'none'" in page.policy
    assert "connect-src" not in page.policy


def test_a_server_gets_links_to_its_pages() -> None:
    found = _Elements(rendered(compared.before(), compared.after(), home="/traces/"))
    assert found.addresses == [
        "/traces/",
        f"/traces/trace/{traces.TRACE_ID:032x}",
        f"/traces/trace/{compared.AFTER_ID:032x}",
    ]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (traces.hostile(), traces.boot()),
        (traces.boot(), traces.hostile()),
        (traces.hostile(), traces.hostile()),
    ],
)
def test_hostile_content_makes_no_elements(a: Trace, b: Trace) -> None:
    harmless = _Elements(rendered(traces.boot(), compared.with_id(traces.boot())))
    found = _Elements(rendered(a, b))
    assert set(found.tags) <= set(harmless.tags) | {"tfoot", "rect", "li", "tr", "td"}
    assert found.tags.count("script") == harmless.tags.count("script")
    assert found.handlers == []


def test_traces_without_spans_and_without_durations() -> None:
    assert "<h1>A has no spans.</h1>" in rendered(traces.trace(), traces.trace())
    still = traces.trace(traces.span(1, end=0))
    assert "identical" in rendered(still, compared.with_id(still))
