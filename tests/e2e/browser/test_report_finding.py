"""What leads to spans in the report: search, filters, tables."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from e2e.browser.reading import active, press

pytestmark = pytest.mark.e2e


def test_search_marks_counts_and_goes_on(boot_report: Page) -> None:
    press(boot_report, "/")
    boot_report.keyboard.type("inventories")
    expect(boot_report.locator("#found")).to_have_text(re.compile(r"^1 of \d\d$"))
    assert active(boot_report) == "SELECT placement.inventories"
    assert boot_report.locator(".row.active mark").text_content() == "inventories"
    press(boot_report, "Enter")
    expect(boot_report.locator("#found")).to_have_text(re.compile("^2 of "))
    boot_report.get_by_role("button", name="Previous match").click()
    boot_report.get_by_role("button", name="Previous match").click()
    total = int(boot_report.locator("#found").inner_text().split()[-1])
    expect(boot_report.locator("#found")).to_have_text(f"{total} of {total}")
    boot_report.locator("#tree").focus()
    press(boot_report, "n")
    expect(boot_report.locator("#found")).to_have_text(f"1 of {total}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("deadlock", 1),  # a message
        ("http.response.status_code=503", 2),
        ("status_code=503", 2),
        ("NO SUCH THING", 0),
        ("IptablesManager", 9),
        ("51b2e6a7-9d0c", None),  # part of a value
        ("libvirt.lifecycle", 9),  # an event
    ],
)
def test_search_looks_everywhere(boot_report: Page, text: str, found: int | None) -> None:
    number = boot_report.evaluate("(text) => ReportFilter.search(Report.app.model, text, null).length", text)
    assert number == found if found is not None else number > 0


def test_filters_keep_what_is_above_as_context(boot_report: Page) -> None:
    boot_report.get_by_role("group", name="Show only").get_by_role("button", name="neutron-agent").click()
    found = boot_report.evaluate(
        """() => Report.app.layout.nodes.map((node) => ReportModel.rowOf(Report.app.model, node)).map((row) =>
          [ReportModel.serviceOf(Report.app.model, row).name, Report.app.state.shown[row]])"""
    )
    assert {service for service, shown in found if shown == 1} == {"neutron-agent"}
    assert next(service for service, shown in found if shown == 2) == "nova-api"
    expect(boot_report.locator("#shown")).to_have_text("12 of 600 spans")
    expect(boot_report.locator("#rows .row").first).to_have_class(re.compile("context"))
    boot_report.get_by_role("button", name="Clear filters").click()
    expect(boot_report.locator("#shown")).to_contain_text("rows for 600 spans")


def test_errors_only(boot_report: Page) -> None:
    boot_report.get_by_role("button", name="Errors only").click()
    expect(boot_report.locator("#shown")).to_have_text("3 of 600 spans")


def test_kinds_filter_too(boot_report: Page) -> None:
    boot_report.get_by_role("group", name="Show only").get_by_role("button", name="producer").click()
    expect(boot_report.locator("#shown")).to_have_text("7 of 600 spans")


def test_tables_sort(boot_report: Page) -> None:
    boot_report.get_by_role("tab", name="Operations").click()
    table = boot_report.get_by_role("table")
    heading = table.get_by_role("columnheader", name="Count")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(heading.get_by_role("button")).to_be_focused()
    counts = [int(text.replace(",", "")) for text in table.locator("tbody td:nth-child(3)").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    first = table.locator("tbody tr").first
    assert first.locator("td").nth(1).inner_text() == str(min(counts))


@pytest.mark.parametrize(
    ("tab", "row", "count"),
    [
        ("Services", "neutron-agent", "12 of 600 spans"),
        ("Operations", "LibvirtDriver.spawn", "3 of 600 spans"),
        ("Statements", "SELECT placement.inventories", "42 of 600 spans"),
    ],
)
def test_a_row_of_a_table_shows_its_spans(boot_report: Page, tab: str, row: str, count: str) -> None:
    boot_report.get_by_role("tab", name=tab).click()
    boot_report.get_by_role("table").get_by_role("button", name=row, exact=True).click()
    expect(boot_report.get_by_role("tab", name="Timeline")).to_have_attribute("aria-selected", "true")
    expect(boot_report.locator("#shown")).to_have_text(count)


def test_tabs_are_walked_by_arrows(boot_report: Page) -> None:
    boot_report.get_by_role("tab", name="Timeline").focus()
    press(boot_report, "ArrowRight")
    expect(boot_report.get_by_role("tab", name="Services")).to_be_focused()
    expect(boot_report.get_by_role("tabpanel", name="Services")).to_be_visible()
    press(boot_report, "End")
    expect(boot_report.get_by_role("tab", name="Statements")).to_have_attribute("aria-selected", "true")
