"""export/http.py: OTLP/HTTP as the specification says, against servers that do what servers should not.

Every server is real, on loopback. A scripted one gets each connection in a thread of its own.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from otel_bridge.export import http as otlp_http
from otel_bridge.export.http import OtlpHttpExporter
from otel_bridge.export.outcome import Outcome

Handler = Callable[["Server", socket.socket], None]

CHUNKS = [b"\x0a\x03one", b"", b"\x0a\x03two"]
BODY = b"\x0a\x03one\x0a\x03two"
COUNT = 5
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
BIG = [b"\0" * (1 << 20)] * 16
PATIENCE = 10.0


class Server:
    """Accepts connections and hands each to ``handler``; knows the requests that came."""

    def __init__(self, handler: Handler, *, context: ssl.SSLContext | None = None) -> None:
        self.handler = handler
        self.context = context
        self.connections = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.over = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.socket.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/v1/traces"
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Server:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with socket.create_connection(("127.0.0.1", self.port)):  # wakes accept
            pass
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        self.socket.close()

    def _accept(self) -> None:
        while True:
            conn, _ = self.socket.accept()
            if self.over.is_set():
                conn.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(conn,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn: socket.socket) -> None:
        conn.settimeout(PATIENCE)
        try:
            if self.context:
                conn = self.context.wrap_socket(conn, server_side=True)
            self.handler(self, conn)
        except OSError:  # the client went away, which is what some tests are about
            pass
        finally:
            conn.close()

    def read_request(self, conn: socket.socket) -> bool:
        """Read one request whole; False when the client has closed."""
        data = bytearray()
        while b"\r\n\r\n" not in data:
            more = conn.recv(65536)
            if not more:
                return False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (entry.split(": ", 1) for entry in rest)}
        while len(body) < int(headers["content-length"]):
            body += conn.recv(1 << 20)
        self.requests.append((line, headers, bytes(body)))
        return True

    def hang(self) -> None:
        self.over.wait(PATIENCE)


def answers(*replies: bytes) -> Handler:
    """One answer to each request in turn, the last one for ever, on connections that are kept alive."""

    def handle(server: Server, conn: socket.socket) -> None:
        while server.read_request(conn):
            conn.sendall(replies[min(len(server.requests), len(replies)) - 1])

    return handle


def reply(status: int, body: bytes = b"", content_type: str = "application/x-protobuf", *lines: str) -> bytes:
    if status == 204:
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    extra = "".join(f"{line}\r\n" for line in lines)
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class FakeEncoder:
    def encode(self, spans: Any) -> bytes:
        return b"encoded:" + b"".join(spans)


def make(url: str, **settings: Any) -> OtlpHttpExporter:
    return OtlpHttpExporter(url, **{"encoder": FakeEncoder(), "timeout": 5.0, **settings})


def never() -> float:
    return 1e12


@contextmanager
def exporting(handler: Handler, **settings: Any) -> Iterator[tuple[Server, Callable[..., Outcome]]]:
    """A server, and a function that sends to it with one exporter."""
    context = settings.pop("server_context", None)
    with Server(handler, context=context) as server:
        exporter = make(settings.pop("url", server.url), **settings)

        def send(chunks: Any = CHUNKS, count: int = COUNT, give_up: Callable[[], float] = never) -> Outcome:
            outcome = exporter.send(chunks, count, give_up)
            assert outcome.exported + sum(outcome.dropped.values()) == count
            assert len(outcome.detail.splitlines()) <= 1
            return outcome

        try:
            yield server, send
        finally:
            exporter.close()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions follow at once."""
    monkeypatch.setattr(otlp_http, "BACK_OFF", (0.01, 0.02))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No repetition that waits comes within any time-out here."""
    monkeypatch.setattr(otlp_http, "BACK_OFF", (1e9, 1e9))


# -- the request ------------------------------------------------------------------------------------------


def test_encode_delegates() -> None:
    """A chunk is what the encoder makes."""
    assert make("http://127.0.0.1:1/").encode([b"a", b"b"]) == b"encoded:ab"  # type: ignore[list-item]


def test_request_to_loopback() -> None:
    """Chunks arrive joined, as one uncompressed protobuf POST with its length and our headers."""
    with exporting(answers(OK), headers={"X-Tenant": "nova"}) as (server, send):
        assert send() == Outcome(COUNT)
        ((line, headers, body),) = server.requests
    assert (line, body) == ("POST /v1/traces HTTP/1.1", BODY)
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["user-agent"].startswith("otel-bridge-OTLP-Exporter-Python/")
    assert headers["x-tenant"] == "nova"
    assert "content-encoding" not in headers
    assert "transfer-encoding" not in headers


@pytest.mark.parametrize(
    ("host", "compression", "compressed"),
    [
        ("127.0.0.1", "auto", False),
        ("127.0.0.1", "none", False),
        ("127.0.0.1", "gzip", True),
        ("0.0.0.0", "auto", True),  # reaches this machine, and is no loopback address
        ("0.0.0.0", "none", False),
    ],
)
def test_compression(host: str, compression: str, compressed: bool) -> None:
    """gzip when asked for, or by default to anywhere but loopback; the bytes survive."""
    with Server(answers(OK)) as server:
        exporter = make(f"http://{host}:{server.port}/", compression=compression)
        assert exporter.send(CHUNKS, COUNT, never) == Outcome(COUNT)
        exporter.close()
        ((_, headers, body),) = server.requests
    assert headers.get("content-encoding") == ("gzip" if compressed else None)
    assert (gzip.decompress(body) if compressed else body) == BODY


def test_nothing_is_sent_for_no_spans() -> None:
    """An empty export makes no connection."""
    with exporting(answers(OK)) as (server, send):
        assert send([], 0) == Outcome(0)
        assert server.connections == 0


def test_big_request() -> None:
    """More than a socket buffer holds arrives whole."""
    with exporting(answers(OK)) as (server, send):
        assert send(BIG) == Outcome(COUNT)
        assert len(server.requests[0][2]) == sum(map(len, BIG))


# -- connections ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        reply(204),
        reply(400, b"x" * 100),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_connection_is_kept_alive(answer: bytes) -> None:
    """Requests follow each other on one connection, whatever form the answer has."""
    with exporting(answers(answer)) as (server, send):
        for _ in range(3):
            send()
        assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nends when the connection does",
    ],
)
def test_connection_that_ends_is_replaced(answer: bytes) -> None:
    """An answer that announces the end of its connection is followed by a new one."""

    def handle(server: Server, conn: socket.socket) -> None:
        server.read_request(conn)
        conn.sendall(answer)

    with exporting(handle) as (server, send):
        assert [send() for _ in range(2)] == [Outcome(COUNT)] * 2
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.usefixtures("patient")
def test_stale_connection_is_replaced_at_once() -> None:
    """A server that has silently closed an idle connection costs neither spans nor a back-off."""

    def handle(server: Server, conn: socket.socket) -> None:
        server.read_request(conn)
        conn.sendall(OK)

    with exporting(handle) as (server, send):
        assert [send() for _ in range(3)] == [Outcome(COUNT)] * 3
        assert (server.connections, len(server.requests)) == (3, 3)


@pytest.mark.usefixtures("patient")
def test_closing_a_fresh_connection_is_no_stale_one() -> None:
    """Only a connection that has worked before is repeated at once; who always hangs up is not hammered."""

    def handle(server: Server, conn: socket.socket) -> None:
        server.read_request(conn)

    with exporting(handle, timeout=0.4) as (server, send):
        outcome = send()
        assert outcome.dropped == {"unreachable": COUNT}
        assert "closed the connection without a whole answer" in outcome.detail
        assert server.connections == 1


@pytest.mark.usefixtures("patient")
def test_answer_that_had_begun_is_no_stale_connection() -> None:
    """A kept connection that breaks in the middle of an answer is a failure like any other."""

    def handle(server: Server, conn: socket.socket) -> None:
        while server.read_request(conn):
            conn.sendall(OK if len(server.requests) == 1 else b"HTTP/1.1 200 OK\r\nContent-Ty")
            if len(server.requests) > 1:
                return

    with exporting(handle, timeout=0.4) as (server, send):
        assert send() == Outcome(COUNT)
        assert send().dropped == {"unreachable": COUNT}
        assert len(server.requests) == 2


def test_idle_connection_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a long silence a gateway may have forgotten the connection, so it is not used again."""
    monkeypatch.setattr(otlp_http, "MAX_IDLE", -1.0)
    with exporting(answers(OK)) as (server, send):
        send()
        send()
        assert server.connections == 2


