"""A pre-fork WSGI server: worker processes that share one listening socket, each with waitress."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

import waitress

LOG = logging.getLogger(__name__)

#: Builds the application in the process that serves it, and takes down what it needed.
Loader = Callable[[], AbstractContextManager[Any]]
_STOP = (signal.SIGTERM, signal.SIGINT)


def serve(load: Loader, host: str, port: int, *, workers: int = 1, threads: int = 8) -> int:
    """Serve until SIGTERM or Ctrl-C; requests that are being served then are finished.

    Args:
        load: gives the application; it is called in each worker, after the fork.
        workers: processes; 1 serves in this process, without a fork.
        threads: requests that one worker serves at the same time.

    Returns:
        The exit code of this process. A worker that dies takes the others with it: who supervises this
        process then sees it.
    """
    with socket.create_server((host, port), backlog=128) as listener:
        if workers == 1:
            return _work(load, listener, threads)
        return _supervise(load, listener, workers, threads)


def _work(load: Loader, listener: socket.socket, threads: int) -> int:
    for number in _STOP:
        signal.signal(number, lambda *_: sys.exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
    try:
        with load() as application:
            server = waitress.create_server(
                application, sockets=[listener], threads=threads, clear_untrusted_proxy_headers=True
            )
            LOG.info("serving http://%s:%d", *listener.getsockname()[:2])
            # Returns on the SystemExit of the handler, once the requests in its threads are done.
            server.run()
    except SystemExit:
        LOG.info("stopped before the application was loaded")
    return 0


def _supervise(load: Loader, listener: socket.socket, workers: int, threads: int) -> int:
    # A signal that arrives between a fork and the note of its process id waits until all are noted.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    running: set[int] = set()
    for _ in range(workers):
        child = os.fork()
        if child == 0:
            return _work(load, listener, threads)
        running.add(child)
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        for child in running:
            with suppress(ProcessLookupError):  # just waited for, not yet taken off the list
                os.kill(child, signal.SIGTERM)

    for number in _STOP:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
    code = 0
    while running:
        child, status = os.wait()
        running.discard(child)
        if status or not stopping:
            LOG.error("worker %d ended with status %d", child, os.waitstatus_to_exitcode(status))
            code = 1
            if not stopping:
                stop()
    return code
