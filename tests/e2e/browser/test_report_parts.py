"""The parts of the report's scripts that draw nothing: each function by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import span_records
import traces as small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from otel_bridge.analysis import timing
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import html, page, report_data, units

pytestmark = pytest.mark.e2e

_STATE = "{collapsed: new Set(), unfolded: new Set(), folding: true, shown: null}"


@pytest.fixture(scope="module")
def scripts(browser) -> Iterator[Page]:
    """A page in which the functions are."""
    opened = browser.new_page()
    opened.set_content(html.render(small.boot()).html)
    yield opened
    opened.close()


def decoded(scripts: Page, trace: Trace, then: str) -> Any:
    """What an expression says of a trace, which is ``model`` there."""
    data = json.loads(page.embedded(report_data.document(trace)))
    return scripts.evaluate(
        f"(report) => {{ const model = ReportModel.decode(report); return {then}; }}", data
    )


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10**14) | st.integers(0, 10**4), min_size=20, max_size=50))
def test_durations_are_written_as_in_python(scripts: Page, times: list[int]) -> None:
    assert scripts.evaluate("(times) => times.map(Page.duration)", times) == [
        units.duration(ns) for ns in times
    ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(span_records.structures())
def test_everything_is_shown_once_where_nothing_is_collapsed(scripts: Page, spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    found = decoded(scripts, trace, f"ReportModel.layout(model, {{...{_STATE}, folding: false}})")
    assert found["nodes"] == list(range(len(trace.spans)))
    depths = decoded(scripts, trace, "[...model.depth]")
    assert found["levels"] == [depth + 1 for depth in depths]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(span_records.structures())
def test_own_time_is_what_python_says(scripts: Page, spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    found = decoded(
        scripts,
        trace,
        """[...model.start.keys()].map((row) => [ReportModel.id(model, row), ReportBars.ownTime(model, row)
          .reduce((sum, time, place) => sum + (place % 2 ? time : -time), 0)])""",
    )
    selfs = timing.self_times(trace)
    assert {int(spelled, 16): own for spelled, own in found} == selfs


def test_a_group_is_one_node_until_it_is_unfolded(scripts: Page) -> None:
    queries = [small.span(number, 1, "SELECT users", start=number, end=number + 1) for number in range(2, 7)]
    trace = small.trace(small.span(1, end=20), *queries, small.span(9, 1, "last", start=15))
    assert decoded(scripts, trace, f"ReportModel.layout(model, {_STATE}).nodes") == [0, 7, 6]
    unfolded = f"ReportModel.layout(model, {{...{_STATE}, unfolded: new Set([0])}})"
    assert decoded(scripts, trace, f"{unfolded}.nodes") == [0, 7, 1, 2, 3, 4, 5, 6]
    assert decoded(scripts, trace, f"{unfolded}.levels") == [1, 2, 3, 3, 3, 3, 3, 2]
    assert decoded(scripts, trace, f"{unfolded}.sizes") == [1, 2, 5, 5, 5, 5, 5, 2]


@pytest.mark.parametrize(
    ("wanted", "nodes"), [([0, 0, 1, 0, 1, 0, 0], [0, 7]), ([0, 0, 0, 0, 1, 0, 0], [0, 4])]
)
def test_of_a_group_those_are_shown_that_match(scripts: Page, wanted: list[int], nodes: list[int]) -> None:
    """One of them alone is no group."""
    queries = [small.span(number, 1, "SELECT users", start=number, end=number + 1) for number in range(2, 7)]
    trace = small.trace(small.span(1, end=20), *queries, small.span(9, 1, "last", start=15))
    shown = f"Uint8Array.from({[2, *wanted[1:]]})"
    assert (
        decoded(scripts, trace, f"ReportModel.layout(model, {{...{_STATE}, shown: {shown}}}).nodes") == nodes
    )


def test_a_hidden_row_is_revealed(scripts: Page) -> None:
    found = decoded(
        scripts,
        small.boot(),
        f"""(() => {{ const state = {_STATE}; ReportModel.collapseAll(model, state);
          const before = ReportModel.layout(model, state).nodes.length;
          ReportModel.reveal(model, state, 3);
          return [before, ReportModel.layout(model, state).nodes]; }})()""",
    )
    assert found == [1, [0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("filter_", "shown"),
    [
        ("services: new Set([1])", [2, 2, 2, 2, 2, 1]),
        ("kinds: new Set([4])", [2, 0, 0, 0, 1, 0]),
        ("errors: true", [2, 2, 1, 0, 0, 0]),
        ("errors: true, kinds: new Set([3])", [0, 0, 0, 0, 0, 0]),
        ("pick: {service: 2, name: model.name[3]}", [2, 2, 2, 1, 0, 0]),
    ],
)
def test_filters(scripts: Page, filter_: str, shown: list[int]) -> None:
    names = decoded(scripts, small.boot(), "model.services.map(({name}) => name)")
    assert names == ["nova-api", "nova-compute", "nova-conductor"]
    if "services" in filter_:
        shown = [2, 0, 0, 0, 2, 1]
    assert (
        decoded(
            scripts, small.boot(), f"[...ReportFilter.apply(model, {{...ReportFilter.empty(), {filter_}}})]"
        )
        == shown
    )


def test_each_row_of_a_table_finds_as_many_spans_as_it_counts(scripts: Page, report_of) -> None:
    from e2e.browser import traces

    found = decoded(
        scripts,
        traces.boot(600),
        """[...model.report.tables.operations.map(([service, name, count]) => [{service, name}, count]),
            ...model.report.tables.statements.map(([service, summary, text, count]) =>
              [{service, summary, text}, count])]
          .map(([pick, count]) => [count,
            ReportFilter.matches(ReportFilter.apply(model, {...ReportFilter.empty(), pick}))])""",
    )
    assert len(found) > 50
    assert all(counted == shown for counted, shown in found)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("  ", []),
        ("build", [1, 2, 4, 5]),
        ("BUILD", [1, 2, 4, 5]),
        ("nova-compute", [5]),
        ("instances where", []),
        ("select *", [3]),
        ("db.system", [3]),
        ("db.system.name=mysql", [3]),
        ("system.name = my", [3]),
        ("db.system.name=sql", []),
        ("method=POST", [0]),
        ("novalid", [2]),
        ("0000000000000005", [4]),
        ("000000000000000", [0, 1, 2, 3, 4, 5]),
        ("__proto__", []),
    ],
)
def test_search(scripts: Page, text: str, rows: list[int]) -> None:
    assert decoded(scripts, small.boot(), f"ReportFilter.search(model, {json.dumps(text)}, null)") == rows


def test_search_finds_what_filters_leave(scripts: Page) -> None:
    shown = "Uint8Array.from([2, 1, 0, 0, 1, 0])"
    assert decoded(scripts, small.boot(), f"ReportFilter.search(model, 'build', {shown})") == [1, 4]


@pytest.mark.parametrize(
    ("call", "view"),
    [
        ("between(300, 100, 1000)", [100, 300]),
        ("between(-5, 5000, 1000)", [0, 1000]),
        ("between(500, 500, 1000)", [450, 550]),
        ("between(0, 0, 1000)", [0, 100]),
        ("between(1000, 1000, 1000)", [900, 1000]),
        ("between(5, 6, 10)", [0, 10]),
        ("around({start: 0, end: 1000}, 250, 0.5, 1000)", [125, 625]),
        ("around({start: 200, end: 600}, 200, 2, 1000)", [200, 1000]),
        ("around({start: 600, end: 1000}, 600, 2, 1000)", [200, 1000]),
        ("around({start: 0, end: 1000}, 0, 10, 1000)", [0, 1000]),
        ("around({start: 0, end: 200}, 0, 0.001, 1000)", [0, 100]),
        ("shifted({start: 100, end: 200}, 50, 1000)", [150, 250]),
        ("shifted({start: 100, end: 200}, -500, 1000)", [0, 100]),
        ("shifted({start: 100, end: 200}, 5000, 1000)", [900, 1000]),
        ("including({start: 100, end: 200}, 150, 160, 1000)", [100, 200]),
        ("including({start: 100, end: 200}, 500, 520, 1000)", [460, 560]),
    ],
)
def test_zoom(scripts: Page, call: str, view: list[float]) -> None:
    found = scripts.evaluate(f"ReportZoom.{call}")
    assert [found["start"], found["end"]] == pytest.approx(view)


@pytest.mark.parametrize(
    ("start", "end", "width", "labels"),
    [
        (0, 1_000_000_000, 500, ["0", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1.0 s"]),
        (0, 62_000_000, 700, ["0", "10 ms", "20 ms", "30 ms", "40 ms", "50 ms", "60 ms"]),
        (1_234_500_000, 1_234_510_000, 300, ["1.234500 s", "1.234505 s", "1.234510 s"]),
        (0, 1, 500, ["0", "1 ns"]),
        (0, 259_200_000_000_000, 400, ["0", "24 h", "48 h", "72 h"]),
        (0, 5_400_000_000_000, 400, ["0", "30 min", "1 h", "1 h 30 min"]),
        (0, 1_800_000_000_000_000_000, 300, ["0", "240,000 h", "480,000 h"]),
        (0, 120_000_000_000, 300, ["0", "1 min", "2 min"]),
        (
            259_200_000_000_000,
            259_200_000_000_100,
            300,
            [f"259200.000000{two} s" for two in ("00", "05", "10")],
        ),
    ],
)
def test_marks_of_the_axis(scripts: Page, start: int, end: int, width: int, labels: list[str]) -> None:
    found = scripts.evaluate(f"ReportZoom.ticks({{start: {start}, end: {end}}}, {width})")
    assert [tick["label"] for tick in found] == labels


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**13), st.integers(100, 10**13), st.integers(50, 4000))
def test_marks_tell_themselves_apart_and_leave_room(
    scripts: Page, start: int, length: int, width: int
) -> None:
    found = scripts.evaluate(f"ReportZoom.ticks({{start: {start}, end: {start + length}}}, {width})")
    labels = [tick["label"] for tick in found]
    assert len(set(labels)) == len(labels)
    assert len(labels) <= width / 90 + 2
    assert all(start <= tick["time"] <= start + length for tick in found)


@pytest.mark.parametrize(
    ("intervals", "path"),
    [
        ([], ""),
        ([0, 50], "M0 2H50V7H0Z"),
        ([10, 20, 20, 30], "M10 2H30V7H10Z"),
        ([10, 20, 60, 70], "M10 2H20V7H10ZM60 2H70V7H60Z"),
        ([10, 40, 20, 30], "M10 2H40V7H10Z"),
        ([50, 50], "M50 2H52V7H50Z"),
        ([100, 100], "M98 2H100V7H98Z"),
        ([-50, -10, 120, 150], ""),
        ([-50, 150], "M-2 2H102V7H-2Z"),
    ],
)
def test_bars(scripts: Page, intervals: list[int], path: str) -> None:
    assert scripts.evaluate(f"ReportBars.path({intervals}, {{start: 0, end: 100}}, 100, 2, 5)") == path


def test_a_path_is_never_longer_than_the_lane_is_wide(scripts: Page) -> None:
    many = "Array.from({length: 100000}, (_, index) => index * 10 + (index % 2 ? 5 : 0))"
    assert scripts.evaluate(f"ReportBars.path({many}, {{start: 0, end: 1000000}}, 800, 0, 5).length") < 30_000


def test_tables_sort_by_text_and_number_and_keep_the_order_of_equals(scripts: Page) -> None:
    rows = [["b", 2], ["a", 2], ["c", 10]]
    sort = "(rows) => ReportTables.sort(rows, {}, {}, (value) => value)"
    assert scripts.evaluate(sort.replace("{}", "0", 1).replace("{}", "false", 1), rows) == [
        ["a", 2],
        ["b", 2],
        ["c", 10],
    ]
    assert scripts.evaluate(sort.replace("{}", "1", 1).replace("{}", "true", 1), rows) == [
        ["c", 10],
        ["b", 2],
        ["a", 2],
    ]


def test_failures_are_led_back_to_what_failed_first(scripts: Page) -> None:
    failed = {"status": 2, "attributes": {"error.type": "Broken"}}
    trace = small.trace(
        small.span(1, **failed),
        small.span(2, 1, **failed),
        small.span(3, 2, "query", **failed),
        small.span(4, 2, "query", start=1, **failed),
        small.span(5, 1, "other", start=2, **failed),
    )
    found = decoded(scripts, trace, "ReportHead.origins(model)")
    assert [(entry["rows"], entry["above"]) for entry in found] == [([2, 3], 2), ([4], 1)]
