"""adopt/requests.py: outgoing requests are spans, signed with the span as parent."""

from __future__ import annotations

import json
import socket
import sys

import keystoneauth1.session
import pytest
import requests
import urllib3
from adopting import BASE, KEY, PARENT, adopted, handle_of, run, unit
from http_origins import foreign_headers, origin
from loopback import answer, path_of, serving
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind, StatusCode
from osprofiler import _utils, profiler, web
from osprofiler import requests as upstream
from requests.adapters import HTTPAdapter

from otel_bridge.instrumentation.requests import RequestsInstrumentor
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire import ids
from otel_bridge.wire.signing import KeyRing

PLAIN = HTTPAdapter.send
#: What is replaced beside osprofiler, and has to be as it was afterwards.
PLACES = (
    (urllib3.HTTPConnectionPool, "_make_request"),
    (requests.sessions.SessionRedirectMixin, "rebuild_auth"),
    (requests.sessions.SessionRedirectMixin, "rebuild_method"),
    (keystoneauth1.session.Session, "_send_request"),
)


@pytest.fixture(autouse=True)
def _as_before():
    assert HTTPAdapter.send is PLAIN
    yield
    HTTPAdapter.send = PLAIN


@pytest.fixture(params=["enabled before", "enabled after"])
def enabled(request, provider):
    """Adopted, with ``trace_requests`` switched on before or after."""
    if request.param == "enabled before":
        upstream.enable()
    with adopted(provider):
        if request.param == "enabled after":
            upstream.enable()
        yield


@pytest.fixture
def server():
    def script(head):
        path = path_of(head)
        closing = {"Connection": "close"}  # as the server does, so that nobody tries it again
        if path == "/moved":
            yield answer(b"", status=302, Location="/there", **closing)
        else:
            yield answer(b"{}", status=int(path[1:]) if path[1:].isdigit() else 200, **closing)

    with serving(script) as running:
        yield running


@pytest.fixture
def session():
    with requests.Session() as session:
        session.trust_env = False
        yield session


def headers_of(head):
    lines = head.split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}


def ours(headers):
    return {"x-trace-info", "x-trace-hmac", "traceparent"} & set(headers)


def test_a_request_is_a_client_span_below_the_current_one(enabled, server, session, sink):
    with unit(), profiler.Trace("above"):
        assert session.get(f"http://{server.netloc}/v3/x?limit=1").status_code == 200
    request, above = sink.spans
    assert request.kind is SpanKind.CLIENT
    assert request.parent.span_id == above.context.span_id
    attributes = dict(request.attributes)
    assert attributes["http.request.method"] == "GET"
    assert attributes["http.response.status_code"] == 200
    assert attributes["url.full"] == f"http://{server.netloc}/v3/x?limit=1"
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", server.port)
    assert attributes["osprofiler.name"] == "http"
    assert request.status.status_code is StatusCode.UNSET


def test_it_is_signed_with_its_span_as_parent_as_plain_osprofiler_reads_it(enabled, server, session, sink):
    with unit():
        session.get(f"http://{server.netloc}/")
    headers = headers_of(server.heads[0])
    info = _utils.signed_unpack(headers["x-trace-info"], headers["x-trace-hmac"], [KEY])
    span = sink.spans[0]
    assert (info["base_id"], info["hmac_key"]) == (BASE, KEY)
    assert _utils.shorten_id(info["parent_id"]) == span.context.span_id
    assert headers["traceparent"] == f"00-{ids.trace_id(BASE):032x}-{span.context.span_id:016x}-01"


@pytest.mark.parametrize("status", [404, 503])
def test_an_error_of_the_server_is_one_of_the_span(enabled, server, session, sink, status):
    with unit():
        assert session.get(f"http://{server.netloc}/{status}").status_code == status
    (span,) = sink.spans
    assert span.attributes["http.response.status_code"] == status
    assert span.attributes["error.type"] == str(status)


