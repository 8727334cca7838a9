"""Horizon's profiler panel shows traces of ours: its views in Django, its tables in Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import osprofiler_goldens as goldens
import pytest
import traces
from environments import Environment
from osprofiler.drivers import base

from e2e import required

pytestmark = pytest.mark.e2e

_HERE = Path(__file__).parent
_MISSING = "11111111-2222-3333-4444-555555555555"
_ORIGIN = "http://horizon.test"


@pytest.fixture(scope="module")
def panel(with_bridge: Callable[[str], Environment]) -> Callable[..., dict[str, Any]]:
    """Gives a function of a connection string and trace ids: what the panel's views answer."""
    environment = with_bridge("horizon")

    def panel(connection: str, *trace_ids: str) -> dict[str, Any]:
        program = _HERE / "horizon_panel.py"
        text = environment.run("-W", "ignore", program, *trace_ids, CONNECTION=connection)
        found: dict[str, Any] = json.loads(text)
        return found

    return panel


def report(connection: str, base_id: str) -> dict[str, Any]:
    found: dict[str, Any] = base.get_driver(connection).get_report(base_id)
    return found


def test_each_trace_is_listed_with_its_origin(panel, connection) -> None:
    found = panel(connection)["answers"]["/api/profiler/traces"]
    assert found["status"] == 200
    listed = {trace["id"]: (trace["timestamp"], trace["origin"]) for trace in found["body"]}
    assert listed == {
        goldens.BOOT: ("2026-11-22T14:06:01.123456", "/v2.1/servers"),
        goldens.SHOW: ("2026-11-22T14:06:02.123456", "/v2.1/servers/detail"),
        goldens.FAIL: ("2026-11-22T14:06:03.123456", "/v2.1/servers/{id}/action"),
        traces.BASE_ID: ("2026-11-22T14:06:01.123000", traces.HOSTILE[0]),
    }


def test_a_trace_is_our_report_with_what_the_panel_adds(panel, connection) -> None:
    found = panel(connection, goldens.BOOT)["answers"][f"/api/profiler/traces/{goldens.BOOT}"]
    assert found["status"] == 200
    expected = report(connection, goldens.BOOT)
    expected["info"]["max_finished"] = expected["info"]["finished"]
    assert without_additions(found["body"]) == expected


def without_additions(node: dict[str, Any]) -> dict[str, Any]:
    for key in ("level", "is_leaf", "visible", "childrenVisible"):
        del node[key]
    for child in node["children"]:
        without_additions(child)
    return node


def test_what_is_not_there_is_an_empty_trace(panel, connection) -> None:
    found = panel(connection, _MISSING)["answers"][f"/api/profiler/traces/{_MISSING}"]
    assert (found["status"], found["body"]["children"]) == (200, [])


def test_a_store_that_does_not_answer_is_an_error_of_the_panel(panel) -> None:
    found = panel("otel://collector:4318?store=http://127.0.0.1:1")["answers"]["/api/profiler/traces"]
    assert found["status"] == 500
    assert "127.0.0.1:1" in found["body"]


# -- in the browser -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    program = required.program("chromium", "apt-get install --no-install-recommends chromium")
    with playwright.sync_playwright() as running:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = running.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, panel, connection) -> Iterator[Any]:
    """The panel on the store; nothing else can be reached."""
    found = panel(connection, goldens.BOOT, traces.BASE_ID)
    packages = {name: Path(directory) for name, directory in found["packages"].items()}
    packages["profiler"] = packages["dashboard"] / "contrib/developer/static/dashboard/developer/profiler"

    def answer(route: Any) -> None:
        path = route.request.url.removeprefix(_ORIGIN)
        first, _, rest = path.removeprefix("/").partition("/")
        if path in found["answers"]:
            route.fulfill(json=found["answers"][path]["body"])
        elif path == "/":
            route.fulfill(path=_HERE / "horizon_panel.html", content_type="text/html")
        elif first in packages:
            route.fulfill(path=packages[first] / rest)
        else:
            route.abort()

    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.route("**/*", answer)
    page.goto(f"{_ORIGIN}/")
    yield page
    page.close()
    assert errors == []


def rows(page: Any, base_id: str) -> list[list[str]]:
    """The cells of a trace's table, once it is opened."""
    section = page.locator(f"section[id='{base_id}']")
    section.locator("table.trace thead").wait_for()  # the directive, which waits for its template
    section.get_by_role("button", name="open").click()
    table = section.locator("table.trace tbody")
    table.get_by_role("link", name="Details").first.wait_for()
    return [
        [" ".join(cell.split()) for cell in row.locator("td").all_inner_texts()]
        for row in table.locator("tr").all()
    ]


def test_the_table_has_a_row_for_each_point(page, connection) -> None:
    expected = report(connection, goldens.BOOT)
    found = rows(page, goldens.BOOT)
    wanted = [
        [f"{info['finished'] - info['started']} ms", info["name"], info["project"], info["service"]]
        for info in [node["info"] for node in goldens.nodes(expected)]
    ]
    total = [f"{expected['info']['finished']} ms", "total", "n/a", "n/a"]
    assert [row[1:5] for row in found] == [total, *wanted]
    assert [row[5:] for row in found[1:]] == [
        [node["info"]["host"], "Details"] for node in goldens.nodes(expected)
    ]


def test_the_details_of_a_point_have_its_payloads(page) -> None:
    rows(page, goldens.BOOT)
    page.locator(f"section[id='{goldens.BOOT}']").get_by_role("link", name="Details").nth(1).click()
    details = page.locator(".modal-content")
    details.wait_for()
    text = details.inner_text()
    metadata = json.JSONDecoder().raw_decode(text, text.index("{"))[0]
    assert metadata["raw_payload"]["wsgi-start"]["info"]["request"]["path"] == "/v2.1/servers"
    assert metadata["raw_payload"].keys() == {"wsgi-start", "wsgi-stop"}


def test_a_hostile_trace_is_shown_and_does_nothing(page, connection) -> None:
    number = len(list(goldens.nodes(report(connection, traces.BASE_ID))))
    assert len(rows(page, traces.BASE_ID)) == number + 1
    assert page.locator("img").count() == 0
