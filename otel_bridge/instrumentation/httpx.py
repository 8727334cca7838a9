"""Outgoing HTTP of httpx: a CLIENT span for each attempt and each hop, synchronous or not.

Two methods are replaced, ``HTTPTransport.handle_request`` and ``AsyncHTTPTransport.handle_async_request``:
what reaches the network. Transports that serve an application in the same process are left alone.

A span ends when its response's headers are there; httpx reads the body later. To import this module is to
import httpx.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

import httpx
from opentelemetry import trace as trace_api
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanKind

from otel_bridge.instrumentation.base import ReplacingInstrumentor
from otel_bridge.instrumentation.http_client import ANOTHER, NOBODY, Client, Other
from otel_bridge.log import warn
from otel_bridge.model.translate import ClientRequest
from otel_bridge.model.translate.point import captured
from otel_bridge.redirects import NAMED, Origin, elsewhere, origin_of_httpx, watch_httpx
from otel_bridge.replacing import Replacements
from otel_bridge.settings import Settings
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.failure import type_name
from otel_bridge.version import __version__

_CLIENT = SpanKind.CLIENT
_SPAN_KEY = ctx.SPAN_KEY
_get = ctx.get
_new = object.__new__
_OTHERS = (
    Other(
        "httpx",
        "opentelemetry.instrumentation.httpx",
        "HTTPXClientInstrumentor",
        "opentelemetry-instrumentation-httpx",
    ),
)


class HTTPXInstrumentor(ReplacingInstrumentor):
    """Traces what httpx sends, clients that exist already included.

    ``instrument()`` takes what
    :class:`~otel_bridge.instrumentation.requests.RequestsInstrumentor` takes.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        return ("httpx >= 0.20",)

    def _replace(
        self,
        replacements: Replacements,
        *,
        tracer_provider: trace_api.TracerProvider | None = None,
        settings: Settings | None = None,
        propagate_to: Iterable[str] | None = None,
        spans: bool = True,
        **_options: Any,
    ) -> None:
        watch_httpx(httpx, replacements)
        if not spans:
            return
        tracer = trace_api.get_tracer(__name__, __version__, tracer_provider)
        client = Client(tracer, _OTHERS, settings, propagate_to)
        replacements.at_undo(client.stop)
        replacements.wrap(httpx.HTTPTransport, "handle_request", lambda found: _traced(found, client))
        replacements.wrap(
            httpx.AsyncHTTPTransport, "handle_async_request", lambda found: _traced_async(found, client)
        )


def _traced(send: Callable[..., Any], client: Client) -> Callable[..., Any]:
    def handle_request(transport: Any, request: Any) -> Any:
        context = _get()
        if context.get(_SPAN_KEY) is None:
            return send(transport, request)
        request, point, span = _begin(client, context, request)
        if span is None:
            return send(transport, request)
        try:
            response = send(transport, request)
        except BaseException as exc:
            span.fail(exc)
            span.end()
            raise
        _finish(point, response)
        span.end()
        return response

    return handle_request


def _traced_async(send: Callable[..., Any], client: Client) -> Callable[..., Any]:
    async def handle_async_request(transport: Any, request: Any) -> Any:
        context = _get()
        if context.get(_SPAN_KEY) is None:
            return await send(transport, request)
        request, point, span = _begin(client, context, request)
        if span is None:
            return await send(transport, request)
        try:
            response = await send(transport, request)
        except BaseException as exc:  # cancelled, too
            span.fail(exc)
            span.end()
            raise
        _finish(point, response)
        span.end()
        return response

    return handle_async_request


def _begin(client: Client, context: Context, request: Any) -> tuple[Any, ClientRequest, Any]:
    """What is sent in place of a request, and its started span (None: it has none)."""
    point: ClientRequest = _new(ClientRequest)
    recorder = client.recorder_without_suppression(context)
    if recorder is NOBODY:
        return request, point, None
    span = None
    try:
        here = _capture(point, request)
        if recorder is not ANOTHER:
            span = client.leaf(None, _CLIENT, point)
        request = _carrying(client, recorder, context, span, request, point, here)
    except Exception as exc:  # a request of another make than we know
        warn(f"an outgoing request could not be given its trace: {type_name(type(exc))}")
    return request, point, span


def _capture(point: ClientRequest, request: Any) -> Origin:
    """Fill the point of a request; its origin."""
    # A slot never set is slow to read.
    point.status = point.protocol = point.query = point.url = point.error = point.origin = point.resend = None
    url = request.url
    point.method = captured(request.method)
    point.scheme, point.host, point.port = captured(url.scheme), captured(url.host), url.port
    point.path = captured(url.raw_path.decode("latin-1"))
    return origin_of_httpx(url)


def _carrying(
    client: Client,
    recorder: int,
    context: Context,
    span: Any,
    request: Any,
    point: ClientRequest,
    here: Origin,
) -> Any:
    """A request with the trace in its headers; the caller's own is left as it is."""
    moved = False
    hops: Any = context.get(NAMED)
    if hops is not None:  # it comes by a client of httpx
        point.resend = hops.sent
        # Where the first one goes is up to the caller, whose transport may know better than the URL.
        moved = hops.sent > 0 and elsewhere(hops.first, here)
        hops.sent += 1
    carried = client.carried(recorder, context, span, here[1], moved)
    if carried is None:
        return request
    added, removed = carried
    kept = [pair for pair in request.headers.raw if pair[0].lower() not in removed]
    kept.extend((name.encode("ascii"), value.encode("ascii")) for name, value in added.items())
    sending = _new(type(request))
    sending.__dict__.update(request.__dict__)
    sending.headers = httpx.Headers(kept, encoding=request.headers.encoding)
    return sending


def _finish(point: ClientRequest, response: Any) -> None:
    with suppress(Exception):  # a response of another make than we know
        point.status = response.status_code
        version: str = response.http_version
        point.protocol = version.partition("/")[2]
