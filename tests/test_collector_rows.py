"""Spans -> rows of the store."""

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import structures

from otel_bridge.collector import ingest, rows, schema
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.stores import otlp_json
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore


def batch(spans):
    return ingest.batch(ingest.parse_json(otlp_json.dumps(spans)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.sqlite"


@pytest.fixture
def connection(path):
    with closing(schema.open_for_writing(path)) as made:
        yield made


def insert(into, one):
    """A batch, as the writer inserts it."""
    into.begin()
    new = into.insert(one)
    into.write()
    return new


def count(connection, table):
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@given(structures(), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_the_list_is_right_after_each_batch(tmp_path_factory, spans, size):
    """Property: what is listed of a trace is what reading all of it would say, whatever came in which
    order and how often; and it is found by each of its services and no other."""
    path = tmp_path_factory.mktemp("store") / "db"
    with closing(schema.open_for_writing(path)) as connection:
        into = rows.Rows(connection)
        for start in range(0, len(spans), size):
            insert(into, batch(spans[start : start + size]))
            store = SqliteStore(path)
            expected = Trace.from_spans(7, spans[: start + size])
            assert store.get(7).spans == expected.spans
            assert store.list() == [expected.summary()]
            for service in "abc":
                there = [expected.summary()] if service in expected.summary().services else []
                assert store.list(TraceQuery(service=service)) == there
                assert store.list(TraceQuery(service=service, since_ns=expected.start_ns)) == there
                assert store.list(TraceQuery(service=service, since_ns=expected.start_ns + 1)) == []
        assert count(connection, "terms WHERE name IS NULL") == len(expected.summary().services)


def test_a_span_that_comes_again_changes_nothing(connection):
    into = rows.Rows(connection)
    first = SpanRecord(7, 1, 0, "first", 1, 100, 200)
    again = SpanRecord(7, 1, 0, "again", 1, 50, 900, status=2)
    assert insert(into, batch([first, again])) == 1
    dump = list(connection.iterdump())
    assert insert(into, batch([again])) == 0
    assert list(connection.iterdump()) == dump


def test_equal_span_ids_of_two_traces_are_two_spans(connection):
    assert insert(rows.Rows(connection), batch([SpanRecord(n, 1, 0, "", 1, 1, 2) for n in (7, 8)])) == 2


def test_a_resource_and_a_scope_are_stored_once(connection):
    """Also when another writer stored them."""
    span = SpanRecord(7, 1, 0, "", 1, 1, 2, resource={"service.name": "nova"}, scope="lib")
    for trace_id in range(1, 4):
        into = rows.Rows(connection)
        insert(into, batch([SpanRecord(trace_id, 1, 0, "", 1, 1, 2, resource=span.resource, scope="lib")]))
        insert(into, batch([SpanRecord(trace_id, 2, 0, "", 1, 1, 2, resource=span.resource, scope="lib")]))
    assert count(connection, "resources") == count(connection, "scopes") == 1


def test_what_was_rolled_back_is_not_remembered(connection, path):
    into = rows.Rows(connection)
    one = batch([SpanRecord(7, 1, 0, "", 1, 1, 2, resource={"service.name": "nova"})])
    connection.execute("BEGIN")
    insert(into, one)
    connection.execute("ROLLBACK")
    into.forget()
    insert(into, one)
    assert SqliteStore(path).get(7).spans[0].service == "nova"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_spans_that_are_each_others_ancestors_are_stored_and_listed(connection, path, size):
    ring = [SpanRecord(7, n, n % 3 + 1, f"{n}", 1, 10 + n, 20) for n in range(1, 4)]
    into = rows.Rows(connection)
    for start in range(0, 3, size):
        insert(into, batch(ring[start : start + size]))
    (summary,) = SqliteStore(path).list()
    assert (summary.root_name, summary.span_count) == ("1", 3)
    assert len(SqliteStore(path).get(7).spans) == 3


@pytest.mark.parametrize("ids", [(1, 1 << 63), (1 << 63, 1)])
def test_of_two_roots_of_one_moment_the_one_with_the_lower_id_is_named(connection, path, ids):
    """As unsigned numbers, which SQLite does not have; also when the whole trace is looked through."""
    into = rows.Rows(connection)
    insert(into, batch([SpanRecord(7, 5, 6, "deposed", 1, 1, 9)]))
    insert(into, batch([SpanRecord(7, n, 0, f"{n}", 1, 50, 60) for n in ids]))
    insert(into, batch([SpanRecord(7, 6, 0, "late parent", 1, 70, 80)]))
    assert SqliteStore(path).list()[0].root_name == "1"
    assert SqliteStore(path).get(7).roots[0].span_id == 1
