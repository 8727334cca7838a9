"""One connection of a :class:`~otel_bridge.collector.listener.Listener`: requests in, answers out."""

from __future__ import annotations

import io
import ipaddress
import json
import logging
import socket
from collections.abc import Mapping
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from time import monotonic
from typing import Any, ClassVar, Final, cast
from urllib.parse import SplitResult, urlsplit

from otel_bridge.collector.body import Refusal
from otel_bridge.collector.listener import Limits, Listener
from otel_bridge.stores.deadline import DeadlineReader

_LOG = logging.getLogger("otel_bridge.collector")

#: Seconds for which what a refused client still sends is thrown away, so that it reads the refusal.
_LINGER: Final = 2.0
_PIECE: Final = 1024 * 1024


class RequestHandler(BaseHTTPRequestHandler):
    """Subclasses define :meth:`answer`, and may define :meth:`refuse`."""

    protocol_version = "HTTP/1.1"
    server_version = "otel-bridge"
    sys_version = ""
    disable_nagle_algorithm = True

    #: Sent with every answer.
    HEADERS: ClassVar[Mapping[str, str]] = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }

    def answer(self) -> None:
        """Answer one request.

        Raises:
            Refusal: with an error.
        """
        raise NotImplementedError

    def refuse(self, refusal: Refusal) -> None:
        """Answer a request with an error: JSON, unless a subclass knows better."""
        self.respond_json(refusal.status, {"error": refusal.reason}, refusal.headers)

    def respond(
        self, status: int, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send an answer; the body is left out for HEAD.

        An error ends the connection, for it is not known how much of its request was read.
        """
        self._answered = True
        if status >= 400:
            self.close_connection = True
        self.connection.settimeout(self.limits.response)
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string())  # by which clocks are compared
        for name, value in {**self.HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:  # which may not even say that it has none
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for start in range(0, len(body), _PIECE):  # for the time-out is one of each piece
                self.wfile.write(body[start : start + _PIECE])
        if status >= 400:
            self._linger()

    def respond_json(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
        self.respond(status, "application/json", json.dumps(value).encode(), headers)

    @property
    def limits(self) -> Limits:
        return cast(Listener, self.server).limits

    @property
    def url(self) -> SplitResult:
        """The target of the request, taken apart.

        Raises:
            Refusal: it is malformed.
        """
        try:
            return urlsplit(self.path)
        except ValueError as error:
            raise Refusal(400, "malformed request target") from error

    def _dispatch(self) -> None:
        try:
            self._check_host()
            self.answer()
        except Refusal as refusal:
            self.refuse(refusal)
        except (TimeoutError, ConnectionError):
            self.close_connection = True
            if not self._answered:
                self.refuse(Refusal(408, f"the request took longer than {self.limits.request:g} s"))
        except Exception:
            _LOG.exception("a request could not be answered")
            self.close_connection = True
            if not self._answered:
                self.refuse(Refusal(500, "an error of ours: see the log of otel-bridge serve"))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _dispatch

    def _check_host(self) -> None:
        """A page on the web may have its own name resolve to 127.0.0.1, and so have its visitors' browsers
        read from here what only this machine may read. Such requests carry that name.
        """
        name = self.headers.get("Host", "")
        if cast(Listener, self.server).is_loopback and not _is_local(name):
            raise Refusal(421, f"this server is for this machine only: ask localhost, not {name[:100]!r}")

    # What follows replaces parts of http.server.

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._reader = DeadlineReader(self.connection)
        self.rfile = io.BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        self.close_connection = True
        # Nothing of the request before may be taken for this one's.
        self.command = self.path = ""
        self.headers = Message()
        self._answered = False
        self._reader.deadline = monotonic() + self.limits.idle
        try:
            if not cast(io.BufferedReader, self.rfile).peek(1):
                return
        except (TimeoutError, ConnectionError):
            return
        self._reader.deadline = monotonic() + self.limits.request
        super().handle_one_request()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # What http.server itself refuses: malformed request lines and headers, unknown methods.
        self.request_version = self.protocol_version  # else the answer may have no header, as HTTP/0.9
        self.refuse(Refusal(code, message or HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:
        _LOG.debug("%s " + format, self.address_string(), *args)

    def _linger(self) -> None:
        """Close our half, and read on for a moment: a connection that is closed with something unread is
        reset, and the client may never see why it was refused."""
        self.wfile.flush()
        self._reader.deadline = monotonic() + _LINGER
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read1(1024 * 1024):  # type: ignore[attr-defined, unused-ignore]
                pass
        except (OSError, ValueError):  # enough
            pass


def _is_local(host: str) -> bool:
    """Whether a ``Host`` header names this machine, or an address, which no DNS was asked for."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    name = name.lower().rstrip(".")
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
