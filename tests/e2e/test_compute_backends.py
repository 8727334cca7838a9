"""The same requests with another backend, at the end of the processes, and without any backend."""

from __future__ import annotations

from collections import Counter

import pytest

from e2e import shapes
from e2e.runs import create_servers, send_round, settled
from otel_bridge.cli.processes import free_ports
from otel_bridge.collector import Server
from otel_bridge.stores import TraceNotFound, open_store
from otel_bridge.stores.protocol import TraceQuery

pytestmark = pytest.mark.e2e


@pytest.fixture
def server(tmp_path):
    """The embedded backend."""
    server = Server(str(tmp_path / "traces.sqlite"), otlp_port=0, viewer_port=0)
    server.start()
    yield server
    server.stop()


def test_the_embedded_store_holds_the_same_trees(start, server):
    """The trees that the real Jaeger has to hold, and nothing else."""
    store = open_store(server.viewer_url)
    with start(server.otlp_endpoint) as example:
        sent = send_round(example)
        traces = settled(store, sent)
        assert set(example.stop().values()) == {0}
    for request in sent:
        assert shapes.shape_of(traces[request.answer.trace_id]) == request.shape
    found = {summary.trace_id for summary in store.list(TraceQuery(limit=1000))}
    assert found == {request.answer.trace_id for request in sent}


def test_sigterm_loses_no_span(start, jaeger, store):
    """Spans that have not been exported yet, here all of them, leave before their process does."""
    with start(jaeger.endpoint, schedule_delay="600") as example:
        sent = create_servers(example)
        for request in sent:
            with pytest.raises(TraceNotFound):
                store.get(request.answer.trace_id)
        assert set(example.stop().values()) == {0}
    for request in sent:
        assert shapes.shape_of(store.get(request.answer.trace_id)) == request.shape


def test_without_a_backend_requests_succeed_and_each_lost_span_is_counted(start):
    [nobody_listens_here] = free_ports(1)
    with start(f"http://127.0.0.1:{nobody_listens_here}", timeout="1", exit_timeout="2") as example:
        sent = create_servers(example)
        assert set(example.stop().values()) == {0}
    counts = example.counts()
    lost = sum((Counter(count["dropped"]) for count in counts), Counter())
    assert lost.total() == sum(shapes.size(request.shape) for request in sent)
    assert set(lost) <= {"unreachable", "shutdown"}
    assert {(count["exported"], count["waiting"]) for count in counts} == {(0, 0)}
