"""Which traces a query asks for, where this is decided here."""

from dataclasses import replace

import pytest
import traces
from hypothesis import given
from hypothesis import strategies as st
from span_records import structures

from otel_bridge.model.trace import Trace
from otel_bridge.stores import selecting
from otel_bridge.stores.protocol import TraceQuery

HOUR = 3600 * 10**9

BOOT = traces.boot().summary()
LASTED = 62 * traces.MS
START = BOOT.start_ns


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, True),
        ({"since_ns": START}, True),
        ({"since_ns": START + 1}, False),
        ({"until_ns": START + 1}, True),
        ({"until_ns": START}, False),
        ({"service": "nova-compute"}, True),
        ({"service": "nova"}, False),
        ({"errors_only": True}, True),
        ({"min_duration_ns": LASTED}, True),
        ({"min_duration_ns": LASTED + 1}, False),
        ({"max_duration_ns": LASTED}, True),
        ({"max_duration_ns": LASTED - 1}, False),
        ({"id_prefix": "0d06e2bc"}, True),
        ({"id_prefix": "d06e2bc"}, False),
        ({"since_ns": START, "service": "nova-compute", "max_duration_ns": 1}, False),
    ],
)
def test_all_that_is_asked_for_has_to_hold(asked, wanted):
    assert selecting.wanted(BOOT, TraceQuery(**asked)) is wanted


def test_a_trace_without_errors_is_not_wanted_among_errors():
    assert not selecting.wanted(replace(BOOT, error_count=0), TraceQuery(errors_only=True))


def test_a_summary_that_names_no_services_is_not_refused_for_it():
    assert selecting.wanted(replace(BOOT, services=()), TraceQuery(service="nova-api"))


def test_the_newest_come_first_and_each_once():
    summaries = [replace(BOOT, trace_id=number, start_ns=START + number % 3) for number in (1, 2, 3, 4, 2)]
    found = selecting.newest(summaries, TraceQuery(limit=3))
    assert [one.trace_id for one in found] == [2, 1, 4]
    assert selecting.newest(summaries, TraceQuery(limit=0)) == []
    assert selecting.newest(summaries, TraceQuery(limit=-1)) == []


@pytest.mark.parametrize(
    ("asked", "has"),
    [
        ({}, True),
        ({"operation": "POST /v2.1/servers"}, True),
        ({"operation": "POST"}, False),
        ({"operation": "SELECT nova.instances", "service": "nova-conductor"}, True),
        ({"operation": "SELECT nova.instances", "service": "nova-api"}, False),
        ({"service": "nowhere"}, True),
    ],
)
def test_an_operation_is_a_span_of_that_name_in_that_service(asked, has):
    assert selecting.has_operation(traces.boot().spans, TraceQuery(**asked)) is has


@given(st.lists(structures(), max_size=4), st.randoms())
def test_spans_in_any_order_are_summed_up_as_their_traces(many, random):
    """Property: as if each trace had been read whole."""
    spans_of = {
        number: [replace(span, trace_id=number) for span in spans] for number, spans in enumerate(many, 1)
    }
    mixed = [span for spans in spans_of.values() for span in spans]
    random.shuffle(mixed)
    found = selecting.summaries(mixed, TraceQuery())
    expected = [Trace.from_spans(number, spans).summary() for number, spans in spans_of.items()]
    assert sorted(found, key=lambda one: one.trace_id) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (TraceQuery(), (990 * HOUR, 1001 * HOUR)),
        (TraceQuery(since_ns=5), (5, 1001 * HOUR)),
        (TraceQuery(until_ns=20 * HOUR), (10 * HOUR, 20 * HOUR)),
        (TraceQuery(since_ns=5, until_ns=6), (5, 6)),
        (TraceQuery(since_ns=6, until_ns=6), None),
        (TraceQuery(since_ns=1001 * HOUR), None),
    ],
)
def test_a_store_is_told_from_when_to_when(query: TraceQuery, expected: tuple[int, int] | None) -> None:
    """Ten hours back from now or from the end; an hour ahead, for clocks that are."""
    assert selecting.window(query, 10 * HOUR, 1000 * HOUR) == expected
