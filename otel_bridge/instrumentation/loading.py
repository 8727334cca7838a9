"""Our instrumentors by name, each switched on as soon as the service has imported its library.

Not before: to import oslo.messaging takes a second, and chooses the service's threading model.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from otel_bridge.log import LOG

#: What ``[otel_bridge] instrument`` names: the library's module, then our instrumentor's and its class.
INSTRUMENTORS: Final = {
    "messaging": ("oslo_messaging", "otel_bridge.instrumentation.messaging", "MessagingInstrumentor"),
    "sqlalchemy": ("sqlalchemy", "otel_bridge.instrumentation.sqlalchemy", "SQLAlchemyInstrumentor"),
    # Waits for its libraries itself, from the start: one of them may be what imports the other.
    "requests": ("sys", "otel_bridge.instrumentation.requests", "RequestsInstrumentor"),
    "httpx": ("httpx", "otel_bridge.instrumentation.httpx", "HTTPXInstrumentor"),
    "threads": ("threading", "otel_bridge.instrumentation.threads", "ThreadsInstrumentor"),
    "logs": ("logging", "otel_bridge.instrumentation.logs", "LogsInstrumentor"),
}


class Deferred:
    """One of our instrumentors, waiting for its library or switched on."""

    def __init__(self, name: str, arguments: Callable[[], Mapping[str, Any]]) -> None:
        """
        Args:
            name: one of :data:`INSTRUMENTORS`.
            arguments: gives what ``instrument()`` is called with, when the library is there.
        """
        self.name = name
        self._arguments = arguments
        self._instrumentor: Any = None
        self._over = False

    def arm(self) -> None:
        """Instrument the library once it has been imported: at once, if it has been. Never raises."""
        from wrapt import register_post_import_hook

        register_post_import_hook(self._imported, INSTRUMENTORS[self.name][0])

    def _imported(self, _module: Any) -> None:
        if self._over:
            return
        _, module, cls = INSTRUMENTORS[self.name]
        try:
            instrumentor = getattr(importlib.import_module(module), cls)()
            instrumentor.instrument(**self._arguments())
        except Exception:  # the service is in the middle of an import of its own
            LOG.warning("%s is not instrumented", module, exc_info=True)
        else:
            self._instrumentor = instrumentor

    def undo(self) -> None:
        """Leave the library as it was, and wait for it no more. Never raises."""
        self._over = True
        instrumentor, self._instrumentor = self._instrumentor, None
        if instrumentor is None or not instrumentor.is_instrumented_by_opentelemetry:
            return
        try:
            instrumentor.uninstrument()
        except Exception:  # what is queued is flushed all the same
            LOG.warning("an instrumentation could not be undone", exc_info=True)


#: What entry points have armed, by name.
_auto: dict[str, Deferred] = {}


def arm_by_entry_point(name: str, arguments: Callable[[], Mapping[str, Any]]) -> None:
    """What ``opentelemetry-instrument`` asks for, until :func:`release` is called."""
    release(name)
    deferred = _auto[name] = Deferred(name, arguments)
    deferred.arm()


def release(name: str) -> None:
    """Undo :func:`arm_by_entry_point`: the service has its own idea of it."""
    found = _auto.pop(name, None)
    if found is not None:
        found.undo()
