"""``osprofiler.sqlalchemy`` on our instrumentation of SQLAlchemy.

Upstream listens to cursor events, which hand the parameters over and tell nothing of a batch's failure. Ours
replaces three methods of the engine's dialect.
"""

from __future__ import annotations

import gc
import sys
from types import FunctionType, ModuleType
from typing import Any

from opentelemetry import trace as api

from otel_bridge.adopt.wrappers import functions_of, inner_code
from otel_bridge.log import warn
from otel_bridge.replacing import Replacements
from otel_bridge.settings import CaptureSettings
from otel_bridge.tracing.failure import type_name


def adopt(
    upstream: ModuleType,
    tracer_provider: api.TracerProvider,
    replacements: Replacements,
    capture: CaptureSettings | None = None,
) -> None:
    """Have ``add_tracing`` (and with it ``wrap_session``) trace engines our way, and those traced before.

    Args:
        upstream: ``osprofiler.sqlalchemy``.
        tracer_provider: makes the spans.
        replacements: takes back what is changed here; engines stay traced.
        capture: whether parameters and row counts are recorded; neither by default.
    """

    def add_tracing(sqlalchemy: Any, engine: Any, name: str, hide_result: bool = True) -> None:
        """``osprofiler.sqlalchemy.add_tracing``. Results are never recorded."""
        if not upstream._DISABLED:
            _trace(engine, name, tracer_provider, capture)

    replacements.replace(upstream, "add_tracing", add_tracing)
    for engine, name in _take_over(upstream, replacements):
        _trace(engine, name, tracer_provider, capture)


def _trace(
    engine: Any, name: str, tracer_provider: api.TracerProvider, capture: CaptureSettings | None
) -> None:
    try:
        from otel_bridge.instrumentation.engines import trace_engine

        # A session may be bound to a connection, whose engine is meant.
        trace_engine(getattr(engine, "engine", engine), tracer_provider, name=name, capture=capture)
    except Exception as error:  # an engine of another make
        warn(f"the statements of an SQLAlchemy engine are not traced: {type_name(type(error))}")


def _take_over(upstream: ModuleType, replacements: Replacements) -> list[tuple[Any, str]]:
    """Silence upstream's listeners; the engines that have them, and the names of their points.

    The listeners stay where they are: to remove one while another thread executes a statement would make that
    statement fail (SQLAlchemy's ``event.remove``). They are given a code that does nothing.
    """
    if "sqlalchemy.engine.base" not in sys.modules:
        return []
    before = inner_code(upstream._before_cursor_execute, "handler")
    after = inner_code(upstream._after_cursor_execute, "handler")
    silent_before, silent_after = inner_code(_before, "handler"), inner_code(_after, "handler")
    if before is None or after is None or silent_before is None or silent_after is None:
        return []
    if (before.co_freevars, after.co_freevars) != (silent_before.co_freevars, silent_after.co_freevars):
        return []  # another osprofiler than we know: its points come by start() and stop(), which are ours
    names = {function: _name(function) for function in functions_of(before)}
    if not names:
        return []
    found = _engines(names)
    for function in names:
        replacements.replace(function, "__code__", silent_before)
    for function in functions_of(after):
        replacements.replace(function, "__code__", silent_after)
    replacements.replace(upstream.handle_error, "__code__", _handle_error.__code__)
    return found


def _engines(names: dict[FunctionType, str]) -> list[tuple[Any, str]]:
    """The engines that one of these functions listens to, each with the name that goes with it."""
    from sqlalchemy import event
    from sqlalchemy.engine.base import Engine

    return [
        (engine, name)
        for engine in gc.get_referrers(Engine)
        if type(engine) is Engine
        for function, name in names.items()
        if event.contains(engine, "before_cursor_execute", function)
    ]


def _name(function: FunctionType) -> str:
    name: str = function.__closure__[0].cell_contents if function.__closure__ else ""
    return name


# Never called: what they define has the code for upstream's listeners, with the free variables of those.


def _before(name: Any) -> Any:
    def handler(*event: Any) -> None:
        nonlocal name

    return handler


def _after(hide_result: Any) -> Any:
    def handler(*event: Any) -> None:
        nonlocal hide_result

    return handler


def _handle_error(exception_context: Any) -> None:
    """Nothing: the statement's span knows how it ended, and ``stop()`` would end somebody else's point."""
