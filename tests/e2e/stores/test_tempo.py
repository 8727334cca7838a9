"""A real Tempo, of a version with the older API of traces; what newer ones answer is in test_stores_tempo."""

from __future__ import annotations

import secrets

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from span_records import readable

from e2e.stores import made
from e2e.tempo import Tempo
from otel_bridge.stores import StoreError, TraceNotFound, open_store
from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import TraceQuery

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Tempo(tmp_path_factory.mktemp("tempo")) as running:
        yield running


@pytest.fixture
def store(server):
    return open_store(server.store_url)


def send(server, trace):
    """As protobuf: this Tempo does not understand today's JSON."""
    made.send_protobuf(server.endpoint, encode_spans(list(map(readable, trace.spans))))


def test_a_trace_comes_back_as_it_was_sent(server, store):
    sent = made.boot(error=True)
    send(server, sent)
    assert made.content(store.get(sent.trace_id).spans) == made.content(sent.spans)


def test_ten_thousand_spans_come_back(server, store):
    sent = made.wide(10_000)
    send(server, sent)
    assert len(store.get(sent.trace_id).spans) == 10_000


def test_an_id_with_leading_zeros_is_found(server, store):
    sent = made.boot(trace_id=secrets.randbits(60) | 1)
    send(server, sent)
    assert len(store.get(sent.trace_id).spans) == 3


def test_a_missing_trace_is_told_from_a_store_that_is_none(store):
    with pytest.raises(TraceNotFound):
        store.get(secrets.randbits(127))


def test_a_tenant_is_named_by_a_header(tmp_path):
    """There is nothing to read: this version takes spans of a tenant by gRPC only."""
    with Tempo(tmp_path, tenant="openstack") as server:
        nobody = open_store(server.store_url)
        for call in (lambda: nobody.get(1), nobody.list):
            with pytest.raises(StoreError, match="asks for credentials"):
                call()
        somebody = open_store(server.store_url, StoreOptions(headers=server.headers))
        assert somebody.list() == []
        with pytest.raises(TraceNotFound):
            somebody.get(1)


def test_its_own_limit_of_time_is_kept_to(store):
    """It searches no more than an hour unless it is told otherwise; a list asks for a week by itself."""
    assert isinstance(store.list(), list)
    with pytest.raises(StoreError, match="range specified by start and end exceeds"):
        store.list(TraceQuery(since_ns=1))
