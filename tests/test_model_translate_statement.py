"""translate.statement: db.query.summary."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.redaction import mask_sql
from otel_bridge.model.sql import MAX_STATEMENT
from otel_bridge.model.translate.statement import LIMIT, simple_namespace, summarise


def summary(statement: str, namespace: str | None = None) -> str:
    return summarise(mask_sql(statement), namespace)


CASES = [
    # the examples of the conventions
    ("SELECT * FROM wuser_table WHERE username = ?", "SELECT wuser_table"),
    (
        "INSERT INTO shipping_details (a) SELECT a FROM orders WHERE b = ?",
        "INSERT shipping_details SELECT orders",
    ),
    ("SELECT * FROM songs, artists WHERE songs.artist_id == artists.id", "SELECT songs artists"),
    (
        "SELECT d FROM (SELECT * FROM orders o JOIN customers c ON o.a = c.a)",
        "SELECT SELECT orders customers",
    ),
    ('SELECT * FROM "song list", x', 'SELECT "song list" x'),
    # what services send
    (
        "SELECT a FROM `user` LEFT OUTER JOIN nonlocal_user ON 1 INNER JOIN x AS y ON 1",
        "SELECT user nonlocal_user x",
    ),
    ("SELECT a FROM t WHERE x IN (SELECT y FROM u) FOR UPDATE", "SELECT t SELECT u"),
    ("SELECT a FROM b AS c, d AS e ORDER BY f, g", "SELECT b d"),
    ("SELECT a FROM b c, d e LIMIT ?", "SELECT b d"),
    ("select a from Songs", "select Songs"),
    ("UPDATE instances SET a=%s, b=(SELECT 1) WHERE c=%s", "UPDATE instances SELECT"),
    ("UPDATE a, b SET a.x = b.x", "UPDATE a b"),
    ("DELETE FROM t WHERE a = %s", "DELETE t"),
    ("INSERT INTO t (a) VALUES (%s) ON DUPLICATE KEY UPDATE a = VALUES(a)", "INSERT t"),
    ("INSERT INTO t (a) VALUES (%s) ON CONFLICT (a) DO UPDATE SET a = 1", "INSERT t"),
    ("INSERT OR REPLACE INTO t VALUES (1)", "INSERT t"),
    ("REPLACE INTO t VALUES (1)", "REPLACE t"),
    ("MERGE INTO a USING b ON 1 WHEN MATCHED THEN UPDATE SET x = 1", "MERGE a"),
    (
        "WITH a AS (SELECT 1 FROM t), b (c) AS (SELECT 2 FROM u) SELECT * FROM a JOIN b ON 1",
        "SELECT t SELECT u SELECT a b",
    ),
    ("(SELECT a FROM b) UNION ALL (SELECT c FROM d)", "SELECT b SELECT d"),
    ("SELECT a FROM b UNION SELECT c FROM b", "SELECT b SELECT b"),
    ("SELECT a FROM b JOIN b ON 1", "SELECT b"),
    ("SELECT a FROM nova.b JOIN `x`.`y` ON 1", "SELECT nova.b x.y"),
    ("SELECT EXTRACT(year FROM ts), a IS DISTINCT FROM b, TRIM(BOTH ' ' FROM c) FROM t", "SELECT t"),
    ('SELECT `from`, "select" FROM t', "SELECT t"),
    ("SELECT a.from, :select, x.delete FROM t", "SELECT t"),
    ("SELECT INSERT(a, 1, 2, 'x') FROM t", "SELECT t"),
    ("SELECT 1", "SELECT"),
    ("SELECT 'FROM secret' FROM t", "SELECT t"),
    (
        "CREATE TABLE IF NOT EXISTS t (a INTEGER, FOREIGN KEY(b) REFERENCES u (id) ON DELETE CASCADE)",
        "CREATE TABLE t",
    ),
    ("CREATE UNIQUE INDEX ix ON t (a)", "CREATE INDEX ix"),
    ("DROP TABLE IF EXISTS t", "DROP TABLE t"),
    ("ALTER TABLE t ADD COLUMN x INTEGER", "ALTER TABLE t"),
    ("CREATE USER nova IDENTIFIED BY 'x'", "CREATE USER"),
    ("TRUNCATE TABLE t", "TRUNCATE TABLE t"),
    ("CALL p(%s)", "CALL p"),
    ("{call p}", "call p"),
    ("EXEC p", "EXEC p"),
    ("SAVEPOINT sa_savepoint_1", "SAVEPOINT"),
    ("XA  PREPARE ?", "XA PREPARE"),
    ("XA OTHER", "XA"),
    ("PREPARE TRANSACTION ?", "PREPARE TRANSACTION"),
    ("PREPARE plan FROM ?", "PREPARE"),
    ("COMMIT PREPARED ?", "COMMIT PREPARED"),
    ("ROLLBACK PREPARED ?", "ROLLBACK PREPARED"),
    ("RELEASE  SAVEPOINT sa_savepoint_1", "RELEASE SAVEPOINT"),
    ("ROLLBACK TO SAVEPOINT sa_savepoint_1", "ROLLBACK"),
    ('PRAGMA main.table_info("t")', "PRAGMA"),
    ("SHOW VARIABLES LIKE 'x'", "SHOW"),
    ("SET SESSION sql_mode = 'x'", "SET"),
    ("COMMIT", "COMMIT"),
    ("/* c */ -- d\n SELECT a FROM t", "SELECT t"),
    ("password hunter2", ""),
    ("", ""),
]


@pytest.mark.parametrize(("statement", "expected"), CASES)
def test_operations_and_what_they_work_on(statement: str, expected: str) -> None:
    assert summary(statement) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT a FROM instances, `user`", "SELECT nova.instances nova.user"),
        ("SELECT a FROM keystone.user", "SELECT keystone.user"),
        ("INSERT INTO a SELECT b FROM c", "INSERT nova.a SELECT nova.c"),
        ("WITH a AS (SELECT 1 FROM t) SELECT * FROM a", "SELECT nova.t SELECT a"),
        ("CREATE TABLE t (a INT)", "CREATE TABLE nova.t"),
        ("CREATE DATABASE d", "CREATE DATABASE d"),
        ("SELECT 1", "SELECT"),
    ],
)
def test_the_database_stands_before_its_tables(statement: str, expected: str) -> None:
    assert summary(statement, "nova") == expected


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ("nova", "nova"),
        ("nova_cell1", "nova_cell1"),
        ("keystone|public", "keystone"),
        ("/var/x.db", None),
        (":memory:", None),
        ("", None),
        (None, None),
    ],
)
def test_only_plain_names_of_databases_are_used(namespace: str | None, expected: str | None) -> None:
    assert simple_namespace(namespace) == expected


@settings(deadline=None)
@given(st.text())
def test_any_text_has_a_bounded_summary(statement: str) -> None:
    assert len(summary(statement, "nova")) <= LIMIT


WORDS = st.sampled_from(
    str.split(
        'SELECT FROM a b.c , ( ) JOIN UPDATE WITH AS x INSERT INTO VALUES ; DELETE CREATE TABLE ON ` " ?'
    )
)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=30))
def test_any_order_of_words_has_a_bounded_summary(words: list[str]) -> None:
    assert len(summary(" ".join(words), "nova")) <= LIMIT


@pytest.mark.parametrize(
    "unit",
    [
        "SELECT ",
        "FROM ",
        "FROM a",
        "FROM a,",
        "a, ",
        "(",
        "AS (",
        "a AS (",
        "a(b) AS (",
        "`",
        '"',
        "FOR ",
        "ON UPDATE ",
        "EXTRACT(",
        "DISTINCT ",
        "INTO ",
        "a.",
        "@",
        ":",
    ],
)
@pytest.mark.parametrize("start", ["SELECT ", "WITH ", "CREATE ", "INSERT "])
def test_long_hostile_statements_are_read_in_linear_time(start: str, unit: str) -> None:
    started = process_time()
    summarise(start + unit * (MAX_STATEMENT // len(unit)), "nova")
    assert process_time() - started < 2
