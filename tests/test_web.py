"""web.py: the gate as WSGI middleware."""

import contextvars
import gc
import io
import threading
import time
from types import SimpleNamespace
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from osprofiler import _utils as upstream

from otel_bridge import gate, profiler, web
from otel_bridge.policy import Policy, Rule, parse_network
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import points, propagation
from otel_bridge.wire import freshness, ids, signing
from otel_bridge.wire.signing import Key, KeyRing

BASE, PARENT = "0af76519-16cd-43dd-8448-eb211c80319c", "11111111-2222-4333-8444-555555555555"


def request(path="/v2.1/servers", method="GET", key="key", parent=PARENT, **extra):
    """The environ of a request, signed unless ``key`` is None."""
    environ = {"PATH_INFO": path, "SCRIPT_NAME": "", "REQUEST_METHOD": method, "QUERY_STRING": "", **extra}
    setup_testing_defaults(environ)
    if key is not None:
        info, mac = signing.pack(BASE, parent, Key(key))
        environ.update(HTTP_X_TRACE_INFO=info, HTTP_X_TRACE_HMAC=mac)
    return environ


class Response:
    def __init__(self, app, environ):
        self.status = None
        self.written = []
        self.body = app(environ, self.start)

    def start(self, status, headers, exc_info=None):
        self.status = status
        return self.written.append

    def read(self):
        try:
            return b"".join(self.written) + b"".join(self.body)
        finally:
            if hasattr(self.body, "close"):
                self.body.close()


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def gated(provider):
    def make(app, **arguments):
        return web.WsgiMiddleware(
            app, **{"hmac_keys": "key", "enabled": True, "tracer_provider": provider, **arguments}
        )

    return make


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_request_that_is_served_in_a_span_already_gets_no_second_one(gated, sink, provider, seconds):
    """OpenTelemetry's own WSGI instrumentation may be around us, with our propagator."""
    environ = request()
    before = gate.refused.value()
    propagator = propagation.OSProfilerPropagator(KeyRing.parse("key"))
    carrier = {
        signing.TRACE_INFO_HEADER: environ["HTTP_X_TRACE_INFO"],
        signing.TRACE_HMAC_HEADER: environ["HTTP_X_TRACE_HMAC"],
    }
    gate.enable(KeyRing.parse("key"))
    gate.require_fresh(seconds)
    token = context_api.attach(propagator.extract(carrier, Context()))
    try:
        with provider.get_tracer("theirs").start_as_current_span("theirs", kind=SpanKind.SERVER):
            assert Response(gated(hello), environ).read() == b"hello"
    finally:
        context_api.detach(token)
    assert [span.name for span in sink.spans] == ["theirs"]
    assert gate.refused.value() == before, "it has been used there, and not again"


def test_what_a_service_sends_to_itself_is_served_in_a_span_of_its_own(gated, sink):
    inner = gated(hello)

    def outer(environ, start_response):
        environ = request(key=None)
        for name, value in web.get_trace_id_headers().items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        return [Response(inner, environ).read()]

    Response(gated(outer), request()).read()
    below, above = sink.spans
    assert below.parent.span_id == above.context.span_id


def test_a_signed_request_is_a_server_span_below_its_parent(gated, sink):
    assert Response(gated(hello), request()).read() == b"hello"
    (span,) = sink.spans
    assert (span.name, span.kind) == ("GET /v2.1/servers", SpanKind.SERVER)
    assert span.context.trace_id == ids.trace_id(BASE)
    assert (span.parent.span_id, span.parent.is_remote) == (ids.span_id(PARENT), True)
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["url.path"] == "/v2.1/servers"


