"""SQLAlchemy 2: the instrumentor that traces every engine (:mod:`otel_bridge.instrumentation.engines`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from weakref import WeakSet

from opentelemetry import trace as trace_api
from sqlalchemy.engine.base import Engine
from sqlalchemy.engine.interfaces import Dialect

from otel_bridge.instrumentation.base import ReplacingInstrumentor
from otel_bridge.instrumentation.engines import sync_engine, trace_engine, untrace_engine
from otel_bridge.replacing import Replacements
from otel_bridge.settings import Settings

__all__ = ["SQLAlchemyInstrumentor", "trace_engine", "untrace_engine"]


class SQLAlchemyInstrumentor(ReplacingInstrumentor):
    """Traces the engines that are created from now on, in whatever way, and those that are named.

    ``instrument()`` takes:

    - ``tracer_provider``: an OpenTelemetry tracer provider; the global one by default.
    - ``engines``: engines, asyncio ones too, that exist already. :func:`trace_engine` does it for one.
    - ``settings``: :class:`otel_bridge.settings.Settings`; its ``capture.sql_parameters`` and
      ``capture.row_counts`` say what is recorded besides, nothing by default.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        return ("sqlalchemy >= 2.0",)

    def _replace(
        self,
        replacements: Replacements,
        *,
        tracer_provider: trace_api.TracerProvider | None = None,
        engines: Iterable[Any] = (),
        settings: Settings | None = None,
        **_options: Any,
    ) -> None:
        traced: WeakSet[Engine] = WeakSet()
        capture = None if settings is None else settings.capture
        found = Dialect.__dict__["engine_created"]
        on = True

        def trace(engine: Engine) -> None:
            if trace_engine(engine, tracer_provider, capture=capture):
                traced.add(engine)

        # create_engine() calls this hook last. Engine.__init__ would be the other place, but
        # create_engine() reads that one's signature to tell which arguments it takes.
        @classmethod  # type: ignore[misc]
        def engine_created(cls: type[Dialect], engine: Engine) -> None:
            found.__get__(None, cls)(engine)
            if on:
                trace(engine)

        def untrace() -> None:
            nonlocal on
            on = False  # somebody may have wrapped the hook, which then stays
            for engine in list(traced):
                untrace_engine(engine)

        replacements.at_undo(untrace)
        replacements.replace(Dialect, "engine_created", engine_created)
        for engine in engines:
            trace(sync_engine(engine))
