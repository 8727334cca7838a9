"""OSProfiler's propagation format for whoever asks OpenTelemetry for it: ``OTEL_PROPAGATORS=osprofiler``.

``opentelemetry.propagate`` makes the propagator while it is being imported itself. So neither this module nor
what it imports may need ``opentelemetry.propagate`` or ``opentelemetry.instrumentation``; the environment is
read when the first signed request comes in, and nothing here raises.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import SpanKind

from otel_bridge import gate
from otel_bridge.log import warn
from otel_bridge.redirects import NAMED, elsewhere, origin_of
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import propagation
from otel_bridge.tracing.propagation import TRACEPARENT, OSProfilerPropagator, header
from otel_bridge.wire.destinations import Destinations
from otel_bridge.wire.freshness import FRESHNESS_HEADER
from otel_bridge.wire.signing import TRACE_HMAC_HEADER, TRACE_INFO_HEADER, KeyRing

_environment: KeyRing | None = None
#: Whether the trace may go to a host; None: to all of them.
_allow: Callable[[str], bool] | None = None
#: Attributes in which the span of an HTTP request has its URL from the start.
_URLS = ("url.full", "http.url")


def restrict(hosts: Iterable[str] | None) -> None:
    """Have HTTP requests carry the trace to these hosts only, whoever instruments them.

    Args:
        hosts: see :class:`~otel_bridge.wire.destinations.Destinations`; None: all.

    Raises:
        ValueError: an entry is no host.
    """
    global _allow
    _allow = None if hosts is None else Destinations(hosts).allow


def may_leave(context: Context | None = None) -> bool:
    """Whether what is sent in ``context`` may carry the trace. Never raises.

    A propagator is not told where its headers go. The current span, which whoever instruments an HTTP client
    has just started, knows; what has no URL is no HTTP request, and may.
    """
    allow = _allow
    current = ctx.get() if context is None else context
    named: Any = current.get(NAMED)
    if allow is None and named is None:
        return True
    try:
        span = current.get(ctx.SPAN_KEY)
        if getattr(span, "kind", None) is not SpanKind.CLIENT:
            return True
        attributes: Any = getattr(span, "attributes", None) or {}
        for name in _URLS:
            url = attributes.get(name)
            if url is None:
                continue
            if named is not None and elsewhere(named.first, origin_of(url)):
                return False
            return allow is None or allow(urlsplit(url).hostname or "")
        return True
    except Exception:  # a URL that is none, attributes of another make
        return False


def environment_keys() -> KeyRing:
    """The HMAC keys that the environment names, read once; empty where there are none.

    Where the configuration is wrong that is told, and there are none.
    """
    global _environment
    found = _environment
    if found is None:  # another thread may reset() at any time
        found = _environment = _read_environment()
    return found


def reset() -> None:
    """Begin anew: the environment is read again when it is needed next.

    All that it says is forgotten together. Its keys are not to count without what it says beside them: where
    the trace may go, and that it is stamped.
    """
    global _environment, _allow
    _environment = _allow = None
    propagation.stamping(False)


def _read_environment() -> KeyRing:
    """The keys; where the trace may go, and whether it is to be stamped, is said to whom it concerns."""
    try:
        from otel_bridge.config.build import read_propagate_to
        from otel_bridge.config.gate import read_gate
        from otel_bridge.config.sources import Sources

        sources = Sources(os.environ)
        settings = read_gate(sources)
        restrict(read_propagate_to(sources))
        for problem in sources.problems:
            warn(str(problem))
        propagation.stamping(settings.stamps)
        return settings.keys if settings.enabled else KeyRing()
    except Exception as exc:  # in the middle of a request
        warn(f"the HMAC keys could not be read from the environment: {type(exc).__name__}")
        return KeyRing()


def take_out(carrier: Any) -> None:
    """Remove what of a trace is in the headers: HTTP libraries copy it into the request after a redirect."""
    if isinstance(carrier, MutableMapping):
        for name in [
            name for name in carrier if isinstance(name, str) and name.lower() in propagation.TRACE_HEADERS
        ]:
            del carrier[name]


class GatedPropagator(TextMapPropagator):
    """The signed headers in, where the gate lets them, and the signed headers with ``traceparent`` out.

    The keys are those of :mod:`otel_bridge.gate`: of :func:`otel_bridge.setup`, or of the environment where
    that was not called. A ``traceparent`` without a signature opens nothing.
    """

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        current = ctx.get() if context is None else context
        try:
            claimed = getter.get(carrier, TRACE_INFO_HEADER)
            if not claimed:
                return current
            keys = gate.keys(environment_keys() if gate.is_undecided() else None)
            if keys is None:
                return current
            packed, mac = claimed[0], header(carrier, TRACE_HMAC_HEADER, getter)
            info = keys.verify(packed, mac)
            if info is None:
                gate.count_refused()
                return current
            if gate.window is not None:
                stamp = header(carrier, FRESHNESS_HEADER, getter)
                if not gate.is_fresh(packed, mac, stamp, info.key):
                    return current
            parent = propagation.remote(info, header(carrier, TRACEPARENT, getter))
            return ctx.with_request(current, parent, info)
        except Exception as exc:  # of a carrier that is not what its getter expects
            warn(f"trace headers could not be read, the request was served untraced: {type(exc).__name__}")
            return current

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        if may_leave(context):
            _FORMAT.inject(carrier, context, setter)
        else:
            take_out(carrier)

    @property
    def fields(self) -> set[str]:
        return _FORMAT.fields


#: What is common to all keys.
_FORMAT = OSProfilerPropagator(KeyRing())
