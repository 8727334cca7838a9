"""otel_bridge.analysis.statistics: the tables."""

from __future__ import annotations

import pytest
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import structures
from traces import MS

from otel_bridge.analysis import statistics, timing
from otel_bridge.analysis.statistics import Row
from otel_bridge.model.trace import SpanRecord, Trace


def test_rows_say_what_the_spans_of_a_key_have_together() -> None:
    trace = traces.boot()
    rows = statistics.by_service(trace, timing.self_times(trace))
    assert [row.key for row in rows] == [("nova-api",), ("nova-conductor",), ("nova-compute",)]
    conductor = rows[1]
    assert conductor == Row(
        ("nova-conductor",),
        count=2,
        errors=1,
        total_ns=round(29.2 * MS),
        self_ns=round(28.4 * MS),
        p50_ns=round(0.8 * MS),
        p95_ns=round(28.4 * MS),
        max_ns=round(28.4 * MS),
    )


def test_operations_are_of_one_service() -> None:
    trace = traces.trace(
        traces.span(1, name="GET", end=5),
        traces.span(2, name="GET", service="glance", end=9),
        traces.span(3, name="GET"),
    )
    rows = statistics.by_operation(trace, timing.self_times(trace))
    assert [(row.key, row.count) for row in rows] == [(("nova-api", "GET"), 2), (("glance", "GET"), 1)]


def test_statements_are_of_spans_that_have_one() -> None:
    text, summary = "db.query.text", "db.query.summary"
    trace = traces.trace(
        traces.span(1, name="no query"),
        traces.span(2, name="SELECT a", end=1, attributes={text: "SELECT 1 FROM a", summary: "SELECT a"}),
        traces.span(3, name="SELECT a", end=2, attributes={text: "SELECT 2 FROM a", summary: "SELECT a"}),
        traces.span(4, name="SELECT b", end=3, attributes={text: "SELECT 3 FROM b"}),
        traces.span(5, name="db", end=4, attributes={summary: "COMMIT"}),
    )
    assert [row.key[1:] for row in statistics.by_statement(trace, timing.self_times(trace))] == [
        ("COMMIT", ""),
        ("SELECT b", "SELECT 3 FROM b"),
        ("SELECT a", "SELECT 2 FROM a"),
        ("SELECT a", "SELECT 1 FROM a"),
    ]


def test_a_span_without_end_counts_but_says_nothing_of_how_long_it_takes() -> None:
    trace = traces.trace(traces.span(1, end=4), traces.span(2, start=5, end=1), traces.span(3, end=8))
    (row,) = statistics.by_service(trace, timing.self_times(trace))
    assert (row.count, row.total_ns, row.p50_ns, row.max_ns) == (3, 12 * MS, 4 * MS, 8 * MS)


def test_nothing_but_unfinished_spans() -> None:
    trace = traces.trace(traces.span(1, start=5, end=1))
    (row,) = statistics.by_service(trace, timing.self_times(trace))
    assert row[1:] == (1, 0, 0, 0, 0, 0, 0)


def test_the_rows_of_an_empty_trace_are_none() -> None:
    assert statistics.by_service(traces.trace(), {}) == statistics.by_statement(traces.trace(), {}) == []


@given(structures())
@settings(max_examples=100, deadline=None)
def test_each_table_has_each_span_once(spans: list[SpanRecord]) -> None:
    """Property: counts, errors and times add up to those of the trace, the most total first."""
    trace = Trace.from_spans(7, spans)
    selfs = timing.self_times(trace)
    for rows in (statistics.by_service(trace, selfs), statistics.by_operation(trace, selfs)):
        assert sum(row.count for row in rows) == len(trace.spans)
        assert sum(row.errors for row in rows) == sum(span.is_error for span in trace.spans)
        assert sum(row.total_ns for row in rows) == sum(span.duration_ns for span in trace.spans)
        assert sum(row.self_ns for row in rows) == sum(selfs.values())
        assert [row.total_ns for row in rows] == sorted((row.total_ns for row in rows), reverse=True)
        assert all(row.p50_ns <= row.p95_ns <= row.max_ns for row in rows)


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(1, 100))
def test_a_percentile_is_not_exceeded_by_that_many(values: list[int], percent: int) -> None:
    ordered = sorted(values)
    found = statistics.percentile(ordered, percent)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2), (75, 3), (76, 4), (100, 4)])
def test_percentiles_are_the_nearest_rank(percent: int, value: int) -> None:
    assert statistics.percentile([1, 2, 3, 4], percent) == value
    assert statistics.percentile([], percent) == 0


@pytest.mark.parametrize(
    ("count", "percent", "rank"),
    [
        (1, 95, 1),
        (19, 95, 19),
        (20, 95, 19),
        (21, 95, 20),
        (100, 95, 95),
        (101, 95, 96),
        (2, 50, 1),
        (3, 50, 2),
    ],
)
def test_percentiles_are_by_nearest_rank(count: int, percent: int, rank: int) -> None:
    assert statistics.percentile(range(1, count + 1), percent) == rank


def test_the_columns_of_a_row_are_the_50th_and_the_95th_percentile() -> None:
    trace = traces.trace(*(traces.span(number, end=number) for number in range(1, 101)))
    [row] = statistics.by_service(trace, timing.self_times(trace))
    assert (row.p50_ns, row.p95_ns, row.max_ns) == (50 * MS, 95 * MS, 100 * MS)