UNTRACED = {
    "no header": request(key=None),
    "wrong key": request(key="other"),
    "no signature": {k: v for k, v in request().items() if k != "HTTP_X_TRACE_HMAC"},
    "repeated header": {**request(), "HTTP_X_TRACE_HMAC": ",".join([request()["HTTP_X_TRACE_HMAC"]] * 2)},
    "repeated info": {**request(), "HTTP_X_TRACE_INFO": ",".join([request()["HTTP_X_TRACE_INFO"]] * 2)},
    "oversized": {**request(), "HTTP_X_TRACE_INFO": "x" * 100000},
    "not ASCII": {**request(), "HTTP_X_TRACE_INFO": "\xe9" * 100},
    "traceparent only": request(key=None, HTTP_TRACEPARENT=f"00-{ids.trace_id(BASE):032x}-{1:016x}-01"),
}


@pytest.mark.parametrize("environ", UNTRACED.values(), ids=UNTRACED)
def test_any_other_request_is_served_untraced(gated, sink, environ):
    seen = []

    def app(environ, start_response):
        seen.append(dict(context_api.get_current()))
        return hello(environ, start_response)

    assert Response(gated(app), dict(environ)).read() == b"hello"
    assert (sink.spans, seen) == ([], [{}])


def test_a_refused_request_is_told_nothing_and_the_operator_no_secret(gated, caplog, monkeypatch):
    from otel_bridge import log

    monkeypatch.setattr(log, "_last", {})
    before = gate.refused.value()
    for _ in range(3):
        response = Response(gated(hello, hmac_keys="top-secret"), request(key="guess"))
        assert (response.status, response.read()) == ("200 OK", b"hello")
    assert gate.refused.value() == before + 3
    (line,) = [record.getMessage() for record in caplog.records]
    assert "hmac_keys" in line
    assert "top-secret" not in line
    assert "guess" not in line
    assert request(key="guess")["HTTP_X_TRACE_HMAC"] not in line


@given(st.text(max_size=200), st.text(max_size=80))
def test_no_header_raises(info, mac):
    app = web.WsgiMiddleware(hello, hmac_keys="key", enabled=True, tracer_provider=api.NoOpTracerProvider())
    environ = {**request(key=None), "HTTP_X_TRACE_INFO": info, "HTTP_X_TRACE_HMAC": mac}
    assert Response(app, environ).read() == b"hello"


def test_as_a_plain_function_it_is_the_same_gate(gated, sink):
    app = gated(hello).as_function()
    for environ in (request(), request(key=None), request(key="other")):
        assert Response(app, environ).read() == b"hello"
    assert len(sink.spans) == 1


def test_a_closed_gate_hands_over_the_very_same_objects(gated):
    environ, start = request(key=None), object()
    seen = []
    gated(lambda *args: seen.extend(args) or [])(environ, start)
    assert seen[0] is environ
    assert seen[1] is start


@pytest.mark.parametrize(
    ("enabled", "traced"),
    [(True, 1), (False, 0), ("yes", 1), ("True", 1), ("on", 1), ("no", 0), ("false", 0), ("0", 0), ("", 0)],
)
def test_the_switch_of_the_paste_file(gated, sink, enabled, traced):
    Response(gated(hello, enabled=enabled), request()).read()
    assert len(sink.spans) == traced


def test_without_keys_nothing_is_traced(gated, sink):
    Response(gated(hello, hmac_keys=None), request()).read()
    Response(gated(hello, hmac_keys=" , "), request()).read()
    assert sink.spans == []


def test_enable_and_disable_decide_for_the_process(gated, sink):
    app = gated(hello, hmac_keys="own", enabled=False)
    web.enable("key,other")
    Response(app, request()).read()
    assert len(sink.spans) == 1
    web.disable()
    Response(app, request()).read()
    assert len(sink.spans) == 1


def test_the_factory_is_one_of_paste_deploys(sink, provider):
    options = {"hmac_keys": "key", "enabled": "yes", "unknown": "x", "tracer_provider": provider}
    app = web.WsgiMiddleware.factory({"here": "x"}, **options)(hello)
    Response(app, request()).read()
    assert len(sink.spans) == 1


