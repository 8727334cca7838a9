"""The tree of the report, by keys, pointer and screen reader."""

from __future__ import annotations

import re

import pytest
import traces as small
from playwright.sync_api import Page, expect

from e2e.browser.reading import active, names, press, rows
from otel_bridge.reports import html

pytestmark = pytest.mark.e2e


def test_alike_siblings_are_one_row_that_unfolds(boot_report: Page) -> None:
    group = boot_report.locator("#rows .row", has_text="SELECT keystone.user").first
    expect(group).to_contain_text("\u00d737")
    expect(group).to_have_attribute("aria-expanded", "false")
    before = len(names(boot_report))
    group.locator(".twisty").click()
    expect(group).to_have_attribute("aria-expanded", "true")
    at = names(boot_report).index("SELECT keystone.user")
    below = rows(boot_report)[at + 1 : at + 4]
    assert [row[1] for row in below] == ["SELECT keystone.user"] * 3
    assert {row[0] for row in below} == {int(str(rows(boot_report)[at][0])) + 1}
    group.locator(".twisty").click()
    assert len(names(boot_report)) == before


def test_folding_can_be_left_off(boot_report: Page) -> None:
    boot_report.get_by_role("button", name="Fold alike").click()
    assert "\u00d737" not in [row[3] for row in rows(boot_report)]
    expect(boot_report.locator("#shown")).to_have_text("600 rows for 600 spans")


def test_keys_walk_through_the_tree(small_report: Page) -> None:
    steps = [
        ("ArrowDown", "POST /v2.1/servers"),
        ("ArrowDown", "build_instances"),
        ("ArrowRight", "ConductorManager.build_instances"),
        ("End", "ComputeManager.build"),
        ("ArrowLeft", "cast build"),
        ("ArrowUp", "SELECT nova.instances"),
        ("ArrowLeft", "ConductorManager.build_instances"),
        ("Home", "POST /v2.1/servers"),
        ("PageDown", "ComputeManager.build"),
        ("PageUp", "POST /v2.1/servers"),
    ]
    for key, name in steps:
        press(small_report, key)
        assert active(small_report) == name, key
    press(small_report, "ArrowLeft")
    assert names(small_report) == ["POST /v2.1/servers"]
    press(small_report, "ArrowRight")
    assert len(names(small_report)) == 6


def test_the_focused_row_is_seen(small_report: Page) -> None:
    press(small_report, "ArrowDown")
    outline = "(row) => getComputedStyle(row).outlineStyle + getComputedStyle(row).outlineWidth"
    assert small_report.locator(".row.active").evaluate(outline) == "solid2px"
    small_report.locator("#search").focus()
    assert small_report.locator("#search").evaluate(outline) == "solid2px"


def test_a_screen_reader_is_told_the_place_of_each_row(boot_report: Page) -> None:
    found = boot_report.evaluate(
        """() => [...document.querySelectorAll("#rows .row")].map(
          ({ariaLevel, ariaSetSize, ariaPosInSet, ariaRowIndex}) =>
          [ariaLevel, ariaSetSize, ariaPosInSet, ariaRowIndex].map(Number))"""
    )
    assert found[0] == [1, 1, 1, 2]
    assert [row[3] for row in found] == list(range(2, len(found) + 2))
    path: list[int] = []
    for level, size, place, _ in found:
        del path[level:]
        path.append(0) if len(path) < level else None
        path[level - 1] += 1
        assert place == path[level - 1] <= size
    tree = boot_report.get_by_role("treegrid", name="Spans")
    assert tree.get_attribute("aria-rowcount") == str(
        int(boot_report.locator("#shown").inner_text().split()[0]) + 1
    )
    expect(tree.get_by_role("columnheader")).to_have_count(3)


def test_the_accessible_tree_has_names_and_roles(small_report: Page) -> None:
    snapshot = small_report.locator("#tree").aria_snapshot()
    assert re.search(
        r'row "nova-api POST /v2.1/servers 45.2 ms starts at 0" \[expanded\] \[level=1\]', snapshot
    ), snapshot
    assert "gridcell" in snapshot


def test_collapsing_by_level(boot_report: Page) -> None:
    def deepest() -> int:
        return int(boot_report.evaluate("Math.max(...Report.app.layout.levels)"))

    all_levels = deepest()
    boot_report.get_by_role("button", name="Collapse one level").click()
    assert deepest() == all_levels - 1
    boot_report.get_by_role("button", name="Collapse all").click()
    assert names(boot_report) == ["POST /v2.1/servers"]
    boot_report.get_by_role("button", name="Expand one level").click()
    assert {row[0] for row in rows(boot_report)} == {1, 2}
    boot_report.get_by_role("button", name="Expand all").click()
    assert deepest() == all_levels


