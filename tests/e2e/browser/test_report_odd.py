"""The report of traces that are odd, too much, or made by somebody who means harm."""

from __future__ import annotations

import math
from typing import Any

import pytest
import traces as small
from playwright.sync_api import Page, expect

from e2e.browser.reading import active, press
from otel_bridge.model.trace import STATUS_ERROR, SpanEvent, SpanLink, Trace
from otel_bridge.reports import html

pytestmark = pytest.mark.e2e

_MANY = 150_000
_LONG = "N" * 500

#: What is longer than anything that fits.
_NAMES = small.trace(
    *(
        small.span(
            number,
            number - 1,
            _LONG,
            service=f"{number}-{_LONG}",
            status=STATUS_ERROR if number == 3 else 0,
            status_message="m" * 5000,
        )
        for number in range(1, 12)
    )
)


def _evil() -> Trace:
    """Each hostile text wherever a span has one, beside values that no number of JavaScript is."""
    spans = []
    words = (*small.HOSTILE, "__proto__", "constructor", "javascript:alert(1)", "\u200b\u200d\ufeff")
    for number, word in enumerate(words, 1):
        attributes: dict[str, Any] = {
            word: word,
            "url.full": "javascript:alert(1)",
            "huge": 2**70,
            "none": math.nan,
            "nested": [[1, [2, {"a": None}]], {word: [word]}, math.inf],
            "error.type": word,
            "db.query.text": word,
            "db.query.summary": word,
        }
        spans.append(
            small.span(
                number,
                1 if number > 1 else 0,
                word,
                service=word,
                kind=small.CLIENT,
                status=STATUS_ERROR,
                status_message=word,
                scope=word,
                attributes=attributes,
                resource={word: word},
                events=(SpanEvent(word, 0, {word: word}),),
                links=(SpanLink(0, 0, {word: word}), SpanLink(small.TRACE_ID + 1, 7)),
            )
        )
    return small.trace(*spans)


def test_no_place_of_a_span_has_a_text_act(browse) -> None:
    page = browse.file(html.render(_evil(), link="javascript:alert(1)", home="/").html)
    page.locator("#tree").focus()
    for _ in range(len(small.HOSTILE) + 4):
        press(page, "ArrowDown", "Enter")
        expect(page.locator("#details h2")).to_be_visible()
    for tab in ("Services", "Operations", "Statements"):
        page.get_by_role("tab", name=tab).click()
    assert page.locator("img, iframe, object, style ~ div, #app script").count() == 0
    addresses = page.evaluate("[...document.querySelectorAll('a')].map((link) => link.protocol)")
    assert set(addresses) == {"file:"}


@pytest.mark.parametrize(
    "more",
    [
        {"attributes": {f"key.{number}": number for number in range(_MANY)}},
        {"events": tuple(SpanEvent("event", small.START + number) for number in range(_MANY))},
        {"links": tuple(SpanLink(small.TRACE_ID + 1, number) for number in range(1, _MANY))},
    ],
    ids=["attributes", "events", "links"],
)
def test_a_span_with_more_than_a_page_can_show_is_shown_by_parts(browse, more: dict[str, Any]) -> None:
    page = browse.file(html.render(small.trace(small.span(1, **more))).html, f"#s{1:016x}")
    details = page.locator("#details")
    button = details.get_by_role("button", name="more")
    before = page.evaluate("document.querySelectorAll('#details *').length")
    assert before < 5000
    button.click()
    assert before < page.evaluate("document.querySelectorAll('#details *').length") < 8000
    expect(button).to_be_visible()


def test_many_failures_are_listed_by_parts(browse) -> None:
    failed = (small.span(number, 1, f"op {number}", status=STATUS_ERROR) for number in range(2, 5000))
    page = browse.file(html.render(small.trace(small.span(1), *failed)).html)
    errors = page.get_by_role("region", name="Errors")
    expect(errors.locator("li")).to_have_count(4)
    errors.get_by_role("button", name="4,994 more").click()
    expect(errors.locator("li")).to_have_count(104)
    expect(errors.locator("li button").nth(4)).to_be_focused()
    expect(errors.get_by_role("button", name="4,894 more")).to_be_visible()