def test_close_closes_and_send_opens_again() -> None:
    """After close() the server sees the end; a later send works."""
    ended = threading.Event()

    def handle(server: Server, conn: socket.socket) -> None:
        while server.read_request(conn):
            conn.sendall(OK)
        ended.set()

    with Server(handle) as server:
        exporter = make(server.url)
        exporter.send(CHUNKS, COUNT, never)
        exporter.close()
        exporter.close()
        assert ended.wait(PATIENCE)
        assert exporter.send(CHUNKS, COUNT, never) == Outcome(COUNT)
        exporter.close()
        assert server.connections == 2


# -- statuses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_success(status: int) -> None:
    """Every 2xx is a success."""
    with exporting(answers(reply(status))) as (server, send):
        assert send() == Outcome(COUNT)
        assert len(server.requests) == 1


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "status",
    [
        300,
        301,
        302,
        303,
        304,
        307,
        308,
        400,
        401,
        403,
        404,
        405,
        408,
        409,
        413,
        415,
        422,
        431,
        500,
        501,
        505,
        599,
    ],
)
def test_final_status(status: int) -> None:
    """Anything that the specification does not list as retryable is tried once, and never a success."""
    answer = reply(status, b"", "application/x-protobuf", "Location: /elsewhere", "Retry-After: 0")
    with exporting(answers(answer)) as (server, send):
        outcome = send()
        assert (outcome.exported, outcome.dropped) == (0, {"refused": COUNT})
        assert outcome.detail.startswith(f"{server.url}: answered {status}")
        assert [line for line, _, _ in server.requests] == ["POST /v1/traces HTTP/1.1"]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retryable_status(status: int) -> None:
    """The four retryable statuses are tried again with the same body, compressed or not, until it works."""
    with exporting(answers(reply(status), reply(status), OK), compression="gzip") as (server, send):
        assert send() == Outcome(COUNT)
        assert [gzip.decompress(body) for _, _, body in server.requests] == [BODY] * 3
        assert server.connections == 1


