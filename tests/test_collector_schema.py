"""Opening the embedded store for writing."""

import sqlite3
import stat
import threading
from contextlib import closing

import pytest

from otel_bridge.collector import schema
from otel_bridge.stores.protocol import StoreError
from otel_bridge.stores.sqlite_file import APPLICATION_ID, SCHEMA_VERSION


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.sqlite"


def opened(path, **options):
    return closing(schema.open_for_writing(path, **options))


def test_a_new_file_is_a_store_of_this_version(path):
    with opened(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_new_file_is_private(path):
    with opened(path):
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_was_stored_stays(path):
    for number in range(3):
        with opened(path) as connection:
            assert connection.execute("SELECT count(*) FROM scopes").fetchone() == (number,)
            connection.execute("INSERT INTO scopes(digest, body) VALUES (?, ?)", (bytes([number]), b""))


def test_two_that_make_a_file_at_once_make_one_store(path):
    failures = []

    def make():
        try:
            schema.open_for_writing(path).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def refused(path, **options):
    with pytest.raises(StoreError) as caught:
        schema.open_for_writing(path, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_directory_is_said(tmp_path):
    assert "there is no directory" in refused(tmp_path / "no" / "traces.sqlite")


def test_a_directory_is_no_file(tmp_path):
    assert "cannot be written (Is a directory): name another file" in refused(tmp_path)


def test_what_is_no_database_is_left_as_it_is(path):
    content = b"somebody's notes" * 500
    path.write_bytes(content)
    assert "is not an SQLite database" in refused(path)
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_another_programs_database_is_left_as_it_is(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs(x)")
    content = path.read_bytes()
    assert "another program's" in refused(path)
    assert path.read_bytes() == content


def test_a_newer_schema_is_left_as_it_is(path):
    with opened(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert "written by a newer otel-bridge" in refused(path)


def test_a_file_that_another_process_owns_is_said(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("BEGIN EXCLUSIVE")
        assert "is locked by another process" in refused(path, busy_timeout=0.05)