def test_many_services_are_offered_by_parts(browse) -> None:
    spans = (small.span(number, number - 1, service=f"service-{number:04}") for number in range(1, 1000))
    page = browse.file(html.render(small.trace(*spans)).html)
    offered = page.locator("#filters .chip")
    expect(offered).to_have_count(30)
    page.get_by_role("button", name="969 more services").click()
    expect(offered).to_have_count(130)
    offered.last.click()
    expect(page.locator("#shown")).to_have_text("1 of 999 spans")


@pytest.mark.parametrize("width", [320, 400, 1440])
def test_long_names_leave_room_for_the_timeline(browse, width: int) -> None:
    page = browse.file(html.render(_NAMES).html, width=width, height=800)
    page.locator("#rows .row").nth(1).click()
    box = page.locator(".head").bounding_box()
    assert box
    assert box["height"] < 300
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    inside = "(box) => box.scrollWidth <= box.clientWidth"
    assert page.locator("#details").evaluate(inside)
    assert page.locator("#failures").evaluate(inside)
    assert page.locator("#filters .chip").first.evaluate("(chip) => chip.offsetWidth") < 320


def test_on_a_small_screen_ids_take_room_only_when_asked_for(browse, report_of) -> None:
    page = browse.file(report_of(600), width=320, height=640)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    box = page.locator(".head").bounding_box()
    assert box
    assert box["height"] < 240
    copy = page.get_by_role("button", name="Copy trace id")
    expect(copy).to_be_hidden()
    page.get_by_text("Ids", exact=True).click()
    expect(copy).to_be_visible()
    for text in page.locator("#ids code").all():
        shown = text.bounding_box()
        assert shown
        assert shown["x"] + shown["width"] <= 320
    page.set_viewport_size({"width": 1200, "height": 700})
    expect(copy).to_be_visible()
    expect(page.get_by_text("Ids", exact=True)).to_be_hidden()


def test_what_is_only_said_takes_no_room(boot_report: Page) -> None:
    boot_report.locator("#search").fill("select")
    press(boot_report, "Enter")
    expect(boot_report.locator("#said")).to_contain_text("Match 1 of")
    assert boot_report.evaluate("document.documentElement.scrollHeight === innerHeight")


def test_an_address_of_no_span_is_said(browse) -> None:
    page = browse.file(html.render(small.boot()).html, "#sdeadbeefdeadbeef")
    expect(page.locator("#notes")).to_have_text(
        "The span deadbeefdeadbeef, which the address names, is not here."
    )
    page.evaluate("location.hash = '#s0000000000000004'")
    expect(page.locator("#details h2")).to_have_text("SELECT nova.instances")
    assert active(page) == "SELECT nova.instances"
    page.go_back()
    expect(page.locator("#notes")).to_contain_text("deadbeefdeadbeef")


def test_a_browser_that_refuses_to_change_the_address_is_put_up_with(small_report: Page) -> None:
    small_report.evaluate(
        "() => { history.replaceState = () => { throw new DOMException('', 'SecurityError'); }; }"
    )
    press(small_report, "ArrowDown", "Enter", "ArrowDown", "Escape")
    expect(small_report.locator("#details")).to_be_hidden()


def test_attributes_are_copied_one_a_line(browse) -> None:
    attributes = {"a": "one\ntwo=2\r\nb=3", "b": "4"}
    page = browse.file(
        html.render(small.trace(small.span(1, attributes=attributes))).html,
        f"#s{1:016x}",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page.get_by_role("button", name="Copy attributes").click()
    expect(page.locator("#said")).to_have_text("attributes copied")
    assert page.evaluate("navigator.clipboard.readText()") == "a=one\\ntwo=2\\r\\nb=3\nb=4"


def test_an_event_before_its_span_is_said_so(browse) -> None:
    events = (SpanEvent("early", small.START + 2_000_000),)
    trace = small.trace(small.span(1), small.span(2, 1, start=5, events=events))
    page = browse.file(html.render(trace).html, f"#s{2:016x}")
    expect(page.locator("#details")).to_contain_text("3.00 ms before its start")
