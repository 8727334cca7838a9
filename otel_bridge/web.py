"""The HMAC gate as WSGI middleware, with the interface of ``osprofiler.web``.

A request without trace headers costs one dictionary look-up. One whose headers do not verify is served
untraced, without a word to the client. A verified one gets a SERVER span that is current while the
application and the iterator of its body run, and never longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanKind

from otel_bridge import gate
from otel_bridge.log import warn
from otel_bridge.model.translate import ServerRequest
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries, points, propagation
from otel_bridge.tracing.failure import type_name
from otel_bridge.tracing.spans import Span
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
#: Set in the environ of a traced request, so that a second filter in the same pipeline lets it through.
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
        application, serve = self.application, self._serve

        def gated(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            if SIGNED not in environ:
                return application(environ, start_response)
            return serve(environ, start_response)

        return gated

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if SIGNED not in environ:
            return self.application(environ, start_response)
        return self._serve(environ, start_response)

    def _serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """A request that claims to be signed."""
        keys = gate.keys(self.keys if self.enabled else None)
        if keys is None or _TRACED in environ:
            return self.application(environ, start_response)
        info = keys.verify(environ[SIGNED], environ.get(_HMAC, ""))
        if info is None:
            gate.count_refused()
            return self.application(environ, start_response)
        return self._serve_traced(environ, start_response, info)

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
            span = entry(
                info,
                None,
                _SERVER,
                point,
                None if traceparent is None else propagation.refined_parent(info, traceparent),
            )
            current = span if span.__class__ is Span else entries.span_of(span)
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
                _fail(span, point, exc)
            return start_response(status, response_headers, exc_info)

        token = ctx.set_(context)
        try:
            body = self.application(environ, started)
        except BaseException as exc:
            _note_routing(point, environ)
            _fail(span, point, exc)
            points.leave(token, context)
            span.end()
            raise
        points.leave(token, context)
        kind = body.__class__
        if kind is list or kind is tuple or _is_file(body, environ):
            span.end()
            return body
        return _Body(body, span, point, context)

    def _resolve(self) -> Any:
        provider = self._provider
        if provider is None:
            from otel_bridge.runtime import get_tracer_provider

            provider = get_tracer_provider()
        self._entry = entries.entry(provider.get_tracer("otel_bridge.web", __version__))
        return self._entry


class _Body:
    """The application's iterable: the span is current while it runs, and ends when it is closed."""

    __slots__ = ("_body", "_context", "_current", "_next", "_point", "_span")

    def __init__(self, body: Iterable[bytes], span: Any, point: ServerRequest, context: Context) -> None:
        self._body = body
        self._span = span
        self._point = point
        self._context = context
        #: What was current at the end of the last step: a span may be open from one chunk to a later one.
        self._current = context
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = ctx.set_(self._current)
        try:
            advance = self._next
            if advance is None:
                advance = self._next = iter(self._body).__next__
            return advance()
        except StopIteration:
            raise
        except BaseException as exc:
            _fail(self._span, self._point, exc)
            raise
        finally:
            self._current = ctx.get()
            ctx.detach(token)

    def close(self) -> None:
        token = ctx.set_(self._current)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as exc:
            _fail(self._span, self._point, exc)
            raise
        finally:
            self._current = ctx.get()
            ctx.detach(token)
            self._end()

    def _end(self) -> None:
        points.end_open(points.last(self._current), points.last(self._context))
        self._current = self._context
        self._span.end()

    def __del__(self) -> None:
        # A server that never closes the body would leave its request out of the trace. To end a span
        # takes no lock, so it may be done here; ending it twice does nothing.
        self._end()


def _fail(span: Any, point: ServerRequest, exc: BaseException) -> None:
    point.error = type_name(type(exc))
    span.fail(exc)


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