def test_its_interface_is_osprofilers():
    import inspect

    from osprofiler import web as theirs

    wanted = list(inspect.signature(theirs.WsgiMiddleware.__init__).parameters)
    ours = list(inspect.signature(web.WsgiMiddleware.__init__).parameters)
    assert [name for name in ours if name in wanted] == wanted
    assert (web.X_TRACE_INFO, web.X_TRACE_HMAC) == (theirs.X_TRACE_INFO, theirs.X_TRACE_HMAC)


def test_several_keys_and_the_one_that_verified_signs_on(gated):
    headers = {}

    def app(environ, start_response):
        headers.update(web.get_trace_id_headers())
        return hello(environ, start_response)

    Response(gated(app, hmac_keys="a,key"), request()).read()
    found = upstream.signed_unpack(headers["X-Trace-Info"], headers["X-Trace-HMAC"], ["key"])
    assert found["base_id"] == BASE


def test_the_span_is_current_in_the_application_and_not_after(gated, sink):
    seen = []

    def app(environ, start_response):
        seen.append(api.get_current_span())
        return hello(environ, start_response)

    Response(gated(app), request()).read()
    assert seen == sink.spans
    assert context_api.get_current() == {}


def test_a_generator_body_is_inside_the_span(gated, sink):
    seen = []

    def app(environ, start_response):
        start_response("200 OK", [])
        seen.append(api.get_current_span())
        yield b"a"
        seen.append(api.get_current_span())
        yield b"b"

    response = Response(gated(app), request())
    assert sink.spans == []
    assert response.read() == b"ab"
    assert seen == [sink.spans[0]] * 2
    assert sink.spans[0].attributes["http.response.status_code"] == 200


def test_between_two_chunks_nothing_is_attached(gated):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"a"
        yield b"b"

    for _chunk in Response(gated(app), request()).body:
        assert context_api.get_current() == {}


def test_a_body_closed_without_being_iterated_ends_the_span_and_is_closed(gated, sink):
    closed = []

    class Body:
        def __iter__(self):
            return iter([b"x"])

        def close(self):
            closed.append(api.get_current_span())

    def app(environ, start_response):
        start_response("204 No Content", [])
        return Body()

    Response(gated(app), request()).body.close()
    assert closed == sink.spans
    assert len(sink.spans) == 1


def test_a_body_that_is_never_closed_still_ends_the_span(gated, sink):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"x"

    response = Response(gated(app), request())
    next(iter(response.body))
    del response
    gc.collect()
    assert len(sink.spans) == 1


def test_write_is_inside_the_span(gated, sink):
    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(b"written ")
        assert api.get_current_span().is_recording()
        return [b"returned"]

    assert Response(gated(app), request()).read() == b"written returned"
    assert sink.spans[0].attributes["http.response.status_code"] == 200


def test_head_has_a_span_like_any_other(gated, sink):
    def app(environ, start_response):
        start_response("200 OK", [])
        return []

    Response(gated(app), request(method="HEAD")).read()
    assert sink.spans[0].attributes["http.request.method"] == "HEAD"


def test_an_exception_of_the_application_goes_on_and_is_recorded(gated, sink):
    def app(environ, start_response):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Response(gated(app), request())
    (span,) = sink.spans
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "ValueError"
    assert context_api.get_current() == {}


def test_an_exception_in_the_body_goes_on_and_is_recorded(gated, sink):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"x"
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        Response(gated(app), request()).read()
    assert sink.spans[0].status.description == "ValueError: late"
    assert context_api.get_current() == {}


def test_an_exception_while_closing_goes_on_and_the_span_ends(gated, sink):
    class Body:
        def __iter__(self):
            return iter([])

        def close(self):
            raise OSError("close")

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body()

    with pytest.raises(OSError, match="close"):
        Response(gated(app), request()).read()
    assert len(sink.spans) == 1


