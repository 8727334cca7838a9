"""Redirects: where a caller sent a request, and whether it is still going there.

Trace headers are for the origin that a caller named. A server there may redirect to any other one, and the
HTTP libraries copy on the way what stood in the headers. So each request that follows a redirect has to know
its first address:

- urllib3 keeps it in ``retries.history``;
- requests does not: its sessions are watched, and the headers of a redirected request are a
  :class:`Redirected`;
- keystoneauth1 follows redirects itself, with new requests: the current context tells (:data:`CHAIN`);
- so does httpx, within one call: the current context tells that, too, our own instrumentation and our
  propagator, where another one is in charge (:data:`NAMED`). What is left to the caller to follow has it in
  its extensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opentelemetry import context as context_api
from opentelemetry.context.context import Context

from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx
from otel_bridge.wire.destinations import plain_host

#: Where the context keeps the :class:`Chain` that a request of keystoneauth1 belongs to.
CHAIN: str = context_api.create_key("otel_bridge-redirects")

#: Where the context keeps the :class:`Hops` of what a caller of httpx has asked for.
NAMED: str = context_api.create_key("otel_bridge-named-origin")

#: The extension with the :class:`Hops` before a request that httpx leaves to its caller to send.
_FOLLOWING = "otel_bridge.following"

_PORTS = {"http": 80, "https": 443}
#: Scheme, host and port.
Origin = tuple[str, str, int | None]


class Redirected:
    """Mixin of headers whose request follows a redirect."""

    #: The URL that the caller had asked for.
    first: str
    #: How many requests went out before this one.
    resends: int


class Chain(NamedTuple):
    """Requests of keystoneauth1 that follow from one another, by redirects and retries."""

    #: The one dict of headers that they share.
    headers: Any
    first: str
    resends: int


class Hops:
    """One call of httpx: the origin that its caller has named, and how often it was sent so far."""

    __slots__ = ("first", "sent")

    def __init__(self, first: Origin, sent: int = 0) -> None:
        self.first = first
        self.sent = sent


def origin(scheme: Any, host: Any, port: Any) -> Origin:
    """An origin in the one spelling that can be compared."""
    scheme = str(scheme or "").lower()
    return scheme, plain_host(str(host or "")), port or _PORTS.get(scheme)


def origin_of(url: str) -> Origin | None:
    """The origin of an absolute URL; None for what is none."""
    try:
        parts = urlsplit(url)
        return origin(parts.scheme, parts.hostname, parts.port) if parts.hostname else None
    except ValueError:
        return None


def elsewhere(first: Origin | None, now: Origin | None) -> bool:
    """Whether a request has left the origin that its caller named.

    From ``http`` to ``https`` on the same host with the usual ports is the same place, as it is for
    ``Authorization`` headers.
    """
    if first is None or now is None:
        return True
    if first == now:
        return False
    return not (first[1] == now[1] and first[::2] == ("http", 80) and now[::2] == ("https", 443))


def before(headers: Any, context: Context) -> tuple[str | None, int]:
    """The first URL of what a request follows from (None: from nothing), and how many there were before."""
    if isinstance(headers, Redirected):
        return headers.first, headers.resends
    chain: Any = context.get(CHAIN)
    # Within the first request of a chain nothing has been redirected; what else is sent there is on its own.
    return (chain.first, chain.resends) if chain is not None and chain.resends else (None, 0)


def watch_requests(sessions: ModuleType, replacements: Replacements) -> None:
    """Have ``requests.sessions`` mark the requests that follow a redirect.

    Two of the methods that it calls on each of them are used: applications replace one or the other.
    """
    plain = sessions.CaseInsensitiveDict

    class RedirectedHeaders(Redirected, plain):  # type: ignore[misc, valid-type]
        def copy(self) -> RedirectedHeaders:
            return _redirected(self, self.first, self.resends)

        def __reduce__(self) -> Any:  # responses are pickled, and with them their requests
            return plain, (dict(self.items()),)

    def _redirected(headers: Mapping[str, Any], first: str, resends: int) -> RedirectedHeaders:
        made = RedirectedHeaders(headers.items())
        made.first, made.resends = first, resends
        return made

    def mark(prepared: Any, response: Any) -> None:
        found = prepared.headers
        if ctx.get().get(ctx.SPAN_KEY) is None or not isinstance(found, plain):
            return
        history = response.history
        first = found.first if isinstance(found, Redirected) else (history or [response])[0].request.url
        prepared.headers = _redirected(found, first, len(history) + 1)

    def watched(found: Callable[..., Any]) -> Callable[..., Any]:
        def rebuild(session: Any, prepared_request: Any, response: Any, *args: Any, **named: Any) -> Any:
            with suppress(Exception):  # a request or response of somebody's own kind
                mark(prepared_request, response)
            return found(session, prepared_request, response, *args, **named)

        return rebuild

    for name in ("rebuild_method", "rebuild_auth"):
        replacements.wrap(sessions.SessionRedirectMixin, name, watched)


def watch_keystoneauth(session: ModuleType, replacements: Replacements) -> None:
    """Have ``keystoneauth1.session`` say which requests follow from one another: it calls itself for each."""
    # Where it is watched twice, each one counts by itself: both see every call.
    own = context_api.create_key("otel_bridge-redirects-watched")

    def watched(send: Callable[..., Any]) -> Callable[..., Any]:
        def _send_request(self: Any, url: Any, *args: Any, **named: Any) -> Any:
            context = ctx.get()
            if context.get(ctx.SPAN_KEY) is None:
                return send(self, url, *args, **named)
            headers = named.get("headers")
            chain: Any = context.get(own)
            if chain is not None and headers is not None and chain.headers is headers:
                chain = Chain(headers, chain.first, chain.resends + 1)
            else:
                chain = Chain(headers, url, 0)
            token = ctx.set_(Context({**context, own: chain, CHAIN: chain}))
            try:
                return send(self, url, *args, **named)
            finally:
                ctx.detach(token)

        return _send_request

    replacements.wrap(session.Session, "_send_request", watched)


def watch_httpx(httpx: ModuleType, replacements: Replacements) -> None:
    """Have the current context say which origin a caller of httpx has named, while redirects are followed."""

    def watched(send: Callable[..., Any]) -> Callable[..., Any]:
        def _send_handling_redirects(client: Any, request: Any, *args: Any, **named: Any) -> Any:
            hops = _begin(request, named)
            if hops is None:
                return send(client, request, *args, **named)
            token = ctx.set_(Context({**ctx.get(), NAMED: hops}))
            try:
                response = send(client, request, *args, **named)
            finally:
                ctx.detach(token)
            _leave(hops, response)
            return response

        return _send_handling_redirects

    def watched_async(send: Callable[..., Any]) -> Callable[..., Any]:
        async def _send_handling_redirects(client: Any, request: Any, *args: Any, **named: Any) -> Any:
            hops = _begin(request, named)
            if hops is None:
                return await send(client, request, *args, **named)
            token = ctx.set_(Context({**ctx.get(), NAMED: hops}))
            try:
                response = await send(client, request, *args, **named)
            finally:
                ctx.detach(token)
            _leave(hops, response)
            return response

        return _send_handling_redirects

    replacements.wrap(httpx.Client, "_send_handling_redirects", watched)
    replacements.wrap(httpx.AsyncClient, "_send_handling_redirects", watched_async)


def origin_of_httpx(url: Any) -> Origin:
    """The origin of an ``httpx.URL``, as it is connected to: what it shows of an internationalised name can
    be read as another one."""
    return origin(url.scheme, url.raw_host.decode("ascii"), url.port)


def _begin(request: Any, named: Mapping[str, Any]) -> Hops | None:
    """What a request of httpx begins, with these named arguments; None where nothing is traced."""
    if ctx.get().get(ctx.SPAN_KEY) is None:
        return None
    with suppress(Exception):  # a request of another make than we know
        before = request.extensions.get(_FOLLOWING)
        if isinstance(before, Hops):
            return Hops(before.first, before.sent)
        # Who authenticates may send the same one again.
        sent = sum(response.request is request for response in named["history"])
        return Hops(origin_of_httpx(request.url), sent)
    return None


def _leave(hops: Hops, response: Any) -> None:
    """Note in a redirected request, which the caller may send or not, what it follows from."""
    with suppress(Exception):  # a response of another make
        following = response.next_request
        if following is not None:
            note = Hops(hops.first, max(hops.sent, 1))
            following.extensions = {**following.extensions, _FOLLOWING: note}
