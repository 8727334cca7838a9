"""The page that compares two traces, in Chromium: by keys, pointer and screen reader, and in pictures."""

from __future__ import annotations

import compared
import pytest
import traces as small
from playwright.sync_api import Page, expect

from e2e.browser import traces
from e2e.browser.reading import active, press
from otel_bridge.analysis.difference import compare
from otel_bridge.model.trace import Trace
from otel_bridge.reports import diff_html

pytestmark = pytest.mark.e2e

_NAMES = """() => [...document.querySelectorAll("#rows .row .name")].map((name) => name.textContent)"""
_PATH = "table[aria-label='Where the time went']"


def html(a: Trace, b: Trace, home: str | None = None) -> str:
    return diff_html.render(compare(a, b), home=home).html


def names(page: Page) -> list[str]:
    found: list[str] = page.evaluate(_NAMES)
    return found


@pytest.fixture(scope="module")
def boots() -> str:
    return html(compared.before(), compared.after())


@pytest.fixture(scope="module")
def large() -> str:
    """10,000 spans on either side; one hypervisor is slower, and one loop longer."""
    spans = traces.boot_spans(10_000, seed=9)
    return html(traces.boot(10_000, seed=7), Trace.from_spans(spans[0].trace_id, spans))


@pytest.fixture
def page(browse, boots: str) -> Page:
    found: Page = browse.file(boots)
    found.locator("#tree").focus()
    return found


def test_the_verdict_is_the_first_thing_to_read(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "B is slower: it took 1.40 s longer than A (2.30 s → 3.70 s, +61 %)."
    )
    expect(page.locator(".verdict li").first).to_have_text(
        "1.40 s of it in nova-compute Driver.spawn (900 ms → 2.30 s)."
    )
    strips = page.locator(".strip svg")
    expect(strips).to_have_count(2)
    widths = [
        strips.nth(number).evaluate(
            "(strip) => Math.max(...[...strip.children].map((r) => r.getBoundingClientRect().right))"
        )
        for number in (0, 1)
    ]
    left = strips.first.evaluate("(strip) => strip.getBoundingClientRect().left")
    assert (widths[0] - left) / (widths[1] - left) == pytest.approx(2.3 / 3.7, abs=0.01)


def test_contributors_add_up_and_have_bars_to_both_sides(page: Page) -> None:
    rows = page.locator(f"{_PATH} tbody tr")
    expect(rows.first).to_contain_text("nova-compute Driver.spawn")
    expect(rows.first).to_contain_text("+1.40 s")
    sides = page.evaluate(
        f"""() => [...document.querySelectorAll("{_PATH} tbody tr")].slice(0, 2).map((row) => {{
          const bar = row.querySelector(".two-sided").getBoundingClientRect();
          const stroke = row.querySelector(".two-sided i").getBoundingClientRect();
          return Math.sign(stroke.left + stroke.width / 2 - bar.left - bar.width / 2); }})"""
    )
    assert sides == [1, -1]
    expect(page.locator(f"{_PATH} tfoot tr")).to_have_text("in all2.30 s3.70 s+1.40 s")


def test_tables_sort_by_each_column(page: Page) -> None:
    def first() -> str:
        return page.locator(f"{_PATH} tbody tr").first.inner_text()

    head = page.locator(f"{_PATH} thead")
    change = head.get_by_role("columnheader", name="Change")
    expect(change).to_have_attribute("aria-sort", "descending")
    change.get_by_role("button").click()
    expect(change).to_have_attribute("aria-sort", "ascending")
    assert "Driver.spawn" not in first()
    head.get_by_role("button", name="A", exact=True).click()
    expect(change).to_have_attribute("aria-sort", "none")
    assert "Driver.spawn" in first()
    assert page.evaluate("document.activeElement.textContent") == "A"
    head.get_by_role("button", name="Operation").click()
    assert first().startswith("glance-api")


def test_rows_of_a_table_beyond_the_first_are_asked_for(page: Page) -> None:
    rows = page.locator(f"{_PATH} tbody tr")
    expect(rows).to_have_count(12)
    page.get_by_role("button", name="Show all 16").click()
    expect(rows).to_have_count(16)


def test_all_spans_are_in_a_table_of_their_own(page: Page) -> None:
    tab = page.get_by_role("tab", name="All spans")
    expect(page.get_by_role("tabpanel", name="Critical path")).to_be_visible()
    page.get_by_role("tab", name="Critical path").focus()
    press(page, "ArrowRight")
    expect(tab).to_be_focused()
    expect(tab).to_have_attribute("aria-selected", "true")
    panel = page.get_by_role("tabpanel", name="All spans")
    expect(panel.locator("tr", has_text="keystone.user")).to_contain_text("37 → 240")
    panel.get_by_role("button", name="Spans").click()
    expect(panel.locator("tbody tr").first).to_contain_text("SELECT keystone.user")