@pytest.mark.usefixtures("eager")
def test_retryable_status_until_the_time_is_up() -> None:
    """When it never works the spans are counted as unreachable, and the last complaint is told."""
    body = Status(message="disk full").SerializeToString()
    with exporting(answers(reply(503, body)), timeout=0.3) as (server, send):
        outcome = send()
        assert outcome.dropped == {"unreachable": COUNT}
        assert outcome.detail == f"{server.url}: answered 503 Service Unavailable: disk full"
        assert len(server.requests) > 1


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "trouble",
    [
        b"",
        b"HTTP/1.1 200",
        b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0@\0",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2OO x\r\n\r\n",
    ],
)
def test_no_answer_is_tried_again(trouble: bytes) -> None:
    """A server that hangs up, or answers something else than HTTP/1.1, gets the request again."""

    def handle(server: Server, conn: socket.socket) -> None:
        server.read_request(conn)
        conn.sendall(trouble if len(server.requests) == 1 else OK)

    with exporting(handle) as (server, send):
        assert send() == Outcome(COUNT)
        assert len(server.requests) == 2


@pytest.mark.usefixtures("eager")
def test_server_that_comes_up_later() -> None:
    """A refused connection is tried again until somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))

    def serve() -> None:
        time.sleep(0.2)
        listener.listen()
        conn, _ = listener.accept()
        with conn:
            conn.recv(65536)
            conn.sendall(OK)

    thread = threading.Thread(target=serve)
    thread.start()
    exporter = make(f"http://127.0.0.1:{port}/")
    assert exporter.send(CHUNKS, COUNT, never) == Outcome(COUNT)
    exporter.close()
    thread.join(PATIENCE)
    listener.close()


def test_nobody_listens() -> None:
    """A refused connection ends as unreachable, and says so."""
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    outcome = make(f"http://127.0.0.1:{port}/v1/traces", timeout=0.3).send(CHUNKS, COUNT, never)
    assert outcome == Outcome(
        0, {"unreachable": COUNT}, f"http://127.0.0.1:{port}/v1/traces: Connection refused"
    )


# -- Retry-After ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(form: str) -> None:
    """The repetition does not come before the time the server asked for, in seconds or as a date."""
    value = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)  # a date has whole seconds
    answer = reply(429, b"", "application/x-protobuf", f"Retry-After: {value}")
    with exporting(answers(answer, OK)) as (server, send):
        began = time.monotonic()
        assert send() == Outcome(COUNT)
        assert time.monotonic() - began >= 0.9
        assert len(server.requests) == 2


@pytest.mark.usefixtures("eager")
def test_retry_after_holds_for_the_next_export_too() -> None:
    """A wait beyond the time-out ends this export in time, and the next one is just as silent."""
    answer = reply(503, b"", "application/x-protobuf", "Retry-After: 3600")
    with exporting(answers(answer, OK), timeout=0.3) as (server, send):
        began = time.monotonic()
        outcomes = [send(), send()]
        assert time.monotonic() - began < PATIENCE
        assert [outcome.dropped for outcome in outcomes] == [{"unreachable": COUNT}] * 2
        assert "answered 503" in outcomes[0].detail
        assert "Retry-After" in outcomes[1].detail
        assert len(server.requests) == 1


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("value", ["-1", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", ""])
def test_retry_after_that_says_nothing(value: str) -> None:
    """Rubbish and the past leave the ordinary back-off."""
    answer = reply(503, b"", "application/x-protobuf", f"Retry-After: {value}")
    with exporting(answers(answer, OK)) as (_, send):
        assert send() == Outcome(COUNT)


# -- answers ----------------------------------------------------------------------------------------------


def rejecting(number: int, message: str = "") -> bytes:
    inner = ExportTracePartialSuccess(rejected_spans=number, error_message=message)
    return ExportTraceServiceResponse(partial_success=inner).SerializeToString()


@pytest.mark.parametrize(
    ("answer", "rejected", "said"),
    [
        (reply(200, rejecting(2, "too old")), 2, ": rejected spans: too old"),
        (reply(200, rejecting(2)), 2, ": rejected spans"),
        (reply(200, rejecting(99, "all")), COUNT, ": rejected spans: all"),
        (reply(200, rejecting(-3)), 0, ""),
        (reply(200, rejecting(0, "please upgrade")), 0, ": please upgrade"),
        (reply(200, rejecting(0)), 0, ""),
        (
            reply(200, json.dumps({"partialSuccess": {"rejectedSpans": "2"}}).encode(), "application/json"),
            2,
            ": rejected spans",
        ),
        (reply(200, b"{}", "application/json"), 0, ""),
        (reply(200, b"\xff\xff\xff"), 0, ""),
        (reply(200, b"<p>Welcome", "text/html"), 0,
         ": answered 200 with a web page: is endpoint an OTLP address?"),
    ],
)  # fmt: skip
def test_partial_success(answer: bytes, rejected: int, said: str) -> None:
    """Rejected spans are counted, never more than were sent, never sent again; messages are passed on."""
    with exporting(answers(answer)) as (server, send):
        outcome = send()
        assert outcome.exported == COUNT - rejected
        assert outcome.dropped == ({"rejected": rejected} if rejected else {})
        assert outcome.detail == (server.url + said if said else "")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"Content-Length: 20\r\n\r\n" + rejecting(2), id="shorter than Content-Length"),
        pytest.param(b"Content-Length: 999999999\r\n\r\n" + b"\0" * 200_000, id="too long"),
        pytest.param(b"\r\n" + b"\0" * 200_000, id="too long without a length"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n5\r\n\x0a", id="chunk cut off"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="no chunk"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b"\0" * 0x4000 + b"\r\n", id="no end"
        ),
    ],
)
def test_success_with_a_body_that_is_not_whole(body: bytes) -> None:
    """The status says that the spans were accepted: they are not sent again, and the doubt is told."""

    def handle(server: Server, conn: socket.socket) -> None:
        server.read_request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\n" + body)

    with exporting(handle) as (server, send):
        outcome = send()
        assert (outcome.exported, outcome.dropped) == (COUNT, {})
        assert outcome.detail.endswith("did not arrive whole: rejected spans are not known")
        send()
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(400, Status(code=3, message="no such field").SerializeToString()),
         "400 Bad Request: no such field"),
        (reply(401, b'{"message": "who?"}', "application/json"), "401 Unauthorized: who? (check headers)"),
        (reply(400, b"Client sent an HTTP request\n\tto an HTTPS server\n", "text/plain"),
         "400 Bad Request: Client sent an HTTP request to an HTTPS server"),
        (reply(404, b"<h1>404</h1>", "text/html"),
         "404 Not Found (check the path of endpoint, usually /v1/traces)"),
        (reply(301, b"", "text/html", "Location: http://127.0.0.1:1/"),
         "301 Moved Permanently (redirects are not followed, set endpoint to the final address)"),
        (reply(499, b"\xff"), "499"),
    ],
)  # fmt: skip
def test_complaint(answer: bytes, said: str) -> None:
    """A refusal is told in one line with the server's reason and what to look at."""
    with exporting(answers(answer)) as (server, send):
        assert send().detail == f"{server.url}: answered {said}"