def test_an_error_reported_by_exc_info_is_recorded(gated, sink):
    def app(environ, start_response):
        try:
            raise KeyError("k")
        except KeyError:
            import sys

            start_response("500 Oops", [], sys.exc_info())
        return [b"sorry"]

    Response(gated(app), request()).read()
    assert sink.spans[0].attributes["error.type"] == "KeyError"
    assert sink.spans[0].attributes["http.response.status_code"] == 500


@pytest.mark.parametrize(
    ("status", "error"), [("200 OK", False), ("404 Not Found", False), ("503 Busy", True)]
)
def test_a_server_error_is_an_error_of_the_server_and_a_client_error_not(gated, sink, status, error):
    def app(environ, start_response):
        start_response(status, [])
        return []

    Response(gated(app), request()).read()
    (span,) = sink.spans
    span._render()
    assert (span.status.status_code is StatusCode.ERROR) == error
    assert span.attributes.get("error.type") == (status[:3] if error else None)


def test_the_route_comes_from_the_routes_package(gated, sink):
    import routes
    from routes.middleware import RoutesMiddleware

    mapper = routes.Mapper()
    mapper.connect("/servers/{id}", controller="servers", action="show")
    Response(gated(RoutesMiddleware(hello, mapper)), request("/servers/7b1f", SCRIPT_NAME="/v2.1")).read()
    assert sink.spans[0].attributes["http.route"] == "/v2.1/servers/{id}"
    assert sink.spans[0].name == "GET /v2.1/servers/{id}"


def test_the_route_comes_from_flask(gated, sink):
    import flask

    app = flask.Flask("t")
    app.add_url_rule("/things/<int:number>", view_func=lambda number: "ok")
    Response(gated(app), request("/things/5")).read()
    assert sink.spans[0].attributes["http.route"] == "/things/<int:number>"


def test_without_a_router_there_is_no_route(gated, sink):
    Response(gated(hello), request("/servers/1234")).read()
    assert "http.route" not in sink.spans[0].attributes
    assert sink.spans[0].name == "GET /servers/{id}"


def test_request_ids_are_taken_from_the_environ(gated, sink):
    def app(environ, start_response):
        environ["openstack.request_id"] = "req-1"
        return hello(environ, start_response)

    Response(gated(app), request(HTTP_X_OPENSTACK_REQUEST_ID="req-0", HTTP_X_PROJECT_ID="p")).read()
    shown = sink.spans[0].attributes
    assert shown["openstack.request_id"] == "req-1"
    assert shown["openstack.global_request_id"] == "req-0"
    assert shown["openstack.project_id"] == "p"


def test_a_traceparent_of_the_signed_trace_refines_the_parent(gated, sink):
    header = f"00-{ids.trace_id(BASE):032x}-00000000000000aa-01"
    Response(gated(hello), request(HTTP_TRACEPARENT=header)).read()
    assert sink.spans[0].parent.span_id == 0xAA


def test_a_traceparent_that_names_no_span_leaves_the_signed_parent(gated, sink):
    header = f"00-{ids.trace_id(BASE):032x}-{ids.stand_in(ids.trace_id(BASE)):016x}-01"
    Response(gated(hello), request(HTTP_TRACEPARENT=header)).read()
    assert sink.spans[0].parent.span_id == ids.span_id(PARENT)
    assert list(sink.spans[0].links) == []


def test_a_second_filter_in_the_pipeline_adds_nothing(gated, sink):
    Response(gated(gated(hello)), request()).read()
    assert len(sink.spans) == 1


def test_a_second_filter_does_not_refuse_what_the_first_has_refused(gated, sink):
    """A signed request that is not fresh counts once."""
    gate.require_fresh(60)
    before = gate.refused.value()
    assert Response(gated(gated(hello)), request()).read() == b"hello"
    assert sink.spans == []
    assert gate.refused.value() == before + 1


