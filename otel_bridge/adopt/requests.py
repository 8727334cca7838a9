"""``osprofiler.requests``: outgoing HTTP requests of the requests library.

Upstream's ``send`` never stops the point of a request that fails, so what follows hangs below it.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from opentelemetry import trace as api
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanKind

from otel_bridge import redirects
from otel_bridge.model.translate import ClientRequest
from otel_bridge.model.translate.point import captured
from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries
from otel_bridge.tracing.propagation import headers_below
from otel_bridge.version import __version__

_get = ctx.get
_SPAN_KEY = ctx.SPAN_KEY
_new = object.__new__
_CLIENT = SpanKind.CLIENT


def adopt(upstream: ModuleType, tracer_provider: api.TracerProvider, replacements: Replacements) -> None:
    """Replace ``send``, which ``osprofiler.requests.enable()`` gives to requests' adapter, and did.

    It signs whatever is sent, as upstream does. What of it may not leave is taken out below, by
    :func:`otel_bridge.instrumentation.connection_pools.guard`.

    Args:
        upstream: ``osprofiler.requests``.
        tracer_provider: makes the spans.
        replacements: takes back what is changed here.
    """
    original = upstream._FUNC
    if original is None:  # there is no requests library
        return
    leaf = entries.leaf(tracer_provider.get_tracer(__name__, __version__))

    @functools.wraps(original)
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        context = _get()
        if not context or context.get(_SUPPRESS_INSTRUMENTATION_KEY):
            return original(self, request, *args, **kwargs)
        point: ClientRequest = _new(ClientRequest)
        point.method = captured(request.method)
        point.url = url = captured(request.url)
        point.scheme = point.host = point.port = point.path = point.query = None
        point.status = point.protocol = point.error = None
        point.origin = ((url or "").partition(":")[0], ())
        _, point.resend = redirects.before(request.headers, context)
        span = leaf(None, _CLIENT, point)
        _sign(request, context, span)
        if span is None:
            return original(self, request, *args, **kwargs)
        # Where urllib3 is instrumented as well, this span is the one of the request.
        inside = {**context, _SPAN_KEY: entries.span_of(span), _SUPPRESS_HTTP_INSTRUMENTATION_KEY: True}
        token = ctx.set_(Context(inside))
        try:
            response = original(self, request, *args, **kwargs)
        except BaseException as exc:
            span.fail(exc)
            span.end()
            raise
        finally:
            ctx.detach(token)
        point.status = getattr(response, "status_code", None)  # what an adapter gives is its own affair
        span.end()
        return response

    theirs, adapter = upstream.send, upstream.HTTPAdapter
    replacements.replace(upstream, "send", send)
    if adapter.send is theirs:
        adapter.send = send

    def release() -> None:  # enabled before or after the adoption
        if adapter.send is send:
            adapter.send = theirs

    replacements.at_undo(release)


def _sign(request: Any, context: Context, span: Any) -> None:
    """Make the request part of the trace, below ``span``; below what is current where that is None."""
    if request.headers is None:  # of a request that somebody has not prepared as usual
        return
    found = entries.sending(context, span)
    if found is not None:
        request.headers.update(headers_below(*found))
