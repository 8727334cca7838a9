"""Our instrumentors by name, each switched on as soon as the service has imported its library.

Not before: to import oslo.messaging takes a second, and chooses the service's threading model.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from types import ModuleType
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
        #: Whether the library has been imported.
        self._wanted = False
        self._over = False
        #: Taken by the one who instruments.
        self._once = threading.Lock()

    def arm(self) -> None:
        """Instrument the library once it has been imported: at once, if it has been. Never raises."""
        from otel_bridge.instrumentation.imports import when_imported

        library, module, _ = INSTRUMENTORS[self.name]
        when_imported(library, self._library_imported)
        # Our module may be what imports the library: then it is not complete when the library is.
        when_imported(module, self._module_imported)

    def _library_imported(self, _library: ModuleType) -> None:
        self._wanted = True
        self._instrument()

    def _module_imported(self, _module: ModuleType) -> None:
        if self._wanted:
            self._instrument()

    def _instrument(self) -> None:
        if self._over:
            return
        _, module, cls = INSTRUMENTORS[self.name]
        try:
            make = getattr(importlib.import_module(module), cls, None)
            if make is None or not self._once.acquire(blocking=False):
                return  # it is not complete yet, or all is done
            instrumentor = make()
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


#: What waits or is switched on in this process, by name, whoever has asked for it.
_armed: dict[str, Deferred] = {}


def arm(name: str, arguments: Callable[[], Mapping[str, Any]]) -> Deferred:
    """Have a library instrumented as soon as it has been imported, until it is released. Never raises.

    What was armed by that name before is undone: who comes later has the say.

    Args:
        name: one of :data:`INSTRUMENTORS`.
        arguments: gives what ``instrument()`` is called with, when the library is there.
    """
    release(name)
    deferred = _armed[name] = Deferred(name, arguments)
    deferred.arm()
    return deferred


def release(name: str) -> None:
    """Undo what :func:`arm` has done by that name; nothing, if that is nothing. Never raises."""
    found = _armed.pop(name, None)
    if found is not None:
        found.undo()


def release_all() -> None:
    """Undo all that :func:`arm` has done, the last first. Never raises."""
    for name in reversed(list(_armed)):
        release(name)
