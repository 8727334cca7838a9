"""instrumentation/requests.py, connection_pools.py: urllib3, requests and keystoneauth1, on real servers."""

from __future__ import annotations

import contextlib
import functools
import json
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import keystoneauth1.session
import pytest
import requests
import urllib3
from http_clients import instrumented_by
from http_origins import Origin, authority, foreign_headers, secure_origin, unused_port
from keystoneauth1 import exceptions as keystone_exceptions
from opentelemetry import context as context_api
from opentelemetry import propagate
from opentelemetry.instrumentation.requests import RequestsInstrumentor as ContribRequests
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor as ContribUrllib3
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from recorders import KEY, PATIENCE, Recorder, attributes, span_id
from urllib3.util.retry import Retry

from otel_bridge.instrumentation import conflicts
from otel_bridge.instrumentation.requests import RequestsInstrumentor
from otel_bridge.propagator import GatedPropagator
from otel_bridge.settings import Settings
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire.signing import KeyRing

KEYS = KeyRing([KEY])
#: What may be replaced, and has to be as it was afterwards.
PLACES = (
    (urllib3.HTTPConnectionPool, "_make_request"),
    (urllib3.HTTPSConnectionPool, "_prepare_proxy"),
    (requests.sessions.SessionRedirectMixin, "rebuild_auth"),
    (requests.sessions.SessionRedirectMixin, "rebuild_method"),
    (keystoneauth1.session.Session, "_send_request"),
)
Send = Callable[..., Any]


instrumented = functools.partial(instrumented_by, RequestsInstrumentor, PLACES)


