"""The thread that writes the store."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from time import monotonic

import pytest

from otel_bridge.collector import ingest, schema, writer
from otel_bridge.collector.retention import Retention
from otel_bridge.collector.writer import Writer
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import StoreError, otlp_json
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore


def batch(*spans):
    return ingest.batch(ingest.parse_json(otlp_json.dumps(spans)))


def span(trace_id, span_id=1):
    return SpanRecord(trace_id, span_id, 0, "x", 1, 100, 200)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.sqlite"


@pytest.fixture
def running(path):
    made = Writer(path)
    made.start()
    yield made
    made.stop()


def stored(path):
    return {one.span_id for one in SqliteStore(path).get(7).spans}


def test_what_is_acknowledged_can_be_read_by_others(running, path):
    assert running.write(batch(span(7, 1), span(7, 2)), 10) == 2
    assert stored(path) == {1, 2}


def test_the_number_of_new_spans_is_said(running):
    running.write(batch(span(7, 1)), 10)
    assert running.write(batch(span(7, 1), span(7, 2)), 10) == 1


def test_requests_that_come_at_once_are_all_stored(running, path):
    """40 threads, each with spans of its own and one that all have: nothing is lost, nothing is double."""
    with ThreadPoolExecutor(40) as pool:
        new = list(pool.map(lambda n: running.write(batch(span(7, n), span(7, 1000)), 30), range(1, 41)))
    assert sum(new) == 41
    assert stored(path) == {*range(1, 41), 1000}


def test_requests_that_wait_share_a_transaction(path):
    made = Writer(path)
    with ThreadPoolExecutor(writer.MAX_SHARED) as pool:
        waiting = [pool.submit(made.write, batch(span(7, n)), 30) for n in range(1, writer.MAX_SHARED + 1)]
        while made._jobs.qsize() < writer.MAX_SHARED:
            pass
        commits = []
        made._connection.set_trace_callback(
            lambda statement: commits.append(statement) if statement == "COMMIT" else None
        )
        made.start()
        assert [job.result(30) for job in waiting] == [1] * writer.MAX_SHARED
    made.stop()
    assert len(commits) == 1


def test_what_is_wrong_with_one_request_is_not_the_others_fault(path):
    made = Writer(path)
    bad = batch(span(7, 3))
    bad.resources.clear()  # what never comes from ingest: the row refers to nothing
    with ThreadPoolExecutor(3) as pool:
        good = [pool.submit(made.write, batch(span(7, n)), 30) for n in (1, 2)]
        broken = pool.submit(made.write, bad, 30)
        while made._jobs.qsize() < 3:
            pass
        made.start()
        assert [job.result(30) for job in good] == [1, 1]
        with pytest.raises(IndexError):
            broken.result(30)
    made.stop()
    assert stored(path) == {1, 2}


def test_a_locked_store_refuses_and_goes_on_when_it_is_free(path, monkeypatch):
    monkeypatch.setattr(schema.open_for_writing, "__kwdefaults__", {"busy_timeout": 0.05})
    made = Writer(path)
    made.start()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked by another process"):
            made.write(batch(span(7, 1)), 10)
        other.execute("ROLLBACK")
    assert made.write(batch(span(7, 2)), 10) == 1
    made.stop()
    assert stored(path) == {2}


def test_a_full_disk_refuses_and_leaves_the_store_as_it_was(running, path):
    running.write(batch(span(7, 1)), 10)
    pages = running._connection.execute("PRAGMA page_count").fetchone()[0]
    running._connection.execute(f"PRAGMA max_page_count = {pages}")
    resource = {"service.name": "nova"}
    big = batch(*(SpanRecord(7, n, 0, "x" * 5000, 1, 100, 200, resource=resource) for n in range(2, 30)))
    with pytest.raises(StoreError, match="free space on that file system"):
        running.write(big, 10)
    assert stored(path) == {1}
    running._connection.execute("PRAGMA max_page_count = 1000000")
    assert running.write(big, 10) == 28
    assert {one.service for one in SqliteStore(path).get(7).spans} == {"unknown_service", "nova"}


def test_who_waits_too_long_is_told(path):
    made = Writer(path)  # not started
    with pytest.raises(TimeoutError):
        made.write(batch(span(7)), 0.01)
    made.stop()


def test_stopping_writes_what_was_handed_in_and_closes_the_file(path):
    made = Writer(path)
    threads = [threading.Thread(target=made.write, args=(batch(span(7, n)), 30)) for n in range(1, 50)]
    for thread in threads:
        thread.start()
    while made._jobs.qsize() < 49:
        pass
    made.start()
    made.stop()
    made.stop()
    for thread in threads:
        thread.join(30)
    assert not path.with_name(path.name + "-wal").exists()
    assert stored(path) == set(range(1, 50))
    with pytest.raises(StoreError, match="is stopping"):
        made.write(batch(span(7)), 1)


def test_a_file_that_cannot_be_used_is_said_at_once(tmp_path):
    with pytest.raises(StoreError):
        Writer(tmp_path / "no" / "file")


def test_old_traces_are_removed_while_others_arrive(path):
    """The file stays as small as was said, whoever sends how much; what came last is there."""
    made = Writer(path, Retention(max_size=1 << 20))
    made.start()
    with ThreadPoolExecutor(4) as pool:
        spans = [SpanRecord(n, 1, 0, "x" * 3000, 1, 100, 200) for n in range(1, 2001)]
        assert sum(pool.map(lambda one: made.write(batch(one), 30), spans)) == 2000
    made.stop()
    assert path.stat().st_size < 3 << 19
    left = {summary.trace_id for summary in SqliteStore(path).list(TraceQuery(limit=5000))}
    assert 50 < len(left) < 200
    assert 2000 in left
    assert 1 not in left


def test_old_traces_are_removed_while_nothing_arrives(path):
    made = Writer(path)
    made.start()
    made.write(batch(*(span(n) for n in range(1, 50))), 10)
    made.stop()
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE traces SET received_s = received_s - 1000 WHERE id > 1")
        other.commit()
    made = Writer(path, Retention(keep=500))
    made.start()
    ended = monotonic() + 20
    while len(SqliteStore(path).list(TraceQuery(limit=100))) > 1 and monotonic() < ended:
        pass
    made.stop()
    assert [summary.trace_id for summary in SqliteStore(path).list()] == [1]
