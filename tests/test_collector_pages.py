"""The page that lists traces."""

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.collector import pages, trace_table
from otel_bridge.collector.searching import Search
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


def listed(*summaries, suggested=((), ()), **search):
    asked = Search(**search)
    return pages.trace_list(asked, trace_table.listing(summaries, asked), suggested=suggested).html


def test_a_trace_is_a_line_with_a_link_to_it():
    page = Reader(listed(summary(error_count=2)))
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert f"/trace/{0xAB:032x}" in links
    assert "/?service=keystone" in links
    for shown in ("POST /servers", "45.2 ms", "1,234", "2 errors", "2026-11-18"):
        assert shown in page.text


def test_no_traces_is_said():
    assert "No traces here yet" in listed()
    assert "No trace is like that" in listed(service="x")
    assert "No older traces" in listed(before=f"1-{1:032x}")


def test_the_form_shows_what_was_asked_for():
    page = Reader(
        listed(q="x&y", service='a"b', operation="GET /", min="5ms", range="1h", errors=True, limit=20)
    )
    fields = {
        attributes["id"]: attributes.get("value") for tag, attributes in page.tags if "id" in attributes
    }
    assert {name: fields[name] for name in ("q", "service", "operation", "min", "max")} == {
        "q": "x&y",
        "service": 'a"b',
        "operation": "GET /",
        "min": "5ms",
        "max": None,
    }
    assert [attributes["value"] for tag, attributes in page.tags if "selected" in attributes] == ["1h", "20"]
    assert [attributes["name"] for tag, attributes in page.tags if "checked" in attributes] == ["errors"]


def test_names_are_suggested_if_they_are_found_as_they_are_shown():
    page = Reader(listed(suggested=(["nova", "a\u202eb", "", "y" * 300], [f"GET /{n}" for n in range(1000)])))
    options = [attributes["value"] for tag, attributes in page.tags if tag == "option"]
    assert "nova" in options
    assert not [value for value in options if value and ("u202e" in value or "yyy" in value)]
    assert len(options) < 250


def test_many_services_are_counted_not_shown():
    assert "and 88 more" in Reader(listed(summary(services=tuple(f"s{n}" for n in range(100))))).text


def test_a_service_leads_to_its_traces_among_those_that_were_searched_for():
    page = Reader(listed(summary(), min="5ms", before=f"9-{1:032x}"))
    assert "/?service=keystone&min=5ms" in [attributes.get("href") for _, attributes in page.tags]


def test_what_is_missing_is_a_page_of_its_own():
    page = pages.waiting(0xAB).html
    assert f"/api/traces/{0xAB:032x}/report" in page
    assert "00000000-0000-0000-0000-0000000000ab" in page
    assert "hmac_keys" in page


ALLOWED = {
    *("html", "head", "meta", "title", "style", "script", "body", "header", "main", "nav", "div", "span"),
    *("h1", "form", "label", "input", "select", "option", "datalist", "button", "table", "caption", "thead"),
    *("tbody", "tr", "th", "td", "time", "a", "b", "bdi", "code", "ul", "li", "p"),
    *("svg", "rect", "circle", "path", "line", "text"),
}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_spans_say_does_not_act(text):
    hostile = summary(root_name=text, root_service=text, services=(text, "x"))
    other = summary(trace_id=1, root_name=text, services=(text, "y"), error_count=1)
    for page in (
        listed(hostile, other, q=text[:1000], service=text[:1000], suggested=([text], [text])),
        pages.message(text, text, [text]).html,
    ):
        page.encode()
        reader = Reader(page)
        assert {tag for tag, _ in reader.tags} <= ALLOWED
        assert len([tag for tag, _ in reader.tags if tag == "script"]) <= 5
        for _, attributes in reader.tags:
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")]
            assert re.match(r"/|$", attributes.get("href", ""))
        assert not set(reader.text) & set("\u202e\x00\x1b\ud800")
        assert len(reader.text) < 50_000


@given(st.text(), st.text())
def test_no_text_changes_the_structure_of_the_page(name, service):
    """Property: the tags of a page are those of a page with plain names."""
    others = {"root_service": "x", "root_name": "y"}
    plain = Reader(listed(summary(**others, services=("y",)), service="z"))
    other = Reader(listed(summary(**others, services=(f"y{service}",)), service=f"x{name.strip()}"))
    assert [tag for tag, _ in other.tags] == [tag for tag, _ in plain.tags]


def test_the_data_of_an_open_page_is_what_a_new_page_has():
    asked = Search(service="nova-api")
    listing = trace_table.listing([summary(), summary(trace_id=1, error_count=3)], asked)
    document = listing.document()
    assert document == json.loads(json.dumps(document))
    assert [row[1]["data-key"] for row in document["rows"]] == [f"{0xAB:032x}", f"{1:032x}"]
    settings = re.search(r'id="settings">(.*?)</script>', pages.trace_list(asked, listing).html)
    assert json.loads(settings[1]) == {"live": "/api/list?service=nova-api", "version": document["version"]}


def test_a_page_of_older_traces_is_not_kept_up_to_date():
    settings = re.search(r'id="settings">(.*?)</script>', listed(summary(), before=f"9-{1:032x}"))
    assert json.loads(settings[1])["live"] is None


def test_more_traces_than_are_shown_have_a_page_of_their_own():
    one = listed(*(summary(trace_id=number, start_ns=number) for number in range(21, 0, -1)), limit=20)
    assert f"/?limit=20&amp;before=2-{2:032x}" in one
    assert f"{1:032x}" not in one
