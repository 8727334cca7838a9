"""A Redis of its own, in memory only."""

from __future__ import annotations

import socket
from pathlib import Path

from e2e import required
from otel_bridge.cli.processes import Process, free_ports, wait_for

_ADVICE = "apt-get install --no-install-recommends redis-server"
_BOUND = 20.0  # seconds


class Redis:
    """A running Redis on loopback, for a ``with`` block."""

    def __init__(self, directory: Path) -> None:
        program = required.program("redis-server", _ADVICE)
        [self._port] = free_ports(1)
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
        self.process = Process("Redis", [program, *options], log=directory / "redis.log")
        #: For OSProfiler's ``connection_string``.
        self.url = f"redis://127.0.0.1:{self._port}"

    def __enter__(self) -> Redis:
        self.process.start()
        try:
            wait_for("an answer of Redis", self._answers, timeout=_BOUND, processes=[self.process])
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False
