"""One bounded HTTP request: what the stores that are reached by HTTP share.

``http.client`` knows neither a total time-out, nor a limit of the answer, nor notices when an answer is
shorter than announced. All three are seen to here, and every way to fail ends as a :class:`StoreError`.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import ssl
from collections.abc import Mapping
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlencode

from otel_bridge.stores.address import Address, masked
from otel_bridge.stores.deadline import DeadlineReader
from otel_bridge.stores.protocol import StoreError
from otel_bridge.version import __version__

#: Seconds that one request may take in all.
TIMEOUT = 30.0
#: Bytes of one answer.
MAX_ANSWER = 256 * 1024 * 1024

_PIECE = 1024 * 1024
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class Answer(NamedTuple):
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


class Fetcher:
    """Sends GET requests to one address; a connection each, so that threads share nothing."""

    def __init__(self, address: Address, *, timeout: float = TIMEOUT, max_answer: int = MAX_ANSWER) -> None:
        """
        Args:
            address: where to.
            timeout: seconds for connecting, sending and the whole answer together.
            max_answer: longest body in bytes.
        """
        self.address = address
        self._timeout = timeout
        self._max_answer = max_answer
        self._tls: ssl.SSLContext | None = None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """The answer to ``GET base + path?query``, whatever its status, save those that mean the same
        for every store: who is not let in and who is sent elsewhere gets an error.

        Raises:
            StoreError: no answer, not in time, not whole, too long, not HTTP; status 401, 403, 407 or 3xx.
        """
        target = self.address.base + path + ("?" + urlencode(query) if query else "")
        try:
            answer, location = self._request(target)
        except StoreError:
            raise
        except ssl.SSLCertVerificationError as error:
            raise self._error(
                f"its certificate is not trusted ({error.verify_message}): "
                "set SSL_CERT_FILE to the file of the CA that signed it"
            ) from error
        except ssl.SSLError as error:
            raise self._error(f"TLS failed ({error.reason or error}): is http:// meant?") from error
        except TimeoutError as error:
            raise self._error(
                f"no complete answer within {self._timeout:g} s: see whether it is overloaded or the "
                "address is another program's"
            ) from error
        except ConnectionRefusedError as error:
            raise self._error(
                "connection refused: nothing listens there; start it or correct the address"
            ) from error
        except socket.gaierror as error:
            raise self._error(
                f"the host name is not known ({error.strerror}): correct the address"
            ) from error
        except (http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionError) as error:
            raise self._error("the answer was cut off: try again, and see the log over there") from error
        except (http.client.HTTPException, ValueError) as error:
            raise self._error("answered something that is not HTTP: correct the address") from error
        except OSError as error:
            raise self._error(
                f"cannot be reached ({error.strerror or error}): correct the address"
            ) from error
        if answer.status in (401, 403, 407):
            known = self.address.authorization is not None
            what = "refuses these credentials" if known else "asks for credentials"
            raise self._error(f"{what} (status {answer.status}): put USER:PASSWORD@ before the host")
        if 300 <= answer.status < 400:
            raise self._error(f"sends us on to {masked(location)!r}: use the address that it means")
        return answer

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

    def _request(self, target: str) -> tuple[Answer, str]:
        deadline = monotonic() + self._timeout
        connection = self._connection()
        try:
            connection.connect()
            sock: socket.socket = connection.sock
            headers = {"Accept": "application/json", "User-Agent": f"otel-bridge/{__version__}"}
            if self.address.authorization is not None:
                headers["Authorization"] = self.address.authorization
            headers["Connection"] = "close"
            connection.request("GET", target, headers=headers)
            with http.client.HTTPResponse(sock, method="GET") as response:
                plain, response.fp = response.fp, io.BufferedReader(DeadlineReader(sock, deadline))
                plain.close()
                response.begin()
                body = self._read(response)
                headers_in = response.headers
                content_type = headers_in.get_content_type() if "content-type" in headers_in else ""
                return Answer(response.status, content_type, body), headers_in.get("location", "")
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        address = self.address
        if not address.tls:
            return http.client.HTTPConnection(address.host, address.port, timeout=self._timeout)
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return http.client.HTTPSConnection(
            address.host, address.port, timeout=self._timeout, context=self._tls
        )

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        pieces = []
        room = self._max_answer
        while piece := response.read(min(_PIECE, room + 1)):
            room -= len(piece)
            if room < 0:
                raise self._error(
                    f"the answer is longer than {self._max_answer // (1024 * 1024)} MiB: ask for less"
                )
            pieces.append(piece)
        if response.length:  # what Content-Length announced and never came
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(pieces)


def _reason(answer: Answer) -> str:
    """What a server says about its refusal, in brackets: the message of a JSON error."""
    try:
        error = answer.json().get("error")
    except (ValueError, AttributeError):
        return ""
    message = error.get("message") if isinstance(error, dict) else error
    return f" ({message[:200]})" if isinstance(message, str) and message else ""
