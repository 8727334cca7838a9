"""Servers on loopback, each an origin of its own, that tests of HTTP clients send to."""

from __future__ import annotations

import functools
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time_ns
from typing import Any
from urllib.parse import urlsplit

from otel_bridge.wire import signing
from otel_bridge.wire.signing import KeyRing

#: Lower-case names of what carries a trace.
TRACE_HEADERS = ("x-trace-info", "x-trace-hmac", "traceparent")


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    target: str
    #: Every header line, in order.
    headers: list[tuple[str, str]]
    #: When, in nanoseconds.
    at: int = field(default_factory=time_ns)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def signed(self) -> bool:
        """Whether it carries the whole of a trace, each part once; fails if it carries a part of it."""
        counts = [len(self.values(name)) for name in TRACE_HEADERS]
        assert counts in ([0, 0, 0], [1, 1, 1]), self.headers
        return counts == [1, 1, 1]

    def parent(self, keys: KeyRing) -> tuple[int, int]:
        """Trace id and span id of its parent, by the signature and by traceparent."""
        info = keys.verify(self.values("x-trace-info")[0], self.values("x-trace-hmac")[0])
        assert info is not None
        _, trace_id, span_id, flags = self.values("traceparent")[0].split("-")
        assert (int(trace_id, 16), int(span_id, 16)) == (info.trace_id, info.parent_span_id)
        assert flags == "01"
        return info.trace_id, info.parent_span_id


class Origin(ThreadingHTTPServer):
    """``/status/N`` answers N, ``/to/N?URL`` redirects, ``/flaky`` fails once, ``/drop``, ``/hang``."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[Seen] = []
        self.over = threading.Event()
        self.refusing = False
        self.failures = 1
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.netloc = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.netloc}"

    def to(self, url: str, status: int = 302) -> str:
        """A URL of this origin that redirects to another one."""
        return f"{self.url}/to/{status}?{url}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that hang up


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin
    timeout = 20

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append(Seen(self.command, self.path, list(self.headers.items())))
        parts = urlsplit(self.path)
        path, _, argument = parts.path.strip("/").partition("/")
        if path == "to":
            self._answer(int(argument), Location=parts.query)
        elif path == "status":
            self._answer(int(argument))
        elif path == "flaky" and self.server.failures:
            self.server.failures -= 1
            self._answer(503)
        elif path == "drop":
            self.close_connection = True
        elif path == "hang":
            self.server.over.wait(20)
            self.close_connection = True
        else:
            self._answer(200, body=body or b"{}")

    do_GET = do_POST = do_PUT = do_HEAD = _serve

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        self.server.seen.append(Seen(self.command, self.path, list(self.headers.items())))
        self.close_connection = True
        if self.server.refusing:
            self._answer(407)
            return
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as onward:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pipe, args=(onward, self.connection))
            back.start()
            _pipe(self.connection, onward)
            back.join(20)

    def log_message(self, *args: Any) -> None:
        pass


def _pipe(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@contextmanager
def origin(tls: ssl.SSLContext | None = None) -> Iterator[Origin]:
    """A running :class:`Origin`."""
    with Origin(tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


@functools.cache
def authority() -> Any:
    """Who certifies :func:`secure_origin` (a ``trustme.CA``)."""
    import trustme  # not needed by those who are started with this module

    return trustme.CA()


@contextmanager
def secure_origin() -> Iterator[Origin]:
    """A running :class:`Origin` that speaks TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority().issue_cert("127.0.0.1").configure_cert(context)
    with origin(context) as server:
        yield server


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


def foreign_headers() -> dict[str, str]:
    """Trace headers that a caller has put in, in odd spelling."""
    info, mac = signing.pack(
        "11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-555555555555", signing.Key("another")
    )
    return {
        "x-TRACE-info": info,
        "X-Trace-Hmac": mac,
        "Traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    }
