"""``osprofiler.web`` on our gate.

The middleware stays osprofiler's class, with our ``__call__``: objects that were made already, by paste, by
an entry point or by the service itself, and subclasses are covered, too.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from otel_bridge import gate
from otel_bridge.adopt.replacing import Replacements
from otel_bridge.settings import GateSettings
from otel_bridge.web import WsgiMiddleware, get_trace_id_headers
from otel_bridge.wire.signing import KeyRing

_INFO: Final = "HTTP_X_TRACE_INFO"
#: Attribute of a middleware of osprofiler's: ours, which does its work.
_OURS: Final = "_otel_bridge_middleware"


def adopt(upstream: ModuleType, settings: GateSettings | None, replacements: Replacements) -> None:
    """Replace what serves requests, what signs them, and the switch.

    Args:
        upstream: ``osprofiler.web``.
        settings: what the service was configured to; None in a process that serves nothing.
        replacements: takes back what is changed here.
    """
    replacements.replace(upstream, "get_trace_id_headers", get_trace_id_headers)
    if settings is None:
        return
    replacements.replace(upstream.WsgiMiddleware, "__call__", _served)
    replacements.replace(upstream, "enable", _enable(settings))
    replacements.replace(upstream, "disable", gate.disable)


def _enable(settings: GateSettings) -> Any:
    def enable(hmac_keys: str | None = None) -> None:
        """``osprofiler.web.enable``. Settings with which nothing can be traced stay in force."""
        if not settings.enabled:
            return
        keys = KeyRing.parse(hmac_keys)
        known = [settings.keys.find(key.reveal()) for key in keys.keys]
        # The same keys as configured, as nearly always: then those, which know the algorithm to sign with.
        gate.enable(KeyRing(key for key in known if key is not None) if all(known) and known else keys)

    return enable


def _served(self: Any, environ: Any, start_response: Any = None) -> Any:
    """``WsgiMiddleware.__call__``: of the untraced request nothing is touched."""
    if start_response is None:  # WebOb's way of calling an application, with a request
        return environ.get_response(self)
    if _INFO not in environ:
        return self.application(environ, start_response)
    ours = self.__dict__.get(_OURS)
    if ours is None:
        ours = self.__dict__[_OURS] = _middleware(self)
    return ours(environ, start_response)


def _middleware(theirs: Any) -> WsgiMiddleware:
    from webob.exc import HTTPException

    def application(environ: Any, start_response: Any) -> Any:
        try:
            return theirs.application(environ, start_response)
        except HTTPException as response:  # WebOb takes it for the answer that it is
            return response(environ, start_response)

    keys = ",".join(theirs.hmac_keys or ())
    return WsgiMiddleware(application, hmac_keys=keys, enabled=bool(theirs.enabled))
