"""``python -m e2e.browser DIRECTORY``: the pictures of the report that the documents show."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from e2e.browser import traces
from e2e.browser.chromium import Browse, Scheme, launched
from e2e.required import program
from otel_bridge.reports import html

#: What is zoomed to, in milliseconds: a failed request and what came before and after it.
_SHOWN = "Report.zoom({start: 150e6, end: 520e6})"

_PICTURES: tuple[tuple[str, Scheme], ...] = (("report", "light"), ("report-dark", "dark"))


def main(directory: str) -> None:
    """Write ``report.png`` and ``report-dark.png``."""
    page = html.render(traces.boot(600)).html
    path = program("chromium", "apt-get install chromium")
    with TemporaryDirectory() as kept, sync_playwright() as playwright, launched(playwright, path) as browser:
        browse = Browse(browser, Path(kept))
        for name, scheme in _PICTURES:
            opened = browse.file(page, scheme=scheme, width=1360, height=820)
            opened.evaluate(_SHOWN)
            opened.get_by_role("region", name="Errors").get_by_role("button").click()
            opened.mouse.move(0, 0)
            opened.screenshot(path=Path(directory, f"{name}.png"))
        browse.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