def test_a_file_is_handed_to_the_server_as_it_is(gated, sink):
    file = FileWrapper(io.BytesIO(b"x"))
    file.read = None

    def app(environ, start_response):
        start_response("200 OK", [])
        return file

    environ = request(**{"wsgi.file_wrapper": FileWrapper})
    assert gated(app)(environ, lambda *args: None) is file
    assert len(sink.spans) == 1


def test_a_point_without_a_stop_ends_with_the_request(gated, sink, own_profiler):
    def app(environ, start_response):
        profiler.start("abandoned")
        return hello(environ, start_response)

    Response(gated(app), request()).read()
    assert sink.named("abandoned").attributes[points.INCOMPLETE] is True
    assert context_api.get_current() == {}


def test_keep_alive_threads_keep_nothing(gated, sink):
    def work():
        for _ in range(20):
            Response(gated(hello), request()).read()
            assert context_api.get_current() == {}
            Response(gated(hello), request(key=None)).read()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sink.spans) == 80


@pytest.mark.parametrize("key", ["key", None])
def test_it_keeps_to_the_letter_of_wsgi(gated, key):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a", b"b"])

    environ = request(key=key)
    assert Response(validator(gated(validator(app))), environ).read() == b"ab"


def test_it_runs_on_the_sdks_provider_too():
    memory = InMemorySpanExporter()
    sdk = SdkProvider(shutdown_on_exit=False)
    sdk.add_span_processor(SimpleSpanProcessor(memory))
    seen = []

    def app(environ, start_response):
        seen.append(api.get_current_span().get_span_context())
        start_response("503 Busy", [])
        return []

    Response(web.WsgiMiddleware(app, "key", True, tracer_provider=sdk), request()).read()
    (span,) = memory.get_finished_spans()
    assert seen == [span.context]
    assert (span.name, span.parent.span_id, span.context.trace_id) == (
        "GET /v2.1/servers",
        ids.span_id(PARENT),
        ids.trace_id(BASE),
    )
    assert span.status.status_code is StatusCode.ERROR


def test_no_trace_no_headers():
    assert web.get_trace_id_headers() == {}


def test_the_keys_do_not_show():
    app = web.WsgiMiddleware(hello, hmac_keys="top-secret", enabled=True)
    assert "top-secret" not in repr(app) + repr(vars(app)) + repr(KeyRing.parse("top-secret"))


@pytest.mark.parametrize("exc_info", [(None, None, None), ()])
def test_exc_info_without_an_exception_is_none(gated, sink, exc_info):
    """Applications hand sys.exc_info() over whether or not there is an exception."""

    def app(environ, start_response):
        start_response("200 OK", [], exc_info)
        return [b"x"]

    assert Response(gated(app), request()).read() == b"x"
    assert sink.spans[0].status.status_code is StatusCode.UNSET


def test_start_response_may_be_called_with_keywords(gated, sink):
    """Not to the letter of PEP 3333, but every server takes it; tracing must not break it."""

    def app(environ, start_response):
        try:
            raise ValueError("v")
        except ValueError as exc:
            start_response("500 x", [], exc_info=(type(exc), exc, None))
        return [b"x"]

    assert Response(gated(app), request()).read() == b"x"
    assert sink.spans[0].attributes["error.type"] == "ValueError"


class Broken:
    """A provider whose spans cannot be made."""

    def get_tracer(self, *args):
        raise RuntimeError("no")


def test_a_span_that_cannot_be_made_does_not_cost_the_request(gated):
    """Sampler, provider, configuration: whatever fails while a span is set up, the request is served."""
    assert Response(gated(hello, tracer_provider=Broken()), request()).read() == b"hello"


@pytest.mark.parametrize("key", ["routes.route", "werkzeug.request"])
def test_a_router_that_cannot_be_asked_does_not_cost_the_request(gated, key, sink):
    """Objects in the environ are other people's."""

    class Router:
        @property
        def routepath(self):
            raise RuntimeError("no")

        url_rule = routepath

    environ = request()
    environ[key] = Router()
    assert Response(gated(hello), environ).read() == b"hello"
    assert len(sink.spans) == 1