def test_errors_are_walked_by_a_key(boot_report: Page) -> None:
    press(boot_report, "e")
    assert active(boot_report) == "PUT"
    press(boot_report, "e", "e")
    assert active(boot_report) == "UPDATE neutron.ml2_port_bindings"
    press(boot_report, "e")
    assert active(boot_report) == "PUT"
    press(boot_report, "E")
    assert active(boot_report) == "UPDATE neutron.ml2_port_bindings"


def test_a_collapsed_row_tells_of_errors_below(boot_report: Page) -> None:
    boot_report.get_by_role("button", name="Collapse all").click()
    expect(boot_report.locator("#rows .row")).to_contain_text("3 errors below")


def test_what_is_odd_about_a_span_is_said_in_its_row(browse) -> None:
    trace = small.trace(
        small.span(1, 99, "orphan", start=3, status=2),
        small.span(2, 1, "early", start=1),
        small.span(3, 1, "endless", start=4, attributes={"osprofiler.incomplete": True}),
    )
    page = browse.file(html.render(trace).html)
    for name, tag in (
        ("orphan", "parent missing"),
        ("orphan", "error"),
        ("early", "2.00 ms early"),
        ("endless", "no end"),
    ):
        expect(page.locator("#rows .row", has_text=name).locator(".tags")).to_contain_text(tag)
    took = page.locator("#rows .row", has_text="endless").locator(".took")
    expect(took).to_have_text("no end")


def test_the_active_row_that_is_collapsed_away_gives_way_to_what_hides_it(boot_report: Page) -> None:
    press(boot_report, "End", "Enter")
    boot_report.get_by_role("button", name="Collapse all").click()
    assert active(boot_report) == "POST /v2.1/servers"
    expect(boot_report.locator("#details h2")).to_have_text("POST /v2.1/servers")
    boot_report.get_by_role("button", name="Expand all").click()
    group = boot_report.locator("#rows .row", has_text="SELECT keystone.user").first
    group.locator(".twisty").click()
    press(boot_report, "ArrowDown", "ArrowDown")
    boot_report.get_by_role("button", name="Fold alike").click()
    boot_report.get_by_role("button", name="Fold alike").click()
    assert active(boot_report) == "SELECT keystone.user"
    expect(boot_report.locator(".row.active .times")).to_have_text("\u00d737")


def test_a_filter_hides_the_active_row_only_for_now(small_report: Page) -> None:
    press(small_report, "End")
    conductor = small_report.get_by_role("group", name="Show only").get_by_role(
        "button", name="nova-conductor"
    )
    conductor.click()
    assert active(small_report) is None
    conductor.click()
    assert active(small_report) == "ComputeManager.build"


def test_all_rows_have_their_cells_below_each_other(boot_report: Page) -> None:
    places = boot_report.evaluate(
        """() => [".took", ".lane"].map((cell) => new Set([...document.querySelectorAll(`.row ${cell}`)].map(
          (one) => Math.round(one.getBoundingClientRect().left))).size)"""
    )
    assert places == [1, 1]


def test_rows_that_only_lead_to_others_can_be_read(boot_report: Page) -> None:
    boot_report.get_by_role("button", name="Errors only").click()
    faint = """(row) => [...row.querySelectorAll(".name, .service, .took")].map((cell) =>
      [getComputedStyle(cell).opacity, getComputedStyle(cell).color])"""
    cells = boot_report.locator(".row.context").first.evaluate(faint)
    assert {opacity for opacity, _ in cells} == {"1"}
    assert len({colour for _, colour in cells}) == 1


def test_the_views_are_in_the_main_part(boot_report: Page) -> None:
    main = boot_report.get_by_role("main")
    expect(main.get_by_role("tablist")).to_be_visible()
    expect(main.get_by_role("treegrid")).to_be_visible()


def test_colours_that_the_reader_forces_leave_the_active_row_seen(browse, report_of) -> None:
    page = browse.file(report_of(600), forced_colors="active")
    page.locator("#rows .row").nth(3).click()
    page.locator("#search").focus()
    outline = "(element) => getComputedStyle(element).outlineStyle"
    assert page.locator(".row.active").evaluate(outline) == "solid"
    assert page.get_by_role("button", name="Critical path").evaluate(outline) == "solid"
