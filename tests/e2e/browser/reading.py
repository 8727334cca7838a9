"""What is to be read in a report that is open in Chromium."""

from __future__ import annotations

from playwright.sync_api import Page

#: Of the rows in the document: their levels and names, whether they are open, and what a group says.
_ROWS = """() => [...document.querySelectorAll("#rows .row")].map((row) => [
  Number(row.getAttribute("aria-level")), row.querySelector(".name").textContent,
  row.getAttribute("aria-expanded"), row.querySelector(".times").textContent])"""


def rows(page: Page) -> list[list[object]]:
    found: list[list[object]] = page.evaluate(_ROWS)
    return found


def names(page: Page) -> list[str]:
    return [str(row[1]) for row in rows(page)]


def active(page: Page) -> str | None:
    """The name of the row that a screen reader is told of."""
    found = page.locator("#tree").get_attribute("aria-activedescendant")
    return page.locator(f"#{found} .name").text_content() if found else None


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