def test_a_refused_connection_ends_its_span_and_what_follows_is_not_below_it(enabled, session, sink):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with unit():
        with pytest.raises(requests.ConnectionError):
            session.get(f"http://127.0.0.1:{port}/")
        with profiler.Trace("next"):
            pass
    refused, following = sink.spans
    assert refused.status.status_code is StatusCode.ERROR
    assert refused.attributes["error.type"] == "requests.exceptions.ConnectionError"
    assert following.parent.span_id == ids.span_id(PARENT)


def test_each_hop_of_a_redirection_is_a_span_and_signed_by_itself(enabled, server, session, sink):
    with unit():
        session.get(f"http://{server.netloc}/moved")
    assert [path_of(head) for head in server.heads] == ["/moved", "/there"]
    infos = [headers_of(head)["x-trace-info"] for head in server.heads]
    parents = [
        _utils.shorten_id(_utils.signed_unpack(info, headers_of(head)["x-trace-hmac"], [KEY])["parent_id"])
        for info, head in zip(infos, server.heads, strict=True)
    ]
    assert parents == [span.context.span_id for span in sink.spans]


def test_a_redirect_to_another_origin_goes_unsigned(enabled, session, sink):
    with origin() as here, origin() as there, unit():
        session.get(here.to(f"{there.url}/"), headers=foreign_headers())
        keystoneauth1.session.Session(session=session).get(here.to(there.url), authenticated=False)
    assert [seen.signed for seen in here.seen] == [True, True]
    assert [seen.signed for seen in there.seen] == [False, False]
    assert [span.attributes.get("http.request.resend_count") for span in sink.spans] == [None, 1, None, 1]


def test_where_urllib3_is_instrumented_as_well_there_is_one_span(enabled, provider, session, sink):
    RequestsInstrumentor().instrument(tracer_provider=provider)
    try:
        with origin() as here, origin() as there, unit():
            session.get(here.to(there.url))
            keystoneauth1.session.Session(session=session).get(here.to(there.url), authenticated=False)
    finally:
        RequestsInstrumentor().uninstrument()
    assert [span.attributes["osprofiler.name"] for span in sink.spans] == ["http"] * 4
    assert [span.attributes.get("http.request.resend_count") for span in sink.spans] == [None, 1, None, 1]
    assert here.seen[0].parent(KeyRing.parse(KEY))[1] == sink.spans[0].context.span_id
    assert not there.seen[0].signed


# -- where it may not go, whoever has put it there ------------------------------------------------------


def by_pool_manager(url, headers):
    with urllib3.PoolManager() as pools:
        pools.request("GET", url, headers=headers)


def by_requests(url, headers):
    with requests.Session() as session:
        session.trust_env = False
        session.get(url, headers=headers)


def by_keystone(url, headers):
    """It asks osprofiler for the headers itself."""
    with requests.Session() as session:
        session.trust_env = False
        keystone = keystoneauth1.session.Session(session=session)
        keystone.get(url, headers={"tracestate": "a=b"}, authenticated=False)


senders = pytest.mark.parametrize("send", [by_pool_manager, by_requests, by_keystone])
switch = pytest.mark.parametrize("trace_requests", [True, False])


def signed_by_the_service():
    return {**web.get_trace_id_headers(), "tracestate": "a=b"}


@senders
@switch
@pytest.mark.parametrize("with_requests", [True, False])
def test_what_the_service_has_signed_goes_nowhere_else_with_a_redirect(
    provider, sink, monkeypatch, send, trace_requests, with_requests
):
    if not with_requests:  # as osprofiler 4.0
        monkeypatch.setitem(sys.modules, "osprofiler.requests", None)
    with adopted(provider), origin() as here, origin() as there, unit():
        if trace_requests and with_requests:
            upstream.enable()
        send(here.to(f"{here.url}/within"), signed_by_the_service())
        send(here.to(there.to(f"{there.url}/final")), signed_by_the_service())
        send(there.url, signed_by_the_service())
    assert [seen.signed for seen in here.seen] == [True, True, True]
    assert [seen.signed for seen in there.seen] == [False, False, True]
    assert [len(seen.values("tracestate")) for seen in there.seen] == [0, 0, 1]
    recorded = trace_requests and with_requests and send is not by_pool_manager
    assert len(sink.spans) == (6 if recorded else 0)


