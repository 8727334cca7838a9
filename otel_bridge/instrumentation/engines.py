"""The statements of one SQLAlchemy engine: a CLIENT span for each that a DBAPI cursor executes.

A dialect reaches its cursor through three methods; they are replaced on the instance that an engine uses
(:mod:`otel_bridge.instrumentation.statements`). Cursor events see less (no failed statement of a batch) and
cost every statement of the process, traced or not, several microseconds.

The statement text goes into the span, with its literals masked when it is exported. Parameters do so only
where the operator wants them (:mod:`otel_bridge.instrumentation.query_details`), and the text of a database
error, which quotes them, never.
"""

from __future__ import annotations

import threading
from typing import Any

from opentelemetry import trace as trace_api

from otel_bridge.instrumentation import query_details
from otel_bridge.instrumentation.statements import Statements
from otel_bridge.model.translate import query_target
from otel_bridge.settings import CaptureSettings
from otel_bridge.tracing import entries
from otel_bridge.version import __version__

#: Instrumentation scope of the spans.
SCOPE = "otel_bridge.instrumentation.sqlalchemy"

#: Attribute of a traced dialect that holds its :class:`Statements`.
_STATE = "_otel_bridge_statements"

_lock = threading.Lock()


def trace_engine(
    engine: Any,
    tracer_provider: trace_api.TracerProvider | None = None,
    *,
    name: str | None = None,
    capture: CaptureSettings | None = None,
) -> bool:
    """Trace one engine, and the option engines that share its dialect.

    Args:
        engine: an ``Engine`` or ``AsyncEngine``.
        tracer_provider: makes the spans; the global provider by default.
        name: name of the OSProfiler trace points that the spans are, where they are such.
        capture: whether parameters and row counts are recorded (``sql_parameters``, ``row_counts``); neither
            by default.

    Returns:
        False if it was traced already; nothing is changed then.
    """
    engine = sync_engine(engine)
    dialect = engine.dialect
    tracer = trace_api.get_tracer(SCOPE, __version__, tracer_provider)
    url = engine.url
    target = query_target(system=engine.name, database=url.database, host=url.host, port=url.port)
    details = query_details.wanted(capture)
    with _lock:  # services trace an engine when a session first uses it, on several threads at once
        if _STATE in dialect.__dict__:
            return False
        setattr(dialect, _STATE, Statements(dialect, entries.leaf(tracer), target, name, details))
    return True


def untrace_engine(engine: Any) -> None:
    """Give an engine its dialect's own methods back; does nothing if it is not traced."""
    dialect = sync_engine(engine).dialect
    with _lock:
        statements: Statements | None = dialect.__dict__.pop(_STATE, None)
        if statements is not None:
            statements.restore(dialect)


def sync_engine(engine: Any) -> Any:
    """The engine that does the work: an ``AsyncEngine`` is a front of it."""
    return getattr(engine, "sync_engine", engine)
