"""urllib3's connection pools, by which requests, keystoneauth1 and urllib3 send: each attempt and each hop.

All three come by ``urllib3.HTTPConnectionPool._make_request``, once for every time that a request is sent.
The trace goes along in headers that are put into a copy: nothing of it is left for a redirect or the caller.

A span ends when its response's headers are there, as requests and keystoneauth1 (and urllib3 with
``preload_content=False``) read the body later; urllib3 by itself reads the body before.

Nothing is imported here: a library is instrumented when the service has imported it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from time import time_ns
from types import ModuleType
from typing import Any

from opentelemetry.context.context import Context
from opentelemetry.trace import SpanKind

from otel_bridge import redirects
from otel_bridge.instrumentation.http_client import OURSELVES, SUPPRESSIONS, Client, Guard
from otel_bridge.instrumentation.imports import when_imported
from otel_bridge.log import warn
from otel_bridge.model.translate import ClientRequest
from otel_bridge.model.translate.point import CAPTURE_LIMIT
from otel_bridge.redirects import Redirected, elsewhere, origin, origin_of
from otel_bridge.replacing import Replacements
from otel_bridge.settings import Settings
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.failure import type_name

_CLIENT = SpanKind.CLIENT
_SPAN_KEY = ctx.SPAN_KEY
_CHAIN = redirects.CHAIN
_get = ctx.get
_new = object.__new__
#: Characters of a method that are kept.
_LONGEST_METHOD = 64
#: urllib3's ``response.version`` as ``network.protocol.version``.
_VERSIONS = {10: "1.0", 11: "1.1", 20: "2"}


def guard(settings: Settings | None, replacements: Replacements) -> None:
    """Let no request take the trace in its headers where it may not go, whoever has put it there: elsewhere
    with a redirect, or to a host that ``propagate_to`` does not name. Makes no spans, and signs nothing.

    Args:
        settings: say where the trace may be carried; None: everywhere.
        replacements: takes back what is changed here.
    """
    watch(Guard(settings), replacements)


def watch(client: Client, replacements: Replacements) -> None:
    """Have ``client`` see all requests, of each library as soon as it has been imported."""
    replacements.at_undo(client.stop)
    attempts = _Attempts(client)

    def pools(module: ModuleType) -> None:
        from urllib3._collections import HTTPHeaderDict

        pool = module.HTTPConnectionPool
        records = client.unsuppressed is OURSELVES
        if records and "retries" not in signature(pool._make_request).parameters:
            warn("this version of urllib3 is not instrumented: it is older than 2.0")
            return
        attempts.multiple = HTTPHeaderDict
        replacements.wrap(pool, "_make_request", lambda found: _traced_request(found, attempts))
        if records:
            secure = module.HTTPSConnectionPool
            replacements.wrap(secure, "_prepare_proxy", lambda found: _traced_connect(found, attempts))

    def sessions(module: ModuleType) -> None:
        attempts.stored = module.CaseInsensitiveDict
        redirects.watch_requests(module, replacements)

    def keystone(module: ModuleType) -> None:
        redirects.watch_keystoneauth(module, replacements)

    when_imported("urllib3.connectionpool", pools)
    when_imported("requests.sessions", sessions)
    when_imported("keystoneauth1.session", keystone)


def _traced_request(send: Callable[..., Any], attempts: _Attempts) -> Callable[..., Any]:
    record = attempts.record

    def _make_request(pool: Any, conn: Any, method: Any, url: Any, *args: Any, **named: Any) -> Any:
        context = _get()
        if context.get(_SPAN_KEY) is None or args:  # urllib3 names what follows
            return send(pool, conn, method, url, *args, **named)
        return record(send, context, pool, conn, method, url, named)

    return _make_request


def _traced_connect(connect: Callable[..., Any], attempts: _Attempts) -> Callable[..., Any]:
    """A proxy that makes no tunnel lets no request be sent: the attempt ends here."""

    def _prepare_proxy(pool: Any, conn: Any) -> Any:
        context = _get()
        if context.get(_SPAN_KEY) is None:
            return connect(pool, conn)
        began = time_ns()
        try:
            return connect(pool, conn)
        except BaseException as exc:
            attempts.record_tunnel(context, pool, began, exc)
            raise

    return _prepare_proxy


class _Attempts:
    """Records the requests that connection pools send."""

    __slots__ = ("_client", "multiple", "stored")

    def __init__(self, client: Client) -> None:
        self._client = client
        #: urllib3's class of headers, in which a name may stand more than once.
        self.multiple: Any = dict
        #: The one of requests, once it is there.
        self.stored: Any = ()

    def record(
        self,
        send: Callable[..., Any],
        context: Context,
        pool: Any,
        conn: Any,
        method: Any,
        url: Any,
        named: dict[str, Any],
    ) -> Any:
        """Send a request where some span is current."""
        client = self._client
        if not client.active:
            return send(pool, conn, method, url, **named)
        recorder = client.unsuppressed if SUPPRESSIONS.isdisjoint(context) else client.recorder(context)
        span, point = None, _new(ClientRequest)
        try:
            # A slot never set is slow to read.
            point.status = point.protocol = point.query = point.error = point.origin = point.url = None
            point.method, point.path = method[:_LONGEST_METHOD], url[:CAPTURE_LIMIT]
            point.scheme, point.port = pool.scheme, pool.port
            point.host = host = pool.host
            headers, retries = named.get("headers"), named.get("retries")
            history = retries.history if retries else ()
            point.resend = len(history)
            moved = False
            chain: Any = context.get(_CHAIN)
            if (
                history
                or url[:1] != "/"
                or (chain is not None and chain.resends)
                or isinstance(headers, Redirected)
            ):
                host, moved = _look_closer(point, context, pool, url, headers, history)
            if recorder is OURSELVES:
                span = client.leaf(None, _CLIENT, point)
            carried = client.carried(recorder, context, span, host, moved)
            if carried is not None:
                named["headers"] = self._with(headers, *carried)
        except Exception as exc:  # a pool, or headers, of a kind that we do not know
            warn(f"an outgoing request could not be given its trace: {type_name(type(exc))}")
        if span is None:
            return send(pool, conn, method, url, **named)
        try:
            response = send(pool, conn, method, url, **named)
        except BaseException as exc:
            span.fail(exc)
            span.end()
            raise
        point.status = getattr(response, "status", None)
        point.protocol = _VERSIONS.get(getattr(response, "version", None) or 0)
        span.end()
        return response

    def _with(self, headers: Any, added: Mapping[str, str], removed: frozenset[str | bytes]) -> Any:
        """A copy of a request's headers with the trace in it, and without what of one was there before."""
        if headers is None:
            return dict(added)
        copy: Any
        if headers.__class__ is dict:
            copy = {name: value for name, value in headers.items() if name.lower() not in removed}
            copy.update(added)
            return copy
        if isinstance(headers, self.stored):  # its pairs as it has them, since a look-up is a dear one
            stored = headers._store.items()
            copy = {name: value for lower, (name, value) in stored if lower not in removed}
            copy.update(added)
            return copy
        copy = self.multiple()
        for name, value in headers.items():  # pairs, in which a name may come more than once
            if name.lower() not in removed:
                copy.add(name, value)
        copy.extend(added)
        return copy

    def record_tunnel(self, context: Context, pool: Any, began: int, error: BaseException) -> None:
        """Make the span of a CONNECT that has failed; ``began`` is in nanoseconds. Never raises."""
        try:
            if self._client.recorder(context) is not OURSELVES:
                return
            point: ClientRequest = _new(ClientRequest)
            point.status = point.protocol = point.query = point.error = point.origin = None
            point.path = point.url = point.resend = None
            point.method, point.scheme, point.host, point.port = "CONNECT", pool.scheme, pool.host, pool.port
            span = self._client.late_leaf(None, _CLIENT, point, began)
            if span is not None:
                span.fail(error)
                span.end()
        except Exception as exc:  # a pool, or a provider, of a kind that we do not know
            warn(f"a tunnel through a proxy could not be recorded: {type_name(type(exc))}")


def _look_closer(
    point: ClientRequest, context: Context, pool: Any, target: str, headers: Any, history: Any
) -> tuple[str, bool]:
    """Complete the point of a request that a proxy forwards, or that may not be the first one.

    Returns:
        The request's host, and whether it has left the origin that its caller named.
    """
    here = now = origin(pool.scheme, pool.host, pool.port)
    if not target.startswith("/"):  # the absolute one, for a proxy
        point.path, point.url = None, point.path
        found = origin_of(target)
        if found is None:  # where the proxy sends it we cannot know
            return "", True
        now = found
    first, resends = redirects.before(headers, context)
    point.resend = len(history) + resends
    if first is not None:
        return now[1], elsewhere(origin_of(first), now)
    for entry in history:
        if entry.redirect_location:
            # What a single pool follows by itself is given without an origin.
            return now[1], elsewhere(origin_of(entry.url or "") or here, now)
    return now[1], False