@senders
@switch
@pytest.mark.parametrize("suppressed", [True, False])
@pytest.mark.parametrize(("allowed", "signed"), [("127.0.0.0/8", True), (".example.org", False)])
def test_only_hosts_that_may_have_the_trace_get_it(
    provider, sink, send, trace_requests, suppressed, allowed, signed
):
    with adopted(provider, handle_of(provider, propagate_to=(allowed,))), origin() as here, unit():
        if trace_requests:
            upstream.enable()
        if suppressed:
            with suppress_instrumentation():
                send(here.url, signed_by_the_service())
        else:
            send(here.url, signed_by_the_service())
    assert here.seen[0].signed is signed
    assert bool(here.seen[0].values("tracestate")) is signed
    recorded = trace_requests and not suppressed and send is not by_pool_manager
    assert len(sink.spans) == (1 if recorded else 0)


@switch
def test_what_may_go_goes_as_the_service_has_signed_it(provider, trace_requests):
    with adopted(provider), origin() as here, unit():
        if trace_requests:
            upstream.enable()
        headers = signed_by_the_service()
        by_pool_manager(here.url, headers)
    assert set(headers.items()) <= set(here.seen[0].headers)


@senders
def test_what_a_caller_puts_into_an_untraced_request_stays(provider, send):
    with adopted(provider, handle_of(provider, propagate_to=())), origin() as here:
        send(here.url, {**foreign_headers(), "tracestate": "a=b"})
    assert here.seen[0].values("tracestate") == ["a=b"]
    assert here.seen[0].signed is (send is not by_keystone)


@pytest.mark.parametrize(("hosts", "signed"), [(None, True), ("127.0.0.1", True), ("keystone", False)])
@switch
def test_a_service_that_knows_nothing_of_us(trace_requests, hosts, signed):
    """Its libraries come after the driver; headers come from osprofiler and from keystoneauth1."""
    found = run(
        """
        import json, sys
        from oslo_config import cfg
        from osprofiler import initializer, opts, profiler, web
        from adopting import receiving
        from http_origins import origin

        with receiving() as server, origin() as here, origin() as there:
            conf = cfg.ConfigOpts()
            connection = f"otel://{server.netloc}"
            opts.set_defaults(conf, enabled=True, hmac_keys="key", connection_string=connection)
            conf.set_override("trace_requests", json.loads(sys.argv[1]), "profiler")
            conf([], project="nova", default_config_files=[])
            initializer.init_from_conf(conf, None, "nova", "compute", "h")
            import keystoneauth1.session
            import requests
            import urllib3
            profiler.init("key")
            url = here.to(there.url)
            keystoneauth1.session.Session().get(url, authenticated=False)
            requests.get(url, headers=web.get_trace_id_headers())
            urllib3.PoolManager().request("GET", url, headers=web.get_trace_id_headers())
            profiler.clean()
            from otel_bridge import runtime
            runtime.setup().tracer_provider.force_flush()
            signed = [[seen.signed for seen in origin.seen] for origin in (here, there)]
            print(json.dumps([signed, server.named()]))
        """,
        json.dumps(trace_requests),
        **({"OTEL_BRIDGE_PROPAGATE_TO": hosts} if hosts else {}),
    )
    assert found == [[[signed] * 3, [False] * 3], ["GET"] * 4 if trace_requests else []]


def test_afterwards_the_libraries_are_as_they_were(provider):
    before = [owner.__dict__[name] for owner, name in PLACES]
    with adopted(provider):
        assert all(
            owner.__dict__[name] is not plain for (owner, name), plain in zip(PLACES, before, strict=True)
        )
    assert [owner.__dict__[name] for owner, name in PLACES] == before


def test_an_untraced_request_goes_out_untouched(enabled, server, session, sink):
    session.get(f"http://{server.netloc}/")
    assert ours(headers_of(server.heads[0])) == set()
    assert sink.spans == []


