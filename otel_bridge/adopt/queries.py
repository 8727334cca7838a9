"""``osprofiler.sqlalchemy`` on our instrumentation of SQLAlchemy.

Upstream listens to cursor events, which cost every statement of the process microseconds, traced or not, and
hands the parameters over. Ours replaces three methods of the engine's dialect.
"""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import Any

from opentelemetry import trace as api

from otel_bridge.adopt.replacing import Replacements
from otel_bridge.adopt.wrappers import functions_of, inner_code
from otel_bridge.log import LOG, warn
from otel_bridge.tracing.failure import type_name


def adopt(upstream: ModuleType, tracer_provider: api.TracerProvider, replacements: Replacements) -> None:
    """Have ``add_tracing`` (and with it ``wrap_session``) trace engines our way, and those traced before.

    Args:
        upstream: ``osprofiler.sqlalchemy``.
        tracer_provider: makes the spans.
        replacements: takes back what is changed here; engines stay traced.
    """

    def add_tracing(sqlalchemy: Any, engine: Any, name: str, hide_result: bool = True) -> None:
        """``osprofiler.sqlalchemy.add_tracing``. Results are never recorded."""
        if not upstream._DISABLED:
            _trace(engine, name, tracer_provider)

    replacements.replace(upstream, "add_tracing", add_tracing)
    for engine, name in _take_listeners(upstream):
        _trace(engine, name, tracer_provider)


def _trace(engine: Any, name: str, tracer_provider: api.TracerProvider) -> None:
    try:
        from otel_bridge.instrumentation.engines import trace_engine

        # A session may be bound to a connection, whose engine is meant.
        trace_engine(getattr(engine, "engine", engine), tracer_provider, name=name)
    except Exception as error:  # an engine of another make
        warn(f"the statements of an SQLAlchemy engine are not traced: {type_name(type(error))}")


def _take_listeners(upstream: ModuleType) -> list[tuple[Any, str]]:
    """Remove upstream's listeners from the engines that have them; these engines, and the points' names."""
    if "sqlalchemy.engine.base" not in sys.modules:
        return []
    from sqlalchemy import event
    from sqlalchemy.engine.base import Engine

    before = inner_code(upstream._before_cursor_execute, "handler")
    after = inner_code(upstream._after_cursor_execute, "handler")
    if before is None or after is None or before.co_freevars != ("name",):
        return []
    listeners = [("before_cursor_execute", function) for function in functions_of(before)]
    listeners += [("after_cursor_execute", function) for function in functions_of(after)]
    if not listeners:
        return []
    listeners.append(("handle_error", upstream.handle_error))
    taken = []
    for engine in [found for found in gc.get_referrers(Engine) if type(found) is Engine]:
        for identifier, function in listeners:
            try:
                if not event.contains(engine, identifier, function):
                    continue
                event.remove(engine, identifier, function)
            except Exception:  # it goes on as before: its points come by start() and stop(), which are ours
                LOG.debug("a listener of osprofiler stays on %r", engine, exc_info=True)
                break
            if identifier == "before_cursor_execute":
                taken.append((engine, function.__closure__[0].cell_contents))
    return taken
