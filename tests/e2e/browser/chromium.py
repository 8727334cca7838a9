"""Pages in headless Chromium, and everything that goes wrong in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request

#: Seconds that something in a page may take on a busy machine.
PATIENCE = 30

#: In a sandbox a container has no use for, and without the small /dev/shm that containers have.
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]

Scheme = Literal["light", "dark"]

#: What a page does against its policy, said on its console, from where it is collected.
_WATCH = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`violates ${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`);
});
"""


@contextmanager
def launched(playwright: Playwright, program: str) -> Iterator[Browser]:
    # With scroll bars, which take room as on most readers' screens.
    browser = playwright.chromium.launch(
        executable_path=program, args=_ARGUMENTS, ignore_default_args=["--hide-scrollbars"]
    )
    try:
        yield browser
    finally:
        browser.close()


class Browse:
    """Opens pages, each in a profile of its own."""

    def __init__(self, browser: Browser, directory: Path) -> None:
        self.browser = browser
        self.problems: list[str] = []
        self._directory = directory
        self._contexts: list[BrowserContext] = []

    def file(self, html: str, fragment: str = "", **options: Any) -> Page:
        """Open a page that is a file, without a network; ``options`` are those of :meth:`url`."""
        path = self._directory / f"page{len(self._contexts)}.html"
        path.write_text(html, encoding="utf-8")
        return self.url(f"file://{path}{fragment}", offline=True, **options)

    def url(
        self,
        url: str,
        *,
        scheme: Scheme = "light",
        width: int = 1440,
        height: int = 900,
        reduced_motion: Literal["reduce", "no-preference"] = "no-preference",
        **options: Any,
    ) -> Page:
        """Open a page of a server. What it asks of any other server is a problem."""
        context = self.browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            reduced_motion=reduced_motion,
            **options,
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(_WATCH)
        page = context.new_page()
        self._watch(page, url)
        page.goto(url)
        return page

    def _watch(self, page: Page, url: str) -> None:
        own = urlsplit(url)

        def requested(request: Request) -> None:
            asked = urlsplit(request.url)
            same = (asked.scheme, asked.netloc) == (own.scheme, own.netloc)
            if not same or (own.scheme == "file" and asked.path != own.path):
                self.problems.append(f"request for {request.url}")

        page.on("request", requested)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}\n{error.stack}"))
        page.on("console", lambda said: self.problems.append(f"console {said.type}: {said.text}"))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def close(self) -> None:
        for context in self._contexts:
            context.close()
