"""otel_bridge.reports.page: one document with everything in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.reports import page, palette

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "]]>",
    "&lt;/script&gt;",
    "\u2028\u2029",
    "\u202egnp\x00\x1b\x85",
    "\udc80\ud800",
    "__proto__",
)

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Elements(HTMLParser):
    """The elements of a page, each with its attributes and the text right in it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            tag, attributes, text = self.found[-1]
            self.found[-1] = (tag, attributes, text + data)

    def texts(self, tag: str) -> list[str]:
        return [text for name, _, text in self.found if name == tag]


def _document(**given: object) -> page.Page:
    parts = {"title": "A page", "styles": ["b {}"], "scripts": ["run()"], "body": "<p>text</p>"}
    return page.document(**{**parts, **given})  # type: ignore[arg-type]


def _sources(policy: str, directive: str) -> list[str]:
    found = [part.split() for part in policy.split("; ")]
    return next(words[1:] for words in found if words[0] == directive)


def test_the_parts_are_in_the_page_in_their_order() -> None:
    html = _document(styles=["a {}", "b {}"], scripts=["one()", "two()"], data={"numbers": [1, 2]}).html
    places = [
        html.index(part)
        for part in ("Content-Security-Policy", "a {}", "b {}", "<p>text</p>", "[1,2]", "one()", "two()")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(("tag", "directive"), [("script", "script-src"), ("style", "style-src")])
def test_the_policy_names_the_hashes_of_what_is_in_the_page(tag: str, directive: str) -> None:
    made = _document(styles=["a { x: '<' }", "b {}"], scripts=["if (a < b && c > d) run('é')", "two()"])
    texts = [text for name, _, text in Elements(made.html).found if name == tag]
    digests = [
        base64.b64encode(hashlib.sha256(text.rstrip("\n").encode()).digest()).decode() for text in texts
    ]
    assert len(digests) == 2
    assert _sources(made.policy, directive) == [f"'sha256-{digest}'" for digest in digests]


def test_the_page_says_the_policy_that_is_returned() -> None:
    made = _document()
    metas = [attributes for name, attributes, _ in Elements(made.html).found if name == "meta"]
    said = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    assert said == [made.policy]


def test_the_policy_allows_nothing_else() -> None:
    assert re.sub(r"sha256-[^']+", "HASH", _document().policy) == (
        "default-src 'none'; script-src 'HASH'; style-src 'HASH'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    assert "script-src 'none'; style-src 'none'" in _document(styles=[], scripts=[]).policy


def test_a_connected_page_may_talk_to_its_own_server() -> None:
    policy = _document(connect=True).policy
    assert _sources(policy, "connect-src") == _sources(policy, "form-action") == ["'self'"]
    assert "connect-src" not in _document().policy


@pytest.mark.parametrize("text", HOSTILE)
def test_data_is_text_that_nothing_but_json_reads(text: str) -> None:
    html = _document(data={"given": {text: [text]}}).html
    assert html.encode("utf-8")
    elements = Elements(html)
    assert [name for name, _, _ in elements.found].count("script") == 2
    (found,) = [text for name, attributes, text in elements.found if attributes.get("id") == "given"]
    assert json.loads(found) == {text: [text]}


@given(_json)
def test_embedded_json_means_the_same_and_holds_no_markup(value: object) -> None:
    text = page.embedded(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert not re.search(r"[<>&\x00-\x1f]", text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}])
def test_data_that_json_has_no_word_for_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        page.embedded(value)


@pytest.mark.parametrize("source", ["'</script>'", "a</SCRIPT", "'<!--'", "'</style>'", "a\r\nb", "a\0b"])
@pytest.mark.parametrize("kind", ["scripts", "styles"])
def test_what_html_would_read_otherwise_is_refused(kind: str, source: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        _document(**{kind: [source]})


@pytest.mark.parametrize("name", ["", "1st", 'a"b', "Upper", "a b"])
def test_the_name_of_data_is_an_id(name: str) -> None:
    with pytest.raises(ValueError, match="id of an element"):
        _document(data={name: 1})


def test_the_title_is_text() -> None:
    html = _document(title="</title><script>alert(1)</script>\u202e" + "x" * 1000).html
    (title,) = Elements(html).texts("title")
    assert title.startswith("</title><script>alert(1)</script>\\u202exxx")
    assert len(title) < 250


@pytest.mark.parametrize("name", ["theme.css", "page.js"])
def test_the_shared_files_can_be_in_a_page(name: str) -> None:
    kind = "styles" if name.endswith("css") else "scripts"
    assert page.resource(name) in _document(**{kind: [page.resource(name)]}).html


def test_a_missing_file_is_said() -> None:
    with pytest.raises(FileNotFoundError):
        page.resource("missing.css")


def _schemes() -> dict[str, dict[str, str]]:
    """The colours of the theme: light ones, and with those that replace them dark ones."""
    light, dark = page.resource("theme.css").split("@media screen and (prefers-color-scheme: dark)")
    dark = dark.split("*, ::before")[0]
    found = {}
    for name, sheet in (("light", light), ("dark", dark)):
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})\b", sheet))
        colours.pop("c")
        found[name] = colours | dict(re.findall(r"\.(s\d+) \{ --c: (#[0-9a-f]{6}) \}", sheet))
    return {"light": found["light"], "dark": found["light"] | found["dark"]}


def _contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_the_theme_has_a_colour_for_each_slot_in_both_schemes() -> None:
    for colours in _schemes().values():
        assert {f"s{slot}" for slot in range(palette.SLOTS)} <= colours.keys()
        assert len({colours[f"s{slot}"] for slot in range(palette.SLOTS)}) == palette.SLOTS
    light, dark = _schemes().values()
    assert not {name for name in light if name != "mark" and light[name] == dark[name]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("texts", "papers"),
    [
        ("ink faint accent error warn", "paper panel raised hover"),
        ("ink faint", "selected"),
        ("ink error", "error-paper"),
        ("ink warn", "warn-paper"),
        ("on-accent", "accent"),
        ("ink", "mark line-soft"),
        (" ".join(f"s{slot}" for slot in range(palette.SLOTS)), "paper panel hover"),
    ],
)
def test_texts_can_be_read_on_what_they_stand_on(scheme: str, texts: str, papers: str) -> None:
    colours = _schemes()[scheme]
    found = {
        f"{text} on {paper}": _contrast(colours[text], colours[paper])
        for text in texts.split()
        for paper in papers.split()
    }
    assert {name: round(contrast, 2) for name, contrast in found.items() if contrast < 4.5} == {}