def test_the_tree_says_what_differs(page: Page) -> None:
    marks = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#rows .row")].map((row) =>
          [row.querySelector(".name").textContent, row.querySelector(".mark .hidden").textContent]))"""
    )
    assert {name: mark for name, mark in marks.items() if mark} == {
        "AuthToken.process_request": "a level only in B",
        "SELECT keystone.user": "another number of times",
        "SELECT nova.quotas": "only in A",
        "GET /v2/images/{id}": "only in B",
        "Scrubber.scrub": "only in B",
    }
    row = page.locator("#rows .row", has_text="SELECT keystone.user")
    expect(row).to_contain_text("\u00d737 → \u00d7240")
    expect(row).to_contain_text("+20.3 ms")
    expect(page.locator("#rows .row", has_text="image_id")).to_contain_text("status_code 200 → 503")


def test_keys_walk_through_the_tree(page: Page) -> None:
    steps = [
        ("ArrowDown", "POST /v2.1/servers"),
        ("ArrowDown", "AuthToken.process_request"),
        ("ArrowRight", "GET /v3/auth/tokens"),
        ("End", "Scrubber.scrub"),
        ("ArrowLeft", "ComputeManager.build_and_run_instance"),
        ("ArrowUp", "build_and_run_instance"),
        ("Home", "POST /v2.1/servers"),
    ]
    for key, name in steps:
        press(page, key)
        assert active(page) == name, key
    press(page, "ArrowLeft")
    assert names(page) == ["POST /v2.1/servers"]
    press(page, "ArrowRight")
    assert len(names(page)) == 15


def test_details_open_and_close_by_key(page: Page) -> None:
    for _ in range(4):
        press(page, "ArrowDown")
    press(page, "Enter")
    details = page.get_by_role("complementary", name="Details of the span")
    expect(details).to_contain_text("keystone GET /v3/auth/tokens")
    press(page, "ArrowDown")
    expect(details).to_contain_text("another number of times")
    expect(details.get_by_role("row", name="Spans below")).to_be_visible()
    press(page, "Escape")
    expect(details).to_be_hidden()
    expect(page.locator("#tree")).to_be_focused()


def test_details_have_the_failure_and_the_attributes(page: Page) -> None:
    page.locator("#rows .row", has_text="image_id").click()
    details = page.locator("#details")
    expect(details).to_contain_text("Error in B: StoreDown: the store does not answer")
    expect(details.locator("dd")).to_have_text("200 → 503")
    expect(details.get_by_role("button", name="Copy span id of A")).to_be_visible()
    expect(details.get_by_role("link")).to_have_count(0)


def test_very_many_attributes_that_differ_are_shown_by_parts(browse) -> None:
    a, b = (small.trace(small.span(1, attributes=dict.fromkeys(map(str, range(15_000)), n))) for n in (1, 2))
    page = browse.file(html(a, compared.with_id(b)))
    page.locator("#rows .row").click()
    details = page.locator("#details")
    expect(details.locator("dt")).to_have_count(200)
    details.get_by_role("button", name="14,800 more").click()
    expect(details.locator("dt")).to_have_count(300)


def test_what_does_not_differ_can_be_shown(browse) -> None:
    page = browse.file(html(small.boot(), _slower(small.boot())))
    only = page.get_by_role("button", name="Only what differs")
    expect(only).to_have_attribute("aria-pressed", "true")
    assert "SELECT nova.instances" not in names(page)
    expect(page.locator("#shown")).to_have_text("3 of 6 rows")
    press(page, "d")
    expect(only).to_have_attribute("aria-pressed", "false")
    assert len(names(page)) == 6


def _slower(trace: Trace) -> Trace:
    """The same trace, in which the last span takes longer."""
    *others, last = trace.spans
    return compared.with_id(
        Trace.from_spans(trace.trace_id, [*others, compared.replaced(last, end_ns=last.end_ns + 50_000_000)])
    )


def test_where_nothing_differs_everything_is_shown(browse) -> None:
    page = browse.file(html(small.boot(), compared.with_id(small.boot())))
    expect(page.get_by_role("heading", level=1)).to_contain_text("identical")
    assert len(names(page)) == 6


def test_spans_are_found_by_name(page: Page) -> None:
    press(page, "/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("QUOTAS")
    assert names(page)[-1] == "SELECT nova.quotas"
    assert "Driver.spawn" not in names(page)
    expect(page.locator(".row.found .name")).to_have_text(["SELECT nova.quotas"])
    press(page, "Enter")
    assert active(page) == "SELECT nova.quotas"
    expect(page.locator("#tree")).to_be_focused()


def test_collapse_and_expand_all(page: Page) -> None:
    page.get_by_role("button", name="Collapse all").click()
    assert names(page) == ["POST /v2.1/servers"]
    page.get_by_role("button", name="Expand all").click()
    assert len(names(page)) == 15


def test_a_screen_reader_is_told_of_rows_and_columns(page: Page) -> None:
    tree = page.get_by_role("treegrid", name="Spans of both traces")
    expect(tree.get_by_role("columnheader")).to_have_count(6)
    expect(tree).to_have_attribute("aria-rowcount", "16")
    rows = page.evaluate(
        """() => [...document.querySelectorAll("#rows .row")].map((row) =>
          ["level", "rowindex"].map((name) => Number(row.getAttribute(`aria-${name}`))))"""
    )
    assert [row[1] for row in rows] == list(range(2, 17))
    assert [row[0] for row in rows][:5] == [1, 2, 3, 4, 5]
    press(page, "ArrowDown")
    assert page.locator(".row.active").get_attribute("aria-selected") == "true"
    outline = "(row) => getComputedStyle(row).outlineStyle + getComputedStyle(row).outlineWidth"
    assert page.locator(".row.active").evaluate(outline) == "solid2px"


def test_a_server_gets_links_to_its_spans(browse) -> None:
    page = browse.file(html(compared.before(), compared.after(), home="/"))
    page.locator("#rows .row", has_text="Driver.spawn").click()
    links = page.locator("#details a")
    before = next(span for span in compared.before().spans if span.name == "Driver.spawn")
    assert links.first.get_attribute("href") == f"/trace/{small.TRACE_ID:032x}#s{before.span_id:016x}"
    expect(page.get_by_role("link", name="All traces")).to_have_attribute("href", "/")


@pytest.mark.parametrize("order", [1, -1])
def test_hostile_content_does_nothing(browse, order: int) -> None:
    page = browse.file(html(*[small.hostile(), small.boot()][::order]))
    for number in range(page.locator("#rows .row").count()):
        page.locator("#rows .row").nth(number).click()
    assert page.evaluate("document.querySelectorAll('img, iframe, object').length") == 0
    assert page.evaluate("document.querySelectorAll('script').length") == 8


def test_of_10000_spans_only_what_is_in_sight_is_in_the_document(browse, large: str, screenshot) -> None:
    page = browse.file(large)
    painted = page.evaluate(
        """() => new Promise((found) => {
          const observer = new PerformanceObserver((list) => found(list.getEntries()[0].startTime));
          observer.observe({ type: "largest-contentful-paint", buffered: true }); })"""
    )
    assert painted < 10_000
    page.get_by_role("button", name="Only what differs").click()
    tree = page.locator("#tree")
    tree.focus()
    assert int(str(tree.get_attribute("aria-rowcount"))) > 3000
    assert page.locator("#rows .row").count() < 200
    press(page, "End")
    last = page.evaluate("Diff.model.strings[Diff.model.parts.name.at(-1)]")
    assert active(page) == last
    assert page.locator("#rows .row").count() < 200
    screenshot(page, "diff-10000-light")


def test_a_deep_trace_can_be_walked(browse) -> None:
    page = browse.file(html(small.chain(3000), small.chain(6000)))
    page.get_by_role("button", name="Only what differs").click()
    page.locator("#tree").focus()
    press(page, "End")
    assert active(page) == "level 6000"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_there_is_still_the_verdict(browse, boots: str) -> None:
    page = browse.file(boots, java_script_enabled=False)
    expect(page.get_by_role("heading", level=1)).to_contain_text("B is slower")
    expect(page.locator("noscript tr", has_text="Driver.spawn")).to_be_visible()
    expect(page.locator("#app")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 900, 1440])
def test_pictures(browse, boots: str, screenshot, scheme: str, width: int) -> None:
    page = browse.file(boots, scheme=scheme, width=width, height=1000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if width >= 400:
        page.locator("#rows .row", has_text="image_id").click()
    assert screenshot(page, f"diff-boots-{scheme}-{width}").stat().st_size > 10_000
