"""A connection whose every wait is bounded, in the shape that ``http.client`` reads answers from.

``socket.settimeout`` bounds each call, not their sum: a peer that sends one byte in time, for ever, holds
a reader for ever. Here the time that remains is asked before each wait, in slices short enough that a
shutdown which cuts the time short is noticed, and the size of an answer is bounded as well.

TLS goes through memory buffers (``SSLContext.wrap_bio``), so that it makes no difference whether the
``ssl`` module's sockets have been patched, and the hand-shake is bounded like everything else.
"""

from __future__ import annotations

import _socket
import io
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from otel_bridge.export.native import NO_SIGNAL, SLICE

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

#: Most bytes of one answer, head included, that are received.
MAX_ANSWER: Final = 256 * 1024
_RECORDS = 64 * 1024


class AnswerTooLong(OSError):
    """The peer has sent more than :data:`MAX_ANSWER` bytes."""


class Stream:
    """A connected socket, used for one exchange after the other."""

    def __init__(self, sock: _socket.socket, remaining: Callable[[], float]) -> None:
        """
        Args:
            sock: connected; belongs to the stream from now on.
            remaining: seconds that the current exchange may still last.
        """
        self._sock = sock
        self._slice = -1.0  # the socket's time-out, once it is ours
        self._remaining = remaining
        #: Bytes of an answer that have come in the current exchange.
        self.received = 0
        #: Whether the peer has closed its side.
        self.ended = False
        #: False once the peer has stopped reading: nothing further can be sent.
        self.usable = True

    def begin(self, remaining: Callable[[], float]) -> None:
        """Begin another exchange, with its own time and count."""
        self._remaining = remaining
        self.received = 0
        self.ended = False

    def sendall(self, data: ReadableBuffer) -> None:
        """Send everything, unless the peer has stopped reading.

        That is no error here: a server that refuses a body answers and closes, and its answer is still
        there to be read.

        Raises:
            TimeoutError: the time is up.
            OSError: the connection failed otherwise.
        """
        if self.usable:
            try:
                self._write(memoryview(data).cast("B"))
            except (BrokenPipeError, ConnectionResetError):
                self.usable = False

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """A reader of what the peer sends; closing it leaves the connection open."""
        return io.BufferedReader(_Source(self))

    def close(self) -> None:
        """Close this process's end. Nothing is sent, so a connection that a fork has shared lives on."""
        self.usable = False
        self._sock.close()

    def read_into(self, buffer: WriteableBuffer) -> int:
        """Receive something into ``buffer``; 0 at the end.

        Raises:
            TimeoutError: the time is up.
            AnswerTooLong: there is no end to it.
            OSError: the connection failed otherwise.
        """
        size = self._read(buffer)
        self.ended = not size
        self.received += size
        if self.received > MAX_ANSWER:
            raise AnswerTooLong(f"more than {MAX_ANSWER} bytes")
        return size

    def _read(self, buffer: WriteableBuffer) -> int:
        return self._receive(buffer)

    def _write(self, view: memoryview) -> None:
        self._send(view)

    def _send(self, view: memoryview) -> None:
        while view:
            self._limit()
            try:
                view = view[self._sock.send(view, NO_SIGNAL) :]
            except TimeoutError as exc:
                if exc.errno is not None:  # the kernel's time-out, not our slice
                    raise

    def _receive(self, buffer: WriteableBuffer) -> int:
        while True:
            self._limit()
            try:
                return self._sock.recv_into(buffer)
            except TimeoutError as exc:
                if exc.errno is not None:
                    raise

    def _limit(self) -> None:
        """Have the next call on the socket last no longer than a slice of the time that remains."""
        left = self._remaining()
        if left <= 0:
            raise TimeoutError("timed out")
        slice_ = min(left, SLICE)
        if slice_ != self._slice:  # a system call; mostly there is time for a whole slice
            self._slice = slice_
            self._sock.settimeout(slice_)


class TlsStream(Stream):
    """The same over TLS."""

    def __init__(
        self, sock: _socket.socket, remaining: Callable[[], float], context: ssl.SSLContext, host: str
    ) -> None:
        """Shake hands.

        Args:
            sock: connected; belongs to the stream from now on, and is closed where this raises.
            remaining: seconds that the current exchange may still last.
            context: what to trust and what to show.
            host: the name or address that the certificate must be for.

        Raises:
            TimeoutError: the time is up.
            ssl.SSLError: no agreement, or a certificate that is not accepted.
            OSError: the connection failed otherwise.
        """
        super().__init__(sock, remaining)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._buffer = bytearray(_RECORDS)
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
            self._shake_hands()
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> str:
        """Of the protocol: ``TLSv1.3``."""
        return self._tls.version() or ""

    @property
    def certificate(self) -> Mapping[str, Any]:
        """The peer's, as ``ssl.SSLSocket.getpeercert`` gives it: empty where it was not verified."""
        return self._tls.getpeercert() or {}

    @property
    def raw_certificate(self) -> bytes:
        """The peer's in DER form, verified or not."""
        return self._tls.getpeercert(binary_form=True) or b""

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fetch()
                continue
            except ssl.SSLError:
                try:
                    self._flush()  # the alert that tells the peer why
                except OSError:
                    pass
                raise
            self._flush()
            return

    def _read(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        while True:
            try:
                return self._tls.read(len(view), view)  # type: ignore[return-value]
            except ssl.SSLWantReadError:
                self._flush()
                self._fetch()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                # A peer that just hangs up is common, and harmless: answers carry their length.
                return 0

    def _write(self, view: memoryview) -> None:
        while view:
            try:
                view = view[self._tls.write(view[:_RECORDS]) :]
            except ssl.SSLWantReadError:
                self._fetch()
            self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._send(memoryview(self._outgoing.read()))

    def _fetch(self) -> None:
        size = self._receive(self._buffer)
        if size:
            self._incoming.write(memoryview(self._buffer)[:size])
        else:
            self._incoming.write_eof()


class _Source(io.RawIOBase):
    """What a ``BufferedReader`` reads a stream through."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._stream.read_into(buffer)
