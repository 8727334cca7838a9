"""adopt/web.py: osprofiler's middleware, as made before and after the adoption, on our gate."""

from __future__ import annotations

import pytest
import webob
import webob.dec
import webob.exc
from adopting import BASE, KEY, PARENT, adopted, handle_of, signed, unsigned
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.trace import SpanKind, StatusCode
from osprofiler import _utils, profiler
from osprofiler import web as upstream
from webob import Request

from otel_bridge import gate, runtime
from otel_bridge.policy import Policy
from otel_bridge.settings import GateSettings, KeysFile, Settings
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire import ids
from otel_bridge.wire.signing import DEFAULT_KEY, Key, KeyRing


class Application:
    """Answers, and remembers what it was called with."""

    def __init__(self, error=None):
        self.calls = []
        self.current = []
        self.error = error

    def __call__(self, environ, start_response):
        self.calls.append((environ, start_response))
        self.current.append(api.get_current_span())
        if self.error is not None:
            raise self.error
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"hello"]


class Subclass(upstream.WsgiMiddleware):
    """As a service's own that only changes what is configured."""

    def __init__(self, application, *args, **kwargs):
        super().__init__(application, KEY, True)


class Wrapping(upstream.WsgiMiddleware):
    """As a service's own that overrides the call, in WebOb's way."""

    @webob.dec.wsgify
    def __call__(self, request):
        response = super().__call__(request)
        response.headers["X-Wrapped"] = "yes"
        return response


class Plain(upstream.WsgiMiddleware):
    """And in no particular way."""

    def __call__(self, *arguments):
        return super().__call__(*arguments)


class Bare(upstream.WsgiMiddleware):
    """And one that knows better than to call the constructor; the gate has the keys."""

    def __init__(self, application):
        self.application = application


MAKERS = {
    "constructor": lambda app: upstream.WsgiMiddleware(app, KEY, True),
    "list of keys": lambda app: upstream.WsgiMiddleware(app, ["other", KEY], enabled=True),
    "factory": lambda app: upstream.WsgiMiddleware.factory({}, hmac_keys=KEY, enabled="yes")(app),
    "factory, keys in the gate": lambda app: upstream.WsgiMiddleware.factory(None)(app),
    "subclass": Subclass,
    "subclass that wraps": lambda app: Wrapping(app, KEY, True),
    "subclass without its constructor": Bare,
    "subclass that hands on": lambda app: Plain(app, KEY, True),
}
CALLS = {
    "WSGI": lambda app, environ: Request(environ).get_response(app),
    "WebOb": lambda app, environ: app(Request(environ)),
}


@pytest.fixture(params=["before", "after"])
def make(request, provider):
    """Makes a middleware before or after the adoption, and adopts."""
    entered = []

    def adopt():
        context = adopted(provider)
        context.__enter__()
        entered.append(context)

    def make(maker, application):
        if request.param == "after":
            adopt()
        middleware = maker(application)
        if request.param == "before":
            adopt()
        return middleware

    yield make
    for context in entered:
        context.__exit__(None, None, None)


@pytest.fixture
def here(provider):
    with adopted(provider) as handle:
        yield handle


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_a_signed_request_is_a_server_span(make, sink, maker, call):
    application = Application()
    middleware = make(maker, application)
    for _ in range(2):
        response = call(middleware, signed("/v2.1/servers"))
        assert (response.status, response.body) == ("200 OK", b"hello")
    first, _second = sink.spans
    assert (first.name, first.kind) == ("GET /v2.1/servers", SpanKind.SERVER)
    assert first.context.trace_id == ids.trace_id(BASE)
    assert first.parent.span_id == ids.span_id(PARENT)
    assert application.current == sink.spans
    assert context_api.get_current() == {}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_an_unsigned_request_is_answered_and_makes_no_span(make, sink, maker, call):
    application = Application()
    response = call(make(maker, application), unsigned())
    assert (response.status, response.body) == ("200 OK", b"hello")
    assert sink.spans == []
    assert application.current == [api.INVALID_SPAN]