def test_no_secret_is_told() -> None:
    """Not even a server that sends our credentials back gets them into a log."""

    def handle(server: Server, conn: socket.socket) -> None:
        while server.read_request(conn):
            line, headers, _ = server.requests[-1]
            told = " ".join([line, headers["authorization"], headers["x-api-key"]]) + "x" * 150
            conn.sendall(reply(401, (told + headers["x-api-key"]).encode(), "text/plain"))

    secrets = ("t0ken-t0ken", "s3cret-key", "qu3ry-value")
    with Server(handle) as server:
        url = f"http://me:pa55word@127.0.0.1:{server.port}/v1/traces?k=qu3ry-value"
        headers = {"Authorization": "Bearer t0ken-t0ken", "X-Api-Key": "s3cret-key" * 4}
        exporter = make(url, headers=headers)
        detail = exporter.send(CHUNKS, COUNT, never).detail
        exporter.close()
    assert detail.startswith(f"http://127.0.0.1:{server.port}/v1/traces: answered 401")
    for text in (detail, repr(exporter)):
        assert not any(secret in text for secret in (*secrets, "s3cret", "pa55word"))


def test_early_answer_is_read() -> None:
    """A server that refuses the body while it is being sent is understood, and not tried again."""

    def handle(server: Server, conn: socket.socket) -> None:
        conn.recv(1000)
        conn.sendall(reply(413, b"", "application/x-protobuf", "Connection: close"))
        conn.shutdown(socket.SHUT_WR)

    with exporting(handle) as (server, send):
        outcome = send(BIG)
        assert outcome.dropped == {"refused": COUNT}
        assert "413" in outcome.detail
        assert server.connections == 1


