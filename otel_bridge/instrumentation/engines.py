"""The statements of one SQLAlchemy engine: a CLIENT span for each that a DBAPI cursor executes.

A dialect reaches its cursor through three methods; they are replaced on the instance that an engine uses.
Cursor events see less (no failed statement of a batch) and cost every statement of the process, traced or
not, several microseconds.

The statement text goes into the span, with its literals masked when it is exported. Parameters never do,
and neither does the text of a database error, which quotes them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

from opentelemetry import trace as trace_api
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import SpanKind

from otel_bridge.model.sql import MAX_STATEMENT
from otel_bridge.model.translate import Query, query_target
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries
from otel_bridge.version import __version__

#: Instrumentation scope of the spans.
SCOPE = "otel_bridge.instrumentation.sqlalchemy"

_CLIENT = SpanKind.CLIENT
_SPAN_KEY = ctx.SPAN_KEY
_get = ctx.get
_new = object.__new__
#: Attribute of a traced dialect that holds its :class:`_Statements`.
_STATE = "_otel_bridge_statements"
#: Where DBAPI errors have the database's own code: SQLSTATE of psycopg and asyncpg, psycopg2's name for it,
#: sqlite3's symbolic name. (MySQL's own is the number; PyMySQL has the SQLSTATE beside it.)
_CODE_ATTRIBUTES = ("sqlstate", "pgcode", "sqlite_errorname")
_CODE = re.compile(r"[0-9A-Z]{5}|(?:ORA|DPY|DPI)-[0-9]+")

_lock = threading.Lock()


def trace_engine(
    engine: Any, tracer_provider: trace_api.TracerProvider | None = None, *, name: str | None = None
) -> bool:
    """Trace one engine, and the option engines that share its dialect.

    Args:
        engine: an ``Engine`` or ``AsyncEngine``.
        tracer_provider: makes the spans; the global provider by default.
        name: name of the OSProfiler trace points that the spans are, where they are such.

    Returns:
        False if it was traced already; nothing is changed then.
    """
    engine = sync_engine(engine)
    dialect = engine.dialect
    tracer = trace_api.get_tracer(SCOPE, __version__, tracer_provider)
    url = engine.url
    target = query_target(system=engine.name, database=url.database, host=url.host, port=url.port)
    with _lock:  # services trace an engine when a session first uses it, on several threads at once
        if _STATE in dialect.__dict__:
            return False
        setattr(dialect, _STATE, _Statements(dialect, entries.leaf(tracer), target, name))
    return True


def untrace_engine(engine: Any) -> None:
    """Give an engine its dialect's own methods back; does nothing if it is not traced."""
    dialect = sync_engine(engine).dialect
    with _lock:
        statements: _Statements | None = dialect.__dict__.pop(_STATE, None)
        if statements is not None:
            statements.restore(dialect)


class _Statements:
    """The traced methods of one dialect, and what they replaced."""

    __slots__ = ("_leaf", "_origin", "_replaced", "_target")

    def __init__(
        self, dialect: Any, leaf: entries.Leaf, target: dict[str, Any], name: str | None = None
    ) -> None:
        self._leaf = leaf
        self._target = target
        self._origin = None if name is None else (name, ())
        self._replaced: list[tuple[str, Any, Any]] = []
        record = self._record
        execute, many, bare = dialect.do_execute, dialect.do_executemany, dialect.do_execute_no_params

        def do_execute(cursor: Any, statement: str, parameters: Any, context: Any = None) -> Any:
            if _get().get(_SPAN_KEY) is None:
                return execute(cursor, statement, parameters, context)
            return record(execute, 0, cursor, statement, parameters, context)

        def do_executemany(cursor: Any, statement: str, parameters: Any, context: Any = None) -> Any:
            if _get().get(_SPAN_KEY) is None:
                return many(cursor, statement, parameters, context)
            batch = len(parameters) if isinstance(parameters, (list, tuple)) else 0
            return record(many, batch, cursor, statement, parameters, context)

        def do_execute_no_params(cursor: Any, statement: str, context: Any = None) -> Any:
            if _get().get(_SPAN_KEY) is None:
                return bare(cursor, statement, context)
            return record(bare, 0, cursor, statement, context)

        for method in (do_execute, do_executemany, do_execute_no_params):
            name = method.__name__
            self._replaced.append((name, method, dialect.__dict__.get(name)))
            setattr(dialect, name, method)

    def _record(self, call: Callable[..., Any], batch: int, cursor: Any, statement: str, *rest: Any) -> Any:
        """Execute a statement where some span is current."""
        context = _get()
        if context.get(_SUPPRESS_INSTRUMENTATION_KEY):
            return call(cursor, statement, *rest)
        query = _new(Query)
        query.target = self._target
        # A slot never set is slow to read.
        query.statement = query.status_code = query.error = None
        query.origin = self._origin
        if isinstance(statement, str):  # else an object of the driver's own: it may hold values
            # The rest of a longer one would not be exported, and SQLAlchemy makes one for each large batch.
            query.statement = statement if len(statement) <= MAX_STATEMENT else statement[:MAX_STATEMENT]
        query.batch = batch or None
        span = self._leaf(None, _CLIENT, query)
        if span is None:
            return call(cursor, statement, *rest)
        try:
            result = call(cursor, statement, *rest)
        except BaseException as exc:
            query.status_code = _status_code(exc)
            span.fail(exc, message=None)  # the driver's text quotes parameter values
            span.end()
            raise
        span.end()
        return result

    def restore(self, dialect: Any) -> None:
        """Put back what was found, where nobody has replaced it since; idle where somebody has."""
        self._leaf = _nothing
        for name, ours, found in self._replaced:
            if dialect.__dict__.get(name) is ours:
                if found is None:
                    delattr(dialect, name)
                else:
                    setattr(dialect, name, found)


def _nothing(name: str | None, kind: SpanKind, point: Any) -> None:
    """What records nothing, in place of a leaf entry."""


def sync_engine(engine: Any) -> Any:
    """The engine that does the work: an ``AsyncEngine`` is a front of it."""
    return getattr(engine, "sync_engine", engine)


def _status_code(exc: BaseException) -> str | None:
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
