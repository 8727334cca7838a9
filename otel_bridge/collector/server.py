"""The embedded backend as a whole: a receiver, a viewer, and the store between them."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from otel_bridge.collector.listener import Limits, Listener
from otel_bridge.collector.receiver import Receiver
from otel_bridge.collector.retention import EVERYTHING, Retention
from otel_bridge.collector.viewer import Viewer
from otel_bridge.collector.writer import Writer

_Some = TypeVar("_Some", bound=Listener)


class ListenError(OSError):
    """A server cannot listen where it was told to; the message is one line that names the option."""


class Server:
    """Takes spans at one port, shows them at another. Also a context manager: started, then stopped."""

    def __init__(
        self,
        db: str,
        host: str = "127.0.0.1",
        otlp_port: int = 4318,
        viewer_port: int = 16687,
        *,
        limits: Limits | None = None,
        retention: Retention = EVERYTHING,
    ) -> None:
        """
        Args:
            db: the store's file; made if there is none. Its directory has to be there.
            host: name or address to listen at. Whoever reaches it reads and writes traces: there is no
                login.
            otlp_port: where ``POST /v1/traces`` is answered; 0: any free port.
            viewer_port: where pages are; 0: any free port.
            limits: what clients may take of it; the defaults suit a service's exporters.
            retention: how long and how much is kept; everything, unless it is said.
        """
        self._path = Path(db)
        self._host = host
        self._ports = otlp_port, viewer_port
        self._limits = limits or Limits()
        self._retention = retention
        self._stops: list[Callable[[], None]] = []
        self._receiver: Receiver | None = None
        self._viewer: Viewer | None = None

    def start(self) -> None:
        """Open the file, listen, and return.

        Raises:
            ListenError: a port is taken, or the host is none of this machine's.
            StoreError: the file cannot be used.
            RuntimeError: it was started before.
        """
        if self._receiver is not None:
            raise RuntimeError("the server was started before")
        otlp_port, viewer_port = self._ports
        try:
            receiver = self._listen(
                lambda: Receiver(self._host, otlp_port, self._limits), otlp_port, "--otlp-port"
            )
            viewer = self._listen(
                lambda: Viewer(self._host, viewer_port, self._limits, self._path), viewer_port, "--port"
            )
            receiver.writer = Writer(self._path, self._retention)
            self._stops.insert(0, receiver.writer.stop)
            receiver.writer.start()
        except BaseException:
            self.stop()
            raise
        receiver.start("otel-bridge-receiver")
        viewer.start("otel-bridge-viewer")
        self._receiver, self._viewer = receiver, viewer

    def stop(self) -> None:
        """Answer what was asked, store what was received, close the file. More than once does nothing."""
        while self._stops:
            self._stops.pop()()  # the listeners first, the file last

    @property
    def otlp_endpoint(self) -> str:
        """What ``OTEL_EXPORTER_OTLP_ENDPOINT`` is to be set to: a URL without ``/v1/traces``."""
        return self._url(self._receiver)

    @property
    def viewer_url(self) -> str:
        """Where a browser, and ``--from``, look."""
        return self._url(self._viewer)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self, listener: Callable[[], _Some], port: int, option: str) -> _Some:
        try:
            made = listener()
        except OSError as error:
            raise ListenError(_explained(error, self._host, port, option)) from error
        self._stops.append(made.stop)
        return made

    def _url(self, listener: Listener | None) -> str:
        if listener is None:
            raise RuntimeError("the server was not started")
        return f"http://{_reachable(listener.host)}:{listener.port}"


def _reachable(host: str) -> str:
    """An address as it stands in a URL; where it means all addresses, the one of this machine."""
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{host}]" if address.version == 6 else host


def _explained(error: OSError, host: str, port: int, option: str) -> str:
    if isinstance(error, socket.gaierror):
        return f"--host {host}: no such name or address"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{option} {port}: taken by another program; stop that one, or give another port"
        case errno.EACCES:
            return f"{option} {port}: not allowed for this user; give a port above 1023"
        case errno.EADDRNOTAVAIL:
            return f"--host {host}: not an address of this machine"
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"--host {host} {option} {port}: cannot listen there ({reason})"
