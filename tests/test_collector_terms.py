"""What traces are searched for, by term and by block."""

from contextlib import closing

import pytest
from storing import insert

from otel_bridge.collector import schema, terms
from otel_bridge.collector.rows import Rows
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import sqlite_search
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    for module in (terms, sqlite_search):
        monkeypatch.setattr(module, "BLOCK", 4)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "db"


@pytest.fixture
def connection(path):
    with closing(schema.open_for_writing(path)) as made:
        yield made


def span(trace_id, span_id=1, name="boot", service="nova"):
    return SpanRecord(
        trace_id, span_id, 0, name, 1, trace_id, trace_id + 1, resource={"service.name": service}
    )


def listed(path, **options):
    return [summary.trace_id for summary in SqliteStore(path).list(TraceQuery(limit=100, **options))]


def blocks(connection):
    return [row[0] for row in connection.execute("SELECT DISTINCT block FROM postings ORDER BY block")]


def test_blocks_are_sealed_when_two_newer_ones_have_begun(connection, path):
    rows = Rows(connection)
    sealed = []
    for trace_id in range(1, 21):
        insert(connection, rows, [span(trace_id)])
        sealed.append(len(blocks(connection)))
        assert listed(path, operation="boot") == listed(path)
    assert sealed == [0] * 7 + [1] * 4 + [2] * 4 + [3] * 4 + [4]


def test_a_batch_of_many_traces_seals_all_that_it_can(connection, path):
    insert(connection, Rows(connection), [span(trace_id) for trace_id in range(1, 31)])
    assert blocks(connection) == [0, 1, 2, 3, 4, 5]
    assert listed(path, operation="boot", service="nova") == list(range(30, 0, -1))


def test_what_comes_late_is_found_too(connection, path):
    """An operation of a trace whose block is sealed."""
    rows = Rows(connection)
    insert(connection, rows, [span(trace_id) for trace_id in range(1, 21)])
    insert(connection, rows, [span(2, 2, "late", "cinder"), span(20, 2, "late", "cinder")])
    insert(connection, Rows(connection), [span(3, 2, "later", "cinder")])
    assert listed(path, operation="late") == [20, 2]
    assert listed(path, service="cinder") == [20, 3, 2]
    assert listed(path, operation="later", service="cinder") == [3]


def test_of_a_trace_with_countless_operations_the_first_are_found(connection, path, monkeypatch):
    """Its row would grow, and be written anew with each batch."""
    monkeypatch.setattr(terms, "MAX_OPERATIONS", 10)
    rows = Rows(connection)
    for start in range(0, 30, 3):
        insert(connection, rows, [span(7, number + 1, f"op {number}") for number in range(start, start + 3)])
    assert listed(path, operation="op 0") == [7]
    assert listed(path, operation="op 29") == []
    assert connection.execute("SELECT count(*) FROM terms").fetchone()[0] <= 14
    assert connection.execute("SELECT length(terms) FROM traces").fetchone()[0] <= 14 * 4


def test_more_terms_than_are_remembered_are_all_right(connection, path, monkeypatch):
    monkeypatch.setattr(terms, "MAX_REMEMBERED", 2)
    rows = Rows(connection)
    for _ in range(2):
        for trace_id in range(1, 21):
            insert(connection, rows, [span(trace_id, number, f"op {number}") for number in range(1, 6)])
    for number in range(1, 6):
        assert listed(path, operation=f"op {number}") == list(range(20, 0, -1))
    assert connection.execute("SELECT count(*) FROM terms").fetchone() == (6,)


def test_long_names_are_told_apart_by_all_of_their_letters(connection, path):
    long = "x" * 100_000
    insert(
        connection, Rows(connection), [span(1, name=long + "a"), span(2, name=long + "b"), span(3, name=long)]
    )
    assert listed(path, operation=long + "a") == [1]
    assert listed(path, operation=long) == [3]
    assert connection.execute("SELECT max(length(name)) FROM terms").fetchone()[0] < 600
