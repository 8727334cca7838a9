"""A file of version 1, which version 1 wrote: two traces of two batches and of one."""

import gzip
import logging
import threading
from contextlib import closing
from pathlib import Path

import pytest
import traces
from storing import contents, counts, insert

from otel_bridge.collector import schema
from otel_bridge.collector.rows import Rows
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import sqlite_file
from otel_bridge.stores.protocol import StoreError, TraceQuery
from otel_bridge.stores.sqlite import SqliteStore

VERSION_1 = Path(__file__).parent / "data/store/version-1.sqlite.gz"
OTHER_ID = 0xF0 << 120 | 9
OTHER = [
    SpanRecord(OTHER_ID, 1 << 63, 0, "", 2, traces.START + 10**9, traces.START + 2 * 10**9),
    SpanRecord(
        OTHER_ID,
        5,
        1 << 63,
        "SELECT keystone.user",
        3,
        traces.START + 10**9 + 5,
        traces.START + 10**9 + 9,
        resource={"service.name": "keystone"},
        scope="otel_bridge",
    ),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "traces.sqlite"
    path.write_bytes(gzip.decompress(VERSION_1.read_bytes()))
    return path


def version(path):
    with closing(sqlite_file.connect(path, "ro", 1.0)) as connection:
        return sqlite_file.version(connection, path)


def test_it_becomes_what_this_version_would_have_written(path, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    schema.open_for_writing(path).close()
    with closing(schema.open_for_writing(tmp_path / "new")) as connection:
        rows = Rows(connection)
        for spans in (traces.boot().spans[3:], traces.boot().spans[:3], OTHER):
            insert(connection, rows, spans)
        expected = counts(connection)
    all_ids = (traces.TRACE_ID, OTHER_ID)
    assert contents(path, all_ids) == contents(tmp_path / "new", all_ids)
    with closing(schema.open_for_writing(path)) as connection:
        assert counts(connection) == expected
        counted = "SELECT sum(spans) FROM resources UNION ALL SELECT sum(spans) FROM scopes"
        assert connection.execute(counted).fetchall() == [(8,), (8,)]
        assert connection.execute("SELECT min(received_s) FROM traces").fetchone()[0] > 1_790_000_000
        indexes = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"
        found = connection.execute(indexes).fetchall()
    with closing(schema.open_for_writing(tmp_path / "new")) as connection:
        assert found == connection.execute(indexes).fetchall()
    assert "upgraded from schema 1 to 2, 8 spans" in caplog.text


def test_it_is_written_as_ever_from_then_on(path):
    with closing(schema.open_for_writing(path)) as connection:
        late = traces.span(99, 1, "late", service="cinder")
        assert insert(connection, Rows(connection), [late, traces.boot().spans[0]]) == 1
    store = SqliteStore(path)
    assert [one.trace_id for one in store.list(TraceQuery(operation="late"))] == [traces.TRACE_ID]
    assert store.span_count(traces.TRACE_ID) == 7


def test_blocks_that_are_full_are_sealed(path):
    with closing(sqlite_file.connect(path, "rw", 1.0)) as connection:
        connection.execute("UPDATE traces SET id = 5000 WHERE id = 2")
        connection.execute("UPDATE trace_services SET trace = 5000 WHERE trace = 2")
        connection.execute("UPDATE spans SET trace = 5000 WHERE trace = 2")
    with closing(schema.open_for_writing(path)) as connection:
        assert connection.execute("SELECT DISTINCT block, traces FROM postings").fetchall() == [(0, b"\2")]
    for options in (
        {"service": "nova-compute", "operation": "ComputeManager.build"},
        {"service": "nova-api"},
    ):
        assert [one.trace_id for one in SqliteStore(path).list(TraceQuery(**options))] == [traces.TRACE_ID]
    assert [one.trace_id for one in SqliteStore(path).list(TraceQuery(service="keystone"))] == [OTHER_ID]


def test_what_fails_leaves_it_a_file_of_version_1(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr(schema, "_TERMS", (*schema._TERMS, "CREATE TABLE traces(x)"))
    with pytest.raises(StoreError, match="cannot be used"):
        schema.open_for_writing(path)
    assert version(path) == 1
    assert path.read_bytes() == before
    monkeypatch.undo()
    schema.open_for_writing(path).close()
    assert version(path) == 2


def test_two_that_open_it_at_once_upgrade_it_once(path):
    failures = []

    def open_it():
        try:
            schema.open_for_writing(path).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(SqliteStore(path).list()) == 2
