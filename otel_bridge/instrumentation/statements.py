"""The methods through which a dialect reaches its cursor, traced.

A closed gate costs two look-ups. Where the dialect has SQLAlchemy's own method, the cursor is called here
directly, which saves a call. A class may be given another method at any time, so that is looked at each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import SpanKind

from otel_bridge.instrumentation import conflicts
from otel_bridge.instrumentation.imports import when_imported
from otel_bridge.instrumentation.query_details import QueryDetails
from otel_bridge.model.sql import MAX_STATEMENT
from otel_bridge.model.translate import KnownQuery, Query
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries

Method = Callable[..., Any]

_CLIENT = SpanKind.CLIENT
_SPAN_KEY = ctx.SPAN_KEY
_get = ctx.get
_new = object.__new__
#: Where contrib's listeners leave their span, on SQLAlchemy's context of the execution.
_CONTRIB_SPAN = "_otel_span"
#: Statements whose points are kept for the next execution, and their length at most.
_KEPT = 512
_KEPT_LENGTH = 4096
#: Where DBAPI errors have the database's own code: SQLSTATE of psycopg and asyncpg, psycopg2's name for it,
#: sqlite3's symbolic name. (MySQL's own is the number; PyMySQL has the SQLSTATE beside it.)
_CODE_ATTRIBUTES = ("sqlstate", "pgcode", "sqlite_errorname")
_CODE = re.compile(r"[0-9A-Z]{5}|(?:ORA|DPY|DPI)-[0-9]+")


#: Whether contrib's listeners can be there at all.
_contrib_imported = False


def _notice_contrib(_module: Any) -> None:
    global _contrib_imported
    _contrib_imported = True


when_imported("opentelemetry.instrumentation.sqlalchemy.engine", _notice_contrib)


class Statements:
    """The traced methods of one dialect, and what they replaced."""

    __slots__ = ("_details", "_origin", "_replaced", "_target", "known", "leaf")

    def __init__(
        self,
        dialect: Any,
        leaf: entries.Leaf,
        target: dict[str, Any],
        name: str | None = None,
        details: QueryDetails | None = None,
    ) -> None:
        """Replace the methods on ``dialect``.

        Args:
            dialect: of the engine to trace.
            leaf: starts the spans (:func:`otel_bridge.tracing.entries.leaf`).
            target: what all queries have in common (:func:`otel_bridge.model.translate.query_target`).
            name: name of the OSProfiler trace points that the spans are, where they are such.
            details: what is recorded of each query besides; None for nothing.
        """
        self.leaf = leaf
        #: The points of statements that came before: nothing in them is of one execution.
        self.known: dict[str, KnownQuery] = {}
        self._target = target
        self._origin = None if name is None else (name, ())
        self._details = details
        self._replaced: list[tuple[str, Method, Any]] = []
        for method in _methods(dialect, self):
            found = dialect.__dict__.get(method.__name__)
            self._replaced.append((method.__name__, method, found))
            setattr(dialect, method.__name__, method)

    def restore(self, dialect: Any) -> None:
        """Put back what was found, where nobody has replaced it since; idle where somebody has."""
        self.leaf = _nothing
        for name, ours, found in self._replaced:
            if dialect.__dict__.get(name) is ours:
                if found is None:
                    delattr(dialect, name)
                else:
                    setattr(dialect, name, found)

    def record(
        self,
        call: Method,
        arguments: tuple[Any, ...],
        cursor: Any,
        statement: Any,
        parameters: Any,
        context: Any,
        many: bool = False,
    ) -> Any:
        """``call(*arguments)``, which executes the statement, as a span if there is one to be made."""
        current = _get()
        if current.get(_SPAN_KEY) is None or current.get(_SUPPRESS_INSTRUMENTATION_KEY):
            return call(*arguments)
        if getattr(context, _CONTRIB_SPAN, None) is not None and _stood_back(context):
            return call(*arguments)
        details = self._details
        if details is None and not many and statement.__class__ is str:
            query = self.known.get(statement) or self._known_query(statement)
        else:
            query = self._fill(_new(Query), statement)
            if many and isinstance(parameters, (list, tuple)):
                query.batch = len(parameters)
        span = self.leaf(None, _CLIENT, query)
        if span is None:
            return call(*arguments)
        if details is not None:
            found = query.details = details.before(statement, () if many else parameters, context)
        try:
            result = call(*arguments)
        except BaseException as exc:
            _fail(span, exc)
            raise
        if details is not None:
            query.details = details.after(found, cursor, context, many)
        span.end()
        return result

    def _known_query(self, statement: str) -> Query:
        """A point for this and, if its statement is not too long, for later executions."""
        query = _new(KnownQuery)
        query.translated = None
        self._fill(query, statement)
        if len(statement) <= _KEPT_LENGTH:
            if len(self.known) >= _KEPT:
                self.known.clear()
            self.known[statement] = query
        return query

    def _fill(self, query: Query, statement: Any) -> Query:
        query.target = self._target
        query.origin = self._origin
        # A slot never set is slow to read.
        query.statement = query.batch = query.details = query.status_code = query.error = None
        if isinstance(statement, str):  # else an object of the driver's own: it may hold values
            # The rest of a longer one would not be exported, and SQLAlchemy makes one for each large batch.
            query.statement = statement if len(statement) <= MAX_STATEMENT else statement[:MAX_STATEMENT]
        return query


def _methods(dialect: Any, statements: Statements) -> tuple[Method, Method, Method]:
    """The methods that trace, each with the name of that which it stands for."""
    cls = type(dialect)
    record, known = statements.record, statements.known
    own = _own(dialect, "do_execute", _Known.do_execute)
    own_many = _own(dialect, "do_executemany", _Known.do_executemany)
    own_bare = _own(dialect, "do_execute_no_params", _Known.do_execute_no_params)
    execute = _general(dialect, "do_execute")
    executemany = _general(dialect, "do_executemany")
    execute_no_params = _general(dialect, "do_execute_no_params")

    def do_execute(cursor: Any, statement: str, parameters: Any, context: Any = None) -> Any:
        if cls.do_execute is not own:
            arguments = (cursor, statement, parameters, context)
            return record(execute(), arguments, cursor, statement, parameters, context)
        current = _get()
        if not current:
            cursor.execute(statement, parameters)
            return None
        # What record() does with nearly every query, without a call of it.
        query = known.get(statement) if statement.__class__ is str else None
        if (
            query is None
            or _SUPPRESS_INSTRUMENTATION_KEY in current
            or (_contrib_imported and getattr(context, _CONTRIB_SPAN, None) is not None)
        ):
            record(cursor.execute, (statement, parameters), cursor, statement, parameters, context)
            return None
        span = statements.leaf(None, _CLIENT, query)
        if span is None:
            cursor.execute(statement, parameters)
            return None
        try:
            cursor.execute(statement, parameters)
        except BaseException as exc:
            _fail(span, exc)
            raise
        span.end()
        return None

    def do_executemany(cursor: Any, statement: str, parameters: Any, context: Any = None) -> Any:
        if cls.do_executemany is not own_many:
            arguments = (cursor, statement, parameters, context)
            return record(executemany(), arguments, cursor, statement, parameters, context, True)
        if _get():
            record(cursor.executemany, (statement, parameters), cursor, statement, parameters, context, True)
        else:
            cursor.executemany(statement, parameters)
        return None

    def do_execute_no_params(cursor: Any, statement: str, context: Any = None) -> Any:
        if cls.do_execute_no_params is not own_bare:
            return record(execute_no_params(), (cursor, statement, context), cursor, statement, None, context)
        if _get():
            record(cursor.execute, (statement,), cursor, statement, None, context)
        else:
            cursor.execute(statement)
        return None

    return do_execute, do_executemany, do_execute_no_params


def _fail(span: entries.Recording, exc: BaseException) -> None:
    """End the span of a statement that failed. The driver's text quotes parameter values."""
    code = status_code(exc)
    if code is not None:
        entries.span_of(span).set_attribute("db.response.status_code", code)
    span.fail(exc, message=None)
    span.end()


