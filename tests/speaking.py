"""HTTP spoken to servers: byte by byte to ours, and signed requests to any."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from otel_bridge.wire import signing


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
    url: str,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout: float = 20,
) -> Reply:
    """One ordinary request, with so many seconds for each step."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout)
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def signed_headers(base_id: str, parent_id: str | None = None, key: str = "key") -> dict[str, str]:
    """The headers of a signed request.

    Args:
        base_id: of its trace.
        parent_id: what it is below; None: it is the first one of its trace.
        key: signs it.
    """
    info, mac = signing.pack(base_id, base_id if parent_id is None else parent_id, signing.Key(key))
    return {"X-Trace-Info": info, "X-Trace-HMAC": mac}


def signed_environ(base_id: str, parent_id: str | None = None, key: str = "key") -> dict[str, str]:
    """The same as a WSGI server hands them on."""
    headers = signed_headers(base_id, parent_id, key)
    return {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}


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
