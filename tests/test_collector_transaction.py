"""All of a transaction, or nothing."""

from contextlib import closing

import pytest
from storing import batch, counts, insert

from otel_bridge.collector import schema
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.transaction import transaction
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores.sqlite import SqliteStore


def span(trace_id, span_id=1, service="nova"):
    return SpanRecord(trace_id, span_id, 0, "x", 1, 1, 2, resource={"service.name": service})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "db"


@pytest.fixture
def connection(path):
    with closing(schema.open_for_writing(path)) as made:
        yield made


def test_what_fails_leaves_the_store_as_it_was_and_nothing_of_it_is_remembered(connection, path):
    rows = Rows(connection)
    with pytest.raises(KeyError), transaction(connection, rows):
        write_and_fail(rows, [span(7)])
    assert not connection.in_transaction
    assert set(counts(connection).values()) == {0}
    assert insert(connection, rows, [span(7), span(8)]) == 2
    assert SqliteStore(path).get(7).spans[0].service == "nova"


def write_and_fail(rows, spans):
    rows.insert(batch(spans))
    rows.write()
    raise KeyError


def test_what_another_process_wrote_meanwhile_is_seen(connection, path):
    """Two writers that each remember rows: neither uses a key that has another meaning by now."""
    rows = Rows(connection)
    insert(connection, rows, [span(1, service="first")])
    with closing(schema.open_for_writing(path)) as other:
        insert(other, Rows(other), [span(1, 2, "second"), span(2, service="third")])
        other.execute("DELETE FROM resources WHERE service = 'first'")
    assert insert(connection, rows, [span(1, 3, "first"), span(3, service="third")]) == 2
    store = SqliteStore(path)
    assert {one.span_id: one.service for one in store.get(1).spans if one.span_id > 1} == {
        2: "second",
        3: "first",
    }
    assert [(one.trace_id, one.span_count) for one in store.list()] == [(3, 1), (2, 1), (1, 3)]
