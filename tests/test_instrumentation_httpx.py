"""instrumentation/httpx.py: what httpx sends, synchronously and under asyncio, on real servers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from http_clients import instrumented_by
from http_origins import Origin, authority, foreign_headers, secure_origin, unused_port
from opentelemetry import context as context_api
from opentelemetry import propagate
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from opentelemetry.trace import SpanKind, StatusCode
from recorders import KEY, PATIENCE, Recorder, attributes, span_id

from otel_bridge.global_tracing import GlobalPropagator
from otel_bridge.instrumentation import conflicts
from otel_bridge.instrumentation.httpx import HTTPXInstrumentor
from otel_bridge.settings import Settings
from otel_bridge.wire.signing import KeyRing

KEYS = KeyRing([KEY])
PLACES = (
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (httpx.Client, "_send_handling_redirects"),
    (httpx.AsyncClient, "_send_handling_redirects"),
)
Send = Callable[..., int]


instrumented = functools.partial(instrumented_by, HTTPXInstrumentor, PLACES)


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


#: What a test says about the client.
_CLIENT_OPTIONS = ("verify", "proxy", "auth")


def split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    of_client = {name: options.pop(name) for name in _CLIENT_OPTIONS if name in options}
    return {"trust_env": False, "follow_redirects": True, **of_client}, options


def synchronous(url: str, method: str = "GET", **options: Any) -> int:
    of_client, options = split(options)
    with httpx.Client(**of_client) as client:
        return client.request(method, url, **options).status_code


def asynchronous(url: str, method: str = "GET", **options: Any) -> int:
    of_client, options = split(options)

    async def send() -> int:
        async with httpx.AsyncClient(**of_client) as client:
            return (await client.request(method, url, **options)).status_code

    return asyncio.run(send())


senders = pytest.mark.parametrize("send", [synchronous, asynchronous], ids=lambda send: send.__name__)


@senders
def test_a_request_is_a_client_span_below_the_current_one(
    recorder: Recorder, here: Origin, send: Send
) -> None:
    with recorder.request(0xABC) as serving:
        parent = serving.get_span_context().span_id
        assert send(f"{here.url}/v3/x?limit=1&token=t0ken") == 200
    span, _ = recorder.wait(2)
    assert (span.kind, span.name, span.status.status_code) == (SpanKind.CLIENT, "GET", StatusCode.UNSET)
    assert span.parent is not None
    assert span.parent.span_id == parent
    assert attributes(span) == {
        "http.request.method": "GET",
        "url.full": f"{here.url}/v3/x?limit=1&token=REDACTED",
        "server.address": "127.0.0.1",
        "server.port": here.server_address[1],
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }
    assert here.seen[0].signed
    assert here.seen[0].parent(KEYS) == (0xABC, span_id(span))


@senders
def test_an_untraced_request_goes_out_untouched(recorder: Recorder, here: Origin, send: Send) -> None:
    headers = foreign_headers()
    send(here.url, headers=headers)
    assert set(headers.items()) <= set(here.seen[0].headers)
    assert recorder.spans == []


@senders
@pytest.mark.parametrize("status", [404, 503])
def test_an_error_of_the_server_is_one_of_the_span(
    fast: Recorder, here: Origin, send: Send, status: int
) -> None:
    with fast.request():
        assert send(f"{here.url}/status/{status}") == status
    found = attributes(fast.wait(2)[0])
    assert (found["http.response.status_code"], found["error.type"]) == (status, str(status))


@senders
@pytest.mark.parametrize(
    ("where", "options", "error"),
    [
        ("refused", {}, "httpx.ConnectError"),
        ("/drop", {}, "httpx.RemoteProtocolError"),
        ("/hang", {"timeout": httpx.Timeout(PATIENCE, read=0.05)}, "httpx.ReadTimeout"),
    ],
)
def test_a_request_that_fails_ends_its_span(
    recorder: Recorder, here: Origin, send: Send, where: str, options: dict[str, Any], error: str
) -> None:
    url = f"{here.url}{where}" if where != "refused" else f"http://127.0.0.1:{unused_port()}/"
    with recorder.request(), pytest.raises(httpx.HTTPError):
        send(url, **options)
    span = recorder.wait(2)[0]
    assert attributes(span)["error.type"] == error
    assert span.status.status_code is StatusCode.ERROR


def test_a_cancelled_request_ends_its_span(fast: Recorder, here: Origin) -> None:
    async def send() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            request = asyncio.create_task(client.get(f"{here.url}/hang", timeout=None))
            async with asyncio.timeout(PATIENCE):
                while not here.seen:
                    await asyncio.sleep(0.001)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request

    with fast.request():
        asyncio.run(send())
    assert attributes(fast.wait(2)[0])["error.type"].endswith("CancelledError")


def test_tasks_send_below_their_own_request(fast: Recorder, here: Origin) -> None:
    async def work(client: httpx.AsyncClient, number: int) -> None:
        with fast.request(number):
            for _ in range(3):
                await client.get(here.url)

    async def main() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await asyncio.gather(*[work(client, number) for number in range(1, 9)])

    asyncio.run(main())
    made = {
        (span.context.trace_id, span.context.span_id)
        for span in fast.of_kind(SpanKind.CLIENT)
        if span.context is not None
    }
    assert {seen.parent(KEYS) for seen in here.seen} == made
    assert len(made) == 24


def test_the_span_of_a_streamed_response_ends_with_its_headers(fast: Recorder, here: Origin) -> None:
    with (
        fast.request(),
        httpx.Client(trust_env=False) as client,
        client.stream("POST", here.url, content=b"x" * 100) as response,
    ):
        assert [span.name for span in fast.spans] == ["POST"]
        assert response.read() == b"x" * 100


# -- headers ----------------------------------------------------------------------------------------------


@senders
def test_what_the_caller_had_set_is_replaced_in_a_copy(fast: Recorder, here: Origin, send: Send) -> None:
    with fast.request():
        send(here.url, headers={**foreign_headers(), "X-Other": "kept"})
    (seen,) = here.seen
    assert seen.signed
    assert seen.parent(KEYS)[1] == span_id(fast.spans[0])
    assert seen.values("x-other") == ["kept"]


def test_the_callers_request_keeps_its_headers_and_extensions(fast: Recorder, here: Origin) -> None:
    extensions = {"timeout": {"read": 5.0}}
    with fast.request(), httpx.Client(trust_env=False) as client:
        response = client.get(here.to(here.url), extensions=extensions, follow_redirects=True)
    assert extensions == {"timeout": {"read": 5.0}}
    for sent in [*response.history, response]:
        assert not {"x-trace-info", "x-trace-hmac", "traceparent"} & set(sent.request.headers)


def test_a_trace_that_has_no_room_left_goes_on_in_the_other_service(here: Origin, there: Origin) -> None:
    recorder = Recorder()
    recorder.provider.spans_per_trace = 1
    with instrumented(recorder.provider), recorder.request() as serving:
        synchronous(here.to(there.url), headers=foreign_headers())
        parent = serving.get_span_context().span_id
    assert here.seen[0].parent(KEYS)[1] == parent
    assert not there.seen[0].signed


@senders
@pytest.mark.parametrize(
    ("options", "signed"),
    [
        ({"propagate_to": ["127.0.0.0/8"]}, True),
        ({"propagate_to": [".example.org"]}, False),
        ({"settings": Settings(propagate_to=("keystone",))}, False),
        ({"settings": Settings()}, True),
    ],
)
def test_only_hosts_that_may_have_the_trace_get_it(
    here: Origin, send: Send, options: dict[str, Any], signed: bool
) -> None:
    recorder = Recorder()
    with instrumented(recorder.provider, **options), recorder.request():
        send(here.url, headers=foreign_headers())
    assert here.seen[0].signed is signed
    recorder.wait(2)


@senders
def test_an_internationalised_name_is_compared_as_it_is_connected_to(here: Origin, send: Send) -> None:
    """An older standard takes it for strasse.example, which is another host."""
    recorder = Recorder()
    with instrumented(recorder.provider, propagate_to=["strasse.example"]), recorder.request():
        for name in ("straße", "strasse"):
            send(f"http://{name}.example/", proxy=here.url)
    assert [seen.signed for seen in here.seen] == [False, True]


# -- hops -------------------------------------------------------------------------------------------------


@senders
def test_a_redirect_within_the_origin_stays_signed(fast: Recorder, here: Origin, send: Send) -> None:
    with fast.request():
        assert send(here.to(f"{here.url}/final")) == 200
    spans = fast.wait(3)[:2]
    assert [seen.parent(KEYS)[1] for seen in here.seen] == [span_id(span) for span in spans]
    assert [attributes(span).get("http.request.resend_count") for span in spans] == [None, 1]


@senders
def test_a_redirect_to_another_origin_goes_unsigned(
    recorder: Recorder, here: Origin, there: Origin, send: Send
) -> None:
    with recorder.request():
        assert send(here.to(there.to(f"{there.url}/final")), headers=foreign_headers()) == 200
        assert send(there.url) == 200
    assert [seen.signed for seen in here.seen + there.seen] == [True, False, False, True]
    recorder.wait(5)


def test_a_redirect_that_is_followed_by_hand_is_the_same(fast: Recorder, here: Origin, there: Origin) -> None:
    with fast.request(), httpx.Client(trust_env=False) as client:
        response = client.get(here.to(there.to(there.url)))
        for _ in range(2):
            assert response.next_request is not None
            response = client.send(response.next_request)
    assert [seen.signed for seen in there.seen] == [False, False]
    counts = [attributes(span).get("http.request.resend_count") for span in fast.wait(4)[:3]]
    assert counts == [None, 1, 2]


def test_a_request_that_its_caller_sends_again_is_a_new_one(
    fast: Recorder, here: Origin, there: Origin
) -> None:
    with fast.request(), httpx.Client(trust_env=False) as client:
        request = client.build_request("GET", here.to(here.url))
        client.send(request)
        client.send(request, follow_redirects=True)
        request.url = httpx.URL(there.url)
        client.send(request)
    assert there.seen[0].signed
    counts = [attributes(span).get("http.request.resend_count") for span in fast.wait(5)[:4]]
    assert counts == [None, None, 1, None]


class Twice(httpx.Auth):
    """Answers a challenge, as Digest does."""

    def auth_flow(self, request: httpx.Request) -> Any:
        yield request
        yield request


class Token(httpx.Auth):
    """Gets a token before."""

    def __init__(self, url: str) -> None:
        self.url = url

    def auth_flow(self, request: httpx.Request) -> Any:
        yield httpx.Request("POST", self.url)
        yield request


@senders
def test_a_request_that_is_sent_again_with_credentials_is_counted(
    fast: Recorder, here: Origin, send: Send
) -> None:
    with fast.request():
        send(here.url, auth=Twice())
    assert [seen.signed for seen in here.seen] == [True, True]
    counts = [attributes(span).get("http.request.resend_count") for span in fast.wait(3)[:2]]
    assert counts == [None, 1]


@senders
def test_a_token_from_another_origin_is_no_redirect(
    fast: Recorder, here: Origin, there: Origin, send: Send
) -> None:
    with fast.request():
        send(here.url, auth=Token(there.url))
    assert [seen.signed for seen in there.seen + here.seen] == [True, True]
    counts = [attributes(span).get("http.request.resend_count") for span in fast.wait(3)[:2]]
    assert counts == [None, None]


@senders
def test_the_context_is_as_it_was_afterwards(fast: Recorder, here: Origin, send: Send) -> None:
    with fast.request():
        before = context_api.get_current()
        send(here.to(here.url))
        with pytest.raises(httpx.HTTPError):
            send(f"http://127.0.0.1:{unused_port()}/")
        assert context_api.get_current() is before


def test_https_through_a_proxy(fast: Recorder, here: Origin) -> None:
    trusting = ssl.create_default_context()
    authority().configure_trust(trusting)
    with secure_origin() as secure, fast.request():
        synchronous(f"{secure.url}/x", verify=trusting, proxy=here.url)
    assert secure.seen[0].signed
    assert [(seen.method, seen.signed) for seen in here.seen] == [("CONNECT", False)]
    assert attributes(fast.spans[0])["url.full"] == f"{secure.url}/x"


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


@senders
@pytest.mark.parametrize("flavour", ["ours", "sdk"])
@pytest.mark.parametrize("first", ["ours", "contrib"])
def test_beside_contrib_there_is_one_span_one_warning_and_a_true_trace(
    here: Origin,
    there: Origin,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    flavour: str,
    send: Send,
) -> None:
    monkeypatch.setattr(conflicts, "_told", set())
    recorder = Recorder(flavour)
    contrib = HTTPXClientInstrumentor()
    for instrumentor in [HTTPXInstrumentor(), contrib] if first == "ours" else [contrib, HTTPXInstrumentor()]:
        instrumentor.instrument(tracer_provider=recorder.provider)
    try:
        with recorder.request(0xABC) as serving:
            send(here.url)
            send(here.to(there.url))
            serving_id = serving.get_span_context().span_id
    finally:
        for instrumentor in (
            [contrib, HTTPXInstrumentor()] if first == "ours" else [HTTPXInstrumentor(), contrib]
        ):
            instrumentor.uninstrument()
    spans = recorder.of_kind(SpanKind.CLIENT)
    assert {span.instrumentation_scope.name for span in spans if span.instrumentation_scope} == {
        "opentelemetry.instrumentation.httpx"
    }
    assert len(spans) == 3
    for seen, span in zip(here.seen, spans, strict=False):
        info = KEYS.verify(seen.values("x-trace-info")[0], seen.values("x-trace-hmac")[0])
        assert info is not None
        # Where ours is outside it knows only what is above contrib's span; traceparent refines that.
        assert (info.trace_id, info.parent_span_id) in [(0xABC, span_id(span)), (0xABC, serving_id)]
        assert seen.values("traceparent") == [f"00-{0xABC:032x}-{span_id(span):016x}-01"]
    assert there.seen[0].values("x-trace-info") == []
    assert len([record for record in caplog.records if "is instrumented by" in record.message]) == 1


@senders
@pytest.mark.parametrize("first", ["ours", "contrib"])
def test_what_others_sign_goes_nowhere_else_with_a_redirect(
    here: Origin, there: Origin, send: Send, first: str
) -> None:
    """They sign each hop anew."""
    recorder = Recorder()
    contrib = HTTPXClientInstrumentor()
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(GlobalPropagator())
    with contextlib.ExitStack() as stack:
        stack.callback(propagate.set_global_textmap, before)
        if first == "ours":
            stack.enter_context(instrumented(recorder.provider, spans=False))
        contrib.instrument(tracer_provider=recorder.provider)
        stack.callback(contrib.uninstrument)
        if first == "contrib":
            stack.enter_context(instrumented(recorder.provider, spans=False))
        with recorder.request():
            send(here.to(f"{here.url}/within"))
            send(here.to(f"{there.url}/final"))
    assert [seen.signed for seen in here.seen + there.seen] == [True, True, True, False]
    recorder.wait(5)


def test_beside_contrib_on_one_client_the_others_are_ours(fast: Recorder, here: Origin) -> None:
    with httpx.Client(trust_env=False) as client, fast.request():
        HTTPXClientInstrumentor.instrument_client(client, tracer_provider=fast.provider)
        client.get(here.url)
        HTTPXClientInstrumentor.uninstrument_client(client)
        client.get(here.url)
    theirs, ours, _ = fast.wait(3)
    assert [seen.parent(KEYS)[1] for seen in here.seen] == [span_id(theirs), span_id(ours)]


def test_what_has_wrapped_ours_meanwhile_stays_and_records_nothing(here: Origin) -> None:
    recorder, transport = Recorder(), httpx.HTTPTransport
    plain = transport.handle_request
    HTTPXInstrumentor().instrument(tracer_provider=recorder.provider)
    inside = transport.handle_request
    transport.handle_request = lambda self, request: inside(self, request)  # type: ignore[method-assign]
    try:
        HTTPXInstrumentor().uninstrument()
        with recorder.request():
            synchronous(here.url)
    finally:
        transport.handle_request = plain  # type: ignore[method-assign]
    assert not here.seen[0].signed
    recorder.wait(1)


class Odd(httpx.Headers):
    """Headers that cannot be read at once."""

    odd = True

    @property
    def raw(self) -> Any:
        if self.odd:
            self.odd = False
            raise LookupError
        return super().raw


def test_a_request_of_another_make_is_sent_all_the_same(
    fast: Recorder, here: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    with fast.request(), httpx.Client(trust_env=False) as client:
        request = client.build_request("GET", here.url)
        request.extensions["otel_bridge.following"] = "odd"
        request.headers = Odd(request.headers)
        assert client.send(request).status_code == 200
    assert "could not be given its trace" in caplog.text
    fast.wait(2)
