"""Our instrumentors as ``opentelemetry-instrument`` finds them, with any distro.

Each of these waits for its library (:mod:`otel_bridge.instrumentation.loading`), and stands back where
OpenTelemetry's own instrumentation of the same library is installed: who installed that wants it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Mapping
from typing import Any

from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.util._importlib_metadata import entry_points

from otel_bridge import config, runtime
from otel_bridge.instrumentation import loading
from otel_bridge.log import LOG

_GROUP = "opentelemetry_instrumentor"
_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


class _Deferring(BaseInstrumentor):  # type: ignore[misc]
    """Base of the classes below; ``instrument()`` takes what the instrumentor itself takes."""

    #: One of :data:`otel_bridge.instrumentation.loading.INSTRUMENTORS`.
    library: str = ""
    #: Names of the entry points of OpenTelemetry's own instrumentations of that library.
    others: tuple[str, ...] = ()
    follows_redirects = False
    _armed: loading.Deferred | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()  # the instrumentor itself looks, when the library is there

    def _instrument(self, **options: Any) -> None:
        found = self._others()
        if found:
            LOG.info(
                "otel_bridge_%s stands back for OpenTelemetry's own instrumentation; "
                "to have ours instead: %s=%s",
                self.library,
                _DISABLED,
                ",".join(found),
            )
            self._stand_by(options)
            return
        self._armed = loading.arm(self.library, functools.partial(_arguments, options))

    def _stand_by(self, options: Mapping[str, Any]) -> None:
        """What there is to do where another instrumentation makes the spans.

        HTTP clients follow redirects below these, and what is signed is for the origin that was named only.
        """
        if self.follows_redirects and runtime.current() is not None:
            arguments = functools.partial(_arguments, {**options, "spans": False})
            self._armed = loading.arm(self.library, arguments)

    def _uninstrument(self, **_options: Any) -> None:
        armed, self._armed = self._armed, None
        if armed is not None:
            armed.undo()  # and not what setup() may have armed in its place

    def _others(self) -> list[str]:
        return others_of(self.others)


class MessagingInstrumentor(_Deferring):
    """oslo.messaging (``otel_bridge_messaging``)."""

    library = "messaging"


class SQLAlchemyInstrumentor(_Deferring):
    """SQLAlchemy (``otel_bridge_sqlalchemy``)."""

    library = "sqlalchemy"
    others = ("sqlalchemy",)


class RequestsInstrumentor(_Deferring):
    """urllib3 and, with it, requests and keystoneauth1 (``otel_bridge_requests``)."""

    library = "requests"
    others = ("requests", "urllib3")
    follows_redirects = True


class HTTPXInstrumentor(_Deferring):
    """httpx (``otel_bridge_httpx``)."""

    library = "httpx"
    others = ("httpx",)
    follows_redirects = True


class ThreadsInstrumentor(_Deferring):
    """Threads and pools (``otel_bridge_threads``)."""

    library = "threads"
    others = ("threading",)


class LogsInstrumentor(_Deferring):
    """Ids on log records (``otel_bridge_logs``).

    OpenTelemetry's own puts ids there only if it is asked to; what else it does is no concern of ours.
    """

    library = "logs"
    others = ("logging",)

    def _others(self) -> list[str]:
        wanted = os.environ.get("OTEL_PYTHON_LOG_CORRELATION", "").strip().lower() == "true"
        return super()._others() if wanted else []


def others_of(names: Collection[str]) -> list[str]:
    """Those instrumentations with one of these names that ``opentelemetry-instrument`` loads, too.

    Installed, not disabled, and made for the release of the library that is there.
    """
    disabled = [name.strip() for name in os.environ.get(_DISABLED, "").split(",")]
    if "*" in disabled:
        return []
    found = []
    for point in entry_points(group=_GROUP):
        if point.name not in names or point.name in disabled or point.name in found:
            continue
        distribution = point.dist
        if distribution is None or get_dist_dependency_conflicts(distribution) is None:
            found.append(point.name)
    return sorted(found)


def _arguments(options: Mapping[str, Any]) -> Mapping[str, Any]:
    handle = runtime.current()
    if handle is not None:
        return {
            "tracer_provider": handle.tracer_provider,
            "keys": handle.settings.gate.keys,
            "settings": handle.settings,
            **options,
        }
    settings = config.from_environ(os.environ)  # whoever makes the spans: another provider, the global one
    return {"keys": settings.gate.keys, "settings": settings, **options}
