"""Listening: numbers of connections, starting and stopping."""

import http.client
import socket
import threading
from time import monotonic

import pytest
from speaking import request, send

from otel_bridge.collector.handler import RequestHandler
from otel_bridge.collector.listener import Limits, Listener


class Handler(RequestHandler):
    entered = threading.Event()
    leave = threading.Event()

    def answer(self):
        if self.path == "/wait":
            Handler.entered.set()
            Handler.leave.wait(20)
        self.respond(200, "text/plain", b"answered")


@pytest.fixture
def listening():
    started = []

    def start(**limits):
        listener = Listener("127.0.0.1", 0, Handler, Limits(**limits))
        listener.start("test")
        started.append(listener)
        return listener, f"http://127.0.0.1:{listener.port}"

    Handler.entered.clear()
    Handler.leave.clear()
    yield start
    Handler.leave.set()
    for listener in started:
        listener.stop()


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_more_connections_than_allowed_are_told_to_come_again(listening):
    listener, url = listening(connections=2)
    with (
        socket.create_connection(("127.0.0.1", listener.port)) as first,
        socket.create_connection(("127.0.0.1", listener.port)) as second,
    ):
        for connection in (first, second):  # idle, but there
            connection.sendall(GET)
            assert b"200" in connection.recv(100)
        (reply,) = send(url, b"")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert reply.json() == {"error": "too many connections"}
    for _ in range(50):  # until the two are seen to be gone
        if request(url, "GET", "/").status == 200:
            break
    else:
        pytest.fail("the place of a closed connection is not free again")


def test_a_connection_that_is_idle_for_long_is_closed(listening):
    listener, _ = listening(idle=0.05)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as connection:
        assert connection.recv(1) == b""


def test_several_requests_are_answered_on_one_connection(listening):
    _, url = listening()
    assert [reply.status for reply in send(url, GET * 3, answers=3)] == [200] * 3


def test_stopping_answers_what_was_asked(listening):
    listener, url = listening()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(request(url, "GET", "/wait").body))
    asking.start()
    assert Handler.entered.wait(10)
    stopping = threading.Thread(target=listener.stop)
    stopping.start()
    Handler.leave.set()
    asking.join(10)
    stopping.join(10)
    assert answers == [b"answered"]


def test_stopping_does_not_wait_for_who_is_idle_or_slow(listening):
    listener, _ = listening()
    with (
        socket.create_connection(("127.0.0.1", listener.port)) as idle,
        socket.create_connection(("127.0.0.1", listener.port)) as slow,
    ):
        idle.sendall(GET)
        assert idle.recv(100)
        slow.sendall(b"GET / HT")
        started = monotonic()
        listener.stop()
    assert monotonic() - started < 4


def test_stopping_ends_what_takes_too_long(listening):
    listener, url = listening()
    failures = []

    def ask():
        try:
            request(url, "GET", "/wait")
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert Handler.entered.wait(10)
    listener.stop(timeout=0.05)
    asking.join(10)
    assert len(failures) == 1


def test_after_stopping_the_port_is_free(listening):
    listener, _ = listening()
    listener.stop()
    Listener("127.0.0.1", listener.port, Handler, Limits()).stop()


def test_what_was_never_started_stops():
    Listener("127.0.0.1", 0, Handler, Limits()).stop()


@pytest.mark.parametrize(("host", "loopback"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)])
def test_it_knows_whether_others_reach_it(host, loopback):
    listener = Listener(host, 0, Handler, Limits())
    listener.stop()
    assert listener.is_loopback is loopback


def test_ipv6_is_listened_at():
    try:
        listener = Listener("::1", 0, Handler, Limits())
    except OSError:
        pytest.skip("this machine has no IPv6")
    listener.start("test")
    assert request(f"http://[::1]:{listener.port}", "GET", "/").status == 200
    listener.stop()


def test_a_client_that_goes_away_is_not_an_error(listening, caplog):
    _, url = listening()
    for raw in (b"", b"GET", GET[:-2], b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"):
        send(url, raw, answers=0)
    assert request(url, "GET", "/").status == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