class _Known:
    """What SQLAlchemy's own methods do, as far as they may be left out."""

    def do_execute(self, cursor, statement, parameters, context=None):  # type: ignore[no-untyped-def]
        cursor.execute(statement, parameters)

    def do_executemany(self, cursor, statement, parameters, context=None):  # type: ignore[no-untyped-def]
        cursor.executemany(statement, parameters)

    def do_execute_no_params(self, cursor, statement, context=None):  # type: ignore[no-untyped-def]
        cursor.execute(statement)


def _own(dialect: Any, name: str, known: Any) -> FunctionType | None:
    """SQLAlchemy's own method, where the dialect uses it and it does nothing but what ours does."""
    from sqlalchemy.engine.default import DefaultDialect  # it is there: this dialect is of it

    found = DefaultDialect.__dict__.get(name)
    if name in dialect.__dict__ or getattr(type(dialect), name) is not found:
        return None
    if not isinstance(found, FunctionType):  # compiled, or somebody's wrapper
        return None
    ours, theirs = known.__code__, found.__code__
    same = ours.co_code == theirs.co_code and ours.co_names == theirs.co_names
    return found if same and ours.co_varnames == theirs.co_varnames else None


def _general(dialect: Any, name: str) -> Callable[[], Method]:
    """Gives the method that the dialect would have without ours."""
    replaced = dialect.__dict__.get(name)
    cls = type(dialect)

    def find() -> Any:
        if replaced is not None:
            return replaced
        # super() cannot begin with the class itself.
        for base in cls.__mro__:
            if name in base.__dict__:
                found = base.__dict__[name]
                bind = getattr(type(found), "__get__", None)
                return found if bind is None else bind(found, dialect, cls)
        raise AttributeError(name)

    return find


def _stood_back(context: Any) -> bool:
    """Whether contrib has a span for this execution already."""
    if not context._otel_span.is_recording():
        return False
    conflicts.stand_back("sqlalchemy", "opentelemetry-instrumentation-sqlalchemy")
    return True


def _nothing(name: str | None, kind: SpanKind, point: Any) -> None:
    """What records nothing, in place of a leaf entry."""


def status_code(exc: BaseException) -> str | None:
    """The database's code for an error, None where the DBAPI does not tell one."""
    args = exc.args
    if args and args[0].__class__ is int and type(exc).__module__ != "builtins":
        return str(args[0])  # PyMySQL and mysqlclient: (1062, "Duplicate entry …")
    for name in _CODE_ATTRIBUTES:
        code = getattr(exc, name, None)
        if isinstance(code, str) and code:
            return code
    # python-oracledb: an object with full_code; pyodbc: ("23000", "[23000] …")
    code = args[0] if len(args) == 2 else getattr(args[0], "full_code", None) if args else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None
