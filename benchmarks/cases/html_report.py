"""The HTML report of a large trace: how long it takes to write, and how it feels in a browser."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any, Final

from benchmarks.case import OURS, Case, Contender, Figure, Limit, Measure, Row, Setting

_SPANS: Final = 10_000
_SCROLLED: Final = 120
_CHROMIUM: Final = shutil.which("chromium")

#: How late frames are while somebody turns the wheel: milliseconds from each to the next.
_WATCH_FRAMES: Final = """() => {
  window.frames_ = [];
  let last = performance.now();
  const step = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(step); };
  requestAnimationFrame(step);
}"""


def _trace() -> Any:
    """The trace that the tests in Chromium look at."""
    tests = str(Path(__file__).resolve().parents[2] / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    from e2e.browser import traces

    return traces.boot(_SPANS)


@contextmanager
def _store(setting: Setting) -> Iterator[Measure]:
    """From the embedded store's file to a file with the page."""
    from otel_bridge.collector import ingest
    from otel_bridge.collector.writer import Writer
    from otel_bridge.reports import html
    from otel_bridge.stores import open_store, otlp_json

    trace = _trace()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "traces.sqlite")
        writer = Writer(path)
        writer.start()
        writer.write(ingest.batch(ingest.parse_json(otlp_json.dumps(trace.spans))), timeout=60)
        writer.stop()
        page = Path(directory, "trace.html")

        def measure() -> dict[str, float]:
            begin = process_time()
            found = open_store(f"sqlite:{path}").get(trace.trace_id)
            page.write_text(html.render(found).html, encoding="utf-8")
            seconds = process_time() - begin
            assert len(found.spans) == _SPANS
            return {"seconds": seconds, "size": page.stat().st_size / 1e6}

        yield measure


@contextmanager
def _browser(setting: Setting) -> Iterator[Measure]:
    """The page in headless Chromium, as on a machine without a graphics card."""
    from playwright.sync_api import sync_playwright

    from otel_bridge.reports import html

    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        path = Path(directory, "trace.html")
        path.write_text(html.render(_trace()).html, encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )

        def measure() -> dict[str, float]:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(path.as_uri())
            page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
            paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            box = page.locator("#scroller").bounding_box()
            assert box
            page.mouse.move(box["x"] + 200, box["y"] + 200)
            page.evaluate(_WATCH_FRAMES)
            for turn in range(_SCROLLED):
                page.mouse.wheel(0, 400 if turn < _SCROLLED * 2 // 3 else -400)
            frames = sorted(page.evaluate("window.frames_"))
            page.close()
            return {"paint": paint / 1000, "frame": frames[len(frames) * 95 // 100], "longest": frames[-1]}

        try:
            yield measure
        finally:
            browser.close()


FILE = Case(
    "html",
    (Contender(OURS, _store),),
    (
        Row("Report: store to HTML file, 10,000 spans", "s", Figure(OURS, "seconds"), limit=Limit(1.0)),
        Row("Report: size of that file", "MB", Figure(OURS, "size")),
    ),
    repetitions=10,
)
PAGE = Case(
    "browser",
    # What is missing is said as with modules, and a program of that name is no module.
    (Contender(OURS, _browser, ("playwright",) if _CHROMIUM else ("playwright", "chromium")),),
    (
        Row("Report: first paint in Chromium, 10,000 spans", "s", Figure(OURS, "paint"), limit=Limit(2.0)),
        Row(
            "Report: scrolling 10,000 spans, 95 % of the frames", "ms", Figure(OURS, "frame"), limit=Limit(50)
        ),
        Row("Report: scrolling 10,000 spans, longest frame", "ms", Figure(OURS, "longest"), worst=True),
    ),
    repetitions=5,
    quick_repetitions=2,
)
