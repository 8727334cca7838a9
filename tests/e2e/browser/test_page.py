"""What the policy of a page allows and forbids in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from otel_bridge.reports import page

pytestmark = pytest.mark.e2e


def made(**given: Any) -> str:
    parts: dict[str, Any] = {"title": "A page", "styles": [], "scripts": [], "body": "<p id='place'>text</p>"}
    return page.document(**{**parts, **given}).html


@pytest.fixture
def refused(browse):
    """Opens a page in which something is to be refused, and gives what was said of it."""

    def visit(html: str) -> list[str]:
        opened = browse.file(html)
        opened.wait_for_timeout(100)  # what is refused is told later, if at all
        found, browse.problems = browse.problems, []
        return found

    return visit


def test_the_scripts_and_style_sheets_of_a_page_are_used(browse) -> None:
    styles, scripts = (
        ["p { color: rgb(1, 2, 3) }"],
        ["document.title = Page.data('words')['<' + '/script>'];"],
    )
    opened = browse.file(
        made(
            styles=styles,
            scripts=[page.resource("page.js"), *scripts],
            data={"words": {"</script>": "<&>\u2028"}},
        )
    )
    assert opened.evaluate("document.title") == "<&>\u2028"
    assert opened.locator("p").evaluate("(p) => getComputedStyle(p).color") == "rgb(1, 2, 3)"


@pytest.mark.parametrize(
    ("body", "directive"),
    [
        ("<script>document.title = 'owned'</script>", "script-src"),
        ("<p onclick='1' id='place'></p><script>place.click()</script>", "script-src"),
        ("<style>p { color: red }</style>", "style-src"),
        ("<p style='color: red'>text</p>", "style-src"),
        ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "img-src"),
        ("<iframe src='data:text/html,x'></iframe>", "frame-src"),
        ("<link rel='stylesheet' href='data:text/css,x'>", "style-src"),
        ("<base href='https://elsewhere.example/'>", "base-uri"),
        ("<object data='data:text/html,x'></object>", "object-src"),
    ],
)
def test_nothing_else_is(refused, body: str, directive: str) -> None:
    said = refused(made(body=body))
    assert any(f"violates {directive}" in one for one in said), said


@pytest.mark.parametrize(
    "script",
    [
        "document.body.innerHTML = '<b>text</b>'",
        "document.write('text')",
        "eval('1')",
        "setTimeout('1')",
        "document.body.insertAdjacentHTML('beforeend', 'text')",
        "fetch('https://elsewhere.example/').catch(() => {})",
    ],
)
def test_its_own_scripts_may_neither_write_html_nor_reach_out(refused, script: str) -> None:
    said = refused(made(scripts=[script]))
    assert any("violates" in one or "error" in one for one in said), said


def test_what_goes_wrong_in_a_page_is_noticed(refused) -> None:
    assert any("TypeError" in one for one in refused(made(scripts=["null.x"])))
    assert refused(made(scripts=["console.log('said')"])) == ["console log: said"]