def test_an_odd_script_name_does_not_cost_the_request(gated):
    """SCRIPT_NAME is not our business where it is no text."""
    environ = request()
    environ.update({"SCRIPT_NAME": b"/x", "routes.route": SimpleNamespace(routepath="/y")})
    assert Response(gated(hello), environ).read() == b"hello"


def test_a_span_around_several_chunks_is_the_parent_of_what_is_done_between(gated, sink, provider):
    """A streaming body keeps its own context from one chunk to the next; the server's thread none."""
    tracer = provider.get_tracer("test")

    def body():
        with tracer.start_as_current_span("stream"):
            yield b"a"
            with tracer.start_as_current_span("chunk"):
                pass
            yield b"b"
        with tracer.start_as_current_span("after"):
            pass

    def app(environ, start_response):
        start_response("200 OK", [])
        return body()

    chunks = Response(gated(app), request()).body
    for _chunk in chunks:
        assert ctx.get() == Context()
    chunks.close()
    server = next(span for span in sink.spans if span.kind is api.SpanKind.SERVER)
    assert sink.named("chunk").parent.span_id == sink.named("stream").context.span_id
    assert sink.named("after").parent.span_id == server.context.span_id


@pytest.mark.usefixtures("own_profiler")
def test_a_point_around_several_chunks_ends_with_its_stop(gated, sink):
    """start() in one chunk and stop() in a later one: one complete point. Without stop() it is incomplete."""

    def body():
        profiler.start("whole")
        yield b"a"
        profiler.stop()
        profiler.start("left")
        yield b"b"

    def app(environ, start_response):
        start_response("200 OK", [])
        return body()

    assert Response(gated(app), request()).read() == b"ab"
    assert "osprofiler.incomplete" not in sink.named("whole").attributes
    assert sink.named("left").attributes["osprofiler.incomplete"] is True


def test_a_body_that_merely_can_be_read_is_inside_the_span(gated, sink, provider):
    """Only what the server's file wrapper made may be sent by the server itself."""
    tracer = provider.get_tracer("test")

    class Wrapper:
        def __init__(self, file):
            pass

    class Readable:
        def read(self, size=-1):
            return b""

        def __iter__(self):
            with tracer.start_as_current_span("inside"):
                yield b"x"

    def app(environ, start_response):
        start_response("200 OK", [])
        return Readable()

    environ = request(**{"wsgi.file_wrapper": Wrapper})
    assert Response(gated(app), environ).read() == b"x"
    assert sink.named("inside").parent is not None


def test_on_the_sdks_provider_a_streamed_response_logs_no_warning(caplog):
    """A span that has ended is left alone when its body is collected."""
    exporter = InMemorySpanExporter()
    sdk = SdkProvider(shutdown_on_exit=False)
    sdk.add_span_processor(SimpleSpanProcessor(exporter))

    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"x"

    middleware = web.WsgiMiddleware(app, "key", True, tracer_provider=sdk)
    assert Response(middleware, request()).read() == b"x"
    assert len(exporter.get_finished_spans()) == 1
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.usefixtures("own_profiler")
def test_points_are_recorded_after_the_request_around_them_has_ended(sink, gated):
    """Work that a request leaves behind (spawn_n with its context) goes on in its trace."""
    left = []

    def app(environ, start_response):
        left.append(contextvars.copy_context())
        return hello(environ, start_response)

    Response(gated(app), request()).read()

    @profiler.trace("late")
    def late():
        pass

    left[0].run(late)
    request_span, late_span = sink.spans
    assert late_span.parent.span_id == request_span.context.span_id


# -- requests that nobody signed --------------------------------------------------------------------------


def outgoing_of(seen):
    def app(environ, start_response):
        seen.append(web.get_trace_id_headers())
        return hello(environ, start_response)

    return app


