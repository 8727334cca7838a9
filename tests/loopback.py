"""A server on loopback that answers what a test says, byte for byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

#: From the head of a request to the pieces of the answer; the connection is closed after the last one.
Script = Callable[[str], Iterable[bytes]]


class Loopback:
    """See :func:`serving`."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        #: The head of each request, in the order of arrival.
        self.heads: list[str] = []
        #: Set when the test is over: what a script that hangs waits for.
        self.over = threading.Event()
        self._script = script
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._socket.getsockname()[1]
        self.netloc = f"127.0.0.1:{self.port}"
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self.over.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._answer, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        head = b""
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                while not head.endswith(b"\r\n\r\n"):
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                self.heads.append(head.decode("latin-1"))
                for answer in self._script(self.heads[-1]):
                    connection.sendall(answer)
        except OSError:  # the client had enough
            connection.close()

    def close(self) -> None:
        self.over.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._accepting.join(10)
        for thread in self._threads:
            thread.join(10)
        self._socket.close()


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """A running server that answers by ``script``."""
    server = Loopback(script, tls)
    try:
        yield server
    finally:
        server.close()


def answer(
    body: bytes | str, *, status: int = 200, content_type: str = "application/json", **headers: str
) -> bytes:
    """A whole HTTP answer."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def path_of(head: str) -> str:
    """The target of a request, without its query."""
    return head.split(" ", 2)[1].partition("?")[0]