@pytest.mark.parametrize("maker", [MAKERS["constructor"], MAKERS["factory"], MAKERS["subclass"]])
def test_of_an_unsigned_request_nothing_is_touched(make, monkeypatch, maker):
    """Neither a copy nor WebOb is in between."""
    application, environ = Application(), unsigned()
    before = dict(environ)
    middleware = make(maker, application)
    monkeypatch.setattr(Request, "__init__", None)

    def start_response(*_arguments):
        return None

    assert middleware(environ, start_response) == [b"hello"]
    ((called_with, started),) = application.calls
    assert called_with is environ
    assert started is start_response
    assert environ == before


REFUSED = {
    "another key": signed(key="another"),
    "no signature": {key: value for key, value in signed().items() if key != "HTTP_X_TRACE_HMAC"},
    "not base64": {**signed(), "HTTP_X_TRACE_INFO": "\xe9%&"},
    "long": {**signed(), "HTTP_X_TRACE_INFO": "x" * 100_000},
}


@pytest.mark.parametrize("environ", REFUSED.values(), ids=REFUSED)
def test_what_does_not_verify_is_served_untraced(here, sink, environ):
    application = Application()
    response = Request(dict(environ)).get_response(upstream.WsgiMiddleware(application, KEY, True))
    assert response.body == b"hello"
    assert sink.spans == []


@pytest.mark.parametrize("make_environ", [signed, unsigned])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_http_exception_of_webob_is_the_answer_that_it_is(here, sink, make_environ, call):
    """Upstream's middleware answers it, traced or not: the service may rely on that."""
    application = Application(webob.exc.HTTPForbidden("go away"))
    response = call(upstream.WsgiMiddleware(application, KEY, True), make_environ())
    assert response.status_int == 403
    assert b"go away" in response.body
    if make_environ is signed:
        (span,) = sink.spans
        assert span.attributes["http.response.status_code"] == 403


@pytest.mark.parametrize("make_environ", [signed, unsigned])
@pytest.mark.parametrize("error", [ValueError("v"), SystemExit(1)])
def test_any_other_exception_goes_on_as_it_is(here, sink, make_environ, error):
    middleware = upstream.WsgiMiddleware(Application(error), KEY, True)
    with pytest.raises(type(error)) as caught:
        middleware(make_environ(), lambda *_: None)
    assert caught.value is error
    assert context_api.get_current() == {}
    if make_environ is signed:
        (span,) = sink.spans
        assert span.status.status_code is StatusCode.ERROR


def test_points_of_the_application_are_below_the_request(here, sink):
    def application(environ, start_response):
        with profiler.Trace("inside"):
            pass
        assert profiler.get().get_base_id() == BASE
        return []

    upstream.WsgiMiddleware(application, KEY, True)(signed(), lambda *_: None)
    inside, request = sink.spans
    assert inside.parent.span_id == request.context.span_id
    assert profiler.get() is None


def test_who_holds_upstreams_own_call_is_traced_by_ours(provider, sink):
    """As a middleware that a service has copied from upstream's would be."""
    theirs = upstream.WsgiMiddleware.__dict__["__call__"]
    middleware = upstream.WsgiMiddleware(Application(), KEY, True)
    with adopted(provider):
        response = Request(signed("/held")).get_response(theirs.__get__(middleware))
    assert response.body == b"hello"
    (span,) = sink.spans
    assert (span.name, span.kind) == ("GET /held", SpanKind.SERVER)
    assert span.parent.span_id == ids.span_id(PARENT)
    assert context_api.get_current() == {}


def test_an_application_that_leaves_points_open_leaves_nothing(here, sink):
    def application(environ, start_response):
        profiler.start("left open")
        return []

    upstream.WsgiMiddleware(application, KEY, True)(signed(), lambda *_: None)
    assert [span.name for span in sink.spans] == ["left open", "GET /"]
    assert context_api.get_current() == {}


def test_a_second_middleware_in_the_pipeline_lets_the_request_through(here, sink):
    application = Application()
    pipeline = upstream.WsgiMiddleware(upstream.WsgiMiddleware(application, KEY, True), KEY, True)
    pipeline(signed(), lambda *_: None)
    assert len(sink.spans) == 1


