"""The waterfall of the report: zoom, minimap, bars."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from e2e.browser.reading import press

pytestmark = pytest.mark.e2e


def test_the_wheel_zooms_around_the_pointer(boot_report: Page) -> None:
    box = boot_report.locator("#ruler").bounding_box()
    assert box
    boot_report.mouse.move(box["x"] + box["width"] / 4, box["y"] + 5)
    at = "Report.app.view.start + (Report.app.view.end - Report.app.view.start) / 4"
    before = boot_report.evaluate(at)
    boot_report.mouse.wheel(0, -300)
    boot_report.wait_for_function("Report.app.view.start > 0")
    assert boot_report.evaluate(at) == pytest.approx(before, rel=0.01)
    boot_report.mouse.dblclick(box["x"] + 9, box["y"] + 5)
    assert boot_report.evaluate("Report.app.view.start") == 0


def test_dragging_zooms_to_what_is_marked(boot_report: Page) -> None:
    box = boot_report.locator("#lanes").bounding_box()
    assert box
    total = boot_report.evaluate("Report.app.model.total")
    boot_report.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 60)
    boot_report.mouse.down()
    boot_report.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 90, steps=4)
    expect(boot_report.locator("#selection")).to_be_visible()
    boot_report.mouse.up()
    view = boot_report.evaluate("Report.app.view")
    assert view["start"] == pytest.approx(total / 4, rel=0.02)
    assert view["end"] == pytest.approx(total / 2, rel=0.02)
    expect(boot_report.locator("#details")).to_be_hidden()


def test_keys_zoom(boot_report: Page) -> None:
    length = "Report.app.view.end - Report.app.view.start"
    total = boot_report.evaluate(length)
    press(boot_report, "+", "+")
    assert boot_report.evaluate(length) == pytest.approx(total / 4)
    before = boot_report.evaluate("Report.app.view.start")
    press(boot_report, "Shift+ArrowRight")
    assert boot_report.evaluate("Report.app.view.start") > before
    press(boot_report, "-")
    assert boot_report.evaluate(length) == pytest.approx(total / 2)
    press(boot_report, "0")
    assert boot_report.evaluate(length) == total


def test_the_minimap_marks_what_is_shown(boot_report: Page) -> None:
    box = boot_report.locator("#minimap").bounding_box()
    assert box
    total = boot_report.evaluate("Report.app.model.total")
    boot_report.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    boot_report.mouse.down()
    boot_report.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20, steps=3)
    boot_report.mouse.up()
    assert boot_report.evaluate("Report.app.view.start") == pytest.approx(total / 2, rel=0.02)
    start = boot_report.get_by_role("slider", name="Start of what is shown")
    start.focus()
    press(boot_report, "Home")
    assert boot_report.evaluate("Report.app.view.start") == 0
    assert start.get_attribute("aria-valuetext") == "0"
    boot_report.locator("#minimap").dblclick(position={"x": 5, "y": 5})
    assert boot_report.evaluate("Report.app.view.end") == total


def test_bars_lie_where_the_spans_do(small_report: Page) -> None:
    small_report.evaluate("Report.app.state.critical = false")
    width = small_report.locator("#lanes").evaluate("(lanes) => lanes.clientWidth")
    for number, (start, end) in enumerate(
        [(0, 45.2), (1.2, 31), (2, 30.4), (2.1, 2.9), (40, 40.1), (41, 62)]
    ):
        bar = (
            small_report.locator("#rows .row")
            .nth(number)
            .locator(".waits")
            .evaluate("(bar) => { const box = bar.getBBox(); return [box.x, box.x + box.width]; }")
        )
        assert bar[0] == pytest.approx(start / 62 * width, abs=0.2)
        assert bar[1] == pytest.approx(max(end / 62 * width, bar[0] + 2), abs=2.1)


def test_the_critical_path_can_be_left_off(small_report: Page) -> None:
    path = small_report.locator("#rows .row").first.locator(".path")
    assert path.get_attribute("d")
    press(small_report, "c")
    assert path.get_attribute("d") == ""
    expect(small_report.get_by_role("button", name="Critical path")).to_have_attribute(
        "aria-pressed", "false"
    )


def test_the_names_can_be_made_wider(boot_report: Page) -> None:
    line = boot_report.get_by_role("separator", name="Width of the names")
    before = boot_report.locator("#rows .row .label").first.bounding_box()
    line.focus()
    press(boot_report, "ArrowRight")
    after = boot_report.locator("#rows .row .label").first.bounding_box()
    assert before
    assert after
    assert after["width"] > before["width"] + 10


@pytest.mark.parametrize("width", [1440, 900, 400])
def test_all_that_has_a_time_axis_is_aligned(browse, report_of, width: int) -> None:
    """With a scroll bar beside the rows."""
    page = browse.file(report_of(600), width=width)
    page.wait_for_function("document.querySelectorAll('#rows .row').length > 5")
    page.locator("#rows .row").nth(2).click()
    edges = """() => ["#lanes", "#ruler", "#gridlines", "#rows .lane", "#minimap"].map((name) => {
      const { left, right } = document.querySelector(name).getBoundingClientRect();
      return [left, right];
    })"""
    found = page.evaluate(edges)
    assert page.locator("#scroller").evaluate("(one) => one.clientWidth < one.offsetWidth")
    for left, right in found[1:]:
        assert left == pytest.approx(found[0][0], abs=1.1)
        assert right == pytest.approx(found[0][1], abs=1.1)


def test_the_names_stay_aligned_when_they_are_made_wider(boot_report: Page) -> None:
    line = boot_report.get_by_role("separator", name="Width of the names")
    line.focus()
    press(boot_report, *["ArrowRight"] * 4)
    left = "(lane) => lane.getBoundingClientRect().left"
    lanes = boot_report.locator("#lanes").evaluate(left)
    for name in ("#ruler", "#rows .row:nth-child(3) .lane", "#minimap"):
        assert boot_report.locator(name).evaluate(left) == pytest.approx(lanes, abs=1.1)
