"""Resources and scopes, stored once."""

from contextlib import closing

import pytest

from otel_bridge.collector import bodies, schema
from otel_bridge.collector.bodies import Bodies


@pytest.fixture
def connection(tmp_path):
    with closing(schema.open_for_writing(tmp_path / "db")) as made:
        yield made


def rows(connection):
    return connection.execute("SELECT service, body, spans FROM resources ORDER BY id").fetchall()


def test_a_body_is_stored_once_with_the_number_of_its_spans(connection):
    table = Bodies(connection, "resources")
    for _ in range(2):
        table.count(table.key(b"one", "nova"), 2)
    table.count(table.key(b"two", "nova"), 1)
    table.write()
    assert rows(connection) == [("nova", b"one", 4), ("nova", b"two", 1)]
    table.count(Bodies(connection, "resources").key(b"one", "nova"), 1)
    table.write()
    assert rows(connection)[0] == ("nova", b"one", 5)


def test_a_body_that_no_span_has_any_more_is_dropped(connection):
    table = Bodies(connection, "resources")
    table.count(table.key(b"one", "nova"), 2)
    table.count(table.key(b"two", "nova"), 1)
    table.write()
    table.count(table.key(b"one", "nova"), -2)
    table.write()
    assert rows(connection) == [("nova", b"two", 1)]


def test_a_body_that_no_span_ever_had_is_not_kept(connection):
    """Else duplicates of spans, each with a resource of its own, would fill the file."""
    table = Bodies(connection, "resources")
    table.key(b"one", "nova")
    table.write()
    assert rows(connection) == []


def test_a_key_that_is_free_again_is_not_remembered_as_what_it_was(connection):
    table = Bodies(connection, "resources")
    table.count(table.key(b"one", "nova"), 1)
    table.write()
    table.count(table.key(b"one", "nova"), -1)
    table.write()
    table.count(table.key(b"two", "nova"), 1)  # gets the key of the first
    table.count(table.key(b"one", "nova"), 1)
    table.write()
    assert rows(connection) == [("nova", b"two", 1), ("nova", b"one", 1)]


def test_more_bodies_than_are_remembered_are_all_right(connection, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_REMEMBERED", 2)
    table = Bodies(connection, "scopes")
    for _ in range(2):
        for number in range(5):
            table.count(table.key(b"%d" % number), 1)
            table.write()
    assert connection.execute("SELECT count(*), sum(spans) FROM scopes").fetchone() == (5, 10)
