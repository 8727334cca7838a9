"""OTLP/HTTP with protobuf, as the OpenTelemetry Protocol specification says (1.x, "OTLP/HTTP")."""

from __future__ import annotations

import http.client
import math
import random
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from otel_bridge.export import answer, diagnosis, native
from otel_bridge.export.outcome import FAILED, REFUSED, REJECTED, SHUTDOWN, UNREACHABLE, Outcome
from otel_bridge.export.stream import Stream, TlsStream
from otel_bridge.export.target import Target

if TYPE_CHECKING:
    from otel_bridge.tracing.spans import Span

#: "Retryable Response Codes"; every other status is final.
RETRYABLE: Final = frozenset((429, 502, 503, 504))
#: Most bytes of an answer's body that are read.
MAX_BODY: Final = 64 * 1024
#: First and longest back-off in seconds; each is multiplied by a random number below 1 (full jitter).
BACK_OFF: Final = (0.5, 5.0)
#: Longest ``Retry-After`` in seconds that is believed.
MAX_RETRY_AFTER: Final = 300.0
#: Seconds after which an idle connection is replaced, before a gateway on the way has forgotten it.
MAX_IDLE: Final = 30.0

_GZIP = 31  # zlib's wbits for a gzip header and trailer


class Encoder(Protocol):
    """What turns spans into the bytes of an ``ExportTraceServiceRequest``."""

    def encode(self, spans: Sequence[Span]) -> bytes: ...


class _Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    #: None: it did not arrive whole.
    body: bytes | None


