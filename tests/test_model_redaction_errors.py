"""redaction.errors: exception messages that may be shown."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.redaction import MESSAGE_LIMIT, error_code, exception_message

MARKER = "zq9Marker"
SQLALCHEMY = (
    "(pymysql.err.IntegrityError) (1062, \"Duplicate entry 'admin@example.org' for key 'uniq'\")\n"
    "[SQL: INSERT INTO user (name, password) VALUES (%(name)s, %(password)s)]\n"
    "[parameters: {'name': 'admin', 'password': '$2b$12$abcdefgh'}]\n"
    "(Background on this error at: https://sqlalche.me/e/20/gkpj)"
)
POSTGRES = (
    'duplicate key value violates unique constraint "user_name_key"\n'
    "DETAIL:  Key (name)=(admin) already exists.\n"
)


@pytest.mark.parametrize(
    ("type_name", "message", "expected"),
    [
        (
            "sqlalchemy.exc.IntegrityError",
            SQLALCHEMY,
            "(pymysql.err.IntegrityError) 1062: Duplicate entry ? for key ?",
        ),
        (
            "oslo_db.exception.DBDuplicateEntry",
            SQLALCHEMY,
            "(pymysql.err.IntegrityError) 1062: Duplicate entry ? for key ?",
        ),
        ("nova.exception.Odd", f"while saving: {SQLALCHEMY}", None),
        ("psycopg2.errors.UniqueViolation", POSTGRES, "duplicate key value violates unique constraint ?"),
        (
            "pymysql.err.ProgrammingError",
            "(1146, \"Table 'nova.x' doesn't exist\")",
            "1146: Table ? doesn't exist",
        ),
        (
            "pymysql.err.OperationalError",
            "(2003, \"Can't connect to MySQL server on 'db1' ([Errno 111] Connection refused)\")",
            "2003: Can't connect to MySQL server on ? ([Errno 111] Connection refused)",
        ),
        (
            "mysql.connector.errors.IntegrityError",
            "1062 (23000): Duplicate entry '12' for key 'PRIMARY'",
            "1062 (23000): Duplicate entry ? for key ?",
        ),
        (
            "pymysql.err.DataError",
            "(1264, 'Out of range value 4711 at row 1')",
            "1264: Out of range value ? at row ?",
        ),
        (
            "psycopg2.errors.SyntaxError",
            'syntax error at or near "x"\nLINE 1: SELECT secret FROM\n        ^\n',
            "syntax error at or near ?",
        ),
        (
            "psycopg2.OperationalError",
            'connection to server at "10.0.0.1", port 5432 failed: Connection refused\n\tIs it running?',
            "connection to server at ?",
        ),
        (
            "pymysql.err.OperationalError",
            "(1045, \"Access denied for user 'nova'@'10.0.0.1' (using password: YES)\")",
            "1045: Access denied for user ? (using password: REDACTED)",
        ),
        (
            "pyodbc.IntegrityError",
            "Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (secret).",
            "Cannot insert duplicate key in object ?.",
        ),
        (
            "oslo_messaging.rpc.client.RemoteError",
            "Remote error: NotFound gone\n['Traceback (most recent call last):\\n', 'secret']",
            "Remote error: NotFound gone",
        ),
        ("nova.exception.NotFound_Remote", "gone\nTraceback (most recent call last):\n  File", "gone"),
        ("ValueError", "bad password=hunter2, user=x", "bad password=REDACTED, user=x"),
        ("KeyError", "'flavor'", "'flavor'"),
        ("ValueError", "", ""),
    ],
)
def test_code_and_sense_stay_and_values_go(type_name: str, message: str, expected: str | None) -> None:
    shown = exception_message(type_name, message)
    if expected is not None:
        assert shown == expected
    for value in ("admin", "$2b", "parameters", "secret", "hunter2", "Traceback", "4711"):
        assert value not in shown


def test_a_wrapped_database_error_is_recognised_by_its_text() -> None:
    shown = exception_message("nova.exception.Odd", f"while saving: {SQLALCHEMY}")
    assert shown == "while saving: (pymysql.err.IntegrityError) 1062: Duplicate entry ? for key ?"


def test_a_message_without_values_is_kept() -> None:
    message = "UNIQUE constraint failed: users.name"
    assert exception_message("sqlite3.IntegrityError", message) == message


#: MySQL does not escape what it quotes.
VALUE = st.text(max_size=12) | st.sampled_from(
    ["' for key '", "' ", "'x' DETAIL: '", "(a.b) ", "\n", '"', '" ', "[SQL: ", "' (a.b.C) ", "\\", "', '"]
)


@settings(max_examples=400, deadline=None)
@given(
    VALUE,
    VALUE,
    st.sampled_from(["Duplicate entry '{}' for key 'k'", "near '{}' at line 1", "bad value '{}'"]),
)
def test_no_value_of_mysql_survives_whatever_quotes_are_in_it(before: str, after: str, form: str) -> None:
    text = form.format(f"{before}{MARKER}{after}")
    printed = str(Exception(1062, text))
    for message in (printed, f"(pymysql.err.IntegrityError) {printed}\n[SQL: SELECT 1]"):
        assert MARKER not in exception_message("sqlalchemy.exc.IntegrityError", message)


@settings(max_examples=200, deadline=None)
@given(VALUE, VALUE)
def test_no_value_of_postgresql_survives(before: str, after: str) -> None:
    value = f"{before}{MARKER}{after}"
    message = f'invalid input syntax for type integer: "{value}"\nDETAIL:  Key (a)=({value}) exists.\n'
    assert MARKER not in exception_message("psycopg2.errors.InvalidTextRepresentation", message)


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_texts_are_taken_and_bounded(type_name: str, message: str) -> None:
    for name in (type_name, "sqlalchemy.exc.X"):
        assert len(exception_message(name, message)) <= MESSAGE_LIMIT


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (SQLALCHEMY, "1062"),
        ("(1062, 'x')", "1062"),
        ("1062 (23000): Duplicate", "1062"),
        ("ORA-00001: unique constraint", "ORA-00001"),
        ("nothing", None),
        ("", None),
    ],
)
def test_the_databases_code_is_found(message: str, code: str | None) -> None:
    assert error_code(message) == code


@pytest.mark.parametrize(
    "unit", ["'", "' ", " '", '"', "(a.", "(a.b) '", "1:", "1 ", " ", "\n", "[SQL", "Traceback ", "LINE 1"]
)
def test_long_hostile_text_is_read_in_linear_time(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    started = process_time()
    exception_message("sqlalchemy.exc.X", text)
    exception_message("X", text)
    error_code(text)
    assert process_time() - started < 10
