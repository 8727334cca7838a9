"""One bounded HTTP request: what the stores that are reached by HTTP share.

``http.client`` knows neither a total time-out, nor a limit of the answer, nor notices when an answer is
shorter than announced. All three are seen to here, and every way to fail ends as a :class:`StoreError`.
Redirects are not followed: what is sent along is for this address alone.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlencode

from otel_bridge.stores import failures, tls
from otel_bridge.stores.address import Address, masked
from otel_bridge.stores.deadline import DeadlineReader
from otel_bridge.stores.options import USUAL, StoreOptions
from otel_bridge.stores.protocol import StoreError
from otel_bridge.version import __version__
from otel_bridge.wire.destinations import is_loopback

#: Bytes of one answer, after decompression.
MAX_ANSWER = 256 * 1024 * 1024

_PIECE = 256 * 1024
_MAX_REASON = 200
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class Answer(NamedTuple):
    """An answer that is there as a whole."""

    status: int
    #: Media type in lower case, without parameters; "" when none was given.
    content_type: str
    body: bytes

    def json(self) -> Any:
        """The body as JSON; lone surrogates, which no output can encode, become question marks.

        Raises:
            ValueError: it is not JSON.
        """
        try:
            value = json.loads(self.body)
            if _SURROGATE_ESCAPE.search(self.body):
                value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return value

    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object; None: it is none, or a web page."""
        try:
            value = self.json() if self.content_type != "text/html" else None
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


class Arriving(NamedTuple):
    """An answer whose body is still to come."""

    status: int
    content_type: str
    #: The body; each may raise :class:`StoreError`.
    pieces: Iterator[bytes]

    def whole(self) -> Answer:
        """Wait for the rest.

        Raises:
            StoreError: see :meth:`Fetcher.get`.
        """
        return Answer(self.status, self.content_type, b"".join(self.pieces))


