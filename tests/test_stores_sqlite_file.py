"""The embedded store's file."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.stores import sqlite_file
from otel_bridge.stores.protocol import StoreError


@given(st.integers(0, (1 << 64) - 1))
def test_every_id_fits_and_comes_back(span_id):
    stored = sqlite_file.signed(span_id)
    assert -(1 << 63) <= stored < 1 << 63
    assert sqlite_file.unsigned(stored) == span_id


@pytest.mark.parametrize("name", ["a b", "a?mode=memory", "a#b", "%41", ":memory:", "ü", "x&vfs=none"])
def test_any_file_name_is_just_a_name(name, tmp_path):
    with closing(sqlite_file.connect(tmp_path / name, "rwc", 1.0)) as connection:
        connection.execute("CREATE TABLE t(x)")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def header(path, **pragmas):
    with closing(sqlite3.connect(path)) as connection:
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name} = {value}")
    with closing(sqlite_file.connect(path, "ro", 1.0)) as connection:
        return sqlite_file.version(connection, path)


def test_a_store_is_known_by_its_header(tmp_path):
    assert header(tmp_path / "s", application_id=sqlite_file.APPLICATION_ID, user_version=1)


def test_a_new_file_is_told_from_a_store(tmp_path):
    (tmp_path / "new").touch()
    assert not header(tmp_path / "new")


@pytest.mark.parametrize("pragmas", [{"application_id": 5}, {"user_version": 1}])
def test_another_programs_file_is_refused_and_named(pragmas, tmp_path):
    with pytest.raises(StoreError, match=r"f is another program's SQLite database: name another file"):
        header(tmp_path / "f", **pragmas)


def test_another_programs_tables_are_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "f")) as connection:
        connection.execute("CREATE TABLE t(x)")
    with pytest.raises(StoreError, match="another program's"):
        header(tmp_path / "f")


def test_a_newer_schema_is_refused_and_both_are_said(tmp_path):
    version = sqlite_file.SCHEMA_VERSION + 1
    with pytest.raises(StoreError, match=rf"f has schema {version}.*knows {version - 1}: upgrade"):
        header(tmp_path / "f", application_id=sqlite_file.APPLICATION_ID, user_version=version)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file is not a database", "is not an SQLite database"),
        ("database is locked", "is locked by another process"),
        ("database disk image is malformed", "is damaged"),
        ("database or disk is full", "free space"),
        ("attempt to write a readonly database", "give this user write access"),
        ("unable to open database file", "cannot be opened"),
        ("disk I/O error", "cannot be used: disk I/O error"),
    ],
)
def test_errors_of_sqlite_say_what_to_do(text, says, tmp_path):
    message = str(sqlite_file.explained(sqlite3.OperationalError(text), tmp_path / "f"))
    assert message.startswith(str(tmp_path / "f"))
    assert says in message
