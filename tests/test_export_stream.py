"""export/stream.py: reading and writing are bounded in time and size, in plain text and in TLS."""

from __future__ import annotations

import _socket
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import trustme

from otel_bridge.export import stream
from otel_bridge.export.stream import AnswerTooLong, Stream, TlsStream

CA = trustme.CA()


def seconds(number: float) -> Callable[[], float]:
    end = time.monotonic() + number
    return lambda: end - time.monotonic()


@pytest.fixture(params=["plain", "tls"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Stream, socket.socket]]:
    """A stream, and a socket at its other end."""
    mine, theirs = socket.socketpair()
    sock = _socket.socket(fileno=mine.detach())
    theirs.settimeout(10)
    if request.param == "plain":
        ours = Stream(sock, seconds(10))
    else:
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        CA.issue_cert("peer.example").configure_cert(server)
        client = ssl.create_default_context()
        CA.configure_trust(client)
        wrapped: list[ssl.SSLSocket] = []
        thread = threading.Thread(target=lambda: wrapped.append(server.wrap_socket(theirs, server_side=True)))
        thread.start()
        ours = TlsStream(sock, seconds(10), client, "peer.example")
        thread.join(10)
        (theirs,) = wrapped
    yield ours, theirs
    ours.close()
    theirs.close()


def test_both_directions(pair: tuple[Stream, socket.socket]) -> None:
    """What one end writes the other reads, in any number of exchanges; the reader outlives none of them."""
    ours, theirs = pair
    for text in (b"one\n", b"two\n"):
        ours.begin(seconds(10))
        ours.sendall(text)
        assert theirs.recv(100) == text
        theirs.sendall(text * 2)
        with ours.makefile("rb") as file:
            assert [file.readline(), file.readline()] == [text] * 2
        assert ours.received == 2 * len(text)


def test_end(pair: tuple[Stream, socket.socket]) -> None:
    """The end of the other side is an empty read, without an error, and is remembered."""
    ours, theirs = pair
    theirs.sendall(b"last")
    theirs.close()
    with ours.makefile("rb") as file:
        assert file.read(100) == b"last"
    assert ours.ended


def test_reading_is_bounded(pair: tuple[Stream, socket.socket]) -> None:
    """A peer that says nothing does not hold the reader, nor one that says a little again and again."""
    ours, theirs = pair
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(0.02):
            theirs.sendall(b".")

    for target in (None, trickle):
        thread = threading.Thread(target=target)
        thread.start()
        began = time.monotonic()
        ours.begin(seconds(0.2))
        with pytest.raises(TimeoutError), ours.makefile("rb") as file:
            file.read(10_000)
        assert time.monotonic() - began < 2
        over.set()
        thread.join(10)
        over.clear()


def test_writing_is_bounded(pair: tuple[Stream, socket.socket]) -> None:
    """A peer that does not read does not hold the writer."""
    ours, _ = pair
    ours.begin(seconds(0.2))
    with pytest.raises(TimeoutError):
        ours.sendall(b"x" * (32 << 20))


def test_size_is_bounded(pair: tuple[Stream, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer may not be longer than it may be; the next one counts from zero."""
    monkeypatch.setattr(stream, "MAX_ANSWER", 100)
    ours, theirs = pair
    theirs.sendall(b"x" * 100)
    with ours.makefile("rb") as file:
        assert len(file.read(100)) == 100
    ours.begin(seconds(10))
    theirs.sendall(b"x" * 101)
    with pytest.raises(AnswerTooLong), ours.makefile("rb") as file:
        file.read(101)


def test_a_peer_that_stops_reading_can_still_be_read(pair: tuple[Stream, socket.socket]) -> None:
    """What it said before it hung up is there; the stream says that it cannot be written to any more."""
    ours, theirs = pair
    theirs.sendall(b"enough")
    theirs.close()
    for _ in range(100):
        ours.sendall(b"x" * (1 << 20))
    assert not ours.usable
    with ours.makefile("rb") as file:
        assert file.read(6) == b"enough"


def test_close_sends_nothing(pair: tuple[Stream, socket.socket]) -> None:
    """Not even TLS says good-bye: the connection may be shared with another process, which goes on."""
    ours, theirs = pair
    copy = socket.socket(fileno=socket.dup(ours._sock.fileno()))
    ours.close()
    theirs.settimeout(0.1)
    with pytest.raises(TimeoutError):
        theirs.recv(1)
    copy.close()


def test_hand_shake_is_bounded() -> None:
    """A peer that does not answer the hand-shake does not hold it, and the socket is closed."""
    mine, theirs = socket.socketpair()
    sock = _socket.socket(fileno=mine.detach())
    with theirs, pytest.raises(TimeoutError):
        TlsStream(sock, seconds(0.2), ssl.create_default_context(), "peer.example")
    assert sock.fileno() == -1


def test_certificate_for_another_host() -> None:
    """The name that was asked for is the one that is verified, and the peer is told why it is refused."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert("other.example").configure_cert(server)
    client = ssl.create_default_context()
    CA.configure_trust(client)
    mine, theirs = socket.socketpair()
    theirs.settimeout(10)
    seen: list[Exception] = []

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as conn:
                conn.recv(1)
        except ssl.SSLError as exc:
            seen.append(exc)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        TlsStream(_socket.socket(fileno=mine.detach()), seconds(10), client, "peer.example")
    thread.join(10)
    theirs.close()
    assert "alert" in str(seen[0]).lower()


@pytest.mark.parametrize("pair", ["tls"], indirect=True)
def test_a_certificate_can_be_looked_at(pair: tuple[TlsStream, socket.socket]) -> None:
    """As it is where it was verified; in its raw form in any case."""
    ours, _ = pair
    assert ours.version == "TLSv1.3"
    assert ("DNS", "peer.example") in ours.certificate["subjectAltName"]
    assert ssl.DER_cert_to_PEM_cert(ours.raw_certificate).startswith("-----BEGIN CERTIFICATE-----")
