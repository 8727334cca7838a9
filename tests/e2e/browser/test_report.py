"""The report as a reader uses it: its head, the details of a span, and odd content."""

from __future__ import annotations

import pytest
import traces as small
from playwright.sync_api import Page, expect

from e2e.browser.reading import active, names, press, rows
from otel_bridge.model.trace import Trace
from otel_bridge.reports import html

pytestmark = pytest.mark.e2e


def test_the_head_says_which_trace_it_is(small_report: Page) -> None:
    head = small_report.locator("header")
    for text in (
        "nova-api",
        "POST /v2.1/servers",
        "62.0 ms",
        "6 spans",
        "3 services",
        "1 error",
        small.BASE_ID,
    ):
        expect(head).to_contain_text(text)
    expect(small_report).to_have_title("nova-api POST /v2.1/servers")


def test_ids_are_copied(browse) -> None:
    page = browse.file(html.render(small.boot()).html, permissions=["clipboard-read", "clipboard-write"])
    for what, text in (("base id", small.BASE_ID), ("trace id", small.BASE_ID.replace("-", ""))):
        page.get_by_role("button", name=f"Copy {what}").click()
        expect(page.locator("#said")).to_have_text(f"{what} copied")
        assert page.evaluate("navigator.clipboard.readText()") == text


def test_ids_are_copied_without_a_clipboard_for_pages_too(browse) -> None:
    """As where a page comes by plain HTTP."""
    page = browse.file(html.render(small.boot()).html)
    page.evaluate(
        """() => {
          Object.defineProperty(navigator, "clipboard", {value: undefined});
          addEventListener("copy", () => { window.copied = document.activeElement.value; });
        }"""
    )
    button = page.get_by_role("button", name="Copy base id")
    button.click()
    expect(page.locator("#said")).to_have_text("base id copied")
    assert page.evaluate("window.copied") == small.BASE_ID
    expect(button).to_be_focused()


def test_the_link_to_jaeger_leads_there(boot_report: Page, small_report: Page) -> None:
    link = boot_report.get_by_role("link", name="Open in Jaeger")
    assert link.get_attribute("href") == "https://jaeger.example/trace/1"
    assert link.get_attribute("rel") == "noreferrer"
    expect(small_report.get_by_role("link", name="Open in Jaeger")).to_have_count(0)


def test_an_error_leads_to_what_failed_first(boot_report: Page) -> None:
    errors = boot_report.get_by_role("region", name="Errors").get_by_role("button")
    expect(errors).to_have_count(1)
    expect(boot_report.get_by_role("region", name="Errors")).to_contain_text("2 spans above failed, too")
    errors.click()
    assert active(boot_report) == "UPDATE neutron.ml2_port_bindings"
    details = boot_report.locator("#details")
    expect(details).to_contain_text("Deadlock found when trying to get lock")
    expect(details).to_contain_text("exception.stacktrace")


def test_enter_shows_the_details_and_escape_hides_them(small_report: Page) -> None:
    press(small_report, "ArrowDown", "ArrowDown", "ArrowDown", "Enter")
    details = small_report.get_by_role("complementary", name="Details of the span")
    for text in (
        "ConductorManager.build_instances",
        "server",
        "nova.exception.NoValidHost",
        "No valid host was found.",
        "28.4 ms",
        "2.00 ms after the trace · 2026-11-22 14:06:01.125 UTC",
        "rpc.method",
        "Event: exception",
        "28.0 ms after its start",
        "Link",
        f"{small.TRACE_ID + 1:032x}",
        "Process",
        "0000000000000003",
    ):
        expect(details).to_contain_text(text)
    press(small_report, "ArrowDown")
    expect(details.get_by_role("heading", level=2)).to_have_text("SELECT nova.instances")
    press(small_report, "Escape")
    expect(details).to_be_hidden()
    expect(small_report.locator("#tree")).to_be_focused()


def test_the_details_lead_to_the_parent(small_report: Page) -> None:
    press(small_report, "End", "Enter")
    small_report.locator("#details").get_by_role("button", name="cast build").click()
    assert active(small_report) == "cast build"


def test_the_address_names_the_span(browse) -> None:
    page = browse.file(html.render(small.boot()).html, "#s0000000000000004")
    assert active(page) == "SELECT nova.instances"
    press(page, "ArrowUp")
    assert page.url.endswith("#s0000000000000003")


def test_help_lists_the_keys(boot_report: Page) -> None:
    press(boot_report, "?")
    expect(boot_report.get_by_role("dialog", name="Keys and signs")).to_be_visible()
    press(boot_report, "Escape")
    expect(boot_report.get_by_role("dialog")).to_be_hidden()


def test_the_details_tell_what_the_critical_path_has_of_a_span(small_report: Page) -> None:
    """The cast was waited for by nobody, and waited in the queue."""
    press(small_report, "End", "Enter")
    details = small_report.locator("#details")
    expect(details).to_contain_text("Critical path21.0 ms")
    expect(details).to_contain_text("In the queue900 µs before it began")


def test_the_details_tell_when_a_thread_went_on(browse) -> None:
    trace = small.trace(
        small.span(1, kind=small.CONSUMER, end=1),
        small.span(2, 1, start=5, end=9),
        small.span(3, 1, start=12, end=14),
    )
    page = browse.file(html.render(trace).html, f"#s{1:016x}")
    expect(page.locator("#details")).to_contain_text("8.00 ms, 7.00 ms of it after its end")


