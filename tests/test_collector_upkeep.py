"""When traces are removed, and what is logged of it."""

import logging
import sqlite3
from contextlib import closing

import pytest
from storing import Clock, counts, insert

from otel_bridge import log
from otel_bridge.collector import schema, upkeep
from otel_bridge.collector.retention import Remover, Retention
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.upkeep import Upkeep
from otel_bridge.model.trace import SpanRecord


@pytest.fixture
def path(tmp_path):
    return tmp_path / "db"


@pytest.fixture
def connection(path):
    with closing(schema.open_for_writing(path, busy_timeout=0.05)) as made:
        yield made


@pytest.fixture
def clock(monkeypatch):
    """Of monotonic time, and of the time of receipt."""
    clock = Clock()
    monkeypatch.setattr(upkeep, "monotonic", clock)
    monkeypatch.setattr(Remover.__init__, "__defaults__", (clock,))
    return clock


@pytest.fixture
def made(connection, path, clock):
    rows = Rows(connection, clock)
    return Upkeep(connection, rows, Retention(keep=100), path), rows


def span(trace_id, span_id=1):
    return SpanRecord(trace_id, span_id, 0, "boot", 1, 1, 2)


def test_it_looks_now_and_then_and_goes_on_at_once_while_there_is_something_to_do(connection, made, clock):
    keeper, rows = made
    keeper.run()
    assert keeper.wait() == upkeep.INTERVAL
    insert(connection, rows, [span(1, number) for number in range(1, 2 * upkeep.STEP + 10)])
    clock.now += 200
    steps = 0
    while keeper.wait() == 0:
        keeper.run()
        steps += 1
        assert steps < 10
    assert steps == 4
    assert counts(connection)["spans"] == 0


def test_nothing_is_written_when_there_is_nothing_to_do(connection, made):
    statements = []
    connection.set_trace_callback(statements.append)
    keeper, _ = made
    keeper.run()
    assert statements
    assert not [statement for statement in statements if not statement.startswith(("SELECT", "PRAGMA"))]


def test_before_its_time_it_only_looks_at_the_size(connection, path, clock):
    rows = Rows(connection, clock)
    keeper = Upkeep(connection, rows, Retention(max_size=1 << 20), path)
    keeper.run()
    spans = [SpanRecord(number, 1, 0, "x" * 2000, 1, 1, 2) for number in range(1, 600)]
    insert(connection, rows, spans)
    assert keeper.wait() > 0
    keeper.run()
    assert counts(connection)["traces"] < 599


def test_more_is_removed_than_was_stored(connection, made, clock):
    keeper, rows = made
    insert(connection, rows, [span(number) for number in range(1, 5000)])
    clock.now += 200
    keeper.run(stored=2000)
    assert counts(connection)["spans"] == 999


def test_what_was_removed_is_logged_in_one_line_at_most_once_an_hour(connection, made, clock, caplog):
    caplog.set_level(logging.INFO)
    keeper, rows = made
    for number in range(1, 6):
        insert(connection, rows, [span(number), span(number, 2)])
        clock.now += 200
        for _ in range(3):
            keeper.run()
    assert [record.message for record in caplog.records] == ["removed 2 spans: 1 trace too old (--keep)"]
    clock.now += upkeep.LOG_INTERVAL
    keeper.run()
    assert caplog.records[1].message == "removed 8 spans: 4 traces too old (--keep)"
    clock.now += upkeep.LOG_INTERVAL
    keeper.run()
    assert len(caplog.records) == 2


def test_the_log_says_until_when_traces_had_to_go_for_their_size(connection, path, clock, caplog):
    caplog.set_level(logging.INFO)
    clock.now = 1_795_000_000.0
    rows = Rows(connection, clock)
    keeper = Upkeep(connection, rows, Retention(max_size=1 << 20), path)
    spans = [SpanRecord(number, 1, 0, "x" * 2000, 1, 1, 2) for number in range(1, 600)]
    insert(connection, rows, spans)
    for _ in range(100):
        keeper.run()
    (record,) = caplog.records
    assert "traces too many (--max-size), received until 2026-11-18 11:06:40.000 UTC" in record.message


def test_what_goes_wrong_is_logged_and_tried_again_later(connection, made, path, clock, caplog, monkeypatch):
    monkeypatch.setattr(log, "_last", {})
    keeper, rows = made
    insert(connection, rows, [span(1)])
    clock.now += 200
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        keeper.run()
    assert f"old traces could not be removed: {path} is locked" in caplog.text
    assert keeper.wait() == upkeep.INTERVAL
    assert counts(connection)["traces"] == 1
    clock.now += upkeep.INTERVAL
    keeper.run()
    assert counts(connection)["traces"] == 0
