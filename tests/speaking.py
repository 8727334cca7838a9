"""HTTP spoken byte by byte, to servers of ours."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> object:
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)


def send(
    url: str, raw: bytes, *, answers: int = 1, method: str = "GET", shutdown: bool = False
) -> list[Reply]:
    """Send raw bytes over one connection and read so many answers.

    Args:
        url: of the server.
        raw: what is sent.
        answers: how many are read.
        method: what the requests are; HEAD has answers without body.
        shutdown: whether our half is closed after sending.
    """
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        try:
            connection.sendall(raw)
            if shutdown:
                connection.shutdown(socket.SHUT_WR)
        except OSError:  # refused before it was all sent
            pass
        stream = connection.makefile("rb")
        replies = []
        for _ in range(answers):
            response = http.client.HTTPResponse(_Stream(stream), method=method)  # type: ignore[arg-type]
            response.begin()
            replies.append(Reply(response.status, response.headers, response.read()))
        return replies


def request(
    url: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Reply:
    """One ordinary request."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    try:
        connection.request(method, path, body or None, headers or {})
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


class _Stream:
    """What ``HTTPResponse`` wants of a socket: several answers may be read from one."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> object:
        return _Unclosed(self._stream)


class _Unclosed:
    def __init__(self, stream: object) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def close(self) -> None:
        pass
