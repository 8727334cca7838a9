"""The rows of traces, remembered and written."""

from contextlib import closing

import pytest
from storing import Clock, batch, insert

from otel_bridge.collector import schema, trace_rows
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.transaction import transaction
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.sqlite"


@pytest.fixture
def connection(path):
    with closing(schema.open_for_writing(path)) as made:
        yield made


def test_a_trace_of_several_batches_of_one_transaction_is_written_once(connection, path):
    into = Rows(connection)
    statements = []
    connection.set_trace_callback(statements.append)
    with transaction(connection, into):
        for number in range(1, 4):
            into.insert(batch([SpanRecord(7, number, 0, "", 1, number, 9)]))
    assert len([one for one in statements if one.startswith(("INSERT INTO traces", "UPDATE traces"))]) == 1
    assert SqliteStore(path).span_count(7) == 3


def test_a_removed_trace_is_not_remembered(connection, path):
    into = Rows(connection)
    insert(connection, into, [SpanRecord(7, 1, 0, "", 1, 1, 9)])
    connection.execute("DELETE FROM traces")
    into.drop(1, (7).to_bytes(16, "big"), ())
    insert(connection, into, [SpanRecord(7, 2, 0, "", 1, 5, 9)])
    (summary,) = SqliteStore(path).list()
    assert (summary.span_count, summary.start_ns) == (1, 5)


def test_more_traces_than_are_remembered_are_all_right(connection, path, monkeypatch):
    monkeypatch.setattr(trace_rows, "MAX_REMEMBERED", 2)
    into = Rows(connection)
    for number in range(1, 4):
        for trace_id in range(1, 6):
            insert(connection, into, [SpanRecord(trace_id, number, 0, "", 1, number, 9)])
    assert [(one.trace_id, one.span_count) for one in SqliteStore(path).list()] == [
        (n, 3) for n in range(5, 0, -1)
    ]


def test_a_trace_remembers_when_it_was_received(connection):
    """To ten seconds, so that an index is not rewritten with each batch."""
    clock = Clock()
    into = Rows(connection, clock)
    found = []
    for number in range(1, 8):
        insert(connection, into, [SpanRecord(7, number, 0, "", 1, 1, 2)])
        found.append(connection.execute("SELECT received_s FROM traces").fetchone()[0] - 1_000_000)
        clock.now += 4
    clock.now -= 1000  # set back
    insert(connection, into, [SpanRecord(7, 99, 0, "", 1, 1, 2)])
    assert found == [0, 0, 0, 12, 12, 12, 24]
    assert connection.execute("SELECT received_s FROM traces").fetchone()[0] == 999_028
