"""The page that lists traces."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.collector import pages
from otel_bridge.model.trace import TraceSummary

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "&lt;b&gt;",
    "\u202egnp.exe",
    "\x00\x1b[31m",
    "\ud800",
    "javascript:alert(1)",
    "x" * 1_000_000,
]


class Reader(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def summary(**more):
    given = {
        "trace_id": 0xAB,
        "root_name": "POST /servers",
        "root_service": "nova-api",
        "start_ns": 1_795_000_000_000_000_000,
        "duration_ns": 45_200_000,
        "span_count": 1234,
        "error_count": 0,
        "services": ("keystone", "nova-api"),
    }
    return TraceSummary(**{**given, **more})


def listed(*summaries, limit=20, service=None, errors_only=False):
    return pages.trace_list(summaries, limit=limit, service=service, errors_only=errors_only)


def test_a_trace_is_a_line_with_a_link_to_it():
    page = Reader(listed(summary(error_count=2)))
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert f"/trace/{0xAB:032x}" in links
    assert "/?service=nova-api" in links
    for shown in ("POST /servers", "45.2 ms", "1,234", "2 errors", "2026-11-18"):
        assert shown in page.text


def test_no_traces_is_said():
    assert "No traces" in listed()


def test_the_form_shows_what_was_asked_for():
    page = Reader(listed(limit=7, service='a"b', errors_only=True))
    inputs = {attributes["name"]: attributes for tag, attributes in page.tags if tag == "input"}
    assert inputs["service"]["value"] == 'a"b'
    assert inputs["limit"]["value"] == "7"
    assert "checked" in inputs["errors"]


def test_many_services_are_counted_not_shown():
    assert "and 88 more" in Reader(listed(summary(services=tuple(f"s{n}" for n in range(100))))).text


ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "h1", "form", "label", "input", "button", "table"),
    *("thead", "tbody", "tr", "th", "td", "a", "b", "strong", "ul", "li", "p"),
}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_spans_say_does_not_act(text):
    for page in (
        listed(summary(root_name=text, root_service=text, services=(text,)), service=text),
        pages.message(text, text),
    ):
        assert len(page) < 20_000
        page.encode()
        reader = Reader(page)
        assert {tag for tag, _ in reader.tags} <= ALLOWED
        for _, attributes in reader.tags:
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")]
            assert re.match(r"/|$", attributes.get("href", ""))
        assert not set(reader.text) & set("\u202e\x00\x1b\ud800")


@given(st.text(), st.text())
def test_no_text_changes_the_structure_of_the_page(name, service):
    """Property: the tags of a page are those of a page with plain names."""
    plain = Reader(listed(summary(root_name="x", services=("y",)), service="z"))
    other = Reader(listed(summary(root_name=name, services=(service,)), service=service))
    assert [tag for tag, _ in other.tags] == [tag for tag, _ in plain.tags]


def test_the_policy_allows_the_pages_style_and_nothing_else():
    page = listed(summary())
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in pages.CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in pages.CONTENT_SECURITY_POLICY
    assert "unsafe" not in pages.CONTENT_SECURITY_POLICY


def test_both_colour_schemes_are_there():
    page = listed()
    assert "color-scheme: light dark" in page
    assert "prefers-color-scheme: dark" in page
