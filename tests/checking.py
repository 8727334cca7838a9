"""What tests of ``otel-bridge check`` share: configuration files, findings as lines, servers with TLS."""

from __future__ import annotations

import functools
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from otel_bridge.cli.findings import Finding

KEY = "Sup3rSecretKey"
#: Writes a configuration file and gives its path.
Write = Callable[..., str]


def without_tracing_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment configures a service."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OS_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def writer(directory: Path) -> Write:
    """Writes the configuration of a service that is well configured, but for the options that are given."""

    def write(
        connection: str = "otel://127.0.0.1:4318", bridge: str = "", more: str = "", **profiler: str
    ) -> str:
        usual = {"enabled": "true", "hmac_keys": KEY, "trace_requests": "true"}
        options = {**usual, "connection_string": connection, **profiler}
        lines = [f"{name} = {value}" for name, value in options.items() if value]
        text = ["[DEFAULT]", "debug = true", more, "[profiler]", *lines, "[otel_bridge]", bridge, ""]
        path = directory / "service.conf"
        path.write_text("\n".join(text))
        path.chmod(0o640)
        return str(path)

    return write


def lines(findings: Iterable[Finding]) -> list[str]:
    return [str(finding) for finding in findings]


def about(name: str, findings: Iterable[Finding]) -> Finding:
    """The one finding about something."""
    [found] = [finding for finding in findings if finding.about == name]
    return found


def ended(generator: Any) -> tuple[list[str], Any]:
    """The lines of a generator of findings, and what it has returned."""
    found = []
    while True:
        try:
            found.append(str(next(generator)))
        except StopIteration as end:
            return found, end.value


@functools.cache
def authority() -> trustme.CA:
    """Who certifies :func:`server_context`."""
    return trustme.CA(organization_name="Test Authority")


def authority_file(directory: Path) -> str:
    """The file that ``[otel_bridge] certificate`` names."""
    path = directory / "authority.pem"
    authority().cert_pem.write_to_path(path)
    return str(path)


def server_context(*names: str, days: tuple[float, float] = (-1, 365)) -> ssl.SSLContext:
    """Of a TLS server whose certificate is for these names, from so many days until so many."""
    begin, end = (datetime.now(UTC) + timedelta(days=day) for day in days)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority().issue_cert(*names, not_before=begin, not_after=end).configure_cert(context)
    return context


@contextmanager
def blunt_server(answer: bytes | None) -> Iterator[int]:
    """A server's port, which answers the first bytes of each connection with these, and closes it.

    None: it says nothing, until the test is over.
    """
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    if over.is_set():
                        return
                    connection.settimeout(20)
                    connection.recv(65536)
                    if answer is None:
                        over.wait(20)
                    else:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield port
        finally:
            over.set()
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join(30)
