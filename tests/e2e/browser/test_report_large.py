"""The report of large traces: it opens, and only what is in sight is in the document."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from e2e.browser.reading import active, press

pytestmark = pytest.mark.e2e


@pytest.fixture(params=[10_000, 100_000])
def page(request, browse, report_of) -> Page:
    opened = browse.file(report_of(request.param))
    opened.locator("#tree").focus()
    return opened


def in_document(page: Page) -> int:
    return page.locator("#rows .row").count()


def test_only_what_is_in_sight_is_in_the_document(page: Page) -> None:
    assert 10 < in_document(page) < 150
    page.get_by_role("button", name="Fold alike").click()
    page.locator("#scroller").evaluate("(scroller) => { scroller.scrollTop = scroller.scrollHeight / 2 }")
    middle = page.evaluate("Math.floor(Report.app.layout.nodes.length / 2)")
    expect(page.locator(f"#rows [aria-rowindex='{middle + 2}']")).to_be_visible()
    assert in_document(page) < 150


def test_rows_stay_in_their_order_wherever_the_reader_scrolls(page: Page) -> None:
    """Elements are used again for other rows: none may be left behind, or out of order."""
    page.evaluate(
        """async () => {
          const scroller = document.getElementById("scroller");
          for (const by of [37, 900, -450, 5000, -37, -4800, 1e9, -2000, 300, -1e9, 24, 12345]) {
            scroller.scrollTop += by;
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            const rows = [...document.querySelectorAll("#rows .row")];
            const indices = rows.map((row) => Number(row.ariaRowIndex) - 2);
            const top = Math.floor(scroller.scrollTop / 24);
            if (indices.some((index, place) => index !== indices[0] + place)) throw new Error(`order ${by}`);
            if (indices[0] > top || indices.at(-1) < top + 10) throw new Error(`out of sight ${by}`);
            const box = rows[top - indices[0]].getBoundingClientRect();
            if (Math.abs(box.top - scroller.getBoundingClientRect().top) > 24) throw new Error(`place ${by}`);
            for (const [place, row] of rows.entries()) {
              const span = ReportModel.rowOf(Report.app.model, Report.app.layout.nodes[indices[place]]);
              const name = ReportModel.nameOf(Report.app.model, span);
              if (row.querySelector(".name").textContent !== name) throw new Error(`name ${by}`);
            }
          }
        }"""
    )


def test_keys_reach_both_ends(page: Page) -> None:
    press(page, "End")
    last = page.evaluate(
        """(({model, layout}) =>
          ReportModel.nameOf(model, ReportModel.rowOf(model, layout.nodes.at(-1))))(Report.app)"""
    )
    assert active(page) == last
    press(page, "Home")
    assert active(page) == "POST /v2.1/servers"


def test_the_first_paint_comes_soon(page: Page) -> None:
    """Within a bound that a busy machine keeps, too; the benchmarks have the figure."""
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    assert page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") < 20_000
