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
from otel_bridge.instrumentation.imports import when_imported
from otel_bridge.model.translate import ClientRequest
from otel_bridge.model.translate.point import captured
from otel_bridge.redirects import elsewhere, origin_of
from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries
from otel_bridge.tracing.propagation import HEADER_NAMES, headers, outgoing
from otel_bridge.version import __version__

_get = ctx.get
_SPAN_KEY = ctx.SPAN_KEY
_new = object.__new__
_CLIENT = SpanKind.CLIENT


def adopt(upstream: ModuleType, tracer_provider: api.TracerProvider, replacements: Replacements) -> None:
    """Replace ``send``, which ``osprofiler.requests.enable()`` gives to requests' adapter, and did.

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
        first, point.resend = redirects.before(request.headers, context)
        span = leaf(None, _CLIENT, point)
        _sign(request, context, span, first)
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
    when_imported("requests.sessions", lambda module: redirects.watch_requests(module, replacements))
    when_imported("keystoneauth1.session", lambda module: redirects.watch_keystoneauth(module, replacements))


def _sign(request: Any, context: Any, span: Any, first: str | None) -> None:
    """Make the request part of the trace, below ``span``; below what is current where that is None.

    Not one that was redirected to another origin than that of ``first``, the URL that its caller had named.
    """
    if request.headers is None:  # of a request that somebody has not prepared as usual
        return
    found = outgoing(context)
    if found is None:
        return
    if first is not None and elsewhere(origin_of(first), origin_of(request.url or "")):
        for name in HEADER_NAMES:
            request.headers.pop(name, None)
        return
    above, info = found
    if span is not None:
        above = span.get_span_context()
        if above.trace_id != info.trace_id:
            return
    request.headers.update(headers(above, info))
