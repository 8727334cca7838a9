"""The rows of the viewer's list."""

from dataclasses import replace

import pytest

from otel_bridge.collector import trace_table
from otel_bridge.collector.markup import as_html
from otel_bridge.collector.searching import Search
from otel_bridge.model.trace import TraceSummary

ONE = TraceSummary(
    0xAB, "POST /servers", "nova-api", 1_795_000_000_000_000_000, 45_200_000, 12, 0, ("nova-api",)
)
OTHER = replace(ONE, trace_id=0xCD, start_ns=ONE.start_ns - 1, duration_ns=90_400_000)


def version(*summaries, **search):
    return trace_table.listing(summaries, Search(**search)).document()["version"]


def row(summary, *others):
    return as_html(trace_table.listing([summary, *others], Search()).rows[0])


@pytest.mark.parametrize(
    "change",
    [{"span_count": 13}, {"error_count": 1}, {"duration_ns": 1}, {"root_name": "x"}, {"trace_id": 1}],
)
def test_the_version_is_another_one_whenever_something_is(change):
    assert version(replace(ONE, **change)) != version(ONE) == version(replace(ONE))


def test_the_version_knows_whether_there_are_older_traces():
    assert version(*[ONE] * 20, limit=20) != version(*[ONE] * 21, limit=20)


def test_the_longest_trace_has_the_longest_bar():
    assert 'width="50.0%"' in row(ONE, OTHER)
    assert 'width="100.0%"' in row(OTHER, ONE)
    assert 'width="0.0%"' in row(replace(ONE, duration_ns=0))


def test_errors_are_said_not_only_coloured():
    assert "1 error<" in row(replace(ONE, error_count=1))
    assert "error" not in row(ONE)


def test_a_time_that_is_none_is_said_to_be():
    assert "at no known time" in row(replace(ONE, start_ns=0))


def test_a_service_has_the_same_colour_in_all_its_places():
    summaries = [replace(ONE, services=("glance", "nova-api")), replace(OTHER, root_service="glance")]
    first, second = map(as_html, trace_table.listing(summaries, Search()).rows)
    slot = second.split('"chip s')[1].split('"')[0]
    assert f'class="chip s{slot}"><bdi>glance' in first