def test_the_application_may_be_exchanged(here, sink):
    middleware = upstream.WsgiMiddleware(Application(), KEY, True)
    middleware(signed(), lambda *_: None)
    middleware.application = another = Application()
    middleware(signed(), lambda *_: None)
    middleware(unsigned(), lambda *_: None)
    assert len(another.calls) == 2


# -- the switch ---------------------------------------------------------------------------------------


def traced(sink, key=KEY):
    """Whether a signed request makes a span now."""
    before = len(sink.spans)
    upstream.WsgiMiddleware(Application(), "from paste", True)(signed(key=key), lambda *_: None)
    return len(sink.spans) > before


def test_it_is_switched_at_run_time(here, sink):
    middleware = upstream.WsgiMiddleware(Application(), "from paste", True)
    made = []
    for switch in (lambda: None, upstream.disable, lambda: upstream.enable(KEY), upstream.disable):
        switch()
        middleware(signed(), lambda *_: None)
        made.append(len(sink.spans))
    assert made == [1, 1, 2, 2]


def test_the_keys_are_those_of_the_last_enable(here, sink):
    upstream.enable("first, second")
    assert [traced(sink, key) for key in ("first", "second", KEY, "from paste")] == [True, True, False, False]
    upstream.enable(["third"])
    assert [traced(sink, key) for key in ("first", "third")] == [False, True]


NOTHING = ["", None, [], " , "]


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("configured", [None, DEFAULT_KEY])
def test_without_keys_each_middleware_uses_its_own(provider, sink, configured, nothing):
    with adopted(provider, handle_of(provider, KeyRing.parse(configured))):
        upstream.enable(nothing)
        assert [traced(sink, key) for key in (KEY, DEFAULT_KEY, "from paste")] == [False, False, True]


@pytest.mark.parametrize("nothing", NOTHING)
def test_an_empty_option_does_not_take_the_keys_of_the_environment_away(here, sink, nothing):
    """``hmac_keys =`` in the file, and the keys in ``OTEL_BRIDGE_HMAC_KEYS``."""
    upstream.enable(nothing)
    assert [traced(sink, key) for key in (KEY, "from paste")] == [True, False]
    assert gate.key_for(KEY) is not None
    assert gate.key_for("anybody's") is None


@pytest.mark.parametrize("keys", ["key", ["key", 5, None], ("other", "key")])
def test_own_keys_may_have_been_set_in_any_way(provider, sink, keys):
    with adopted(provider, handle_of(provider, KeyRing())):
        upstream.enable(None)
        middleware = upstream.WsgiMiddleware(Application(), enabled=True)
        middleware.hmac_keys = keys
        for key in (KEY, "k"):
            middleware(signed(key=key), lambda *_: None)
    assert len(sink.spans) == 1


def test_enabled_with_the_configured_keys_those_stay_which_know_how_to_sign(provider):
    """``osprofiler.web.enable`` is given the text of the keys only."""
    keys = KeyRing([Key("one", "sha256"), Key("two", "sha256")])
    with adopted(provider, handle_of(provider, keys)):
        upstream.enable("two,one")
        assert [key.algorithm for key in gate.keys().keys] == ["sha256", "sha256"]
        assert [key.reveal() for key in gate.keys().keys] == ["two", "one"]
        upstream.enable("one,three")
        assert [key.reveal() for key in gate.keys().keys] == ["one", "three"]


def test_the_options_public_default_does_not_stand_in_for_keys_of_the_environment(provider):
    """``init_from_conf`` hands on the default of ``[profiler] hmac_keys`` where nobody has set it."""
    with adopted(provider, handle_of(provider, KeyRing([Key("from the environment")]))):
        upstream.enable("SECRET_KEY")
        assert [key.reveal() for key in gate.keys().keys] == ["from the environment"]


