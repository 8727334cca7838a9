"""Requests in, answers out, whatever the client does."""

import http.client
import socket
import threading
import time
from email.utils import parsedate_to_datetime
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking import request, send

from otel_bridge.collector import body
from otel_bridge.collector.body import Refusal
from otel_bridge.collector.handler import RequestHandler
from otel_bridge.collector.listener import Limits, Listener


class Handler(RequestHandler):
    def answer(self):
        match self.url.path:
            case "/echo":
                length = body.declared_length(self.headers)
                self.respond(200, "text/plain", body.read(self.rfile, length, 1000))
            case "/refused":
                raise Refusal(418, "short and stout", {"X-Spout": "here"})
            case "/broken":
                raise LookupError("not for clients")
            case "/large":
                self.respond(200, "text/plain", b"x" * 50_000_000)
            case _:
                self.respond(200, "text/plain", b"hello")


@pytest.fixture(scope="module")
def listener():
    listener = Listener("127.0.0.1", 0, Handler, Limits(request=0.4, response=0.4, body=1000))
    listener.start("test")
    yield listener
    listener.stop()


@pytest.fixture(scope="module")
def url(listener):
    return f"http://127.0.0.1:{listener.port}"


def test_an_answer_says_what_it_is_and_little_else(url):
    reply = request(url, "GET", "/")
    assert reply.body == b"hello"
    headers = dict(reply.headers)
    assert abs(parsedate_to_datetime(headers.pop("Date")).timestamp() - time.time()) < 60
    assert headers == {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": "text/plain",
        "Content-Length": "5",
    }


def test_head_has_the_header_and_no_body(url):
    first, second = send(url, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2, answers=2, method="HEAD")
    assert first.body == second.body == b""
    assert first.headers["Content-Length"] == second.headers["Content-Length"] == "5"


def test_a_refusal_is_json_with_the_reason(url):
    reply = request(url, "GET", "/refused")
    assert reply.status == 418
    assert reply.json() == {"error": "short and stout"}
    assert reply.headers["X-Spout"] == "here"
    assert reply.headers["Connection"] == "close"


def test_an_error_of_ours_is_logged_and_not_shown(url, caplog):
    reply = request(url, "GET", "/broken")
    assert reply.status == 500
    assert b"not for clients" not in reply.body
    assert "not for clients" in caplog.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "POST"])
def test_known_methods_are_answered(url, method):
    assert request(url, method, "/").status == 200


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET / HTTP/x\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        (b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\na: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_in_json(url, raw, status):
    (reply,) = send(url, raw)
    assert reply.status == status
    assert set(reply.json()) == {"error"}


def test_a_refused_client_can_send_all_it_has_and_then_read_why(listener):
    """The connection is not reset meanwhile."""
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as connection:
        connection.sendall(head)
        for _ in range(9):
            connection.sendall(b"x" * 1_000_000)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413
        assert b"longer than 1,000 bytes" in answer.read()
        answer.close()


@pytest.mark.parametrize(
    "started",
    [
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab",
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n",
    ],
)
def test_a_body_that_does_not_come_is_given_up(url, started):
    (reply,) = send(url, started)
    assert reply.status == 408
    assert "longer than 0.4 s" in reply.json()["error"]


def test_a_body_that_is_cut_off_is_refused(url):
    (reply,) = send(
        url, b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab", shutdown=True
    )
    assert reply.status == 400


def test_a_header_that_trickles_is_given_up(url):
    host, port = url.removeprefix("http://").split(":")
    started = monotonic()
    over = threading.Event()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")

        def trickle():
            try:
                while not over.wait(0.02):
                    connection.sendall(b"x")
            except OSError:
                pass

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            pass
        over.set()
        thread.join()
    assert monotonic() - started < 5


def test_who_does_not_take_its_answer_is_given_up(listener, url):
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1)
        ours = connection.getsockname()
        deadline = monotonic() + 10
        while any(peer(served) == ours for served in list(listener._connections)):
            assert monotonic() < deadline


def peer(connection):
    try:
        return connection.getpeername()
    except OSError:  # it is closed already
        return None


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "localhost.:1",
        "traces.localhost",
        "127.0.0.1:80",
        "[::1]:80",
        "10.1.2.3",
        "",
    ],
)
def test_this_machine_is_asked_by_its_names(url, host):
    assert request(url, "GET", "/", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example.org", "evil.example.org:80", "localhost.evil.org", "[zz"])
def test_a_name_that_was_made_to_point_here_is_refused(url, host):
    """DNS rebinding: a page of evil.example.org may not read traces from its visitor's machine."""
    reply = request(url, "GET", "/", headers={"Host": host})
    assert reply.status == 421
    assert "ask localhost" in reply.json()["error"]


def test_a_server_for_others_answers_to_any_name():
    listener = Listener("0.0.0.0", 0, Handler, Limits())
    listener.start("test")
    reply = request(f"http://127.0.0.1:{listener.port}", "GET", "/", headers={"Host": "traces.example.org"})
    listener.stop()
    assert reply.status == 200


def test_http_1_0_is_answered_once(url):
    (reply,) = send(url, b"GET / HTTP/1.0\r\n\r\n")
    assert (reply.status, reply.headers["Connection"]) == (200, "close")


def test_a_client_that_asks_first_is_told_to_go_on(url):
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    (reply,) = send(url, head + b"ok")
    assert (reply.status, reply.body) == (200, b"ok")


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_answered_or_dropped(url, raw):
    """Property: the server answers below 500 or closes, and goes on."""
    try:
        (reply,) = send(url, raw + b"\r\n\r\n", shutdown=True)
    except (ConnectionError, http.client.BadStatusLine):  # closed without an answer
        pass
    else:
        assert reply.status < 500 or reply.status in (501, 505)
    assert request(url, "GET", "/").status == 200
