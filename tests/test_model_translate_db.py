"""translate.db: queries."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.translate import (
    KnownQuery,
    Query,
    finish,
    point_from_info,
    query_target,
    to_osprofiler,
)
from otel_bridge.model.translate import db as db_module

CLIENT = 3
NOVA = query_target("mysql", "nova", "db1", 3306)


def test_all_of_a_query_becomes_the_attributes_of_the_conventions() -> None:
    assert Query(
        target=NOVA, statement="SELECT a FROM instances WHERE id = %s AND x = 'secret'"
    ).translate() == (
        "SELECT nova.instances",
        {
            "db.system.name": "mysql",
            "db.namespace": "nova",
            "server.address": "db1",
            "server.port": 3306,
            "db.query.text": "SELECT a FROM instances WHERE id = %s AND x = ?",
            "db.query.summary": "SELECT nova.instances",
        },
    )


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (("mysql", "nova", "h", 3306), NOVA | {"server.address": "h"}),
        (("mariadb",), {"db.system.name": "mariadb"}),
        (("postgresql",), {"db.system.name": "postgresql"}),
        (("mssql",), {"db.system.name": "microsoft.sql_server"}),
        (("oracle",), {"db.system.name": "oracle.db"}),
        (("sqlite", "/var/x.db"), {"db.system.name": "sqlite", "db.namespace": "/var/x.db"}),
        (("sqlite", None, None, 5), {"db.system.name": "sqlite"}),
        ((None, "", "", None), {"db.system.name": "other_sql"}),
    ],
)
def test_an_engine_is_described_once(arguments: tuple[Any, ...], target: dict[str, Any]) -> None:
    assert query_target(*arguments) == target


@pytest.mark.parametrize(("batch", "size"), [(None, None), (0, None), (1, None), (2, 2), (500, 500)])
def test_a_batch_is_two_or_more(batch: int | None, size: int | None) -> None:
    name, attributes = Query(target=NOVA, statement="INSERT INTO t (a) VALUES (%s)", batch=batch).translate()
    assert attributes.get("db.operation.batch.size") == size
    assert name == attributes["db.query.summary"] == ("BATCH INSERT nova.t" if size else "INSERT nova.t")


def test_a_summary_is_cut_between_words_also_in_a_batch() -> None:
    tables = ", ".join(f"table_{number}_{'x' * 20}" for number in range(40))
    for batch in (0, 2):
        name = Query(statement=f"SELECT a FROM {tables}", batch=batch).translate()[0]
        assert 200 < len(name) <= 255
        assert all(word.endswith("x" * 20) for word in name.removeprefix("BATCH ").split()[1:])


def test_the_namespace_of_a_file_is_not_part_of_names() -> None:
    assert (
        Query(target=query_target("sqlite", "/var/x.db"), statement="SELECT a FROM t").translate()[0]
        == "SELECT t"
    )


def test_a_statement_that_is_not_understood_is_named_by_its_system() -> None:
    for statement in ("gibberish", "", None, 7):
        assert Query(target=NOVA, statement=statement).translate()[0] == "mysql"
    assert Query().translate()[0] == "other_sql"


def test_the_databases_error_code_is_kept() -> None:
    attributes = Query(target=NOVA, statement="SELECT 1", status_code="1062", error="E").translate()[1]
    assert (attributes["db.response.status_code"], attributes["error.type"]) == ("1062", "E")


def test_the_point_of_osprofiler_comes_back_without_literals_and_parameters() -> None:
    info = {"db": {"statement": "SELECT a FROM t WHERE b = 'secret' AND c = %s", "params": ["secret"]}}
    point = point_from_info("db", info)
    assert finish(point, None) is None
    name, attributes = point.translate()
    assert name == "SELECT t"
    assert attributes["db.system.name"] == "other_sql"
    assert to_osprofiler(name, CLIENT, attributes) == (
        "db",
        {"db": {"statement": "SELECT a FROM t WHERE b = ? AND c = %s", "params": {}}},
        {},
    )


@pytest.mark.parametrize(
    ("captured", "params"),
    [
        ((), {}),
        ((("id", "7"), ("host", "cmp1")), {"id": "7", "host": "cmp1"}),
        ((("0", "7"), ("1", "cmp1")), ["7", "cmp1"]),
        ((("1", "7"), ("2", "cmp1")), {"1": "7", "2": "cmp1"}),
    ],
)
def test_captured_parameters_are_those_of_the_point(
    captured: tuple[tuple[str, str], ...], params: object
) -> None:
    name, attributes = Query(statement="SELECT a", details=db_module.Details(captured)).translate()
    assert to_osprofiler(name, CLIENT, attributes)[1] == {"db": {"statement": "SELECT a", "params": params}}


def test_a_failed_point_of_osprofiler_keeps_type_and_code() -> None:
    point = point_from_info("neutron.db", {"db": {"statement": "SELECT 1", "params": []}})
    stop = {
        "etype": "pymysql.err.IntegrityError",
        "message": "(1062, 'x')",
        "db": {"original_exception": "secret"},
    }
    assert finish(point, stop) == ("pymysql.err.IntegrityError", "(1062, 'x')")
    name, attributes = point.translate()
    assert attributes["db.response.status_code"] == "1062"
    assert "secret" not in str(attributes)
    assert to_osprofiler(name, CLIENT, attributes)[0::2] == (
        "neutron.db",
        {"etype": "pymysql.err.IntegrityError"},
    )


def test_a_statement_object_is_printed() -> None:
    class Text:
        def __str__(self) -> str:
            return "SELECT a FROM t"

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert point_from_info("db", {"db": {"statement": Text()}}).translate()[0] == "SELECT t"
    assert point_from_info("db", {"db": {"statement": Broken()}}).translate()[0] == "other_sql"


def test_spans_with_the_older_attributes_are_understood() -> None:
    assert to_osprofiler("SELECT", CLIENT, {"db.system": "mysql", "db.statement": "SELECT 1"})[:2] == (
        "db",
        {"db": {"statement": "SELECT 1", "params": {}}},
    )


def test_repeated_statements_are_worked_out_once_and_few_are_remembered() -> None:
    before = db_module._look.cache_info()
    for _ in range(3):
        Query(target=NOVA, statement="SELECT once FROM upon_a_time").translate()
    after = db_module._look.cache_info()
    assert after.misses - before.misses <= 1
    assert after.maxsize is not None
    Query(target=NOVA, statement="SELECT 'long' FROM t" + " " * 20_000).translate()
    assert db_module._look.cache_info().misses == after.misses


ODD = st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.booleans())


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["statement", "batch", "status_code"]), ODD))
def test_whatever_is_in_the_slots_a_span_comes_out(slots: dict[str, Any]) -> None:
    name, attributes = Query(**slots).describe()
    assert name
    assert len(name) <= 255
    to_osprofiler(name, CLIENT, attributes)


def test_a_known_query_is_translated_once():
    """Each span gets attributes of its own, and a name that somebody gave it."""
    point = KnownQuery(statement="SELECT 1 FROM t", target=query_target(system="mysql"))
    first, second = point.translate(), point.translate("given")
    assert first == Query(statement="SELECT 1 FROM t", target=query_target(system="mysql")).translate()
    assert second == ("given", first[1])
    first[1]["db.query.text"] = "changed"
    assert point.translate()[1]["db.query.text"] == "SELECT ? FROM t"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a" * 1024, "a" * 1024),
        ("a" * 2000, "a" * 1004 + "...[2000 characters]"),
        # From here on it is not known how long it was.
        ("a" * 4096, "a" * (1024 - 29) + "...[at least 4096 characters]"),
        ("word " + "half" * 1022 + "hal", "word ...[at least 4096 characters]"),
    ],
    ids=["short", "long", "cut when it was captured", "half a word at its end"],
)
def test_a_long_parameter_is_cut_and_says_so(text: str, shown: str) -> None:
    query = Query(details=db_module.Details(parameters=(("0", text),)))
    assert query.describe()[1]["db.query.parameter.0"] == shown


def test_a_parameter_that_is_mostly_secret_still_shows_the_rest() -> None:
    """What is captured of it is longer than what is shown, since a mask is shorter than a secret."""
    token = "gAAAA" + "x" * 2000
    query = Query(details=db_module.Details(parameters=(("0", f"{token} is the token"),)))
    assert query.describe()[1]["db.query.parameter.0"] == "REDACTED is the token"