def test_a_defect_of_ours_is_counted() -> None:
    """send() never raises; spans that could not be sent for another reason are counted as failed."""
    outcome = make("http://127.0.0.1:1/").send([None], COUNT, never)
    assert (outcome.exported, outcome.dropped) == (0, {"failed": COUNT})


# -- the time-out -----------------------------------------------------------------------------------------


def hangs(server: Server, conn: socket.socket) -> None:
    """Reads the request and never answers."""
    server.read_request(conn)
    server.hang()


def never_reads(server: Server, conn: socket.socket) -> None:
    server.hang()


def trickles(start: bytes, piece: bytes) -> Handler:
    def handle(server: Server, conn: socket.socket) -> None:
        server.read_request(conn)
        conn.sendall(start)
        while not server.over.wait(0.05):
            conn.sendall(piece)

    return handle


def floods(start: bytes, piece: bytes) -> Handler:
    def handle(server: Server, conn: socket.socket) -> None:
        server.read_request(conn)
        conn.sendall(start)
        while not server.over.is_set():
            conn.sendall(piece)

    return handle


TROUBLE = {
    "no answer": (hangs, CHUNKS),
    "body not read": (never_reads, BIG),
    "status line trickles": (trickles(b"", b"H"), CHUNKS),
    "header trickles": (trickles(b"HTTP/1.1 200 OK\r\nX: ", b"y"), CHUNKS),
    "continues for ever": (trickles(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), CHUNKS),
    "error trickles": (trickles(b"HTTP/1.1 503 X\r\nContent-Length: 9999\r\n\r\n", b"z"), CHUNKS),
    "endless headers": (floods(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 1000 + b"\r\n"), CHUNKS),
    "flood of continues": (floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99), CHUNKS),
    "endless status line": (floods(b"", b"H" * 65536), CHUNKS),
}


