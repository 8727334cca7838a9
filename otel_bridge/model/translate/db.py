"""Database queries, SpanKind.CLIENT (conventions for database client spans)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from otel_bridge.model import sql
from otel_bridge.model.redaction import error_code
from otel_bridge.model.translate.point import NAME_LIMIT, Point, number_of, text_of
from otel_bridge.model.translate.statement import simple_namespace, summarise

#: Name of SQLAlchemy's dialect -> db.system.name.
_SYSTEMS: Final = {
    "mssql": "microsoft.sql_server",
    "oracle": "oracle.db",
    "postgres": "postgresql",
    "ibm_db_sa": "ibm.db2",
    "db2": "ibm.db2",
}
_OTHER_SYSTEM: Final = "other_sql"
#: Statements up to that length are remembered with their translation; longer ones seldom come twice.
_REMEMBERED: Final = 12288

#: Target of queries of which nothing is known (OSProfiler says only the statement).
UNKNOWN_TARGET: Final[Mapping[str, Any]] = {"db.system.name": _OTHER_SYSTEM}


def query_target(
    system: str | None = None,
    database: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
) -> dict[str, Any]:
    """What all queries of an engine have in common, to be made once and shared.

    Args:
        system: name of the dialect (``engine.name``).
        database: name of the database, the path of the file for SQLite.
        host: name or address of the server.
        port: its port.
    """
    name = text_of(system).lower()
    target: dict[str, Any] = {"db.system.name": _SYSTEMS.get(name, name) or _OTHER_SYSTEM}
    if database:
        target["db.namespace"] = str(database)
    if host:
        target["server.address"] = str(host)
        if number_of(port):
            target["server.port"] = number_of(port)
    return target


class Query(Point):
    """One execution of a statement. Parameters are not captured."""

    __slots__ = ("batch", "statement", "status_code", "target")
    fallback = "SQL"

    #: From :func:`query_target`; shared, never changed.
    target: Mapping[str, Any] | None
    #: Literals are masked also where parameters were passed beside it: SQLAlchemy writes some into the
    #: statement (``literal_binds``, ``text()``).
    statement: str | None
    #: Number of parameter sets of ``executemany``.
    batch: int | None
    #: The database's error code, as text.
    status_code: str | None

    def describe(self) -> tuple[str, dict[str, Any]]:
        target = self.target
        attributes: dict[str, Any] = dict(target if target is not None else UNKNOWN_TARGET)
        statement = text_of(self.statement)
        system = attributes.get("db.system.name")
        if statement:
            look = _look if len(statement) <= _REMEMBERED else _look.__wrapped__
            summary, text = look(statement, system, attributes.get("db.namespace"))
            attributes["db.query.text"] = text
        else:
            summary = ""
        batch = number_of(self.batch) or 0
        if batch > 1:
            attributes["db.operation.batch.size"] = batch
            summary = _batch(summary)
        if summary:
            attributes["db.query.summary"] = summary
        if self.status_code:
            attributes["db.response.status_code"] = str(self.status_code)
        return summary or str(system or self.fallback), attributes


@lru_cache(maxsize=1024)
def _look(statement: str, system: str | None, namespace: str | None) -> tuple[str, str]:
    """Summary and masked text. Statements repeat: this is looked up far more often than worked out."""
    text = sql.mask_sql(statement, system)
    return summarise(text, simple_namespace(namespace)), text


def _batch(summary: str) -> str:
    text = f"BATCH {summary}".rstrip()
    # Cut between two words, never within a name.
    return text if len(text) <= NAME_LIMIT else text[: NAME_LIMIT + 1].rpartition(" ")[0]


def from_info(db: Mapping[str, Any]) -> Query:
    """The point of OSProfiler's ``info["db"]`` (``osprofiler.sqlalchemy``)."""
    point: Query = object.__new__(Query)
    statement = db.get("statement")
    if statement.__class__ is not str and statement is not None:
        statement = _printed(statement)
    # Cut here, not at the capture limit of texts: a long statement is nearly always shared by many queries.
    point.statement = statement if statement is None else statement[: sql.MAX_STATEMENT]
    point.target = point.batch = point.status_code = None
    return point


def _printed(statement: Any) -> str | None:
    """A statement object as text (``TextClause``, a str of another class)."""
    try:
        return str(statement)
    except Exception:
        return None


def finish(point: Query, message: str | None) -> None:
    """Take the database's error code from the message of a failed query."""
    if message:
        point.status_code = error_code(message)


def to_info(name: str, attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """OSProfiler's start and stop info of a query. The parameters are gone: an empty dict."""
    get = attributes.get
    statement = get("db.query.text") or get("db.statement") or get("db.query.summary") or name
    return {"db": {"statement": str(statement), "params": {}}}, {}