def test_every_name_can_be_read_whole(browse) -> None:
    name = "a name that is much too long to fit " * 10
    page = browse.file(html.render(small.trace(small.span(1, name=name))).html)
    row = page.locator("#rows .row").first
    assert name in str(row.locator(".label").get_attribute("title"))
    row.click()
    expect(page.locator("#details h2")).to_have_text(name.strip())


def test_hostile_content_is_text(browse) -> None:
    page = browse.file(html.render(small.hostile()).html)
    shown = names(page)
    assert "</script><script>alert(1)</script>" in shown
    assert "\\u202egnp.exe\\u2066\\u200f" in shown
    page.locator("#tree").focus()
    for _ in small.HOSTILE:
        press(page, "ArrowDown", "Enter")
    for tab in ("Services", "Operations", "Statements"):
        page.get_by_role("tab", name=tab).click()
    assert page.locator("img, iframe, #app script").count() == 0


def test_names_of_objects_are_names_like_others(browse) -> None:
    words = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    spans = [
        small.span(number, name=word, service=word, attributes={word: word})
        for number, word in enumerate(words, 1)
    ]
    page = browse.file(html.render(small.trace(*spans)).html)
    assert sorted(names(page)) == sorted(words)
    page.get_by_role("group", name="Show only").get_by_role("button", name="__proto__").click()
    expect(page.locator("#shown")).to_have_text("1 of 4 spans")


def test_an_empty_trace_is_said(browse) -> None:
    page = browse.file(html.render(small.trace()).html)
    expect(page.locator("#notes")).to_have_text("This trace has no spans.")
    page.locator("#tree").focus()
    press(page, "ArrowDown", "Home", "Enter", "e", "n", "+", "0", "c")
    for tab in ("Services", "Operations", "Statements"):
        page.get_by_role("tab", name=tab).click()


@pytest.mark.parametrize(
    "trace",
    [
        small.trace(small.span(1, 99), small.span(2, 98, start=3), small.span(3, 2, start=4, end=4)),
        small.trace(small.span(1, 2), small.span(2, 1, start=1)),
        small.trace(small.span(1, end=0), small.span(2, 1, end=0)),
        small.trace(small.span(1, start=5, end=6), small.span(2, 1, start=-5000, end=90000)),
        small.chain(2000),
        small.fan(3000),
    ],
    ids=["missing parents", "cycle", "no duration", "clock skew", "deep", "wide"],
)
def test_odd_traces_open(browse, trace: Trace) -> None:
    page = browse.file(html.render(trace).html)
    page.locator("#tree").focus()
    press(page, "End", "Enter", "Home", "ArrowRight", "+", "-", "0")
    page.get_by_role("button", name="Collapse one level").click()
    page.get_by_role("button", name="Expand all").click()
    expect(page.locator("#rows .row").first).to_be_visible()


def test_without_scripts_the_page_can_be_read(browse) -> None:
    page = browse.file(html.render(small.boot()).html, java_script_enabled=False)
    expect(page.get_by_role("heading", level=1)).to_contain_text(small.BASE_ID)
    expect(page.locator("#app")).to_be_hidden()
    expect(page.locator("tbody tr")).to_have_count(6)


def test_paper_has_all_rows(browse, report_of) -> None:
    page = browse.file(report_of(600))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(rows(page)) == page.evaluate("Report.app.layout.nodes.length")
    bars = page.locator("#rows .lane svg").first
    width = page.locator("#lanes").evaluate("(lanes) => lanes.clientWidth")
    assert bars.get_attribute("viewBox") == f"0 0 {width} 24"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert bars.get_attribute("viewBox") is None
    assert len(rows(page)) < 150


def test_nothing_moves_where_that_is_asked_for(browse) -> None:
    page = browse.file(html.render(small.boot()).html, reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].map((one) => getComputedStyle(one))
      .filter((style) => parseFloat(style.transitionDuration) || style.animationName !== "none").length"""
    assert page.evaluate(moving) == 0


def test_a_reader_on_a_small_screen_needs_not_scroll_sideways(browse, report_of) -> None:
    page = browse.file(report_of(600), width=400, height=800)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("#rows .row").nth(3).click()
    expect(page.locator("#details")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_long_value_is_shown_whole_when_asked_for(browse) -> None:
    value = "x" * 20_000
    page = browse.file(
        html.render(small.trace(small.span(1, attributes={"long": value}))).html, f"#s{1:016x}"
    )
    details = page.locator("#details")
    expect(details).not_to_contain_text("characters)")
    details.get_by_role("button", name="Show all").click()
    expect(details).to_contain_text("x… (20,000 characters)")


def test_megabytes_of_text_open(browse) -> None:
    texts = (f"{number} " + "x" * 1_048_576 for number in range(1, 40))
    spans = [small.span(number, name=text, attributes={"big": text}) for number, text in enumerate(texts, 1)]
    page = browse.file(html.render(small.trace(*spans)).html)
    page.locator("#rows .row").last.click()
    page.get_by_role("button", name="Show all").click()
    assert "x… (1,048,579 characters)" in str(page.locator("#details").text_content())
    assert page.locator("#notes").text_content() == ""
