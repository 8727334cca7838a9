"""Ten requests at a time to the example on RabbitMQ and MariaDB, read back from a real Jaeger."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from e2e import shapes
from e2e.runs import HOSTS, KEY, Sent, send_round, settled
from otel_bridge.model.trace import Trace
from otel_bridge.stores import open_store
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.wire import ids

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def example(start, jaeger):
    with start(jaeger.endpoint) as example:
        yield example


@pytest.fixture(scope="module")
def sent(example, jaeger) -> list[Sent]:
    """Rounds of concurrent requests, until both API workers have served some of them."""
    store = open_store(jaeger.store_url)
    sent = send_round(example)
    for _ in range(4):
        if len(_api_workers(settled(store, sent))) == 2:
            break
        sent += send_round(example)
    return sent


@pytest.fixture(scope="module")
def traces(jaeger, sent) -> dict[int, Trace]:
    return settled(open_store(jaeger.store_url), sent)


def _api_workers(traces: dict[int, Trace]) -> set[int]:
    spans = [span for trace in traces.values() for span in trace.spans]
    return {span.resource["process.pid"] for span in spans if span.service == "compute-api"}


def test_requests_are_answered_as_without_tracing(sent):
    assert [request.answer.status for request in sent] == [request.status for request in sent]


def test_each_trace_is_the_expected_tree(sent, traces):
    """Every span under its own parent and in its own service, and errors where errors were."""
    for request in sent:
        assert shapes.shape_of(traces[request.answer.trace_id]) == request.shape


def test_each_span_belongs_to_the_request_of_its_trace(sent, traces):
    """The request id, which travels apart from the trace, is that of the answer."""
    for request in sent:
        trace = traces[request.answer.trace_id]
        # The image service is another one: it gives a request an id of its own.
        own = [span for span in trace.spans if span.service != "image-api"]
        named = [span for span in own if "openstack.request_id" in span.attributes]
        assert {span.attributes["openstack.request_id"] for span in named} == {request.answer.request_id}
        messages = [span for span in own if "rpc.method" in span.attributes]
        assert {trace.roots[0].span_id, *(span.span_id for span in messages)} <= {
            span.span_id for span in named
        }


def test_spans_lie_in_the_time_of_their_parents(traces):
    """A request is served step by step, so within a process its spans neither overlap nor stick out.

    What another process does begins later than what asked for it. It may end later, even where it is waited
    for: an answer is on its way before the span that gives it has ended.
    """
    for trace in traces.values():
        for span in trace.spans:
            children = trace.children(span)
            assert all(span.start_ns <= child.start_ns for child in children)
            own = [child for child in children if child.resource == span.resource]
            assert all(child.end_ns <= span.end_ns for child in own)
            assert all(before.end_ns <= after.start_ns for before, after in itertools.pairwise(own))


def test_both_api_workers_have_served(traces):
    assert len(_api_workers(traces)) == 2


def test_calls_and_fanouts_reach_the_nodes_they_are_meant_for(sent, traces):
    for request in sent:
        spans = traces[request.answer.trace_id].spans
        nodes = {
            name: sorted(
                span.resource["host.name"] for span in spans if span.name == f"ComputeManager.{name}"
            )
            for name in ("build_and_run_instance", "refresh_cache")
        }
        if request.what == "cirros":
            assert nodes["build_and_run_instance"] == [request.answer.body["server"]["host"]]
            assert nodes["refresh_cache"] == list(HOSTS)
        else:
            assert nodes["refresh_cache"] == []


def test_an_error_is_the_same_on_its_whole_way(sent, traces):
    """Type and message are those of the exception that was raised, without the stack trace of the bus."""
    for request in sent:
        if request.what != "broken":
            continue
        trace = traces[request.answer.trace_id]
        assert trace.roots[0].attributes["http.response.status_code"] == 500
        failed = [span for span in trace.spans if span.is_error and span is not trace.roots[0]]
        assert {span.attributes["error.type"] for span in failed} == {"compute.exception.BuildFailed"}
        (message,) = {span.status_message for span in failed}
        assert "image broken is killed" in message
        assert "\n" not in message


def test_no_key_and_no_password_is_exported(traces, example):
    password = example.options.database_url.split(":")[2].partition("@")[0]
    for span in itertools.chain.from_iterable(trace.spans for trace in traces.values()):
        text = repr((span.name, span.attributes, span.resource, span.events, span.status_message))
        assert KEY not in text
        assert password not in text


def test_the_command_shows_the_trace_from_jaeger(jaeger, sent):
    for what in ("cirros", "broken"):
        request = next(request for request in sent if request.what == what)
        trace_id = ids.base_id(request.answer.trace_id)
        command = [sys.executable, "-m", "otel_bridge", "trace", "show", trace_id, "--from", jaeger.store_url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        shown = iter(done.stdout.splitlines())
        for line in request.shape.strip().splitlines():
            service, _kind, name = line.removesuffix(" ERROR").split(maxsplit=2)
            # On a line of its own, after that of the span before it.
            assert any(f"{service}  {name}" in candidate for candidate in shown), line


def test_only_signed_requests_leave_spans_and_all_of_them_arrive(example, store, sent, traces):
    """Asked after all processes have ended, and exported whatever they still had."""
    assert set(example.stop().values()) == {0}
    services = {span.service for trace in traces.values() for span in trace.spans}
    listed = store.list(TraceQuery(limit=1000))
    # This Jaeger has other tests' traces, too.
    found = {summary.trace_id for summary in listed if services.intersection(summary.services)}
    assert found == {request.answer.trace_id for request in sent}
    counts = example.counts()
    assert sum(count["exported"] for count in counts) == sum(len(trace.spans) for trace in traces.values())
    assert [count["dropped"] for count in counts] == [{}] * len(counts)
    assert sum(count["unverified"] for count in counts) == len(sent) / 2  # five a round, wrongly signed
