"""Debian's Chromium, started once; pages in which anything that goes wrong fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import traces as small

from e2e.browser import traces
from e2e.required import is_required, program
from otel_bridge.reports import html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from e2e.browser.chromium import Browse

#: Where pictures of pages are kept.
SCREENSHOTS = Path(__file__).resolve().parents[3] / "build" / "screenshots"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without playwright, which few tests need, these cannot even be imported; where they have to run, that
    is an error."""
    wanted = is_required() and "not e2e" not in config.getoption("markexpr")
    if find_spec("playwright") is None and not wanted and collection_path.name.startswith("test_"):
        return True
    return None


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    from e2e.browser.chromium import launched

    path = program("chromium", "apt-get install chromium")
    with sync_playwright() as playwright, launched(playwright, path) as started:
        yield started


@pytest.fixture
def browse(browser: Browser, tmp_path: Path) -> Iterator[Browse]:
    """Opens pages: ``browse.file(html)``, ``browse.url(url)``; see :class:`e2e.browser.chromium.Browse`."""
    from e2e.browser.chromium import Browse

    opened = Browse(browser, tmp_path)
    yield opened
    opened.close()
    assert opened.problems == []


@pytest.fixture
def screenshot() -> Callable[[Page, str], Path]:
    """Keeps a picture of a page, to be looked at by people."""

    def keep(page: Page, name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path)
        return path

    return keep


@pytest.fixture(scope="package")
def report_of() -> Callable[[int], str]:
    """The report of the creation of servers, of so many spans; rendered once."""
    kept: dict[int, str] = {}

    def render(spans: int) -> str:
        if spans not in kept:
            kept[spans] = html.render(traces.boot(spans), link="https://jaeger.example/trace/1").html
        return kept[spans]

    return render


@pytest.fixture
def small_report(browse: Browse) -> Page:
    """The report of six spans, with the focus on its tree."""
    return _focused(browse.file(html.render(small.boot()).html))


@pytest.fixture
def boot_report(browse: Browse, report_of: Callable[[int], str]) -> Page:
    """The report of 600 spans, with the focus on its tree."""
    return _focused(browse.file(report_of(600)))


def _focused(page: Page) -> Page:
    page.locator("#tree").focus()
    return page