def test_what_somebody_asks_not_to_be_traced_is_not(enabled, server, session, sink):
    with unit(), suppress_instrumentation():
        session.get(f"http://{server.netloc}/")
    assert ours(headers_of(server.heads[0])) == set()
    assert sink.spans == []


def test_secrets_in_the_address_are_masked(enabled, server, session, sink):
    with unit():
        session.get(f"http://user:p4ss@{server.netloc}/?token=t0ken&limit=1")
    shown = str(dict(sink.spans[0].attributes))
    assert "limit=1" in shown
    assert not [secret for secret in ("p4ss", "t0ken") if secret in shown]


def test_a_trace_that_has_no_room_left_goes_on_in_the_other_service(server, session, sink):
    with adopted(TracerProvider(sink, spans_per_trace=1)):
        upstream.enable()
        with unit(), profiler.Trace("the only one"):
            session.get(f"http://{server.netloc}/")
    (span,) = sink.spans
    headers = headers_of(server.heads[0])
    info = _utils.signed_unpack(headers["x-trace-info"], headers["x-trace-hmac"], [KEY])
    assert _utils.shorten_id(info["parent_id"]) == span.context.span_id


def test_a_span_of_another_trace_signs_nothing(enabled, server, session, provider, sink):
    """A native span without a signed request behind it, in a context that somebody composed."""
    from opentelemetry import context as context_api
    from opentelemetry import trace as api
    from opentelemetry.trace import NonRecordingSpan, SpanContext

    with unit():
        foreign = NonRecordingSpan(SpanContext(5, 6, is_remote=False))
        token = context_api.attach(api.set_span_in_context(foreign))
        session.get(f"http://{server.netloc}/")
        context_api.detach(token)
    assert ours(headers_of(server.heads[0])) == set()


class Answered:
    """An adapter's own kind of response."""


@pytest.mark.parametrize("odd", ["headers", "response", "url", "method"])
def test_odd_requests_and_responses_are_not_our_callers_problem(provider, sink, monkeypatch, odd):
    monkeypatch.setattr(upstream, "_FUNC", lambda self, request, *args, **kwargs: Answered())
    with adopted(provider):
        request = requests.Request("GET", "http://127.0.0.1/").prepare()
        setattr(request, odd, None)
        with unit():
            assert type(upstream.send(HTTPAdapter(), request, timeout=5)) is Answered
    assert len(sink.spans) == 1


def test_arguments_and_result_are_handed_on(provider, monkeypatch):
    seen = []

    def original(self, request, *args, **kwargs):
        seen.append((self, request, args, kwargs))
        return Answered()

    monkeypatch.setattr(upstream, "_FUNC", original)
    with adopted(provider):
        adapter, request = HTTPAdapter(), requests.Request("GET", "http://127.0.0.1/").prepare()
        with unit():
            upstream.send(adapter, request, True, timeout=5)
        upstream.send(adapter, request, True, timeout=5)
    assert seen == [(adapter, request, (True,), {"timeout": 5})] * 2


@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_afterwards_requests_is_as_upstream_would_have_it(provider, when):
    if when == "before":
        upstream.enable()
    theirs = upstream.send
    with adopted(provider):
        if when == "after":
            upstream.enable()
        assert (HTTPAdapter.send is PLAIN) == (when == "never")
        assert HTTPAdapter.send is not theirs
    assert upstream.send is theirs
    assert HTTPAdapter.send is (PLAIN if when == "never" else theirs)


def test_what_wraps_the_adapter_meanwhile_stays(provider, server, session, sink):
    with adopted(provider):
        upstream.enable()
        inside = HTTPAdapter.send
        HTTPAdapter.send = wrapping = lambda self, *args, **kwargs: inside(self, *args, **kwargs)
        with unit():
            session.get(f"http://{server.netloc}/")
    assert HTTPAdapter.send is wrapping
    assert len(sink.spans) == 1


def test_an_osprofiler_that_found_no_requests_library_is_left_alone(provider, monkeypatch):
    theirs = upstream.send
    monkeypatch.setattr(upstream, "_FUNC", None)
    with adopted(provider):
        assert upstream.send is theirs
