"""otel_bridge.reports.diff_data: a comparison as the data of its page."""

from __future__ import annotations

import json
from typing import Any

import compared
import pytest
import span_records
import traces
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.analysis.difference import compare
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import diff_data


def document(a: Trace, b: Trace) -> dict[str, Any]:
    return diff_data.document(compare(a, b))


def row(found: dict[str, Any], name: str, change: str) -> int:
    """The number of a part."""
    parts = found["parts"]
    [number] = [
        number
        for number, text in enumerate(parts["name"])
        if found["strings"][text] == name and found["changes"][parts["change"][number]] == change
    ]
    return number


def test_columns_have_a_value_a_row_and_pairs_two() -> None:
    found = document(compared.before(), compared.after())
    single = ("parent", "depth", "change", "service", "name", "kind", "differs", "ids")
    double = ("spans", "errors", "total", "longest", "self", "way", "waiting", "below")
    rows = len(compare(compared.before(), compared.after()).parts)
    assert {len(found["parts"][name]) for name in single} == {rows}
    assert {len(found["parts"][name]) for name in double} == {2 * rows}


def test_a_row() -> None:
    found = document(compared.before(), compared.after())
    parts = found["parts"]
    number = row(found, "SELECT keystone.user", "multiplied")
    pair = slice(2 * number, 2 * number + 2)
    assert parts["spans"][pair] == [37, 240]
    assert parts["total"][pair] == [3_700_000, 24_000_000]
    assert parts["differs"][number] == 1
    assert found["strings"][parts["name"][parts["parent"][number]]] == "GET /v3/auth/tokens"
    assert found["strings"][found["services"][parts["service"][number]][0]] == "keystone"
    assert parts["ids"][row(found, "Scrubber.scrub", "appeared")][0] is None


def test_failures_attributes_and_old_names() -> None:
    found = document(compared.before(), compared.after())
    number = row(found, "GET /v2/images/{image_id}", "same")
    texts = [(at, side, found["strings"][text]) for at, side, text in found["parts"]["failures"]]
    assert (number, 1, "StoreDown: the store does not answer") in texts
    changes = [
        (at, found["strings"][key], found["strings"][a], found["strings"][b], telling)
        for at, key, a, b, telling in found["attributes"]
    ]
    assert (number, "http.response.status_code", "200", "503", 1) in changes
    a = traces.trace(traces.span(1, service="old"))
    b = traces.trace(traces.span(1, service="new"))
    other = document(a, b)
    [(at, service, name)] = other["parts"]["renamed"]
    assert (at, other["strings"][other["services"][service][0]], other["strings"][name]) == (0, "old", "span")


def test_tables() -> None:
    found = document(compared.before(), compared.after())
    service, name, *figures = found["contributors"][0]
    assert found["strings"][found["services"][service][0]] == "nova-compute"
    assert found["strings"][name] == "Driver.spawn"
    assert figures == [0, 900_000_000, 2_300_000_000]
    assert all(len(one) == 10 for one in found["operations"])


def test_of_too_many_parts_those_that_differ_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_data, "MAX_PARTS", 6)
    found = document(compared.before(), compared.after())
    assert len(found["parts"]["parent"]) == 6
    assert found["leftOut"] == len(compare(compared.before(), compared.after()).parts) - 6
    assert found["parts"]["parent"][0] == -1
    assert all(parent < number for number, parent in enumerate(found["parts"]["parent"]))


def test_no_text_acts() -> None:
    for text in document(traces.hostile(), traces.boot())["strings"]:
        assert text.replace("\n", "").replace("\t", "").isprintable()


@given(
    st.lists(span_records.records(st.just(7)), max_size=4),
    st.lists(span_records.records(st.just(7)), max_size=4),
)
def test_any_two_traces_become_json(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    json.dumps(document(Trace.from_spans(7, one), Trace.from_spans(7, other)), allow_nan=False)
