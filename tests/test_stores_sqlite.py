"""The embedded store's file, read while and after it is written."""

import gzip
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import records

from otel_bridge.collector import ingest
from otel_bridge.collector.writer import Writer
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import StoreError, TraceNotFound, otlp_json
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore

VERSION_1 = Path(__file__).parent / "data/store/version-1.sqlite.gz"


def batch(spans):
    return ingest.batch(ingest.parse_json(otlp_json.dumps(spans)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.sqlite"


@pytest.fixture
def writer(path):
    writer = Writer(path)
    writer.start()
    yield writer
    writer.stop()


def span(trace_id, span_id=1, *, start=100, end=200, service="nova-api", **more):
    return SpanRecord(
        trace_id,
        span_id,
        **{"parent_id": 0, "name": "x", "kind": 1, "resource": {"service.name": service}, **more},
        start_ns=start,
        end_ns=end,
    )


@given(st.lists(records(st.sampled_from([1, 1 << 127])), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_spans_are_read_as_they_were_written(tmp_path_factory, spans):
    """Property: what a store gives back is what was sent, each span once."""
    path = tmp_path_factory.mktemp("store") / "db"
    writer = Writer(path)
    writer.start()
    writer.write(batch(spans), 10)
    writer.stop()
    store = SqliteStore(path)
    for trace_id in {one.trace_id for one in spans}:
        first = {}
        for one in spans:
            if one.trace_id == trace_id:
                first.setdefault(one.span_id, one)
        got = {one.span_id: one for one in store.get(trace_id).spans}
        assert got == first


def test_a_missing_trace_says_where_it_was_looked_for(writer, path):
    with pytest.raises(TraceNotFound) as caught:
        SqliteStore(path).get(0xAB)
    assert str(caught.value) == f"no trace {0xAB:032x} in {path}"


def listed(store, **options):
    return [summary.trace_id for summary in store.list(TraceQuery(**options))]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, [4, 3, 2, 1]),
        ({"limit": 2}, [4, 3]),
        ({"limit": 0}, []),
        ({"limit": -1}, []),
        ({"limit": 1 << 70}, [4, 3, 2, 1]),
        ({"since_ns": 300}, [4, 3]),
        ({"since_ns": 301}, [4]),
        ({"since_ns": 1 << 70}, []),
        ({"since_ns": -5}, [4, 3, 2, 1]),
        ({"service": "keystone"}, [3, 2]),
        ({"service": "nova"}, []),
        ({"service": "keystone", "since_ns": 300}, [3]),
        ({"service": "keystone", "limit": 1}, [3]),
        ({"errors_only": True}, [4, 2]),
        ({"errors_only": True, "service": "keystone"}, [2]),
        ({"min_duration_ns": 50}, [4, 3]),
        ({"min_duration_ns": 51}, [4]),
        ({"min_duration_ns": 1 << 70}, []),
        ({"min_duration_ns": 50, "errors_only": True, "service": "nova-api", "since_ns": 1}, [4]),
    ],
)
def test_what_is_asked_for_is_what_is_listed(writer, path, options, found):
    writer.write(
        batch(
            [
                span(1, start=100, end=110),
                span(2, start=200, end=210, service="keystone", status=2),
                span(3, start=300, end=350, service="keystone"),
                span(4, start=400, end=500, status=2),
            ]
        ),
        10,
    )
    assert listed(SqliteStore(path), **options) == found


def test_reading_sees_what_another_connection_writes_meanwhile(writer, path):
    store = SqliteStore(path)
    for number in range(1, 4):
        writer.write(batch([span(number)]), 10)
        assert len(listed(store)) == number


def test_another_process_reads_while_this_one_writes(writer, path):
    code = (
        "import sys; from otel_bridge.stores import open_store;"
        "print([s.trace_id for s in open_store(sys.argv[1]).list()])"
    )
    writer.write(batch([span(5)]), 10)
    writer._connection.execute("BEGIN IMMEDIATE")
    ran = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:{path}"], capture_output=True, text=True, timeout=60
    )
    writer._connection.execute("ROLLBACK")
    assert (ran.stdout, ran.stderr) == ("[5]\n", "")


def test_a_store_that_nobody_has_open_is_read(path):
    """SQLite removes the log when the last writer ends; reading needs none."""
    writer = Writer(path)
    writer.start()
    writer.write(batch([span(5)]), 10)
    writer.stop()
    assert not path.with_name(path.name + "-wal").exists()
    assert listed(SqliteStore(path)) == [5]
    assert len(SqliteStore(path).get(5).spans) == 1


