"""otel_bridge.reports.diff_json: a comparison as JSON."""

from __future__ import annotations

import json

import compared
import span_records
import traces
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.analysis.difference import compare
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import diff_json, diff_words, json_text


def test_the_documented_shape() -> None:
    found = diff_json.as_json(compare(compared.before(), compared.after()))
    assert list(found) == [
        "version",
        "a",
        "b",
        "deltaNano",
        "slower",
        "sameStructure",
        "verdict",
        "contributors",
        "operations",
        "services",
        "parts",
    ]
    assert found["version"] == 1
    assert found["a"] == {
        "traceId": f"{traces.TRACE_ID:032x}",
        "service": "nova-api",
        "name": "POST /v2.1/servers",
        "startTimeUnixNano": str(traces.START),
        "durationNano": "2300000000",
        "spanCount": 48,
        "errorCount": 0,
        "rootCount": 1,
    }
    assert (found["deltaNano"], found["slower"], found["sameStructure"]) == ("1400000000", "b", False)
    assert found["contributors"][0] == {
        "service": "nova-compute",
        "operation": "Driver.spawn",
        "waiting": False,
        "aNano": "900000000",
        "bNano": "2300000000",
        "deltaNano": "1400000000",
    }
    assert found["services"][0] == {
        "service": "nova-compute",
        "attribute": "host.name",
        "a": "cmp1",
        "b": "cmp2",
    }
    assert found["verdict"] == diff_words.verdict(compare(compared.before(), compared.after()))


def test_a_part_and_an_operation() -> None:
    found = diff_json.as_json(compare(compared.before(), compared.after()))
    loop = next(part for part in found["parts"] if part["change"] == "multiplied")
    assert {key: value for key, value in loop.items() if key not in ("a", "b")} == {
        "parent": 3,
        "depth": 4,
        "change": "multiplied",
        "service": "keystone",
        "operation": "SELECT keystone.user",
        "kind": "CLIENT",
        "belowA": 0,
        "belowB": 0,
        "pathDeltaNano": "20300000",
        "attributes": [],
    }
    assert len(loop["a"].pop("spanIds")) == 37
    assert len(loop["b"].pop("spanIds")) == 100
    measures = {
        "spans": 240,
        "errors": 0,
        "totalNano": "24000000",
        "maxNano": "100000",
        "selfNano": "24000000",
        "pathNano": "24000000",
        "waitingNano": "0",
    }
    assert loop["b"] == measures
    assert (
        next(row for row in found["operations"] if row["operation"] == "SELECT keystone.user")["b"]
        == measures
    )


def test_attributes_and_old_names() -> None:
    a = traces.trace(traces.span(1, service="old", attributes={"error.type": "X"}))
    b = traces.trace(traces.span(1, service="new", attributes={"error.type": "Y"}))
    [part] = diff_json.as_json(compare(a, b))["parts"]
    assert part["parent"] is None
    assert part["renamedFrom"] == {"service": "old", "operation": "span"}
    assert part["attributes"] == [{"key": "error.type", "a": "X", "b": "Y", "telling": True}]


def test_parts_hang_below_each_other() -> None:
    """Only roots have none above; the first part is above others though its index is 0."""
    parts = diff_json.as_json(compare(traces.boot(), traces.boot()))["parts"]
    assert [part["parent"] for part in parts if part["depth"] == 0] == [None]
    for part in parts[1:]:
        assert parts[part["parent"]]["depth"] == part["depth"] - 1
    assert any(part["parent"] == 0 for part in parts)


def test_slower_is_a_b_or_none() -> None:
    a, b = compared.before(), compared.after()
    assert diff_json.as_json(compare(b, a))["slower"] == "a"
    assert diff_json.as_json(compare(a, compared.with_id(a)))["slower"] is None


@given(
    st.lists(span_records.records(st.just(7)), max_size=4),
    st.lists(span_records.records(st.just(7)), max_size=4),
)
def test_any_two_traces_become_json(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    found = diff_json.as_json(compare(Trace.from_spans(7, one), Trace.from_spans(7, other)))
    text = "".join(json_text.pieces(found))
    assert json.loads(text) == json.loads(json.dumps(found))


def test_huge_names_are_cut() -> None:
    huge = traces.trace(
        traces.span(1, name="n" * 10**6, service="s" * 10**6, attributes={"k" * 10**6: "v" * 10**6})
    )
    found = diff_json.as_json(compare(huge, traces.boot()))
    assert len("".join(json_text.pieces(found))) < 50_000