class OtlpHttpExporter:
    """Sends spans to one OTLP/HTTP endpoint over one connection that is kept alive.

    The time-out is for the whole of an export: connecting, TLS, sending, the answer, and all repetitions
    with the waits between them. It holds against servers that hang, trickle, do not read or never end
    their answer. The one thing it cannot bound is the look-up of a host name, which the C library does;
    give an address where that matters.

    Redirects are not followed. Proxy variables of the environment (``HTTPS_PROXY`` and so on) are not
    honoured, and there are no Unix sockets.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        encoder: Encoder,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        compression: str = "auto",
        certificate: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
    ) -> None:
        """
        Args:
            endpoint: the full URL for traces, ``http://127.0.0.1:4318/v1/traces``. Credentials in it are
                sent as basic authentication, unless ``headers`` say otherwise.
            encoder: makes the bytes.
            headers: sent with each request; they are taken for secrets, and shown nowhere.
            timeout: seconds that one export may last, retries included.
            compression: ``gzip`` (level 1), ``none``, or ``auto``: none to this machine, else gzip.
            certificate: PEM file of the CA certificates to trust in place of the system's.
            client_certificate: PEM file of the certificate chain to show (mTLS).
            client_key: PEM file of its private key, where it is not in the same file.

        Raises:
            ValueError: a setting is of no use; the message begins with its name.
        """
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise ValueError(f"timeout: {timeout!r} is no number of seconds")
        if not math.isfinite(timeout) or timeout <= 0:
            raise ValueError(f"timeout: {timeout!r} is no positive number of seconds")
        if compression not in ("gzip", "none", "auto"):
            raise ValueError(f"compression: {compression!r} is none of gzip, none, auto")
        self._target = Target(
            endpoint,
            headers=headers or {},
            certificate=certificate,
            client_certificate=client_certificate,
            client_key=client_key,
        )
        self._encoder = encoder
        self._timeout = float(timeout)
        self._gzip = compression == "gzip" or (compression == "auto" and not self._target.loopback)
        self._pid = getpid()
        self._stream: Stream | None = None
        #: When the connection became free; None: it is in the middle of an exchange.
        self._idle_since: float | None = None
        #: The server has asked for silence (``Retry-After``) until then.
        self._silent_until = 0.0

    def __repr__(self) -> str:
        return f"<OtlpHttpExporter {self._target.shown}>"

    def encode(self, spans: Sequence[Span]) -> bytes:
        """See :meth:`otel_bridge.export.outcome.Exporter.encode`."""
        return self._encoder.encode(spans)

    def send(self, chunks: Sequence[bytes], count: int, give_up: Callable[[], float]) -> Outcome:
        """See :meth:`otel_bridge.export.outcome.Exporter.send`.

        Chunks are sent as one request: protobuf messages merge when they are concatenated.
        """
        if not count:
            return Outcome(0)
        try:
            return self._send(chunks, count, give_up)
        except Exception as exc:
            self.close()
            return Outcome(0, {FAILED: count}, f"{self._target.shown}: export failed: {type(exc).__name__}")

    def close(self) -> None:
        """Close the connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    # -- one export -----------------------------------------------------------------------------------

    def _send(self, chunks: Sequence[bytes], count: int, give_up: Callable[[], float]) -> Outcome:
        deadline = monotonic() + self._timeout

        def remaining() -> float:
            return min(deadline, give_up()) - monotonic()

        body: Sequence[bytes] = chunks
        if self._gzip:
            compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
            body = [*map(compressor.compress, chunks), compressor.flush()]
        # Joined, although that copies: each system call gives the GIL away, and has to wait for it again.
        request = b"".join((self._target.head(sum(map(len, body)), self._gzip), *body))
        problem = ""
        back_off = BACK_OFF[0]
        next_attempt = self._silent_until
        while self._wait(next_attempt, deadline, give_up) and remaining() > 0:
            try:
                reply = self._post(request, remaining)
            except (OSError, http.client.HTTPException) as exc:
                # That the last attempt ran out of time says less than why the ones before it failed.
                if not problem or not isinstance(exc, TimeoutError):
                    problem = f"{self._target.shown}: {diagnosis.of_error(exc)}"
            else:
                if 200 <= reply.status < 300:
                    return self._accepted(reply, count)
                problem = self._refused(reply)
                if reply.status not in RETRYABLE:
                    return Outcome(0, {REFUSED: count}, problem)
                asked = answer.retry_after(reply.headers.get("retry-after"), time.time())
                if asked is not None:
                    self._silent_until = monotonic() + min(asked, MAX_RETRY_AFTER)
            # The system's generator: a service's seed means nothing to it, and forked children differ.
            wait = back_off * random.SystemRandom().random()
            back_off = min(2 * back_off, BACK_OFF[1])
            next_attempt = max(monotonic() + wait, self._silent_until)
        if monotonic() < deadline:
            return Outcome(0, {SHUTDOWN: count}, problem)
        if not problem:
            problem = f"{self._target.shown}: asked to wait (Retry-After) longer than timeout"
        return Outcome(0, {UNREACHABLE: count}, problem)

    @staticmethod
    def _wait(until: float, deadline: float, give_up: Callable[[], float]) -> bool:
        """Wait until then; False when the time is up first.

        Where that is clear from the start the wait is not shortened: these spans are lost, but the queue
        keeps the later ones back for a server that has asked for silence. At shutdown there are none.
        """
        while (now := monotonic()) < until:
            end = give_up()
            if now >= deadline or (end < deadline and end <= until):
                return False
            native.pause(min(until - now, deadline - now, native.SLICE))
        return True

    def _accepted(self, reply: _Answer, count: int) -> Outcome:
        kind = reply.headers.get("content-type") or ""
        if reply.body is None:
            note = "accepted, but the answer did not arrive whole: rejected spans are not known"
            return Outcome(count, detail=f"{self._target.shown}: {note}")
        if kind.lower().startswith("text/html"):
            note = f"answered {reply.status} with a web page: is endpoint an OTLP address?"
            return Outcome(count, detail=f"{self._target.shown}: {note}")
        rejected, message = answer.partial_success(reply.body, kind)
        message = self._clean(message)
        rejected = min(rejected, count)
        if rejected:
            detail = f"{self._target.shown}: rejected spans{f': {message}' if message else ''}"
            return Outcome(count - rejected, {REJECTED: rejected}, detail)
        return Outcome(count, detail=f"{self._target.shown}: {message}" if message else "")

    def _refused(self, reply: _Answer) -> str:
        message = answer.error_message(reply.body or b"", reply.headers.get("content-type") or "")
        return f"{self._target.shown}: {diagnosis.of_status(reply.status, self._clean(message))}"

    def _clean(self, text: str) -> str:
        # Masked before it is cut, or half a secret could remain.
        return answer.one_line(self._target.mask(text))

    # -- one attempt ----------------------------------------------------------------------------------

    def _post(self, request: bytes, remaining: Callable[[], float]) -> _Answer:
        """One request; two where a connection that was kept alive turns out to be closed.

        Raises:
            OSError: no connection, or no answer in time.
            http.client.HTTPException: an answer that is none.
        """
        stream = self._kept()
        if stream is not None:
            try:
                return self._exchange(stream, request, remaining)
            except ConnectionError:
                if stream.received:  # an answer had begun
                    raise
        return self._exchange(self._connect(remaining), request, remaining)

    def _kept(self) -> Stream | None:
        """The connection of the last request, if it is still ours and fresh enough."""
        if self._pid != getpid():
            # The parent goes on using it: this process's end is closed, on which nothing is sent.
            self._pid = getpid()
            self._idle_since = None
        if self._idle_since is None or monotonic() - self._idle_since > MAX_IDLE:
            self.close()
        return self._stream

    def _connect(self, remaining: Callable[[], float]) -> Stream:
        sock = native.create_connection(self._target.host, self._target.port, remaining)
        context = self._target.context
        if context is None:
            return Stream(sock, remaining)
        return TlsStream(sock, remaining, context, self._target.host)

    def _exchange(self, stream: Stream, request: bytes, remaining: Callable[[], float]) -> _Answer:
        self._stream = stream
        self._idle_since = None
        stream.begin(remaining)
        response = None
        keep = False
        try:
            stream.sendall(request)
            response = http.client.HTTPResponse(stream, method="POST")  # type: ignore[arg-type]
            response.begin()
            if stream.ended:  # http.client takes a head that was cut off for a whole one
                raise http.client.RemoteDisconnected("in the head of the answer")
            content = _body(response)
            keep = content is not None and not response.will_close and stream.usable
            return _Answer(response.status, response.headers, content)
        finally:
            if response is not None:
                response.close()
            if keep:
                self._idle_since = monotonic()
            else:
                self.close()


def _body(response: http.client.HTTPResponse) -> bytes | None:
    """The body of an answer, or None when it is too long or not whole. The status stands all the same."""
    try:
        content = response.read(MAX_BODY + 1)
    except (OSError, http.client.HTTPException):
        return None
    if len(content) > MAX_BODY or response.length:  # length: what is missing of Content-Length
        return None
    return content