def test_what_was_switched_before_the_adoption_stays(provider, sink, monkeypatch):
    """A driver may be made without ``conf``, after ``osprofiler.web.enable`` was told the keys."""
    monkeypatch.setattr(upstream, "_ENABLED", None)
    monkeypatch.setattr(upstream, "_HMAC_KEYS", None)
    upstream.enable("told before")
    with adopted(provider, handle_of(provider, KeyRing())):
        assert [traced(sink, key) for key in ("told before", "from paste")] == [True, False]
    upstream.disable()
    with adopted(provider):
        assert not traced(sink)
        upstream.enable(KEY)
        assert traced(sink)


@pytest.mark.parametrize(("enabled", "unusable"), [(False, False), (True, True)])
def test_settings_that_forbid_tracing_are_stronger(provider, sink, monkeypatch, enabled, unusable):
    monkeypatch.setattr(upstream, "_ENABLED", None)
    monkeypatch.setattr(upstream, "_HMAC_KEYS", None)
    upstream.enable(KEY)
    with adopted(provider, handle_of(provider, enabled=enabled, unusable=unusable)):
        assert not traced(sink)
        upstream.enable(KEY)
        assert not traced(sink)
        assert not traced(sink, "from paste")


# -- what is sent on ----------------------------------------------------------------------------------


def test_headers_name_the_current_span_and_plain_osprofiler_verifies_them(here, sink):
    found = []

    def application(environ, start_response):
        found.append((upstream.get_trace_id_headers(), api.get_current_span()))
        return []

    upstream.WsgiMiddleware(application, KEY, True)(signed(), lambda *_: None)
    ((headers, current),) = found
    info = _utils.signed_unpack(headers["X-Trace-Info"], headers["X-Trace-HMAC"], [KEY])
    assert upstream.WsgiMiddleware._trace_is_valid(None, info)
    assert info["base_id"] == BASE
    assert _utils.shorten_id(info["parent_id"]) == current.context.span_id


def test_where_nothing_is_traced_there_are_no_headers(here):
    assert upstream.get_trace_id_headers() == {}


def test_afterwards_the_middlewares_are_upstreams_again(provider, sink):
    """Also those that served requests in the meantime, in the next adoption with its own provider."""
    middleware = upstream.WsgiMiddleware(Application(), KEY, True)
    with adopted(provider):
        middleware(signed(), lambda *_: None)
    assert isinstance(upstream.WsgiMiddleware.__dict__["__call__"], webob.dec.wsgify)
    other = type(sink)()
    with adopted(TracerProvider(other)):
        middleware(signed(), lambda *_: None)
    assert (len(sink.spans), len(other.spans)) == (1, 1)


# -- requests that nobody signed ------------------------------------------------------------------------


def test_a_policy_holds_for_osprofilers_middleware_too(here, sink):
    application = Application()
    middleware = upstream.WsgiMiddleware(application, KEY, True)
    plain = {name: value for name, value in signed().items() if not name.startswith("HTTP_X_TRACE")}
    middleware(dict(plain), lambda *_: None)
    assert sink.spans == []
    gate.decide(Policy(1.0))
    middleware(dict(plain), lambda *_: None)
    (span,) = sink.spans
    assert span.parent is None


def test_keys_of_a_file_stay_when_the_service_enables_its_own(provider, sink):
    """Services hand the option's keys to osprofiler.web.enable, which knows nothing of the file."""
    in_file, fixed = KeyRing.parse("in file"), KeyRing.parse(KEY)
    file = KeysFile("/keys", "[otel_bridge] hmac_keys_file", keys=in_file)
    settings = GateSettings(True, in_file.joined(fixed), file, fixed)
    handle = runtime.Handle(provider, Settings(gate=settings), None, lambda _: None)
    with adopted(provider, handle):
        gate.use_file(in_file)
        for enabled in (KEY, "SECRET_KEY", None):
            upstream.enable(enabled)
            assert [traced(sink, key) for key in ("in file", KEY, "SECRET_KEY")] == [True, True, False]
        gate.use_file(KeyRing.parse("another"))
        assert [traced(sink, key) for key in ("in file", KEY, "another")] == [False, True, True]
