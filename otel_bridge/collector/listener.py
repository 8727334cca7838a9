"""What both of our HTTP servers have in common: bounds on what clients may take of them."""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import threading
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer
from time import monotonic
from typing import Any, Final

_LOG = logging.getLogger("otel_bridge.collector")

_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: 33\r\n\r\n"
    b'{"error": "too many connections"}'
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take of a server: bytes, seconds, numbers."""

    #: Connections at a time; more are answered 503.
    connections: int = 256
    #: Seconds that a connection may be idle between two requests.
    idle: float = 60.0
    #: Seconds for the header and body of one request, however they trickle in.
    request: float = 60.0
    #: Seconds for taking each MiB of an answer, and for waiting until spans are stored.
    response: float = 30.0
    #: Bytes of a body, as it is sent and also without its compression.
    body: int = 64 * 1024 * 1024


class Listener(ThreadingHTTPServer):
    """An HTTP server with a thread for each connection, of which there is a bounded number."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, handler: type[BaseRequestHandler], limits: Limits) -> None:
        """Listens from now on; answers once started.

        Args:
            host: name or address, IPv4 or IPv6.
            port: 0: any free one.
            handler: answers the requests of one connection.
            limits: what clients may take.

        Raises:
            OSError: it cannot listen there.
        """
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        self.limits = limits
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        super().__init__((host, port), handler)
        #: The address that it listens at.
        self.host, self.port = self._address()
        #: Nobody but this machine reaches it.
        self.is_loopback = ipaddress.ip_address(self.host).is_loopback

    def _address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()[:2]
        return str(host), int(port)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the DNS for a name that nobody needs.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def start(self, name: str) -> None:
        """Answer, in a thread of that name."""
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name=name, daemon=True
        )
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Take no more requests, answer those that are there, within ``timeout`` seconds, and close."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        deadline = monotonic() + timeout
        with self._changed:
            for connection in self._connections:
                self._end(connection, socket.SHUT_RD)  # who reads a request sees its end
            self._changed.wait_for(lambda: not self._connections, max(0.0, deadline - monotonic()))
            for connection in self._connections:
                self._end(connection, socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            full = len(self._connections) >= self.limits.connections
            if not full:
                self._connections.add(request)
        if full:
            request.settimeout(0)
            try:
                request.send(_BUSY)
            except OSError:
                pass
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, (ConnectionError, TimeoutError)):  # the client went away
            _LOG.debug("%s: %s", client_address, error)
        else:
            _LOG.error("a connection failed", exc_info=True)

    @staticmethod
    def _end(connection: socket.socket, how: int) -> None:
        try:
            connection.shutdown(how)
        except OSError:  # it ended by itself
            pass
