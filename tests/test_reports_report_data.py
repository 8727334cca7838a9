"""otel_bridge.reports.report_data: a trace as columns."""

from __future__ import annotations

import json
import re
from time import monotonic
from typing import Any

import pytest
import span_records
import traces
from hypothesis import given

from otel_bridge.analysis import timing
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import page, report_data
from otel_bridge.wire import ids


def text_of(document: dict[str, Any], number: int) -> str:
    found: str = document["strings"][number]
    return found


def texts(document: dict[str, Any], column: str) -> list[str]:
    return [text_of(document, number) for number in document["columns"][column]]


def attributes(document: dict[str, Any], row: int) -> dict[str, str]:
    columns, keys = document["columns"], document["keys"]
    begin = sum(len(keys[shape]) for shape in columns["shape"][:row])
    of_row = keys[columns["shape"][row]]
    values = columns["values"][begin : begin + len(of_row)]
    return {
        text_of(document, key): text_of(document, value) for key, value in zip(of_row, values, strict=True)
    }


def test_rows_are_the_spans_each_above_its_children() -> None:
    document = report_data.document(traces.boot())
    assert texts(document, "name") == [
        "POST /v2.1/servers",
        "build_instances",
        "ConductorManager.build_instances",
        "SELECT nova.instances",
        "cast build",
        "ComputeManager.build",
    ]
    assert document["columns"]["parent"] == [-1, 0, 1, 2, 0, 4]
    services = [text_of(document, name) for name, _ in document["services"]]
    assert [services[number] for number in document["columns"]["service"]] == [
        "nova-api", "nova-api", "nova-conductor", "nova-conductor", "nova-api", "nova-compute",
    ]  # fmt: skip


def test_times_are_nanoseconds_from_the_start_of_the_trace() -> None:
    document = report_data.document(traces.boot())
    columns = document["columns"]
    assert columns["start"] == [0, 1_200_000, 2_000_000, 2_100_000, 40_000_000, 41_000_000]
    assert columns["duration"][:2] == [45_200_000, 29_800_000]
    assert columns["self"][:2] == [45_200_000 - 29_800_000 - 100_000, 29_800_000 - 28_400_000]
    assert document["trace"]["start"] == str(traces.START)
    assert document["trace"]["started"] == "2026-11-22 14:06:01.123 UTC"
    assert document["trace"]["duration"] == 62_000_000


def test_ids_are_in_both_spellings() -> None:
    document = report_data.document(traces.boot())
    assert document["trace"]["base"] == traces.BASE_ID
    assert document["trace"]["id"] == traces.BASE_ID.replace("-", "")
    assert document["columns"]["ids"] == "".join(f"{number:016x}" for number in range(1, 7))


def test_attributes_events_links_and_failures_belong_to_their_rows() -> None:
    document = report_data.document(traces.boot())
    columns = document["columns"]
    assert attributes(document, 3) == {
        "db.query.text": "SELECT * FROM instances",
        "db.system.name": "mysql",
    }
    ((row, name, time, *_),) = columns["events"]
    assert (row, text_of(document, name), time) == (2, "exception", 30 * traces.MS)
    ((row, trace_id, span_id, *_),) = columns["links"]
    assert (row, trace_id, span_id) == (2, f"{traces.TRACE_ID + 1:032x}", "0000000000000007")
    ((row, kind, message),) = columns["failures"]
    assert (row, text_of(document, kind), text_of(document, message)) == (
        2, "nova.exception.NoValidHost", "No valid host was found.",
    )  # fmt: skip


def test_flags_tell_failed_incomplete_and_orphaned() -> None:
    trace = traces.trace(
        traces.span(1, 99, start=0),
        traces.span(2, 1, start=1, status=2),
        traces.span(3, 1, start=2, attributes={"osprofiler.incomplete": True}),
    )
    columns = report_data.document(trace)["columns"]
    assert columns["flags"] == [report_data.ORPHAN, report_data.ERROR, report_data.INCOMPLETE]
    assert columns["orphans"] == [[0, "0000000000000063"]]


def test_clocks_that_differ_are_told_of_their_spans() -> None:
    trace = traces.trace(
        traces.span(1, kind=traces.CLIENT, start=5, end=9),
        traces.span(2, 1, kind=traces.SERVER, start=3, end=12),
        traces.span(3, 2, start=4, end=5),
    )
    assert report_data.document(trace)["columns"]["skewed"] == [[1, 2 * traces.MS, 3 * traces.MS]]


def test_what_a_client_asked_for_is_beside_a_name_that_does_not_say_it() -> None:
    url = {"url.full": "http://glance/v2/images/1?token=x"}
    trace = traces.trace(traces.span(1), traces.span(2, 1, "GET", kind=traces.CLIENT, attributes=url))
    assert texts(report_data.document(trace), "detail") == ["", "http://glance/v2/images/1"]


def test_what_a_process_says_of_itself_is_there_once() -> None:
    spans = (traces.span(n, 0, resource={"process.pid": 4711 + n % 2}) for n in range(1, 9))
    document = report_data.document(traces.trace(*spans))
    assert len(document["columns"]["resources"]) == 2
    assert document["columns"]["resource"] == [0, 1] * 4
    assert document["strings"].count("4711") == 1