@pytest.mark.parametrize(
    ("trouble", "secure"),
    [
        *((trouble, False) for trouble in TROUBLE),
        *(
            (trouble, True)
            for trouble in ("no answer", "body not read", "header trickles", "endless headers")
        ),
    ],
)
def test_time_out_holds(trouble: str, secure: bool, tls: Callable[..., dict[str, Any]]) -> None:
    """Whatever a server does, an export ends with its time-out, and the spans are counted."""
    handler, chunks = TROUBLE[trouble]
    with exporting(handler, timeout=0.3, **(tls() if secure else {})) as (_, send):
        began = time.monotonic()
        outcome = send(chunks)
        assert 0.25 < time.monotonic() - began < 2.0
        assert outcome.dropped == {"unreachable": COUNT}


@pytest.mark.parametrize(
    "handler",
    [
        trickles(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"z"),
        trickles(b"HTTP/1.1 200 OK\r\n\r\n", b"z"),
        floods(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", b"z" * 65536),
        floods(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nzz\r\n" * 1000),
        floods(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * 1000),
    ],
)
def test_success_without_end(handler: Handler) -> None:
    """A success whose body does not end is a success, in bounded time."""
    with exporting(handler, timeout=0.3) as (_, send):
        began = time.monotonic()
        outcome = send()
        assert time.monotonic() - began < 2.0
        assert (outcome.exported, outcome.dropped) == (COUNT, {})


def test_time_out_while_connecting() -> None:
    """A host that swallows the connection request is given up with the time-out."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        clients = []
        for _ in range(4):  # fill the backlog
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            clients.append(client)
        exporter = make(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.3)
        began = time.monotonic()
        outcome = exporter.send(CHUNKS, COUNT, never)
        assert 0.25 < time.monotonic() - began < 2.0
        for client in clients:
            client.close()
    assert outcome.dropped == {"unreachable": COUNT}
    assert outcome.detail.endswith("no answer in time")


def test_time_out_in_the_tls_hand_shake(tls: Callable[..., dict[str, Any]]) -> None:
    """A server that accepts and then says nothing does not hold the hand-shake."""
    settings = tls()
    del settings["server_context"]
    with Server(never_reads) as server:
        exporter = make(f"https://127.0.0.1:{server.port}/", timeout=0.3, **settings)
        began = time.monotonic()
        assert exporter.send(CHUNKS, COUNT, never).dropped == {"unreachable": COUNT}
        assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("handler", "chunks"),
    [
        pytest.param(hangs, CHUNKS, id="no answer"),
        pytest.param(never_reads, BIG, id="body not read"),
        pytest.param(answers(reply(503, b"", "", "Retry-After: 60")), CHUNKS, id="back-off"),
    ],
)
def test_give_up_cuts_everything_short(handler: Handler, chunks: list[bytes]) -> None:
    """When the process shuts down meanwhile, waiting ends within a moment of what it is given."""
    limit = [1e12]
    threading.Timer(0.2, lambda: limit.__setitem__(0, time.monotonic() + 0.1)).start()
    with exporting(handler, timeout=60.0) as (_, send):
        began = time.monotonic()
        outcome = send(chunks, give_up=lambda: limit[0])
        assert time.monotonic() - began < 3.0
        assert outcome.dropped == {"shutdown": COUNT}


def test_shutdown_does_not_wait_in_vain() -> None:
    """A repetition that would come too late is not waited for when the process ends."""
    end = time.monotonic() + 30
    with exporting(answers(reply(503, b"", "", "Retry-After: 40")), timeout=60.0) as (_, send):
        outcomes = [send(give_up=lambda: end), send(give_up=lambda: end)]
        assert time.monotonic() < end - 20
        assert [outcome.dropped for outcome in outcomes] == [{"shutdown": COUNT}] * 2


def test_give_up_before_the_start() -> None:
    """When there is no time at all nothing is tried."""
    with exporting(answers(OK)) as (server, send):
        assert send(give_up=lambda: time.monotonic() - 1).dropped == {"shutdown": COUNT}
        assert server.connections == 0


# -- TLS --------------------------------------------------------------------------------------------------

CA = trustme.CA()
OTHER_CA = trustme.CA()


@pytest.fixture
def tls(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Settings for exporting(): a server with a certificate and an exporter that trusts it."""

    def configure(
        name: str = "127.0.0.1", *, trusted: trustme.CA = CA, client_ca: trustme.CA | None = None
    ) -> dict[str, Any]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        CA.issue_cert(name).configure_cert(context)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            client_ca.configure_trust(context)
        path = tmp_path / "ca.pem"
        trusted.cert_pem.write_to_path(str(path))
        return {"server_context": context, "certificate": str(path)}

    return configure


def test_tls(tls: Callable[..., dict[str, Any]]) -> None:
    """Requests go over one TLS connection that is kept alive, also big ones."""
    with exporting(answers(OK), **tls()) as (server, send):
        assert [send(), send(BIG), send()] == [Outcome(COUNT)] * 3
        assert server.connections == 1
        assert [len(body) for _, _, body in server.requests] == [len(BODY), 16 << 20, len(BODY)]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("polite", [False, True])
def test_stale_tls_connection(polite: bool, tls: Callable[..., dict[str, Any]]) -> None:
    """A TLS connection that the server closed, with or without close_notify, is replaced at once."""

    def handle(server: Server, conn: socket.socket) -> None:
        server.read_request(conn)
        conn.sendall(OK)
        if polite:
            assert isinstance(conn, ssl.SSLSocket)
            conn.settimeout(0.1)
            conn.unwrap()

    with exporting(handle, **tls()) as (server, send):
        assert [send() for _ in range(2)] == [Outcome(COUNT)] * 2
        assert server.connections == 2


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trusted": OTHER_CA}, "its certificate is not accepted: unable to get local issuer certificate"),
        ({"name": "10.0.0.1"}, "its certificate is not accepted: IP address mismatch"),
    ],
)
def test_certificate_that_is_not_accepted(
    settings: dict[str, Any], said: str, tls: Callable[..., dict[str, Any]]
) -> None:
    """Nothing is sent to a server with a foreign certificate, or one for another host; the reason is told."""
    with exporting(answers(OK), timeout=0.5, **tls(**settings)) as (server, send):
        outcome = send()
        assert outcome.dropped == {"unreachable": COUNT}
        assert said in outcome.detail
        assert not server.requests


