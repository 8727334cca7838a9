"""The way to an endpoint, step by step: its name, its port, its TLS."""

from __future__ import annotations

import _socket
import errno
import ipaddress
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from otel_bridge.cli import check_certificate
from otel_bridge.cli.check_way import Way, deadline
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.export import native
from otel_bridge.export.stream import Stream, TlsStream

NAME: Final = "name"
CONNECTION: Final = "connection"
TLS: Final = "TLS"
#: Addresses of one name that are tried.
_MOST_ADDRESSES: Final = 8
_PROXIES: Final = ("https_proxy", "http_proxy", "all_proxy")
_USUAL_PORTS: Final = "OTLP has 4318 for HTTP and 4317 for gRPC"


def reach(way: Way, remaining: Callable[[], float]) -> Generator[Finding, None, Stream | None]:
    """Connect, and tell what is found on the way.

    Args:
        way: where to.
        remaining: seconds that all of it may still last.

    Returns:
        The connection; None where there is none.
    """
    addresses = yield from _resolve(way, remaining)
    if not addresses:
        return None
    reached = yield from _connect(way, addresses, remaining)
    if reached is None:
        return None
    sock, address = reached
    if way.context is None:
        return Stream(sock, remaining)
    try:
        stream = TlsStream(sock, remaining, way.context, way.host)
    except (OSError, ValueError) as error:
        yield problem(TLS, check_certificate.refusal(error, way, address))
        return None
    yield from check_certificate.accepted(stream)
    return stream


def _resolve(way: Way, remaining: Callable[[], float]) -> Generator[Finding, None, Sequence[str]]:
    answers: SimpleQueue[object] = SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(way.host, way.port, type=socket.SOCK_STREAM))
        except Exception as error:
            answers.put(error)

    # The C library's resolver takes as long as it likes; here it is not waited for.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = answers.get(timeout=max(0.01, remaining()))
    except Empty:
        found = TimeoutError()
    if isinstance(found, list):
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))[:_MOST_ADDRESSES]
        if not _is_address(way.host):
            yield ok(NAME, f"{way.host} is {', '.join(addresses)}", addresses=addresses)
        return addresses
    yield problem(NAME, _unresolved(found, way))
    return ()


def _unresolved(error: object, way: Way) -> str:
    if isinstance(error, TimeoutError):
        return f"{way.host} is not resolved in time: the name servers of /etc/resolv.conf do not answer"
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return f"{way.host} cannot be resolved now: the name servers of /etc/resolv.conf do not answer"
    reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return (
        f"there is no host {way.host}{reason}: correct it in {way.named_by}, or add it to the DNS or"
        " /etc/hosts"
    )


def _connect(
    way: Way, addresses: Sequence[str], remaining: Callable[[], float]
) -> Generator[Finding, None, tuple[_socket.socket, str] | None]:
    failures: dict[str, OSError] = {}
    for index, address in enumerate(addresses):
        share = deadline(remaining() / (len(addresses) - index))
        began = monotonic()
        try:
            sock = native.create_connection(address, way.port, share)
        except OSError as error:
            failures[address] = error
            continue
        took = monotonic() - began
        yield ok(
            CONNECTION,
            f"{_at(address, way.port)} takes connections ({took * 1000:.0f} ms)",
            address=address,
            port=way.port,
            milliseconds=round(took * 1000, 1),
        )
        for failed, failure in failures.items():
            # A refusal costs nothing, and localhost is mostly refused once.
            if isinstance(failure, TimeoutError):
                yield note(
                    CONNECTION, f"{_at(failed, way.port)} does not answer, and is tried first each time"
                )
        return sock, address
    for text in _failed(way, failures):
        yield problem(CONNECTION, text)
    return None


def _failed(way: Way, failures: dict[str, OSError]) -> Iterator[str]:
    proxied = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.upper())]
    hint = "; proxies of the environment are not used" if proxied else ""
    for address, error in failures.items():
        yield f"{_at(address, way.port)}: {_reason(error, way)}{hint}"


def _reason(error: OSError, way: Way) -> str:
    code = error.errno
    if code == errno.ECONNREFUSED:
        return (
            f"connection refused: nothing listens there; start the collector, or correct the port in"
            f" {way.named_by} ({_USUAL_PORTS})"
        )
    if isinstance(error, TimeoutError) or code == errno.ETIMEDOUT:
        return "no answer in time: the host is down, or a firewall drops what is sent to this port"
    if code in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
        return f"{error.strerror}: there is no route from here; see the address, the routes and the firewall"
    if code in (errno.EACCES, errno.EPERM):
        return f"{error.strerror}: a firewall or a security module of this machine forbids it"
    return error.strerror or type(error).__name__


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
