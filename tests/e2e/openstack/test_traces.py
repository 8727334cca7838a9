"""Unmodified services: each profiled boot leaves its one true trace, and nothing else leaves anything."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_bridge.model.trace import KIND_NAMES, Trace

from . import comparison
from .cloud import Boot, new_trace_id
from .places import NOVA_URL
from .running import Running

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("running", ["threads", "eventlet"], indirect=True),
]

NAMES = ("amber", "basil", "cedar", "daisy", "ember", "fennel", "ginger", "hazel", "iris", "juniper")
SERVICES = {
    "nova-osapi_compute",
    "nova-conductor",
    "nova-scheduler",
    "nova-compute",
    "glance-api",
    "placement",
}


@pytest.fixture(scope="session")
def one(running: Running) -> Boot:
    return running.boot("one")


@pytest.fixture(scope="session")
def added(running: Running, one: Boot) -> int:
    """Spans that an unprofiled boot adds, after a profiled one."""
    before = running.backend.size()
    running.boot("plain", trace_id=0)
    return running.backend.size() - before


@pytest.fixture(scope="session")
def ten(running: Running, added: int) -> list[Boot]:
    return running.boot_all(NAMES)


@pytest.fixture(scope="session")
def refused(running: Running, ten: list[Boot]) -> dict[str, int]:
    """Trace ids of requests that fail, each in another place, sent at the same time."""

    def ask(method: str, path: str, body: object = None) -> int:
        trace_id = new_trace_id()
        answer = running.cloud.request(method, f"{NOVA_URL}{path}", body, trace_id=trace_id)
        assert answer.status in (202, 400, 404)
        return trace_id

    huge_flavor = running.cloud.huge_flavor()
    requests = {
        "no server": lambda: ask("GET", "/servers/no-such-server"),
        "no image": lambda: ask("POST", "/servers", running.cloud.server("lost", imageRef=_NOBODY)),
        "no host": lambda: ask("POST", "/servers", running.cloud.server("huge", flavorRef=huge_flavor)),
    }
    with ThreadPoolExecutor(2 * len(requests)) as pool:
        asked = [(what, pool.submit(send)) for what, send in requests.items() for _ in range(2)]
        found = {what: future.result() for what, future in asked}
    running.settle()
    return found


_NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="session")
def traces(running: Running, ten: list[Boot], refused: dict[str, int]) -> dict[int, Trace]:
    """All that the services have left, whatever it was for."""
    return running.backend.traces()


@pytest.fixture(scope="session")
def compared(running: Running, traces: dict[int, Trace]) -> comparison.Compared:
    return comparison.compare(traces, running.records.points())


def test_a_boot_is_one_tree(running, one):
    trace = running.backend.trace(one.trace_id)
    assert [(root.service, KIND_NAMES[root.kind], root.name) for root in trace.roots] == [
        ("nova-osapi_compute", "SERVER", "POST /v2.1/servers")
    ]
    assert {span.service for span in trace.spans} - {"keystone-public"} == SERVICES


def test_an_unprofiled_boot_after_it_adds_nothing(added):
    assert added == 0


def test_every_point_is_a_span_of_its_trace_and_nothing_else_is(running, compared):
    """The traces are those that the units of work name, and so are processes, threads and kinds."""
    assert running.records.problems() == []
    assert compared.uneven == ()


def test_spans_are_called_for_what_they_stand_for(compared):
    assert sorted(set(comparison.misnamed(compared))) == []


def test_spans_begin_and_end_with_what_they_stand_for(running, compared):
    assert list(comparison.wrong_ends(compared, running.records.units())) == []


def test_errors_are_where_errors_were(compared):
    assert sorted(set(comparison.wrong_errors(compared))) == []


def test_parents_are_what_a_span_ran_in_or_was_sent_by(running, compared, traces):
    assert list(comparison.wrong_parents(compared, running.records.units(), traces)) == []


def test_no_span_ran_in_a_unit_of_another_trace(running, traces):
    assert list(comparison.in_strange_units(traces, running.records.units())) == []


def test_each_of_ten_boots_at_the_same_time_is_one_tree(running, ten):
    for trace in running.traces_of(ten).values():
        assert len(trace.roots) == 1
        # Now and then one of them asks Keystone about the token.
        assert {span.service for span in trace.spans} - {"keystone-public"} == SERVICES


def test_each_server_is_named_in_its_own_trace_only(running, ten):
    named = {trace_id: comparison.text_of(trace) for trace_id, trace in running.traces_of(ten).items()}
    for boot in ten:
        found = {trace_id for trace_id, text in named.items() if re.search(rf"\b{boot.name}\b", text)}
        assert found == {boot.trace_id}


def test_each_request_id_is_in_its_own_trace_only(running, ten):
    named = {trace_id: comparison.text_of(trace) for trace_id, trace in running.traces_of(ten).items()}
    for boot in ten:
        assert {trace_id for trace_id, text in named.items() if boot.request_id in text} == {boot.trace_id}


def test_what_is_done_for_a_request_is_part_of_its_trace(running, ten):
    """By the request id, which messages and threads carry apart from the trace."""
    done = (*running.records.units(), *running.records.points())
    for boot in ten:
        assert {one.trace_id for one in done if one.request_id == boot.request_id} == {boot.trace_id}


def test_every_span_tells_its_native_thread(traces):
    for trace in traces.values():
        for span in comparison.recorded(trace):
            assert isinstance(span.attributes["thread.id"], int)
            assert span.attributes["thread.name"]


def test_a_request_that_fails_says_where(running, refused):
    """In the service that refused it, and on the way back."""
    failed = {
        what: {
            f"{span.service} {span.name}" for span in running.backend.trace(trace_id).spans if span.is_error
        }
        for what, trace_id in refused.items()
    }
    assert any("nova-scheduler" in span for span in failed["no host"])
    assert any("select_destinations" in span for span in failed["no host"])
    assert any(span.startswith("nova-osapi_compute GET") for span in failed["no image"])