def test_mutual_tls(tmp_path: Path, tls: Callable[..., dict[str, Any]]) -> None:
    """The client certificate is shown to a server that asks for it."""
    client = OTHER_CA.issue_cert("nova.example")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    client.private_key_pem.write_to_path(str(key))
    client.cert_chain_pems[0].write_to_path(str(cert))
    settings = tls(client_ca=OTHER_CA)
    with exporting(answers(OK), client_certificate=str(cert), client_key=str(key), **settings) as (_, send):
        assert send() == Outcome(COUNT)


@pytest.mark.usefixtures("patient")
def test_mutual_tls_without_certificate(tls: Callable[..., dict[str, Any]]) -> None:
    """A server that misses our certificate accepts no spans, and the reason is told."""
    with exporting(answers(OK), timeout=0.5, **tls(client_ca=OTHER_CA)) as (server, send):
        outcome = send()
        assert outcome.dropped == {"unreachable": COUNT}
        assert "certificate required" in outcome.detail
        assert not server.requests


@pytest.mark.usefixtures("patient")
def test_https_to_a_plain_port() -> None:
    """The wrong scheme is recognised: TLS to a server that speaks none."""

    def handle(server: Server, conn: socket.socket) -> None:
        conn.recv(65536)
        conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Server(handle) as server:
        outcome = make(f"https://127.0.0.1:{server.port}/", timeout=0.5).send(CHUNKS, COUNT, never)
    assert "is this port for http://?" in outcome.detail


@pytest.mark.usefixtures("patient")
def test_http_to_a_tls_port(tls: Callable[..., dict[str, Any]]) -> None:
    """The wrong scheme is recognised: plain text to a server that speaks TLS."""
    context = tls()["server_context"]
    with Server(answers(OK), context=context) as server:
        outcome = make(f"http://127.0.0.1:{server.port}/", timeout=0.5).send(CHUNKS, COUNT, never)
    assert outcome.dropped == {"unreachable": COUNT}


