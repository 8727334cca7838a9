"""Database queries, SpanKind.CLIENT (conventions for database client spans)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from otel_bridge.model import sql
from otel_bridge.model.redaction import error_code, redact_text, truncate
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
_PARAMETER: Final = "db.query.parameter."
#: Parameters are cut to that many characters.
_PARAMETER_LIMIT: Final = 1024
#: And before, on the caller's thread, to that many: what is masked may be longer than its mask.
PARAMETER_CAPTURE_LIMIT: Final = 4 * _PARAMETER_LIMIT
#: Ends the text of one that was cut then.
_CUT: Final = f"...[at least {PARAMETER_CAPTURE_LIMIT} characters]"
#: Of these it is told how many rows they have affected.
_CHANGING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"})

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


class Details(NamedTuple):
    """What is captured of a query only where the operator wants it."""

    #: Names, or positions from 0, and values as text. Those of secret names are masked already.
    parameters: tuple[tuple[str, str], ...] = ()
    #: Number of rows that the query returned; None where that is not known without fetching them.
    returned: int | None = None
    #: Number of rows that a statement without a result has changed, as the driver counts them.
    affected: int | None = None


class Query(Point):
    """One execution of a statement."""

    __slots__ = ("batch", "details", "statement", "status_code", "target")
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
    details: Details | None

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
        details = self.details
        if details is not None:
            _add_details(attributes, details, summary)
        batch = number_of(self.batch) or 0
        if batch > 1:
            attributes["db.operation.batch.size"] = batch
            summary = _batch(summary)
        if summary:
            attributes["db.query.summary"] = summary
        if self.status_code:
            attributes["db.response.status_code"] = str(self.status_code)
        return summary or str(system or self.fallback), attributes


class KnownQuery(Query):
    """A statement that is executed again and again, one point for all of its spans: translated once.

    Nothing in it is of one execution, and it is not changed once a span has it.
    """

    __slots__ = ("translated",)

    translated: tuple[str, dict[str, Any]] | None

    def translate(self, name: str | None = None) -> tuple[str, dict[str, Any]]:
        found = self.translated
        if found is None:
            found = self.translated = super().translate()
        made, attributes = found
        return name or made, attributes.copy()


def _add_details(attributes: dict[str, Any], details: Details, summary: str) -> None:
    for key, value in details.parameters:
        attributes[_PARAMETER + key] = _parameter(value)
    if details.returned is not None:
        attributes["db.response.returned_rows"] = details.returned
    # Drivers say 0 of a SAVEPOINT or CREATE TABLE.
    if details.affected is not None and summary.partition(" ")[0] in _CHANGING:
        attributes["otel_bridge.db.affected_rows"] = details.affected


def _parameter(text: str) -> str:
    if len(text) < PARAMETER_CAPTURE_LIMIT:
        return truncate(redact_text(text), _PARAMETER_LIMIT)
    text = text[: text.rfind(" ") + 1] or text  # its last word was cut: half a secret is not recognised
    return redact_text(text)[: _PARAMETER_LIMIT - len(_CUT)] + _CUT


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
    point.target = point.batch = point.details = point.status_code = None
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
    """OSProfiler's start and stop info of a query, with the parameters, as texts, that were captured."""
    get = attributes.get
    statement = get("db.query.text") or get("db.statement") or get("db.query.summary") or name
    return {"db": {"statement": str(statement), "params": _params(attributes)}}, {}


def _params(attributes: Mapping[str, Any]) -> dict[str, Any] | list[Any]:
    """By name, or a list where they have positions."""
    prefix = len(_PARAMETER)
    found = {key[prefix:]: value for key, value in attributes.items() if key.startswith(_PARAMETER)}
    if found and found.keys() == set(map(str, range(len(found)))):
        return [found[str(position)] for position in range(len(found))]
    return found