@pytest.fixture(params=["ours", "sdk"])
def recorder(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    recorder = Recorder(request.param)
    with instrumented(recorder.provider):
        yield recorder


@pytest.fixture
def fast() -> Iterator[Recorder]:
    recorder = Recorder()
    with instrumented(recorder.provider):
        yield recorder


def by_pool_manager(url: str, method: str = "GET", **options: Any) -> int:
    with urllib3.PoolManager() as pools:
        return int(pools.request(method, url, **options).status)


def by_requests(url: str, method: str = "GET", **options: Any) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return int(session.request(method, url, **options).status_code)


def by_keystone(url: str, method: str = "GET", **options: Any) -> int:
    with requests.Session() as session:
        session.trust_env = False
        keystone = keystoneauth1.session.Session(session=session)
        return int(keystone.request(url, method, authenticated=False, raise_exc=False, **options).status_code)


SENDERS = [by_pool_manager, by_requests, by_keystone]
senders = pytest.mark.parametrize("send", SENDERS, ids=lambda send: send.__name__)


def above(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


# -- one request ------------------------------------------------------------------------------------------


@senders
def test_a_request_is_a_client_span_below_the_current_one(
    recorder: Recorder, here: Origin, send: Send
) -> None:
    with recorder.request() as serving:
        parent = serving.get_span_context().span_id
        assert send(f"{here.url}/v3/x?limit=1") == 200
    span, _ = recorder.wait(2)
    assert span.kind is SpanKind.CLIENT
    assert span.name == "GET"
    assert above(span) == parent
    assert span.status.status_code is StatusCode.UNSET
    assert attributes(span) == {
        "http.request.method": "GET",
        "url.full": f"{here.url}/v3/x?limit=1",
        "server.address": "127.0.0.1",
        "server.port": here.server_address[1],
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }


@senders
def test_it_is_signed_with_its_span_as_parent(recorder: Recorder, here: Origin, send: Send) -> None:
    with recorder.request(0xABC):
        send(here.url)
    span = recorder.wait(2)[0]
    (seen,) = here.seen
    assert seen.signed
    assert seen.parent(KEYS) == (0xABC, span_id(span))


@senders
def test_an_untraced_request_goes_out_untouched(recorder: Recorder, here: Origin, send: Send) -> None:
    headers = foreign_headers()
    send(here.url, headers=headers)
    assert set(headers.items()) <= set(here.seen[0].headers)
    assert recorder.spans == []


@senders
@pytest.mark.parametrize("status", [404, 503])
def test_an_error_of_the_server_is_one_of_the_span(
    recorder: Recorder, here: Origin, send: Send, status: int
) -> None:
    with recorder.request():
        assert send(f"{here.url}/status/{status}") == status
    span = recorder.wait(2)[0]
    assert attributes(span)["http.response.status_code"] == status
    assert attributes(span)["error.type"] == str(status)
    if isinstance(recorder.provider, TracerProvider):
        span._render()  # type: ignore[attr-defined]
    assert span.status.status_code is StatusCode.ERROR


FAILURES: list[tuple[str, dict[str, Any], str]] = [
    ("refused", {}, "urllib3.exceptions.NewConnectionError"),
    ("/drop", {}, "http.client.RemoteDisconnected"),
    (
        "/hang",
        {"timeout": urllib3.Timeout(connect=PATIENCE, read=0.05)},
        "urllib3.exceptions.ReadTimeoutError",
    ),
]


@pytest.mark.parametrize(("where", "options", "error"), FAILURES)
@pytest.mark.parametrize("send", [by_pool_manager, by_requests], ids=lambda send: send.__name__)
def test_a_request_that_fails_ends_its_span(
    recorder: Recorder, here: Origin, send: Send, where: str, options: dict[str, Any], error: str
) -> None:
    url = f"{here.url}{where}" if where != "refused" else f"http://127.0.0.1:{unused_port()}/"
    if send is by_pool_manager:
        options = {**options, "retries": False}
    with recorder.request(), pytest.raises((requests.RequestException, urllib3.exceptions.HTTPError)):
        send(url, **options)
    span = recorder.wait(2)[0]
    assert attributes(span)["error.type"] == error
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]


class Interrupted(BaseException):
    """What eventlet's timeouts are like."""


def test_an_exception_that_is_none_ends_the_span_and_is_raised(fast: Recorder, here: Origin) -> None:
    class Connection(urllib3.connection.HTTPConnection):
        def request(self, *args: Any, **named: Any) -> None:
            raise Interrupted

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    with fast.request(), pytest.raises(Interrupted):
        Pool("127.0.0.1", here.server_address[1]).urlopen("GET", "/")
    assert attributes(fast.wait(2)[0])["error.type"].endswith("Interrupted")


def test_secrets_in_the_address_and_in_exceptions_are_masked(fast: Recorder, here: Origin) -> None:
    with fast.request():
        by_requests(f"http://user:p4ss@{here.netloc}/v3/auth/tokens/gAAAAABtoken?token=t0ken&limit=1")
        with pytest.raises(requests.ConnectionError):
            by_requests(f"http://user:p4ss@127.0.0.1:{unused_port()}/?password=s3cret")
    shown = "".join(str(span.to_json()) for span in fast.wait(3))
    assert "limit=1" in shown
    assert not [secret for secret in ("p4ss", "t0ken", "s3cret", "gAAAAABtoken") if secret in shown]


def test_the_span_of_a_streamed_response_ends_with_its_headers(fast: Recorder, here: Origin) -> None:
    with fast.request(), requests.Session() as session:
        session.trust_env = False
        with session.post(here.url, data=b"x" * 100, stream=True) as response:
            assert [span.name for span in fast.spans] == ["POST"]
            assert response.content == b"x" * 100


def test_a_body_from_a_generator_is_sent(fast: Recorder, here: Origin) -> None:
    with fast.request():
        assert by_requests(f"{here.url}/status/201", "POST", data=iter([b"ab", b"cd"])) == 201
    assert here.seen[0].signed
    assert attributes(fast.spans[0])["http.request.method"] == "POST"


def test_a_method_nobody_knows_is_named_as_the_conventions_want(fast: Recorder, here: Origin) -> None:
    with fast.request():
        by_pool_manager(here.url, "BREW")
    assert attributes(fast.spans[0])["http.request.method_original"] == "BREW"
    assert fast.spans[0].name == "HTTP"


# -- headers ----------------------------------------------------------------------------------------------


def as_dict(headers: dict[str, str]) -> Any:
    return headers


def as_bytes(headers: dict[str, str]) -> Any:
    return {name.encode(): value for name, value in headers.items()}


def as_message(headers: dict[str, str]) -> Any:
    class Headers(HTTPMessage):  # as botocore's
        def copy(self) -> Headers:
            made = Headers()
            for name, value in self.items():
                made.add_header(name, value)
            return made

        def update(self, others: Any) -> None:
            pass

    made = Headers()
    for name, value in headers.items():
        made.add_header(name, value)
    return made


@pytest.mark.parametrize(
    "form", [as_dict, as_bytes, urllib3.HTTPHeaderDict, requests.structures.CaseInsensitiveDict, as_message]
)
def test_what_the_caller_had_set_is_replaced_in_a_copy(fast: Recorder, here: Origin, form: Any) -> None:
    headers = form({**foreign_headers(), "X-Other": "kept"})
    before = list(headers.items())
    with fast.request(), urllib3.PoolManager() as pools:
        pools.request("GET", here.url, headers=headers)
    assert here.seen[0].parent(KEYS) == (0x1234, span_id(fast.spans[0]))
    assert here.seen[0].signed
    assert here.seen[0].values("x-other") == ["kept"]
    assert list(headers.items()) == before


def test_a_name_that_stands_twice_is_sent_twice(fast: Recorder, here: Origin) -> None:
    headers = urllib3.HTTPHeaderDict([("X-Other", "1"), ("X-Other", "2")])
    with fast.request():
        by_pool_manager(here.url, headers=headers)
    assert here.seen[0].values("x-other") == ["1", "2"]
    assert here.seen[0].signed


def test_headers_of_osprofilers_own_are_replaced_and_not_doubled(fast: Recorder, here: Origin) -> None:
    """keystoneauth1 asks osprofiler for them, and so do services."""
    from osprofiler import profiler as upstream
    from osprofiler import web

    upstream.init(KEY.reveal(), base_id="00000000-0000-0000-0000-000000001234")
    try:
        headers = web.get_trace_id_headers()
        with fast.request():
            by_keystone(here.url)
            by_requests(here.url, headers=headers)
    finally:
        upstream.clean()
    assert headers
    assert [seen.parent(KEYS)[1] for seen in here.seen] == [span_id(span) for span in fast.wait(3)[:2]]


def test_headers_that_cannot_be_read_are_not_the_callers_problem(
    fast: Recorder, here: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(dict[str, str]):
        def items(self) -> Any:
            calls.append(1)
            if len(calls) == 1:
                raise RuntimeError("s3cret")
            return super().items()

        def copy(self) -> Odd:
            return Odd(self)

    calls: list[int] = []
    with fast.request():
        assert by_pool_manager(here.url, headers=Odd(Accept="x")) == 200
    fast.wait(2)
    assert "could not be given its trace" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_trace_that_has_no_room_left_goes_on_in_the_other_service(here: Origin, there: Origin) -> None:
    recorder = Recorder()
    recorder.provider.spans_per_trace = 1
    with instrumented(recorder.provider), recorder.request() as serving:
        by_requests(here.url, headers=foreign_headers())
        by_requests(here.to(there.url), headers=foreign_headers())
        parent = serving.get_span_context().span_id
    assert [seen.parent(KEYS)[1] for seen in here.seen] == [parent] * 2
    assert not there.seen[0].signed
    recorder.wait(1)


def test_a_trace_that_nobody_signed_has_a_traceparent_only(here: Origin) -> None:
    recorder = Recorder()
    recorder.provider.record_unsigned = True
    tracer = recorder.provider.get_tracer("t")
    with instrumented(recorder.provider), tracer.start_as_current_span("native"):
        by_requests(here.url)
    span = recorder.wait(2)[0]
    (seen,) = here.seen
    assert seen.values("x-trace-info") == []
    assert seen.values("traceparent") == [f"00-{span.context.trace_id:032x}-{span_id(span):016x}-01"]


@pytest.mark.parametrize(
    ("options", "signed"),
    [
        ({}, True),
        ({"propagate_to": ["127.0.0.0/8"]}, True),
        ({"propagate_to": [".example.org", "10.0.0.0/8"]}, False),
        ({"propagate_to": []}, False),
        ({"settings": Settings(propagate_to=("127.0.0.1",))}, True),
        ({"settings": Settings(propagate_to=("keystone",))}, False),
        ({"settings": Settings()}, True),
    ],
)
def test_only_hosts_that_may_have_the_trace_get_it(
    here: Origin, options: dict[str, Any], signed: bool
) -> None:
    recorder = Recorder()
    with instrumented(recorder.provider, **options), recorder.request():
        by_requests(here.url, headers=foreign_headers())
    assert here.seen[0].signed is signed
    recorder.wait(2)


# -- attempts and hops --------------------------------------------------------------------------------------


def test_each_attempt_is_a_span_that_says_which_one_it_is(fast: Recorder, here: Origin) -> None:
    here.failures = 2
    with fast.request():
        retries = Retry(total=5, status_forcelist=[503])
        assert by_pool_manager(f"{here.url}/flaky", retries=retries) == 200
    spans = fast.wait(4)[:3]
    assert [attributes(span).get("http.request.resend_count") for span in spans] == [None, 1, 2]
    assert [attributes(span)["http.response.status_code"] for span in spans] == [503, 503, 200]
    assert [seen.parent(KEYS)[1] for seen in here.seen] == [span_id(span) for span in spans]


def test_keystoneauths_retries_are_counted(fast: Recorder, here: Origin) -> None:
    with fast.request():
        options = {"status_code_retries": 2, "status_code_retry_delay": 0.001}
        assert by_keystone(f"{here.url}/flaky", **options) == 200
    assert [attributes(span).get("http.request.resend_count") for span in fast.wait(3)[:2]] == [None, 1]
    assert all(seen.signed for seen in here.seen)


@senders
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_origin_stays_signed(
    fast: Recorder, here: Origin, send: Send, status: int
) -> None:
    with fast.request():
        assert send(here.to(f"{here.url}/final", status)) == 200
    spans = fast.wait(3)[:2]
    assert [seen.parent(KEYS)[1] for seen in here.seen] == [span_id(span) for span in spans]
    assert [attributes(span).get("http.request.resend_count") for span in spans] == [None, 1]


@senders
@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_redirect_to_another_origin_goes_unsigned(
    recorder: Recorder, here: Origin, there: Origin, send: Send, status: int
) -> None:
    with recorder.request():
        assert send(here.to(f"{there.url}/final", status), headers=foreign_headers()) == 200
    assert here.seen[0].signed
    assert not there.seen[0].signed
    spans = recorder.wait(3)[:2]
    assert attributes(spans[1])["server.port"] == there.server_address[1]
    assert attributes(spans[1])["http.request.resend_count"] == 1


@senders
def test_who_is_redirected_on_by_another_origin_is_unsigned_there_too(
    fast: Recorder, here: Origin, there: Origin, send: Send
) -> None:
    with fast.request():
        assert send(here.to(there.to(f"{there.url}/final"))) == 200
    assert [seen.signed for seen in here.seen + there.seen] == [True, False, False]


@senders
def test_what_comes_after_a_redirect_is_signed_again(
    fast: Recorder, here: Origin, there: Origin, send: Send
) -> None:
    with fast.request():
        send(here.to(there.url))
        assert send(there.url) == 200
    assert [seen.signed for seen in there.seen] == [False, True]


def test_an_internationalised_name_is_one_host_in_all_its_spellings(fast: Recorder, here: Origin) -> None:
    """keystoneauth1 has it as it was named, urllib3 as it is connected to."""
    named, sent = "http://bücher.example", "http://xn--bcher-kva.example"
    with fast.request(), requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": here.url}
        keystone = keystoneauth1.session.Session(session=session)
        keystone.get(f"{named}/to/302?{sent}/final", authenticated=False)
    assert [seen.signed for seen in here.seen] == [True, True]
    assert [seen.target.startswith(sent) for seen in here.seen] == [True, True]


def test_a_pool_that_sends_to_other_hosts_signs_for_its_own(fast: Recorder, here: Origin) -> None:
    with fast.request(), urllib3.HTTPConnectionPool("127.0.0.1", here.server_address[1]) as pool:
        pool.urlopen("GET", "/to/302?/final")
        pool.urlopen("GET", "/to/302?http://elsewhere.invalid/", assert_same_host=False)
    assert [seen.signed for seen in here.seen] == [True, True, True, False]


@pytest.mark.parametrize("method", ["rebuild_auth", "rebuild_method"])
def test_a_session_with_its_own_idea_of_redirects_goes_unsigned_as_well(
    fast: Recorder, here: Origin, there: Origin, method: str
) -> None:
    own = type("Own", (requests.Session,), {method: lambda self, prepared_request, response: None})
    with fast.request(), own() as session:
        session.trust_env = False
        session.get(here.to(there.url), headers=foreign_headers())
    assert (here.seen[0].signed, there.seen[0].signed) == (True, False)


def test_a_redirected_response_is_pickled_as_ever(fast: Recorder, here: Origin) -> None:
    with fast.request(), requests.Session() as session:
        session.trust_env = False
        response = session.get(here.to(here.url), headers={"X-Other": "kept"})
    found = pickle.loads(pickle.dumps(response))
    assert type(found.request.headers) is requests.structures.CaseInsensitiveDict
    assert found.request.headers == response.request.headers


def test_nothing_of_the_trace_is_left_with_the_caller(fast: Recorder, here: Origin) -> None:
    with fast.request(), requests.Session() as session:
        session.trust_env = False
        response = session.get(here.to(here.url))
    for sent in [*response.history, response]:
        assert not {name.lower() for name in sent.request.headers} & {"x-trace-info", "traceparent"}
    assert not session.headers.keys() & {"X-Trace-Info"}


def test_the_context_is_as_it_was_after_keystoneauth(fast: Recorder, here: Origin) -> None:
    with fast.request():
        before = context_api.get_current()
        by_keystone(here.to(here.url))
        with pytest.raises(keystone_exceptions.ConnectFailure):
            by_keystone(f"http://127.0.0.1:{unused_port()}/")
        assert context_api.get_current() is before


# -- TLS, proxies -----------------------------------------------------------------------------------------


@pytest.fixture
def secure() -> Iterator[Origin]:
    with secure_origin() as server:
        yield server


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


def test_https(fast: Recorder, secure: Origin, bundle: str) -> None:
    with fast.request():
        by_requests(f"{secure.url}/x", verify=bundle)
    assert secure.seen[0].signed
    assert attributes(fast.spans[0])["url.full"] == f"{secure.url}/x"


def test_a_certificate_that_is_not_trusted_is_an_error_of_the_span(fast: Recorder, secure: Origin) -> None:
    with fast.request(), pytest.raises(requests.exceptions.SSLError):
        by_requests(secure.url)
    assert attributes(fast.spans[0])["error.type"].endswith("SSLError")


def test_through_a_tunnel_the_trace_is_for_the_target_and_not_for_the_proxy(
    fast: Recorder, secure: Origin, here: Origin, bundle: str
) -> None:
    with fast.request():
        by_requests(f"{secure.url}/x", verify=bundle, proxies={"https": here.url})
    assert secure.seen[0].signed
    (connect,) = here.seen
    assert (connect.method, connect.signed) == ("CONNECT", False)
    (span, _) = fast.wait(2)
    assert attributes(span)["url.full"] == f"{secure.url}/x"


def test_a_proxy_that_makes_no_tunnel_is_seen(fast: Recorder, here: Origin) -> None:
    here.refusing = True
    with fast.request(), pytest.raises(requests.exceptions.ProxyError):
        by_requests("https://target.invalid/x?token=t0ken", proxies={"https": here.url})
    span = fast.wait(2)[0]
    assert (span.name, attributes(span)["server.address"]) == ("CONNECT", "target.invalid")
    assert span.status.status_code is StatusCode.ERROR
    assert not here.seen[0].signed


def test_the_span_of_a_refused_tunnel_began_before_the_proxy_was_asked(
    recorder: Recorder, here: Origin
) -> None:
    here.refusing = True
    with recorder.request(), pytest.raises(requests.exceptions.ProxyError):
        by_requests("https://target.invalid/", proxies={"https": here.url})
    span = recorder.wait(2)[0]
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.start_time < here.seen[0].at < span.end_time
    assert [event.name for event in span.events] == ["exception"]


def test_a_tunnel_takes_no_span_of_the_trace(secure: Origin, here: Origin, bundle: str) -> None:
    recorder = Recorder()
    recorder.provider.spans_per_trace = 2
    with instrumented(recorder.provider), recorder.request():
        by_requests(secure.url, verify=bundle, proxies={"https": here.url})
    assert [span.name for span in recorder.wait(2)] == ["GET", "request"]


def test_a_tunnel_starts_no_span_that_does_not_end(secure: Origin, here: Origin, bundle: str) -> None:
    class Counting(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            started.append(span.name)

    started: list[str] = []
    recorder = Recorder("sdk")
    recorder.provider.add_span_processor(Counting())
    with instrumented(recorder.provider), recorder.request():
        by_requests(secure.url, verify=bundle, proxies={"https": here.url})
    assert len(recorder.wait(2)) == len(started)


@pytest.mark.parametrize(("allowed", "signed"), [("target.invalid", True), ("127.0.0.1", False)])
def test_a_request_that_a_proxy_forwards_is_the_targets(here: Origin, allowed: str, signed: bool) -> None:
    recorder = Recorder()
    with instrumented(recorder.provider, propagate_to=[allowed]), recorder.request():
        by_requests("http://target.invalid:81/x?token=t0ken", proxies={"http": here.url})
    assert here.seen[0].signed is signed
    found = attributes(recorder.spans[0])
    assert (found["server.address"], found["server.port"]) == ("target.invalid", 81)
    assert found["url.full"].startswith("http://target.invalid:81/x?token=")
    assert "t0ken" not in found["url.full"]


@pytest.mark.parametrize("url", ["http:////target.invalid/", "http://target.invalid:1" + "1" * 9999 + "/"])
def test_what_a_proxy_forwards_to_nobody_knows_where_goes_unsigned(here: Origin, url: str) -> None:
    """The proxy itself may have the trace."""
    recorder = Recorder()
    with (
        instrumented(recorder.provider, propagate_to=["127.0.0.1"]),
        recorder.request(),
        urllib3.HTTPConnectionPool(*here.server_address[:2]) as pool,
    ):
        connection = pool._get_conn()
        pool._make_request(connection, "GET", url, headers=foreign_headers())
        connection.close()
    assert not here.seen[0].signed


def test_a_provider_that_fails_at_a_tunnel_fails_no_request(here: Origin) -> None:
    class Failing(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            if span.kind is SpanKind.CLIENT:
                raise RuntimeError("processor")

    recorder = Recorder("sdk")
    recorder.provider.add_span_processor(Failing())
    here.refusing = True
    with (
        instrumented(recorder.provider),
        recorder.request(),
        pytest.raises(requests.exceptions.ProxyError),
    ):
        by_requests("https://target.invalid/", proxies={"https": here.url})


# -- others at work ---------------------------------------------------------------------------------------


@senders
@pytest.mark.parametrize("suppress", [suppress_instrumentation, suppress_http_instrumentation])
def test_what_is_suppressed_is_neither_recorded_nor_signed(
    recorder: Recorder, here: Origin, send: Send, suppress: Any
) -> None:
    with recorder.request(), suppress():
        send(here.url)
    assert not here.seen[0].signed
    recorder.wait(1)


@pytest.mark.parametrize("options", [{}, {"spans": False}])
@pytest.mark.parametrize("suppress", [suppress_instrumentation, suppress_http_instrumentation])
@senders
def test_what_a_caller_has_signed_goes_no_further_where_nobody_records(
    here: Origin, there: Origin, send: Send, suppress: Any, options: dict[str, Any]
) -> None:
    recorder = Recorder()
    with (
        instrumented(recorder.provider, propagate_to=["127.0.0.1"], **options),
        recorder.request(),
        suppress(),
    ):
        send(here.to(there.url), headers=foreign_headers())
        send(f"http://localhost:{here.server_address[1]}/", headers=foreign_headers())
    assert [seen.signed for seen in here.seen + there.seen] == [True, False, False]
    assert set(foreign_headers().values()) <= {value for _, value in here.seen[0].headers}


def test_what_others_sign_goes_nowhere_else_with_a_redirect(
    here: Origin, there: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    contrib = ContribRequests()
    with instrumented(recorder.provider, spans=False):
        contrib.instrument(tracer_provider=recorder.provider)
        before = propagate.get_global_textmap()
        propagate.set_global_textmap(GatedPropagator())
        try:
            with recorder.request():
                by_requests(here.to(f"{there.url}/final"))
                by_pool_manager(f"{here.url}/by-nobody")
        finally:
            propagate.set_global_textmap(before)
            contrib.uninstrument()
    assert [seen.signed for seen in here.seen + there.seen] == [True, False, False]
    recorder.wait(2)
    assert not caplog.records


@pytest.fixture
def _told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "_told", set())


@pytest.mark.usefixtures("_told_nothing")
@pytest.mark.parametrize("first", ["ours", "contrib"])
@pytest.mark.parametrize("flavour", ["ours", "sdk"])
@pytest.mark.parametrize(
    ("contrib", "send"), [(ContribRequests, by_requests), (ContribUrllib3, by_pool_manager)]
)
def test_beside_contrib_there_is_one_span_one_warning_and_a_true_trace(
    here: Origin,
    there: Origin,
    caplog: pytest.LogCaptureFixture,
    flavour: str,
    first: str,
    contrib: Any,
    send: Send,
) -> None:
    recorder = Recorder(flavour)
    with contextlib.ExitStack() as stack:
        if first == "ours":
            stack.enter_context(instrumented(recorder.provider))
        contrib().instrument(tracer_provider=recorder.provider)
        stack.callback(contrib().uninstrument)
        if first == "contrib":
            RequestsInstrumentor().instrument(tracer_provider=recorder.provider)
            stack.callback(RequestsInstrumentor().uninstrument)
        with recorder.request():
            send(f"{here.url}/1")
            send(f"{here.url}/2")
            send(here.to(there.url))
    spans = [span for span in recorder.spans if span.kind is SpanKind.CLIENT]
    assert {str(span.instrumentation_scope.name) for span in spans} == {contrib.__module__}
    assert [seen.parent(KEYS)[1] for seen in here.seen] == [span_id(span) for span in spans[: len(here.seen)]]
    assert not there.seen[0].signed
    warnings = [record for record in caplog.records if "is instrumented by" in record.message]
    assert len(warnings) == 1


@pytest.mark.usefixtures("_told_nothing")
def test_contrib_that_is_not_of_this_library_changes_nothing(here: Origin) -> None:
    recorder = Recorder()
    ContribRequests().instrument(tracer_provider=recorder.provider)
    try:
        with instrumented(recorder.provider), recorder.request():
            by_pool_manager(here.url)
    finally:
        ContribRequests().uninstrument()
    assert here.seen[0].parent(KEYS)[1] == span_id(recorder.wait(2)[0])


# -- on and off -------------------------------------------------------------------------------------------


def test_what_has_wrapped_ours_meanwhile_stays_and_records_nothing(here: Origin) -> None:
    recorder, pool = Recorder(), urllib3.HTTPConnectionPool
    plain = pool._make_request
    RequestsInstrumentor().instrument(tracer_provider=recorder.provider)
    inside = pool._make_request

    def wrapping(self: Any, *args: Any, **named: Any) -> Any:
        return inside(self, *args, **named)

    pool._make_request = wrapping  # type: ignore[method-assign]
    try:
        RequestsInstrumentor().uninstrument()
        assert pool._make_request is wrapping
        with recorder.request():
            by_requests(here.url)
    finally:
        pool._make_request = plain  # type: ignore[method-assign]
    assert not here.seen[0].signed
    recorder.wait(1)


def test_on_off_and_on_again(here: Origin) -> None:
    for _ in range(2):
        recorder = Recorder()
        with instrumented(recorder.provider), recorder.request():
            by_keystone(here.url)
        recorder.wait(2)


def test_an_unknown_host_in_propagate_to_is_an_error() -> None:
    with pytest.raises(ValueError, match="no host name"):
        RequestsInstrumentor().instrument(propagate_to=["http://x/"])


def run(code: str) -> Any:
    made = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])


def test_nothing_is_imported_and_what_is_imported_later_is_traced() -> None:
    """In the order in which one library imports the other: keystoneauth1, requests, urllib3."""
    found = run("""
        import json, sys
        from recorders import Recorder
        from otel_bridge.instrumentation.requests import RequestsInstrumentor

        recorder = Recorder()
        RequestsInstrumentor().instrument(tracer_provider=recorder.provider)
        early = sorted({"urllib3", "requests", "keystoneauth1"} & sys.modules.keys())

        import keystoneauth1.session
        import requests
        from http_origins import origin
        with origin() as here, origin() as there, recorder.request():
            keystoneauth1.session.Session().get(here.to(there.url), authenticated=False)
            requests.get(here.to(there.url))
        print(json.dumps([early, [seen.signed for seen in here.seen + there.seen], len(recorder.spans)]))
    """)
    assert found == [[], [True, True, False, False], 5]


@pytest.mark.parametrize("patched", ["before", "after"])
def test_greenlets_send_below_their_own_request(patched: str) -> None:
    monkey = "import eventlet; eventlet.monkey_patch()"
    found = run(f"""
        import json
        {monkey if patched == "before" else ""}
        import requests
        from otel_bridge.instrumentation.requests import RequestsInstrumentor
        from recorders import KEY, Recorder
        recorder = Recorder()
        recorder.put = recorder.spans.append  # its lock was made before the patching, in one of the cases
        RequestsInstrumentor().instrument(tracer_provider=recorder.provider)
        {monkey if patched == "after" else ""}
        import eventlet
        from http_origins import origin
        from otel_bridge.wire.signing import KeyRing

        def work(number):
            with recorder.request(number) as serving:
                for _ in range(3):
                    requests.get(here.url)
            return number

        with origin() as here:
            pool = eventlet.GreenPool()
            list(pool.imap(work, range(1, 9)))
        keys = KeyRing([KEY])
        arrived = {{seen.parent(keys) for seen in here.seen}}
        made = {{(s.context.trace_id, s.context.span_id) for s in recorder.spans if s.name == "GET"}}
        print(json.dumps([len(arrived), arrived == made]))
    """)
    assert found == [24, True]