# -- construction -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "settings", "named"),
    [
        ("collector:4318", {}, "endpoint"),
        ("http://h/", {"headers": {"a": "b\r\nc: d"}}, "headers"),
        ("http://h/", {"timeout": 0}, "timeout"),
        ("http://h/", {"timeout": -1.0}, "timeout"),
        ("http://h/", {"timeout": float("nan")}, "timeout"),
        ("http://h/", {"timeout": float("inf")}, "timeout"),
        ("http://h/", {"timeout": "10"}, "timeout"),
        ("http://h/", {"timeout": True}, "timeout"),
        ("http://h/", {"compression": "deflate"}, "compression"),
        ("http://h/", {"compression": None}, "compression"),
        ("https://h/", {"certificate": "/nonexistent/ca.pem"}, "certificate"),
        ("https://h/", {"client_certificate": "/nonexistent/c.pem"}, "client_certificate"),
        ("https://h/", {"client_key": "/nonexistent/k.pem"}, "client_key"),
    ],
)
def test_bad_settings(endpoint: str, settings: dict[str, Any], named: str) -> None:
    """What is wrong is refused when the exporter is made, by the name of the setting."""
    with pytest.raises(ValueError, match=f"^{named}: "):
        make(endpoint, **settings)


# -- processes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True])
def test_fork_leaves_the_connection_to_the_parent(secure: bool, tls: Callable[..., dict[str, Any]]) -> None:
    """A child makes a connection of its own; the parent's goes on working whatever the child does."""
    script = textwrap.dedent(
        """
        import os, sys
        from otel_bridge.export.http import OtlpHttpExporter
        exporter = OtlpHttpExporter(sys.argv[1], certificate=sys.argv[2] or None, encoder=None, timeout=5)
        def send(name):
            outcome = exporter.send([name], 1, lambda: 1e12)
            assert outcome.exported == 1, outcome
        send(b"parent 1")
        for child in (b"child 1", b"child 2", b""):
            pid = os.fork()
            if not pid:
                try:
                    if child:
                        send(child)
                    exporter.close()
                finally:
                    os._exit(0)
            os.waitpid(pid, 0)
            send(b"parent 2")
        exporter.close()
        """
    )
    settings = tls() if secure else {}
    with Server(answers(OK), context=settings.get("server_context")) as server:
        subprocess.run(
            [sys.executable, "-c", script, server.url, settings.get("certificate", "")],
            check=True,
            timeout=30,
        )
        assert server.connections == 3
    bodies = [body for _, _, body in server.requests]
    assert sorted(bodies) == [b"child 1", b"child 2", b"parent 1", b"parent 2", b"parent 2", b"parent 2"]


GREEN = """
    import sys, warnings
    warnings.simplefilter("ignore")  # eventlet's own, at import
    library, order, certificate, *urls = sys.argv[1:]

    def patch():
        if library == "eventlet":
            import eventlet
            eventlet.monkey_patch()
        else:
            from gevent import monkey
            monkey.patch_all()

    def make():
        from otel_bridge.export.http import OtlpHttpExporter
        return [OtlpHttpExporter(url, certificate=certificate, encoder=None, timeout=20) for url in urls]

    if order == "patched first":
        patch()
    exporters = make()
    if order == "patched last":
        patch()
    import time, _queue
    from otel_bridge.export import native
    results = _queue.SimpleQueue()

    def export(chunk):
        results.put([exporter.send([chunk], 1, lambda: 1e12) for exporter in exporters])

    # The hub stands still: a green thread could not run.
    native.start_thread(lambda: export(b"quick"))
    assert [outcome.exported for outcome in results.get(timeout=15)] == [1, 1]
    # The hub goes on while an export waits.
    native.start_thread(lambda: export(b"slow"))
    ticks = 0
    while results.empty():
        time.sleep(0.01)
        ticks += 1
    assert [outcome.exported for outcome in results.get()] == [1, 1]
    print(ticks)
"""


@pytest.mark.parametrize("order", ["patched first", "patched last"])
@pytest.mark.parametrize("library", ["eventlet", "gevent"])
def test_green_process(library: str, order: str, tls: Callable[..., dict[str, Any]]) -> None:
    """Monkey-patched before or after our import, an export neither needs the hub nor holds it."""

    def handle(server: Server, conn: socket.socket) -> None:
        while server.read_request(conn):
            if server.requests[-1][2] == b"slow":
                server.over.wait(0.2)
            conn.sendall(OK)

    settings = tls()
    with Server(handle) as plain, Server(handle, context=settings["server_context"]) as secure:
        arguments = [library, order, settings["certificate"], plain.url, secure.url]
        command = [sys.executable, "-c", textwrap.dedent(GREEN), *arguments]
        done = subprocess.run(command, timeout=60, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) > 3
        assert (plain.connections, secure.connections) == (1, 1)
