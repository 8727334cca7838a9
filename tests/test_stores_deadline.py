"""Reading a socket until a moment in time."""

import io
import socket
import threading
from time import monotonic

import pytest

from otel_bridge.stores.deadline import DeadlineReader


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_it_reads_what_is_there(pair):
    ours, theirs = pair
    theirs.sendall(b"line\nrest")
    theirs.close()
    reader = io.BufferedReader(DeadlineReader(ours, monotonic() + 10))
    assert reader.readline() == b"line\n"
    assert reader.read() == b"rest"


def test_silence_ends_at_the_deadline(pair):
    ours, _ = pair
    started = monotonic()
    reader = io.BufferedReader(DeadlineReader(ours, started + 0.05))
    with pytest.raises(TimeoutError):
        reader.read(1)
    assert monotonic() - started < 5


def test_a_trickle_ends_at_the_deadline(pair):
    """A byte now and then does not keep a read alive, as it does with a socket's own time-out."""
    ours, theirs = pair
    over = threading.Event()

    def trickle():
        while not over.wait(0.01):
            theirs.sendall(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    started = monotonic()
    try:
        with pytest.raises(TimeoutError):
            io.BufferedReader(DeadlineReader(ours, started + 0.2)).readline()
    finally:
        over.set()
        thread.join()
    assert monotonic() - started < 5


def test_a_deadline_that_is_over_reads_nothing(pair):
    ours, theirs = pair
    theirs.sendall(b"x")
    with pytest.raises(TimeoutError):
        DeadlineReader(ours, monotonic() - 1).readinto(bytearray(1))


def test_closing_it_leaves_the_socket_open(pair):
    ours, theirs = pair
    io.BufferedReader(DeadlineReader(ours)).close()
    ours.sendall(b"still")
    assert theirs.recv(10) == b"still"
