"""The viewer's pages: the list that follows what arrives, traces that grow, and what is compared."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from e2e.browser import traces, viewing
from e2e.browser.chromium import PATIENCE
from e2e.browser.reading import press
from e2e.browser.timeline import START, TRACE_ID
from e2e.browser.viewing import MINUTE, Viewing, small

pytestmark = pytest.mark.e2e

SECOND = 10**9


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    """A page asks every ten seconds where nothing has changed for long."""
    expect.set_options(timeout=PATIENCE * 1000)
    yield
    expect.set_options(timeout=None)


# What a test needs of these comes before ``browse``: pages are closed first, and do not miss their server.


@pytest.fixture
def viewer(tmp_path: Path) -> Iterator[Viewing]:
    with Viewing(tmp_path) as running:
        yield running


@pytest.fixture
def three(viewer: Viewing) -> Viewing:
    """A viewer with three traces."""
    viewer.write(
        [
            small(1, "GET /servers", "nova-api", 40, START),
            small(2, "GET /tokens", "keystone", 5, START + SECOND),
            small(3, "GET /images", "glance-api", 900, START + 2 * SECOND, error=True),
        ]
    )
    return viewer


@pytest.fixture
def page(three: Viewing, browse) -> Page:
    opened = browse.url(f"{three.url}/")
    expect(opened.locator("#live")).to_have_text("live")
    return opened


def names(page: Page) -> list[str]:
    return page.locator("#rows .what b").all_text_contents()


def expect_names(page: Page, *wanted: str) -> None:
    expect(page.locator("#rows .what b")).to_have_text(list(wanted))


def tick(page: Page, name: str) -> None:
    page.locator("#rows tr", has_text=name).get_by_role("checkbox").check()


def test_a_new_trace_appears_and_one_that_grows_is_counted_anew(three: Viewing, page: Page) -> None:
    expect_names(page, "GET /images", "GET /tokens", "GET /servers")
    three.write([small(4, "GET /ports", "neutron", 7, START + 3 * SECOND)])
    expect_names(page, "GET /ports", "GET /images", "GET /tokens", "GET /servers")
    expect(page.locator("#said")).to_have_text("1 new trace")
    expect(page.locator("#found")).to_have_text("4 traces")
    expect(page.locator("#plot .dots a")).to_have_count(4)
    row = page.locator("#rows tr", has_text="GET /ports")
    expect(row.locator(".spans")).to_have_text("1")
    late = small(4, "GET /subnets", "neutron", 2000, START + 3 * SECOND)
    three.write([replace(late, span_id=99, parent_id=late.span_id)])
    expect(row.locator(".spans")).to_have_text("2")
    expect(row.locator(".took")).to_have_text("2.00 s")


def test_a_row_that_is_there_stays_the_same_element(three: Viewing, page: Page) -> None:
    page.evaluate("document.querySelector('#rows tr').mine = true")
    three.write([small(4, "GET /ports", "neutron", 7000, START + 3 * SECOND)])
    expect_names(page, "GET /ports", "GET /images", "GET /tokens", "GET /servers")
    assert page.evaluate("document.querySelectorAll('#rows tr')[1].mine")


def test_nothing_moves_below_who_reads(three: Viewing, page: Page) -> None:
    page.locator("#rows .what a").nth(1).focus()
    three.write([small(4, "GET /ports", "neutron", 7, START + 3 * SECOND)])
    fresh = page.get_by_role("button", name="Show 1 new trace")
    expect(fresh).to_be_visible()
    assert names(page) == ["GET /images", "GET /tokens", "GET /servers"]
    expect(page.locator("#rows .what a").nth(1)).to_be_focused()
    fresh.click()
    expect_names(page, "GET /ports", "GET /images", "GET /tokens", "GET /servers")
    expect(page.locator("#rows .what a").first).to_be_focused()
    expect(fresh).to_be_hidden()


def test_what_was_held_back_comes_when_the_focus_goes(three: Viewing, page: Page) -> None:
    page.locator("#rows .what a").first.focus()
    three.write([small(4, "GET /ports", "neutron", 7, START + 3 * SECOND)])
    expect(page.locator("#fresh")).to_be_visible()
    page.locator("#q").focus()
    expect_names(page, "GET /ports", "GET /images", "GET /tokens", "GET /servers")
    expect(page.locator("#q")).to_be_focused()


def test_a_paused_list_stays_as_it_is_until_it_goes_on(three: Viewing, page: Page) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live")).to_have_text("paused")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    three.write([small(4, "GET /ports", "neutron", 7, START + 3 * SECOND)])
    page.wait_for_function(
        "(since) => performance.now() - since > 2500", arg=page.evaluate("performance.now()")
    )
    assert asked == []
    page.get_by_role("button", name="Go on").click()
    expect_names(page, "GET /ports", "GET /images", "GET /tokens", "GET /servers")


def test_the_first_trace_appears_on_an_empty_list(viewer: Viewing, browse) -> None:
    page = browse.url(f"{viewer.url}/")
    expect(page.get_by_text("No traces here yet")).to_be_visible()
    viewer.write([small(1, "GET /servers", "nova-api", 40, START)])
    expect_names(page, "GET /servers")
    expect(page.get_by_text("No traces here yet")).to_be_hidden()


def test_the_form_searches(page: Page) -> None:
    page.get_by_label("Find").fill("toke")
    page.keyboard.press("Enter")
    expect_names(page, "GET /tokens")
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Service").fill("nova-api")
    page.get_by_label("At most").fill("1s")
    page.get_by_role("button", name="Search").click()
    expect_names(page, "GET /servers")
    expect(page.get_by_label("At most")).to_have_value("1s")
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Errors only").check()
    page.get_by_role("button", name="Search").click()
    expect_names(page, "GET /images")


def test_times_are_asked_for_where_they_are_meant(page: Page) -> None:
    expect(page.get_by_label("From (UTC)")).to_be_hidden()
    page.get_by_label("Started").select_option("custom")
    page.get_by_label("From (UTC)").fill("2026-11-22 14:06:02")
    page.get_by_label("Until (UTC)").fill("2026-11-22 14:06:03")
    page.get_by_role("button", name="Search").click()
    expect_names(page, "GET /tokens")


def test_a_search_is_kept_up_to_date_too(three: Viewing, page: Page) -> None:
    page.goto(f"{three.url}/?service=keystone")
    three.write(
        [
            small(4, "GET /ports", "neutron", 7, START + 3 * SECOND),
            small(5, "POST /tokens", "keystone", 7, START + 4 * SECOND),
        ]
    )
    expect_names(page, "POST /tokens", "GET /tokens")


def test_an_id_that_is_pasted_opens_its_trace(three: Viewing, page: Page) -> None:
    identity = f"{viewing.trace_id(1):032x}"
    page.get_by_label("Find").fill(identity[:6])
    page.keyboard.press("Enter")
    expect_names(page, "GET /servers")
    page.get_by_label("Find").fill(identity)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{three.url}/trace/{identity}")
    expect(page.locator("h1")).to_contain_text("GET /servers")


def test_older_traces_are_a_page_away(viewer: Viewing, browse) -> None:
    viewer.write(small(n, f"number {n}", "nova-api", n, START + n * SECOND) for n in range(1, 46))
    page = browse.url(f"{viewer.url}/?limit=20")
    expect(page.locator("#found")).to_have_text("20 traces, the newest of more")
    assert names(page) == [f"number {n}" for n in range(45, 25, -1)]
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#rows .what b").first).to_have_text("number 25")
    page.get_by_role("link", name="Older").click()
    assert names(page) == [f"number {n}" for n in range(5, 0, -1)]
    expect(page.get_by_role("link", name="Older")).to_be_hidden()
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("#rows .what b").first).to_have_text("number 45")


def test_two_traces_are_compared_the_older_one_first(three: Viewing, page: Page) -> None:
    compare = page.locator("#do-compare")
    expect(compare).to_be_disabled()
    tick(page, "GET /images")
    tick(page, "GET /tokens")
    tick(page, "GET /servers")
    expect(page.locator("#picked li")).to_have_count(2)
    expect(page.locator("#rows :checked")).to_have_count(2)
    page.get_by_role("button", name="Do not compare keystone GET /tokens").click()
    tick(page, "GET /images")
    compare.click()
    a, b = (f"{viewing.trace_id(number):032x}" for number in (1, 3))
    page.wait_for_url(f"{three.url}/diff/{a}/{b}")
    expect(page.locator(".strip .what").first).to_contain_text("GET /servers")


def test_what_is_ticked_is_remembered_on_another_page_of_the_list(three: Viewing, page: Page) -> None:
    tick(page, "GET /images")
    page.goto(f"{three.url}/?service=keystone")
    expect(page.locator("#picked li")).to_have_text("glance-api GET /images, 14:06:03\N{MULTIPLICATION SIGN}")
    tick(page, "GET /tokens")
    page.get_by_role("button", name="Compare", exact=True).click()
    a, b = (f"{viewing.trace_id(number):032x}" for number in (2, 3))
    page.wait_for_url(f"{three.url}/diff/{a}/{b}")


def test_all_of_it_is_done_by_keyboard(three: Viewing, page: Page) -> None:
    press(page, "/")
    expect(page.get_by_label("Find")).to_be_focused()
    page.locator("#rows .what a").first.focus()
    press(page, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp")
    expect(page.locator("#rows .what a").nth(1)).to_be_focused()
    press(page, "Shift+Tab", " ", "ArrowDown", " ")
    expect(page.locator("#picked li")).to_have_count(2)
    press(page, "Tab", "Enter")
    page.wait_for_url(f"{three.url}/trace/{viewing.trace_id(1):032x}")


def test_a_dot_leads_to_its_trace_and_shows_its_row(three: Viewing, page: Page) -> None:
    dot = page.locator(f"#plot [data-of='{viewing.trace_id(3):032x}']")
    dot.hover()
    expect(page.locator("#rows tr.hot")).to_contain_text("GET /images")
    dot.click()
    page.wait_for_url(f"{three.url}/trace/{viewing.trace_id(3):032x}")


def test_the_page_of_a_trace_grows(viewer: Viewing, browse) -> None:
    spans = traces.boot_spans(600)
    viewer.write(spans[:400])
    page = browse.url(f"{viewer.url}/trace/{TRACE_ID:032x}")
    expect(page.locator("#facts")).to_contain_text("400 spans")
    viewer.write(spans[400:])
    expect(page.locator("#facts")).to_contain_text("600 spans")
    page.get_by_role("link", name="All traces").click()
    expect_names(page, "POST /v2.1/servers")


def test_a_trace_is_waited_for_and_becomes_its_page(viewer: Viewing, browse) -> None:
    page = browse.url(f"{viewer.url}/trace/{viewing.trace_id(1):032x}")
    # The console tells of any page with this status.
    browse.problems = [problem for problem in browse.problems if "404" not in problem]
    expect(page.locator("#live")).to_have_text("waiting")
    expect(page.locator("#waited")).not_to_have_text("0 s")
    viewer.write([small(1, "GET /servers", "nova-api", 40, START)])
    expect(page.locator("h1")).to_contain_text("GET /servers")
    expect(page.locator("#live")).to_have_text("live")


def test_after_a_long_time_nobody_is_thought_to_wait(viewer: Viewing, browse) -> None:
    page = browse.url(f"{viewer.url}/trace/{viewing.trace_id(1):032x}")
    browse.problems = [problem for problem in browse.problems if "404" not in problem]
    page.evaluate("Date.now = ((now) => () => now() + 600000)(Date.now)")
    expect(page.locator("#live")).to_have_text("no longer asking")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator("#live")).to_have_text("waiting")
    viewer.write([small(1, "GET /servers", "nova-api", 40, START)])
    expect(page.locator("h1")).to_contain_text("GET /servers")


def test_without_scripts_it_is_a_page_like_any_other(three: Viewing, browse) -> None:
    page = browse.url(f"{three.url}/", java_script_enabled=False)
    expect(page.locator(".updates")).to_be_hidden()
    tick(page, "GET /images")
    tick(page, "GET /servers")
    page.get_by_role("button", name="Compare two").click()
    a, b = (f"{viewing.trace_id(number):032x}" for number in (1, 3))
    page.wait_for_url(f"{three.url}/diff/{a}/{b}")
    page.goto(f"{three.url}/")
    page.get_by_label("Errors only").check()
    page.get_by_role("button", name="Search").click()
    expect_names(page, "GET /images")


@pytest.mark.parametrize(
    "text", ["<img src=x onerror=alert(1)>", "\u202egnp.exe", '"><script>alert(1)</script>']
)
def test_what_spans_say_does_not_act(viewer: Viewing, browse, text: str) -> None:
    viewer.write([small(1, text, text, 40, START), small(2, text, "b", 40, START, error=True)])
    page = browse.url(f"{viewer.url}/")
    tick_box = page.get_by_role("checkbox").nth(1)
    tick_box.check()
    page.locator("#q").focus()
    viewer.write([small(3, text, text, 40, START + SECOND)])
    expect(page.locator("#rows tr")).to_have_count(3)
    assert "\u202e" not in page.locator("body").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(viewer: Viewing, browse, screenshot, scheme: str) -> None:
    viewer.write(viewing.day(time.time_ns() // MINUTE * MINUTE))
    page = browse.url(f"{viewer.url}/", scheme=scheme)
    for row in (5, 7):
        page.locator("#rows .pick input").nth(row).check()
    assert screenshot(page, f"list-{scheme}").stat().st_size > 20_000
    narrow = browse.url(f"{viewer.url}/", scheme=scheme, width=400, height=800)
    name = "list-narrow" if scheme == "light" else "list-dark-narrow"
    assert screenshot(narrow, name).stat().st_size > 10_000
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 400
    before = browse.problems[:]
    waiting = browse.url(f"{viewer.url}/trace/{0xAB:032x}", scheme=scheme, width=1000, height=400)
    browse.problems[:] = before
    screenshot(waiting, f"waiting-{scheme}")