@pytest.mark.parametrize("as_function", [False, True])
def test_an_unsigned_request_that_the_policy_takes_is_a_trace_of_its_own(gated, sink, as_function):
    gate.enable(KeyRing.parse("first,key"))
    seen = []
    app = gated(outgoing_of(seen))
    app = app.as_function() if as_function else app  # made before there is a policy
    gate.decide(Policy(1.0))
    stray = f"00-{ids.trace_id(BASE):032x}-{1:016x}-01"
    assert Response(app, request(key=None, HTTP_TRACEPARENT=stray)).read() == b"hello"
    (span,) = sink.spans
    assert (span.name, span.kind, span.parent, list(span.links)) == (
        "GET /v2.1/servers",
        SpanKind.SERVER,
        None,
        [],
    )
    assert span.context.trace_id != ids.trace_id(BASE)
    (headers,) = seen
    info = KeyRing.parse("first").verify(headers["X-Trace-Info"], headers["X-Trace-HMAC"])
    assert (info.trace_id, info.parent_span_id) == (span.context.trace_id, span.context.span_id)


def test_without_a_key_only_traceparent_goes_out(gated, sink):
    gate.enable(KeyRing())
    gate.decide(Policy(1.0))
    seen = []
    Response(gated(outgoing_of(seen), hmac_keys=None), request(key=None)).read()
    (span,) = sink.spans
    assert seen == [{"traceparent": f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"}]


@pytest.mark.parametrize(
    ("policy", "extra"),
    [
        (Policy(0.0), {}),
        (Policy(1.0, (Rule("/v2.1/servers", 0.0),)), {}),
        (Policy(proxies=(parse_network("::1"),)), {"REMOTE_ADDR": "::1"}),
    ],
    ids=["ratio", "rule", "proxy without traceparent"],
)
def test_an_unsigned_request_that_it_does_not_take_is_untraced(gated, sink, policy, extra):
    gate.decide(policy)
    assert Response(gated(hello), request(key=None, **extra)).read() == b"hello"
    assert sink.spans == []


def test_what_a_trusted_proxy_traces_goes_on_here(gated, sink):
    gate.decide(Policy(proxies=(parse_network("192.0.2.1"),)))
    traceparent = f"00-{ids.trace_id(BASE):032x}-{0xAA:016x}-01"
    Response(gated(hello), request(key=None, REMOTE_ADDR="192.0.2.1", HTTP_TRACEPARENT=traceparent)).read()
    (span,) = sink.spans
    assert (span.context.trace_id, span.parent.span_id) == (ids.trace_id(BASE), 0xAA)


def test_a_signature_that_is_not_valid_is_no_unsigned_request(gated, sink):
    """Whoever claims to be entitled and is not, is not given the dice."""
    gate.decide(Policy(1.0))
    before = gate.refused.value()
    assert Response(gated(hello), request(key="other")).read() == b"hello"
    assert (sink.spans, gate.refused.value()) == ([], before + 1)


def test_a_valid_signature_is_traced_whatever_the_policy_says(gated, sink):
    gate.decide(Policy(0.0))
    Response(gated(hello), request()).read()
    assert sink.spans[0].context.trace_id == ids.trace_id(BASE)


def test_two_filters_in_a_pipeline_decide_once(gated, sink, monkeypatch):
    decided = []
    monkeypatch.setattr(web, "admit", lambda environ, own: decided.append(own))
    gate.decide(Policy(0.5))
    Response(gated(gated(hello)), request(key=None)).read()
    assert len(decided) == 1
    assert sink.spans == []


def test_a_decision_that_fails_serves_untraced(gated, sink, caplog):
    gate.decide(Policy(1.0, (Rule("/", 1.0),)))
    assert (
        Response(gated(hello), {**request(key=None), "PATH_INFO": b"/", "SCRIPT_NAME": None}).read()
        == b"hello"
    )
    monkey = {**request(key=None), "REQUEST_METHOD": "GET", "HTTP_TRACEPARENT": 5}
    gate.decide(Policy(0.0, proxies=(parse_network("::1"),)))
    assert Response(gated(hello), monkey).read() == b"hello"
    assert "TypeError" in caplog.text


def test_on_the_sdks_provider_an_unsigned_request_is_a_trace_of_its_own(gated):
    exporter = InMemorySpanExporter()
    sdk = SdkProvider()
    sdk.add_span_processor(SimpleSpanProcessor(exporter))
    gate.decide(Policy(1.0))
    Response(gated(hello, tracer_provider=sdk), request(key=None)).read()
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET /v2.1/servers"


# -- links ------------------------------------------------------------------------------------------------


OTHER = (1 << 64) + 2, 3


@pytest.mark.parametrize("sdk", [False, True], ids=["ours", "sdk"])
def test_a_traceparent_of_another_trace_is_linked_and_not_merged(gated, sink, sdk):
    exporter = InMemorySpanExporter()
    arguments = {}
    if sdk:
        arguments["tracer_provider"] = provider = SdkProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    traceparent = f"00-{OTHER[0]:032x}-{OTHER[1]:016x}-01"
    Response(gated(hello, **arguments), request(HTTP_TRACEPARENT=traceparent)).read()
    (span,) = exporter.get_finished_spans() if sdk else sink.spans
    assert (span.context.trace_id, span.parent.span_id) == (ids.trace_id(BASE), ids.span_id(PARENT))
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [OTHER]


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{ids.trace_id(BASE):032x}-{0xAA:016x}-01"])
def test_any_other_traceparent_is_not_linked(gated, sink, traceparent):
    Response(gated(hello), request(HTTP_TRACEPARENT=traceparent)).read()
    assert list(sink.spans[0].links) == []


# -- freshness --------------------------------------------------------------------------------------------


def fresh(environ, now=None, nonce=bytes(16)):
    info, mac = environ["HTTP_X_TRACE_INFO"], environ["HTTP_X_TRACE_HMAC"]
    stamp = freshness.stamp(info, mac, Key("key"), time.time() if now is None else now, nonce)
    return {**environ, "HTTP_X_TRACE_FRESHNESS": stamp}


def test_a_fresh_request_is_traced_once(gated, sink):
    gate.require_fresh(60)
    environ = fresh(request())
    for _ in range(3):
        assert Response(gated(hello), dict(environ)).read() == b"hello"
    assert len(sink.spans) == 1


@pytest.mark.parametrize(
    "environ",
    [request(), fresh(request(), now=1000), {**request(), "HTTP_X_TRACE_FRESHNESS": "x" * 10_000}],
    ids=["none", "stale", "garbage"],
)
def test_a_signed_request_that_is_not_fresh_is_untraced(gated, sink, environ):
    gate.require_fresh(60)
    gate.decide(Policy(1.0))
    assert Response(gated(hello), environ).read() == b"hello"
    assert sink.spans == []


def test_two_filters_in_a_pipeline_use_a_header_once(gated, sink):
    gate.require_fresh(60)
    before = gate.refused.value()
    Response(gated(gated(hello)), fresh(request())).read()
    assert (len(sink.spans), gate.refused.value()) == (1, before)


def test_who_does_not_ask_for_it_ignores_it(gated, sink):
    Response(gated(hello), fresh(request(), now=1000)).read()
    assert len(sink.spans) == 1


def test_what_a_service_sends_is_fresh_for_another_one(gated, sink):
    gate.require_fresh(60)
    propagation.stamping(True)
    seen = []
    try:
        Response(gated(outgoing_of(seen)), fresh(request())).read()
    finally:
        propagation.stamping(False)
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in seen[0].items()}
    Response(gated(hello), {**request(key=None), **environ}).read()
    first, second = sink.spans
    assert second.parent.span_id == first.context.span_id