AS_SOMEBODY_ELSE = """
import os, sys
from otel_bridge.stores import StoreError, open_store
import otel_bridge.stores.sqlite  # while the package can still be read
store = open_store(f"sqlite:{sys.argv[1]}")
os.setuid(65534)
try:
    print([summary.trace_id for summary in store.list()])
except StoreError as error:
    print(error)
"""


def read_by_somebody_else(path):
    ran = subprocess.run(
        [sys.executable, "-c", AS_SOMEBODY_ELSE, str(path)], capture_output=True, text=True, timeout=60
    )
    assert ran.stderr == ""
    return ran.stdout.strip()


@pytest.fixture
def shared():
    """A store with one trace, in a directory that everybody may look into and only root may change."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = Path(directory) / "traces.sqlite"
        writer = Writer(path)
        writer.start()
        writer.write(batch([span(5)]), 10)
        yield writer, path
        writer.stop()


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@only_root
def test_a_store_is_private(shared):
    _, path = shared
    assert "access to it" in read_by_somebody_else(path)


@only_root
@pytest.mark.parametrize("state", ["in use", "at rest", "at rest, read before"])
def test_a_store_that_may_only_be_read_is_read(shared, state):
    writer, path = shared
    if state != "in use":
        writer.stop()
    if state == "at rest, read before":
        assert SqliteStore(path).list()  # which leaves files of SQLite's own
    for file in path.parent.iterdir():
        file.chmod(0o644)
    assert read_by_somebody_else(path) == "[5]"


def failing(path, **options):
    messages = set()
    for call in (lambda store: store.list(), lambda store: store.get(1)):
        with pytest.raises(StoreError) as caught:
            call(SqliteStore(path, **options))
        assert not isinstance(caught.value, TraceNotFound)
        messages.add(str(caught.value))
    (message,) = messages
    assert str(path) in message
    return message


def test_a_file_that_is_not_there_is_said(tmp_path):
    assert "no such file; otel-bridge serve --db makes it" in failing(tmp_path / "no" / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_no_store(tmp_path):
    assert "no such file" in failing(tmp_path)


@pytest.mark.parametrize("content", [b"no database", b"no database" * 500])
def test_a_file_that_is_no_database_is_said(content, path):
    path.write_bytes(content)
    assert "is not an SQLite database" in failing(path)
    assert path.read_bytes() == content


def test_an_empty_file_is_said(path):
    path.touch()
    assert "is empty" in failing(path)


def test_another_programs_database_is_said(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t(x)")
    assert "another program's" in failing(path)


def test_a_newer_schema_is_said(path):
    Writer(path).stop()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "schema 99, written by a newer otel-bridge" in failing(path)


def test_a_locked_file_is_said(path):
    Writer(path).stop()
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("PRAGMA locking_mode = EXCLUSIVE")
        owner.execute("BEGIN EXCLUSIVE")
        assert "locked by another process" in failing(path, busy_timeout=0.05)


def test_a_damaged_file_is_said(path):
    writer = Writer(path)
    writer.start()
    writer.write(batch([span(1, number, name="x" * 500) for number in range(1, 200)]), 10)
    writer.stop()
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    with pytest.raises(StoreError, match=r"damaged|cannot be used|no trace"):
        SqliteStore(path).get(1)


def test_a_home_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Writer(tmp_path / "db").stop()
    assert SqliteStore("~/db").list() == []


def test_a_span_without_a_resource_is_of_an_unknown_service(writer, path):
    writer.write(batch([replace(span(1), resource={})]), 10)
    (summary,) = SqliteStore(path).list()
    assert summary.services == ("unknown_service",)


def test_the_number_of_spans_is_told_without_reading_them(writer, path):
    store = SqliteStore(path)
    for number in range(1, 4):
        writer.write(batch([span(7, number)]), 10)
        assert store.span_count(7) == len(store.get(7).spans) == number
    assert store.span_count(8) == 0


def test_a_file_of_an_older_version_is_read_and_its_list_says_what_to_do(tmp_path):
    """What a trace is has not changed since; what is searched for has."""
    path = tmp_path / "traces.sqlite"
    path.write_bytes(gzip.decompress(VERSION_1.read_bytes()))
    store = SqliteStore(path)
    assert store.get(traces.TRACE_ID).spans == traces.boot().spans
    with pytest.raises(StoreError, match=f"has schema 1.*serve --db {path} brings it up to date"):
        store.list()
