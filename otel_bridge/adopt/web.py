"""``osprofiler.web`` on our gate.

The middleware stays osprofiler's class, with our ``__call__``: objects that were made already, by paste, by
an entry point or by the service itself, and subclasses are covered, too.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any, Final

from opentelemetry import trace as api
from webob.exc import HTTPException  # type: ignore[import-untyped, unused-ignore]

from otel_bridge import gate
from otel_bridge.gate import unsigned
from otel_bridge.replacing import Replacements
from otel_bridge.settings import GateSettings
from otel_bridge.web import SIGNED, WsgiMiddleware, get_trace_id_headers
from otel_bridge.wire.signing import DEFAULT_KEY, KeyRing

#: Attribute of a middleware of osprofiler's: ours, which does its work, and the provider that it works with.
_OURS: Final = "_otel_bridge_middleware"


def adopt(
    upstream: ModuleType,
    settings: GateSettings | None,
    tracer_provider: api.TracerProvider | None,
    replacements: Replacements,
) -> None:
    """Replace what serves requests, what signs them, and the switch.

    Args:
        upstream: ``osprofiler.web``.
        settings: what the service was configured to; None in a process that serves nothing.
        tracer_provider: makes the spans.
        replacements: takes back what is changed here.
    """
    replacements.replace(upstream, "get_trace_id_headers", get_trace_id_headers)
    if settings is None:
        return
    enable = _enable(settings)
    replacements.replace(upstream.WsgiMiddleware, "__call__", _call(tracer_provider))
    replacements.replace(upstream, "enable", enable)
    replacements.replace(upstream, "disable", gate.disable)
    if upstream._ENABLED is False:  # what the service has said so far stays in force
        gate.disable()
    elif upstream._ENABLED and upstream._HMAC_KEYS:
        enable(upstream._HMAC_KEYS)


def _enable(settings: GateSettings) -> Any:
    own = any(key.reveal() != DEFAULT_KEY for key in settings.keys.keys)

    def enable(hmac_keys: str | None = None) -> None:
        """``osprofiler.web.enable``. Settings with which nothing can be traced stay in force."""
        if not settings.enabled:
            return
        given = KeyRing.parse(hmac_keys)
        texts = [key.reveal() for key in given.keys]
        known = [key for key in map(settings.keys.find, texts) if key is not None]
        if len(known) == len(texts) > 0:  # as nearly always: ours know the algorithm to sign with
            gate.enable(KeyRing(known))
        elif not set(texts) - {DEFAULT_KEY} and own:
            # Neither an empty option nor its default, which everybody knows, stands in for keys from the
            # environment; and a gate without keys would take any key that a message names.
            gate.enable(settings.fixed_keys)
        else:
            gate.enable(given)

    return enable


def _call(tracer_provider: api.TracerProvider | None) -> Any:
    """``WsgiMiddleware.__call__``: of the untraced request nothing is touched."""

    def __call__(self: Any, environ: Any, start_response: Any = None) -> Any:
        if start_response is None:  # WebOb's way of calling an application, with a request
            return environ.get_response(functools.partial(__call__, self))
        if SIGNED not in environ and not unsigned:
            try:
                return self.application(environ, start_response)
            except HTTPException as response:  # upstream's WebOb takes it for the answer that it is
                return response(environ, start_response)
        found = self.__dict__.get(_OURS)
        if found is None or found[1] is not tracer_provider:
            found = self.__dict__[_OURS] = _middleware(self, tracer_provider), tracer_provider
        return found[0](environ, start_response)

    return __call__


def _middleware(theirs: Any, tracer_provider: api.TracerProvider | None) -> WsgiMiddleware:
    def application(environ: Any, start_response: Any) -> Any:
        try:
            return theirs.application(environ, start_response)
        except HTTPException as response:  # as in __call__()
            return response(environ, start_response)

    # A subclass need not have called osprofiler's constructor.
    keys = getattr(theirs, "hmac_keys", None) or ""
    if not isinstance(keys, str):
        keys = ",".join(key for key in keys if isinstance(key, str))
    return WsgiMiddleware(application, keys, bool(getattr(theirs, "enabled", False)), tracer_provider)
