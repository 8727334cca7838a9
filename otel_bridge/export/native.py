"""What has to stay native in a process that eventlet or gevent has monkey-patched.

The export thread is an operating system thread, so that a busy hub cannot starve it, and nothing it does
may enter a hub. Three things follow. Functions that get patched are looked up unpatched *when they are
called*, because the patching may come before or after our import (a preloading server patches in its
workers). Sockets are the C type of ``_socket``, which nobody patches, in place of the ``socket`` module's.
Waiting is done by the C ``SimpleQueue`` of ``_queue``, likewise.
"""

from __future__ import annotations

import _socket
import errno
import importlib
import os
import sys
from _queue import Empty, SimpleQueue
from collections.abc import Callable
from time import monotonic
from types import BuiltinFunctionType
from typing import Any, Final

#: Longest single wait in seconds: how soon a wait notices that the time it may last was cut short.
SLICE: Final = 0.05

#: A process embedded in a server may have SIGPIPE at its default action.
NO_SIGNAL: Final = int(getattr(_socket, "MSG_NOSIGNAL", 0))


def _original(module: str, name: str) -> Any:
    """A C function of a built-in module as it was before anybody patched it."""
    function = getattr(importlib.import_module(module), name)
    if isinstance(function, BuiltinFunctionType):
        return function
    gevent: Any = sys.modules.get("gevent.monkey")
    if gevent is not None:
        original = gevent.get_original(module, name)
        if isinstance(original, BuiltinFunctionType):
            return original
    eventlet: Any = sys.modules.get("eventlet.patcher")
    if eventlet is not None:
        original = getattr(eventlet.original(module), name)
        if isinstance(original, BuiltinFunctionType):
            return original
    return function


def start_thread(target: Callable[[], object]) -> None:
    """Run ``target`` in a native thread that does not keep the process alive.

    The thread is not registered with ``threading``: starting it takes no lock, so it may be started
    wherever a span may end, a signal handler included.

    Raises:
        RuntimeError: the system gives no more threads, or the interpreter is shutting down.
    """
    _original("_thread", "start_new_thread")(target, ())


def allocate_lock() -> Any:
    """A lock of the C type: a green one could switch, or hang, where it is taken."""
    return _original("_thread", "allocate_lock")()


def sleep_function() -> Callable[[float], object]:
    """``time.sleep`` unpatched; for ``sleep(0)``, which offers the GIL to other native threads."""
    sleep: Callable[[float], object] = _original("time", "sleep")
    return sleep


def pause(seconds: float) -> None:
    """Wait natively, without the GIL; not at all where ``seconds`` is not positive."""
    if seconds > 0:
        try:
            SimpleQueue().get(timeout=seconds)
        except Empty:
            pass


def create_connection(host: str, port: int, remaining: Callable[[], float]) -> _socket.socket:
    """A TCP connection to the first address of ``host`` that takes one.

    Every address gets its share of the time that remains, so that one which swallows packets leaves some
    to the others. The look-up of the name itself cannot be bounded: the C library's resolver has its own
    time-outs (``/etc/resolv.conf``).

    Args:
        host: a name (ASCII) or an address; IPv6 without brackets.
        port: TCP port.
        remaining: seconds that this may still last; asked again at least every :data:`SLICE`.

    Returns:
        A connected socket of the C type; its time-out is undefined: set it before each call.

    Raises:
        TimeoutError: the time is up.
        OSError: no address takes the connection; the error of the last one.
    """
    addresses = _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)
    problem: OSError = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        end = monotonic() + remaining() / (len(addresses) - index)
        sock = None
        try:
            sock = _socket.socket(family, kind, protocol)
            _connect(sock, address, end, remaining)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
            return sock
        except BaseException as exc:
            if sock is not None:
                sock.close()
            if not isinstance(exc, OSError):
                raise
            problem = exc
    try:
        raise problem
    finally:
        del problem  # its traceback refers to this frame


def _connect(sock: _socket.socket, address: Any, end: float, remaining: Callable[[], float]) -> None:
    sock.settimeout(0)
    code = sock.connect_ex(address)
    while code in (errno.EINPROGRESS, errno.EINTR, errno.EAGAIN):
        left = min(end - monotonic(), remaining())
        if left <= 0:
            raise TimeoutError("timed out")
        # select and poll are patched or taken away; to send nothing waits just the same until the socket
        # is writable, which is when the connection stands or has failed.
        sock.settimeout(min(left, SLICE))
        try:
            sock.send(b"", NO_SIGNAL)
        except TimeoutError as exc:
            if exc.errno is None:  # the slice; the kernel's own time-out has a number
                continue
            raise
        code = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
