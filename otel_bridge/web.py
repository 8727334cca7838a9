"""The HMAC gate as WSGI middleware, with the interface of ``osprofiler.web``.

A request without trace headers costs one dictionary look-up and a look whether there is a policy about such
requests (:mod:`otel_bridge.policy`). One whose headers do not verify is served untraced, without a word to
the client. A verified one gets a SERVER span that is current while the application and the iterator of its
body run, and never longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanKind

from otel_bridge import gate
from otel_bridge.gate import unsigned
from otel_bridge.log import warn
from otel_bridge.model.translate import ServerRequest
from otel_bridge.traced_body import Body, fail
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries, points, propagation
from otel_bridge.tracing.failure import type_name
from otel_bridge.tracing.spans import Span
from otel_bridge.unsigned import admit
from otel_bridge.version import __version__
from otel_bridge.wire.signing import TRACE_HMAC_HEADER, TRACE_INFO_HEADER, KeyRing, TraceInfo

StartResponse = Callable[..., Any]
Environ = dict[str, Any]
WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]

#: Names of the headers, as in ``osprofiler.web``.
X_TRACE_INFO: Final = TRACE_INFO_HEADER
X_TRACE_HMAC: Final = TRACE_HMAC_HEADER

#: Key of the environ without which a request is none of ours.
SIGNED: Final = "HTTP_X_TRACE_INFO"
_HMAC: Final = "HTTP_X_TRACE_HMAC"
_FRESHNESS: Final = "HTTP_X_TRACE_FRESHNESS"
#: Set in the environ of a request that was decided about, so that a second filter in the same pipeline lets
#: it through: whether it is traced.
_TRACED: Final = "otel_bridge.traced"

_SERVER = SpanKind.SERVER
_new = object.__new__
_TRUE = frozenset(("1", "t", "true", "on", "y", "yes"))


def enable(hmac_keys: str | None = None) -> None:
    """Switch every middleware of this process on, with these keys (``osprofiler.web.enable``)."""
    gate.enable(KeyRing.parse(hmac_keys))


def disable() -> None:
    """Switch every middleware of this process off (``osprofiler.web.disable``)."""
    gate.disable()


def get_trace_id_headers() -> dict[str, str]:
    """Headers that make the receiver of a request part of this trace; empty when nothing is traced.

    A drop-in for ``osprofiler.web.get_trace_id_headers``, with ``traceparent`` beside the signed pair.
    """
    found = propagation.outgoing()
    return {} if found is None else propagation.headers(*found)


class WsgiMiddleware:
    """WSGI middleware that opens a trace for requests signed with an HMAC key.

    Constructor and :meth:`factory` take what ``osprofiler.web.WsgiMiddleware`` takes. Keys and the switch
    come from :func:`otel_bridge.setup` or :func:`enable` where one of them was called, as there; what the
    paste file says counts otherwise.
    """

    def __init__(
        self,
        application: WSGIApplication,
        hmac_keys: str | None = None,
        enabled: bool | str = False,
        tracer_provider: api.TracerProvider | None = None,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            application: what to wrap.
            hmac_keys: comma separated keys.
            enabled: whether to trace; from a paste file any usual word for yes.
            tracer_provider: makes the spans; the process's own by default.
            kwargs: other entries of a paste file; not used.
        """
        self.application = application
        self.enabled = enabled.strip().lower() in _TRUE if isinstance(enabled, str) else bool(enabled)
        self.keys = KeyRing.parse(hmac_keys)
        self._provider = tracer_provider
        self._entry: Any = None

    @classmethod
    def factory(
        cls, global_conf: dict[str, Any] | None = None, **local_conf: Any
    ) -> Callable[[WSGIApplication], WSGIApplication]:
        """``paste.filter_factory``: gives :meth:`as_function` of a middleware around the application."""

        def filter_(application: WSGIApplication) -> WSGIApplication:
            return cls(application, **local_conf).as_function()

        return filter_

    def as_function(self) -> WSGIApplication:
        """This middleware as a plain function.

        With the gate closed, Python takes longer to call an object than we take to decide.
        """
        application, serve, decide, policy = self.application, self._serve, self._serve_unsigned, unsigned

        def gated(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if SIGNED in environ:
                return serve(environ, start_response)
            if policy:
                return decide(environ, start_response)
            return application(environ, start_response)

        return gated

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if SIGNED in environ:
            return self._serve(environ, start_response)
        if unsigned:
            return self._serve_unsigned(environ, start_response)
        return self.application(environ, start_response)

    def _serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """A request that claims to be signed."""
        keys = gate.keys(self.keys if self.enabled else None)
        if keys is None or _TRACED in environ:
            return self.application(environ, start_response)
        packed, mac = environ[SIGNED], environ.get(_HMAC, "")
        info = keys.verify(packed, mac)
        if info is None:
            gate.count_refused()
            return self.application(environ, start_response)
        around = ctx.get()
        if around and _is_served(info, around):
            environ[_TRACED] = True
            return self.application(environ, start_response)
        if gate.window is not None and not gate.is_fresh(packed, mac, environ.get(_FRESHNESS, ""), info.key):
            environ[_TRACED] = False  # or a second filter would tell that it has been used
            return self.application(environ, start_response)
        return self._serve_traced(environ, start_response, info)

    def _serve_unsigned(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Any other request, where there is a policy about these."""
        if _TRACED in environ:
            return self.application(environ, start_response)
        try:
            info = admit(environ, self.keys if self.enabled else None)
        except Exception as exc:  # an environ of a strange server: not worth the request
            warn(f"an unsigned request could not be decided about: {type_name(type(exc))}")
            info = None
        if info is not None:
            return self._serve_traced(environ, start_response, info)
        environ[_TRACED] = False  # or a second filter would cast the dice again
        return self.application(environ, start_response)

    def _serve_traced(
        self, environ: Environ, start_response: StartResponse, info: TraceInfo
    ) -> Iterable[bytes]:
        look = environ.get
        point: ServerRequest = _new(ServerRequest)
        # Before the application runs: routers rewrite the path.
        point.method = look("REQUEST_METHOD")
        point.script = look("SCRIPT_NAME")
        point.path = look("PATH_INFO")
        point.query = look("QUERY_STRING")
        point.scheme = look("wsgi.url_scheme")
        point.host = look("HTTP_HOST") or look("SERVER_NAME")
        point.port = look("SERVER_PORT")
        point.client = look("REMOTE_ADDR")
        point.agent = look("HTTP_USER_AGENT")
        point.protocol = look("SERVER_PROTOCOL")
        point.global_request_id = look("HTTP_X_OPENSTACK_REQUEST_ID")
        # What may stay unknown is said so: a slot never set is slow to read.
        point.status = point.route = point.request_id = point.project_id = None
        point.error = point.origin = None
        traceparent = look("HTTP_TRACEPARENT")
        try:
            entry = self._entry or self._resolve()
            parent_id = link = None
            if traceparent is not None and SIGNED in environ:  # on its own it is untrusted input
                parent_id, link = propagation.parent_or_link(info, traceparent)
            span = entry(info, None, _SERVER, point, parent_id)
            current = span if span.__class__ is Span else entries.span_of(span)
            if link is not None:
                current.add_link(link)
            context = ctx.with_request(ctx.get(), current, info)
        except Exception as exc:  # a sampler, a provider, the configuration: not worth the request
            warn(f"a request was served untraced, its span could not be made: {type_name(type(exc))}")
            return self.application(environ, start_response)
        environ[_TRACED] = True

        # By these names a server may be called, too, although PEP 3333 wants positions.
        def started(status: str, response_headers: Any, exc_info: Any = None) -> Any:
            point.status = status
            _note_routing(point, environ)
            if not exc_info:
                return start_response(status, response_headers)
            exc = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else None
            if isinstance(exc, BaseException):
                fail(span, point, exc)
            return start_response(status, response_headers, exc_info)

        token = ctx.set_(context)
        try:
            body = self.application(environ, started)
        except BaseException as exc:
            _note_routing(point, environ)
            fail(span, point, exc)
            points.leave(token, context)
            span.end()
            raise
        points.leave(token, context)
        kind = body.__class__
        if kind is list or kind is tuple or _is_file(body, environ):
            span.end()
            return body
        return Body(body, span, point, context)

    def _resolve(self) -> Any:
        provider = self._provider
        if provider is None:
            from otel_bridge.runtime import get_tracer_provider

            provider = get_tracer_provider()
        self._entry = entries.entry(provider.get_tracer("otel_bridge.web", __version__))
        return self._entry


def _is_served(info: TraceInfo, around: Context) -> bool:
    """Whether a span has been made for the request already: by OpenTelemetry's own instrumentation of WSGI,
    around us, with our propagator. What this process sends to itself has another parent."""
    if ctx.trace_info(around) != info:
        return False
    span = around.get(ctx.SPAN_KEY)
    return isinstance(span, api.Span) and span.is_recording()


def _note_routing(point: ServerRequest, environ: Environ) -> None:
    """What routers and request-id middleware have left in the environ.

    Read while the application answers: Flask takes its request away before it returns.
    """
    look = environ.get
    point.request_id = look("openstack.request_id")
    point.project_id = look("HTTP_X_PROJECT_ID")
    route = look("routes.route")
    try:
        if route is not None:
            template = getattr(route, "routepath", None)
        else:
            request = look("werkzeug.request")
            template = None if request is None else getattr(getattr(request, "url_rule", None), "rule", None)
        if type(template) is str:
            point.route = (look("SCRIPT_NAME") or "") + (template if template[:1] == "/" else "/" + template)
    except Exception:  # other people's objects: then the request has no route
        return


def _is_file(body: Any, environ: Environ) -> bool:
    """Whether the server may have its own way of sending ``body``, which a wrapper would take from it."""
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return False
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    # A function: uWSGI's gives the file itself back, mod_wsgi's an object that knows the file.
    return hasattr(body, "read") or hasattr(body, "filelike")
