"""adopt.embedding: reports that may stand in a script as they are."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from time import monotonic
from typing import Any

import pytest
import traces
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.adopt import embedding
from otel_bridge.model.trace import Trace
from otel_bridge.reports import json_text, osprofiler_json

_MARKS = re.compile("<(/script|script|!--)", re.IGNORECASE)


def embedded(trace: Trace, base_id: str | None = None) -> str:
    """As osprofiler and Rally write a page."""
    report = osprofiler_json.report(trace, base_id)
    embedding.make_inert(report)
    return f"<p>a</p><script>var data = {json.dumps(report)};</script><p>z</p>"


class Tags(HTMLParser):
    """The tags of a page, and the text that no script is."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags[-1] != "script":
            self.text += data


@pytest.mark.parametrize("base_id", [None, "</script><script>alert(2)</script>"])
def test_a_hostile_trace_stays_in_its_script(base_id: str | None) -> None:
    page = embedded(traces.hostile(), base_id)
    assert "alert(1)" in page
    tags = Tags(page)
    assert (tags.tags, tags.text) == (["p", "script", "p"], "az")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("</script><script>x</SCRIPT >", "<\\/script><\\script>x<\\/SCRIPT >"),
        ("<!--<script>", "<\\!--<\\script>"),
        ("<ComputeAPI object at 0x1> < 3 </b>", "<ComputeAPI object at 0x1> < 3 </b>"),
        ("", ""),
    ],
)
def test_only_what_ends_a_script_is_broken_up(text: str, shown: str) -> None:
    attributes = {"code.function.name": text, "osprofiler.name": f"a{text}", "osprofiler.info.b": text}
    report = osprofiler_json.report(traces.trace(traces.span(1, attributes=attributes)))
    embedding.make_inert(report)
    (node,) = report["children"]
    assert not _MARKS.search(node["info"]["name"])
    assert list(report["stats"]) == [node["info"]["name"]]
    payload = node["info"][f"meta.raw_payload.a{shown}-start"]
    assert payload["name"] == f"a{shown}-start"
    assert payload["info"]["b"] == shown


def test_any_other_report_stays_as_it_is() -> None:
    report = osprofiler_json.report(traces.boot())
    before = copy.deepcopy(report)
    embedding.make_inert(report)
    assert report == before


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_no_value_has_it_however_it_is_nested(value: Any) -> None:
    report = {"children": [{"parent_id": "", "children": [], "info": {"value": value}}], "stats": {}}
    embedding.make_inert(report)
    assert not _MARKS.search(json.dumps(report))


def test_values_that_are_nested_without_end_are_cut() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    report = {"children": [{"parent_id": "", "children": [], "info": {"value": value}}], "stats": {}}
    embedding.make_inert(report)
    assert json.dumps(report).count("[") < 200


def test_any_depth_of_trace_will_do() -> None:
    report = osprofiler_json.report(traces.chain(10_000))
    begin = monotonic()
    embedding.make_inert(report)
    assert monotonic() - begin < 30
    assert "".join(json_text.pieces(report)).count('"children"') == 10_001
