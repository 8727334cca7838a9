"""cli/check_connection.py: names, ports and TLS, told step by step."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import loopback
import pytest
from checking import authority_file, ended, server_context, without_tracing_variables
from http_origins import unused_port

from otel_bridge.cli import check_connection
from otel_bridge.cli.check_connection import reach
from otel_bridge.cli.check_way import Way, deadline
from otel_bridge.export import native


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tracing_variables(monkeypatch)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def reached(
    host: str, port: int, seconds: float = 10, context: ssl.SSLContext | None = None
) -> tuple[list[str], bool]:
    """What is told, and whether there was a connection in the end."""
    said, stream = ended(reach(Way(host, port, context, "the option"), deadline(seconds)))
    if stream is not None:
        stream.close()
    return said, stream is not None


def resolving(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Have names resolved by ``answer()``."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answer())


def addresses(*values: str) -> Any:
    return lambda: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (value, 1)) for value in values]


def test_an_address(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    [line], found = reached("127.0.0.1", port)
    assert found
    assert line.startswith(f"ok       connection: 127.0.0.1:{port} takes connections (")


def test_a_name(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, addresses("127.0.0.1"))
    said, found = reached("collector", listener.getsockname()[1])
    assert found
    assert said[0] == "ok       name: collector is 127.0.0.1"


def test_an_unknown_name_for_real() -> None:
    said, found = reached("no-such-host.invalid", 4318)
    assert not found
    assert said[0].startswith("problem  name: ")


def raising(error: Exception) -> Any:
    def answer() -> None:
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "there is no host collector (Name or",
        ),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure"),
            "collector cannot be resolved now: the name servers",
        ),
        (UnicodeError("label too long"), "there is no host collector: correct it in the option"),
    ],
)
def test_a_name_that_is_not_resolved(error: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, raising(error))
    [line], found = reached("collector", 4318)
    assert not found
    assert line.startswith(f"problem  name: {said}")


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    resolving(monkeypatch, lambda: over.wait(20))
    try:
        [line], found = reached("collector", 4318, seconds=0.2)
    finally:
        over.set()
    assert not found
    assert line.startswith("problem  name: collector is not resolved in time")


def test_nobody_listens() -> None:
    port = unused_port()
    [line], found = reached("127.0.0.1", port)
    assert not found
    assert line == (
        f"problem  connection: 127.0.0.1:{port}: connection refused: nothing listens there;"
        " start the collector, or"
        " correct the port in the option (OTLP has 4318 for HTTP and 4317 for gRPC)"
    )


def test_nobody_listens_and_a_proxy_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    [line], _ = reached("127.0.0.1", unused_port())
    assert line.endswith("; proxies of the environment are not used")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError("timed out"), "no answer in time: the host is down, or a firewall"),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), "no answer in time"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host: there is no route from here"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied: a firewall or a security module"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError(), "OSError"),
    ],
)
def test_other_reasons(error: OSError, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*args: Any) -> None:
        raise error

    monkeypatch.setattr(native, "create_connection", create)
    [line], found = reached("127.0.0.1", 1)
    assert not found
    assert line.startswith(f"problem  connection: 127.0.0.1:1: {said}")


def test_every_address_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, addresses("127.0.0.1", "127.0.0.2", "127.0.0.1"))
    said, found = reached("collector", unused_port())
    assert not found
    assert [line.partition(" connection: ")[2].partition(":")[0] for line in said[1:]] == [
        "127.0.0.1",
        "127.0.0.2",
    ]


def test_the_next_address_is_tried(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, addresses("127.0.0.2", "127.0.0.1"))
    said, found = reached("collector", listener.getsockname()[1])
    assert found
    assert len(said) == 2  # a refusal is no word worth


def test_an_address_that_swallows_packets_is_told(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = listener.getsockname()[1]
    connect = native.create_connection

    def create(host: str, *args: Any) -> Any:
        if host == "127.0.0.2":
            raise TimeoutError("timed out")
        return connect(host, *args)

    monkeypatch.setattr(native, "create_connection", create)
    resolving(monkeypatch, addresses("127.0.0.2", "127.0.0.1"))
    said, found = reached("collector", port)
    assert found
    assert said[-1] == f"note     connection: 127.0.0.2:{port} does not answer, and is tried first each time"


def test_all_addresses_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []

    def create(host: str, port: int, remaining: Any) -> None:
        shares.append(remaining())
        raise TimeoutError("timed out")

    monkeypatch.setattr(native, "create_connection", create)
    resolving(monkeypatch, addresses(*(f"127.0.0.{number}" for number in range(1, 20))))
    reached("collector", 4318, seconds=8)
    assert len(shares) == check_connection._MOST_ADDRESSES
    assert shares[0] == pytest.approx(1, abs=0.1)


def test_tls(tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=authority_file(tmp_path))
    with loopback.serving(lambda head: [], server_context("127.0.0.1")) as server:
        said, stream = ended(reach(Way("127.0.0.1", server.port, context, "the option"), deadline(10)))
        with closing(stream):
            assert said[-1].startswith(
                "ok       TLS: TLSv1.3, with a certificate for 127.0.0.1 that is trusted until "
            )


def test_tls_that_fails(tmp_path: Path) -> None:
    with loopback.serving(lambda head: [], server_context("127.0.0.1")) as server:
        said, found = reached("127.0.0.1", server.port, context=ssl.create_default_context())
    assert not found
    assert said[-1].startswith("problem  TLS: the authority that signed its certificate")