class Fetcher:
    """Sends GET requests to one address; a connection each, so that threads share nothing."""

    def __init__(
        self, address: Address, options: StoreOptions = USUAL, *, max_answer: int = MAX_ANSWER
    ) -> None:
        """
        Args:
            address: where to.
            options: headers, certificates, and how long to wait.
            max_answer: longest body in bytes.

        Raises:
            StoreError: a file of certificates cannot be used.
        """
        self.address = address
        self._headers = {name.lower(): value for name, value in options.headers.items()}
        if address.authorization is not None:
            self._headers.setdefault("authorization", address.authorization)
        self._timeout = options.timeout
        self._max_answer = max_answer
        self._tls = tls.context(options) if address.tls else None
        # It costs the other side more than it saves where no network lies between.
        self._encodings = "identity" if is_loopback(address.host) else "gzip, identity"

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """The answer to ``GET base + path?query``, whatever its status, save those that mean the same
        for every store: who is not let in and who is sent elsewhere gets an error.

        Raises:
            StoreError: no answer, not in time, not whole, too long, not HTTP; status 401, 403, 407 or 3xx.
        """
        with self.open(path, query) as arriving:
            return arriving.whole()

    @contextmanager
    def open(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Arriving]:
        """As :meth:`get`, but the body is handed over as it comes; it has to be read within the block.

        Raises:
            StoreError: see :meth:`get`; those about the body are raised where it is read.
        """
        target = self.address.base + path + ("?" + urlencode(query) if query else "")
        deadline = monotonic() + self._timeout
        connection = self._connection()
        response = None
        try:
            with self._explained():
                connection.connect()
                response = self._request(connection, target, deadline)
            self._check_status(response)
            headers = response.headers
            content_type = headers.get_content_type() if "content-type" in headers else ""
            yield Arriving(response.status, content_type, self._pieces(response))
        finally:
            if response is not None:
                response.close()
            connection.close()

    def unexpected(self, answer: Answer, wanted: str) -> StoreError:
        """The error for an answer that is not what was asked for.

        Args:
            answer: what came.
            wanted: who should have answered, for instance ``Jaeger's API v3``.
        """
        reason = _reason(answer)
        if answer.status >= 500 or (answer.status >= 400 and reason):
            return self._error(f"answered status {answer.status}{reason}: see the log over there")
        what = "a web page" if answer.content_type == "text/html" else "something else"
        return self._error(f"answered {what}, not {wanted}: correct the address (host, port, base path)")

    def unreadable(self, error: ValueError) -> StoreError:
        """The error for an answer that is of the right kind but does not hold what it should."""
        return self._error(f"answered something that cannot be read ({error}): see which version it is")

    def _error(self, text: str) -> StoreError:
        return StoreError(f"{self.address.shown}: {text}")

    def _connection(self) -> http.client.HTTPConnection:
        address = self.address
        if self._tls is None:
            return http.client.HTTPConnection(address.host, address.port, timeout=self._timeout)
        return http.client.HTTPSConnection(
            address.host, address.port, timeout=self._timeout, context=self._tls
        )

    def _request(
        self, connection: http.client.HTTPConnection, target: str, deadline: float
    ) -> http.client.HTTPResponse:
        sock: socket.socket = connection.sock
        headers = {
            "accept": "application/json",
            "accept-encoding": self._encodings,
            "user-agent": f"otel-bridge/{__version__}",
            **self._headers,
            "connection": "close",
        }
        connection.request("GET", target, headers=headers)
        response = http.client.HTTPResponse(sock, method="GET")
        try:
            plain, response.fp = response.fp, io.BufferedReader(DeadlineReader(sock, deadline))
            plain.close()
            response.begin()
        except BaseException:
            response.close()
            raise
        return response

    def _check_status(self, response: http.client.HTTPResponse) -> None:
        if response.status in (401, 403, 407):
            known = "authorization" in self._headers
            what = "refuses these credentials" if known else "asks for credentials"
            raise self._error(
                f"{what} (status {response.status}): put USER:PASSWORD@ before the host, or give a header"
            )
        if 300 <= response.status < 400:
            location = response.headers.get("location", "")
            raise self._error(f"sends us on to {masked(location)!r}: use the address that it means")

    def _pieces(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        room = self._max_answer
        pieces = self._raw(response)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding == "gzip":
            pieces = self._unzipped(pieces)
        elif encoding != "identity":
            raise self._error(f"answered in the encoding {encoding!r}, which was not asked for")
        for piece in pieces:
            room -= len(piece)
            if room < 0:
                raise self._error(
                    f"the answer is longer than {self._max_answer // (1024 * 1024)} MiB: ask for less"
                )
            yield piece

    def _raw(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        left = response.length  # None: only the end of the connection, or of the last chunk, tells
        while left != 0:
            with self._explained():
                # What is there, not as much as would fit: who waits for that cannot tell how far it is.
                piece = response.read1(_PIECE if left is None else min(_PIECE, left))
                if left is not None:
                    if not piece:
                        raise http.client.IncompleteRead(b"", left)
                    left -= len(piece)
            if not piece:
                return
            yield piece

    def _unzipped(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Decompressed a bounded piece at a time: a few bytes can stand for any number."""
        inflate = zlib.decompressobj(wbits=31)
        for piece in pieces:
            while piece:
                with self._explained():
                    out = inflate.decompress(piece, _PIECE)
                yield out
                piece = inflate.unconsumed_tail
        if not inflate.eof:
            raise self._error("the answer was cut off: try again, and see the log over there")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever goes wrong with a connection, in words for the person who named it."""
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            raise self._error(failures.explained(error, self._timeout)) from error


def _reason(answer: Answer) -> str:
    """What a server says about its refusal, in brackets: the message of a JSON error, or a line of text."""
    document = answer.document()
    if document is not None:
        error = document.get("error")
        message = error.get("message") if isinstance(error, dict) else error
    elif answer.content_type == "text/plain" and answer.status != 404:
        message = answer.body[:_MAX_REASON].decode("utf-8", "replace").strip()
    else:
        return ""
    return f" ({message[:_MAX_REASON]})" if isinstance(message, str) and message else ""