def test_alike_siblings_are_a_group() -> None:
    queries = [traces.span(number, 1, "SELECT users", start=number, end=number + 1) for number in range(2, 9)]
    document = report_data.document(traces.trace(traces.span(1), *queries))
    assert document["groups"] == [[1, 2, 3, 4, 5, 6, 7]]


def test_the_critical_path_is_that_of_the_analysis() -> None:
    trace = traces.boot()
    flat = report_data.document(trace)["critical"]
    rows = [ids.format_span_id(segment.span_id) for segment in timing.critical_path(trace)]
    found = [flat[index : index + 4] for index in range(0, len(flat), 4)]
    spelled = report_data.document(trace)["columns"]["ids"]
    assert [spelled[16 * row : 16 * row + 16] for row, *_ in found] == rows
    assert found[0][1] == 0
    assert found[-1][2] == 62 * traces.MS


def test_tables_have_the_figures_of_the_analysis() -> None:
    document = report_data.document(traces.boot())
    services = [text_of(document, name) for name, _ in document["services"]]
    by_service = {services[service]: figures for service, *figures in document["tables"]["services"]}
    assert by_service["nova-conductor"][:3] == [2, 1, 29_200_000]
    ((service, summary, statement, count, *_),) = document["tables"]["statements"]
    assert (services[service], text_of(document, summary)) == ("nova-conductor", "SELECT nova.instances")
    assert (text_of(document, statement), count) == ("SELECT * FROM instances", 1)
    assert len(document["tables"]["operations"]) == 6


def test_long_tables_are_cut_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_data, "MAX_ROWS", 3)
    document = report_data.document(traces.boot())
    assert len(document["tables"]["operations"]) == 3
    assert "the table of operations has the first 3 of 6, by total time" in document["notes"]


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("http://jaeger:16686/trace/1", True),
        ("HTTPS://jaeger/trace/1", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("", False),
        (None, False),
    ],
)
def test_only_an_http_address_becomes_a_link(link: str | None, kept: bool) -> None:
    assert report_data.document(traces.boot(), link=link)["trace"]["link"] == (link if kept else None)


def test_the_version_changes_with_the_spans_and_their_ends() -> None:
    first = traces.span(1, end=5)
    known = report_data.version(traces.trace(first))
    assert known.startswith("1-")
    assert known == report_data.version(traces.trace(first))
    others = [traces.trace(first, traces.span(2)), traces.trace(traces.span(1, end=6)), traces.trace()]
    assert known not in map(report_data.version, others)


def test_an_empty_trace_has_no_rows() -> None:
    document = report_data.document(traces.trace())
    assert document["columns"]["parent"] == []
    assert document["trace"]["spans"] == 0


def test_of_too_many_spans_those_nearest_to_the_roots_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_data, "MAX_SPANS", 5)
    trace = traces.trace(
        traces.span(1),
        *(traces.span(number, 1, f"child {number}", start=number) for number in (2, 3)),
        *(
            traces.span(10 + number, 2 + number % 2, f"grandchild {number}", start=number)
            for number in range(4)
        ),
    )
    document = report_data.document(trace)
    assert texts(document, "name") == ["span", "child 2", "grandchild 0", "grandchild 2", "child 3"]
    assert document["columns"]["parent"] == [-1, 0, 1, 1, 0]
    assert document["trace"]["spans"] == 7
    assert "2 spans left out: the 5 nearest to the roots are shown" in document["notes"]


@given(span_records.structures())
def test_any_forest_keeps_its_shape(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    document = report_data.document(trace)
    columns = document["columns"]
    found = [columns["ids"][16 * row : 16 * row + 16] for row in range(len(trace.spans))]
    parent_of = {
        ids.format_span_id(child.span_id): ids.format_span_id(span.span_id)
        for span in trace.spans
        for child in trace.children(span)
    }
    assert sorted(found) == sorted(ids.format_span_id(span.span_id) for span in trace.spans)
    for row, above in enumerate(columns["parent"]):
        assert above < row
        assert parent_of.get(found[row]) == (found[above] if above >= 0 else None)
    grouped = [row for rows in document["groups"] for row in rows]
    assert len(grouped) == len(set(grouped))


@given(span_records.records(span_records.st.just(7)))
def test_any_span_can_be_in_a_page(span: SpanRecord) -> None:
    text = page.embedded(report_data.document(Trace.from_spans(7, [span])))
    assert len(json.loads(text)["columns"]["parent"]) == 1


def test_no_text_acts() -> None:
    for text in report_data.document(traces.hostile())["strings"]:
        assert not re.search(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f\ud800-\udfff]", text
        )


@pytest.mark.parametrize(
    "trace", [traces.chain(10_000), traces.fan(20_000)], ids=["10,000 deep", "20,000 wide"]
)
def test_large_traces_take_linear_time_and_room(trace: Trace) -> None:
    begin = monotonic()
    text = page.embedded(report_data.document(trace))
    assert monotonic() - begin < 30  # well below a second; minutes if it were quadratic
    assert len(text) < 150 * len(trace.spans)
