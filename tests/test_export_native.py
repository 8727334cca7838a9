"""export/native.py: what it starts, waits on and connects stays outside any hub."""

from __future__ import annotations

import _socket
import socket
import subprocess
import sys
import textwrap
import threading
import time
from _queue import SimpleQueue

import pytest

from otel_bridge.export import native


def no_limit() -> float:
    return 10.0


def test_start_thread_runs_beside_the_caller() -> None:
    """The target runs in another thread, which threading does not wait for at exit."""
    idents: SimpleQueue[int] = SimpleQueue()
    native.start_thread(lambda: idents.put(threading.get_ident()))
    ident = idents.get(timeout=10)
    assert ident != threading.get_ident()
    assert ident not in {thread.ident for thread in threading.enumerate()}


def test_unpatched_functions_are_the_interpreters() -> None:
    """Where nothing is patched nothing is looked for."""
    assert native.sleep_function() is time.sleep


GREEN = """
    import sys, warnings
    warnings.simplefilter("ignore")  # eventlet's own, at import
    library, order = sys.argv[1:]

    def patch():
        if library == "eventlet":
            import eventlet
            eventlet.monkey_patch()
        else:
            from gevent import monkey
            monkey.patch_all()

    if order == "patched first":
        patch()
    from otel_bridge.export import native
    if order == "patched last":
        patch()
    import _queue, time, types
    assert not isinstance(time.sleep, types.BuiltinFunctionType)
    assert isinstance(native.sleep_function(), types.BuiltinFunctionType)

    bell = _queue.SimpleQueue()
    def target():
        for _ in range(3):
            native.sleep_function()(0.01)
            native.pause(0.01)
        bell.put("done")
    native.start_thread(target)
    # This wait holds the whole hub, so that only a native thread can ring.
    assert bell.get(timeout=15) == "done"
"""


@pytest.mark.parametrize("order", ["patched first", "patched last"])
@pytest.mark.parametrize("library", ["eventlet", "gevent"])
def test_thread_and_waits_are_native_under_monkey_patching(library: str, order: str) -> None:
    """A thread goes on while the hub stands still, patched before or after our import."""
    command = [sys.executable, "-c", textwrap.dedent(GREEN), library, order]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("seconds", "least"), [(0.05, 0.045), (0.0, 0.0), (-1.0, 0.0)])
def test_pause(seconds: float, least: float) -> None:
    """It waits as long as it is told to, and not at all for no time."""
    began = time.monotonic()
    native.pause(seconds)
    assert least <= time.monotonic() - began < 5


def test_create_connection() -> None:
    """The result is a connected C socket without Nagle's delay, not inherited by other programs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = native.create_connection("localhost", server.getsockname()[1], no_limit)
        assert type(sock) is _socket.socket
        assert sock.getpeername() == server.getsockname()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.close()


def test_create_connection_refused() -> None:
    """The error of the system is raised."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        native.create_connection("127.0.0.1", port, no_limit)


class Swallowing:
    """A port whose backlog is full, so that connection requests are neither taken nor refused."""

    def __enter__(self) -> int:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.clients = [socket.socket() for _ in range(4)]
        for client in self.clients:
            client.setblocking(False)
            client.connect_ex(self.listener.getsockname())
        port: int = self.listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        for sock in (*self.clients, self.listener):
            sock.close()


def test_create_connection_is_bounded() -> None:
    """A host that swallows connection requests holds nobody longer than there is time."""
    end = time.monotonic() + 0.2
    with Swallowing() as port, pytest.raises(TimeoutError):
        native.create_connection("127.0.0.1", port, lambda: end - time.monotonic())
    assert time.monotonic() - end < 2


def test_create_connection_notices_that_time_is_cut_short() -> None:
    """The time that remains is asked again while a connection is on its way."""
    left = iter([60.0, 60.0, 60.0])
    with Swallowing() as port, pytest.raises(TimeoutError):
        native.create_connection("127.0.0.1", port, lambda: next(left, 0.0))
    assert next(left, None) is None


def test_create_connection_leaves_time_for_the_next_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that swallows packets takes its share of the time, and the next one is tried."""
    with Swallowing() as bad, socket.create_server(("127.0.0.1", 0)) as good:
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            for port in (bad, good.getsockname()[1])
        ]
        monkeypatch.setattr(_socket, "getaddrinfo", lambda *_: addresses)
        end = time.monotonic() + 1.0
        sock = native.create_connection("both", 1, lambda: end - time.monotonic())
        assert sock.getpeername() == good.getsockname()
        sock.close()
