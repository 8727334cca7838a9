"""cli/check_certificate.py: certificates that are not accepted, and those that will not be for long."""

from __future__ import annotations

import ssl
from pathlib import Path

import loopback
import pytest
import trustme
from checking import authority_file, blunt_server, ended, server_context

from otel_bridge.cli.check_certificate import refusal
from otel_bridge.cli.check_connection import reach
from otel_bridge.cli.check_way import Way, deadline
from otel_bridge.export.target import tls_context

OPTION = "[otel_bridge] endpoint"


def said(port: int, certificate: str | None, host: str = "127.0.0.1", seconds: float = 10) -> list[str]:
    """What is told about TLS with a server."""
    context = tls_context(certificate, None, None)
    way = Way(host, port, context, OPTION, certificate)
    found, stream = ended(reach(way, deadline(seconds)))
    if stream is not None:
        stream.close()
    return [line for line in found if " TLS: " in line]


def silent(head: str) -> list[bytes]:
    return []


@pytest.fixture
def trusted(tmp_path: Path) -> str:
    return authority_file(tmp_path)


def test_one_that_is_trusted(trusted: str) -> None:
    with loopback.serving(silent, server_context("127.0.0.1", "collector.example")) as server:
        [line] = said(server.port, trusted)
    assert line.startswith("ok       TLS: TLSv1.3, with a certificate for ")
    assert "collector.example" in line


@pytest.mark.parametrize(("days", "text"), [(3.5, "in 3 days"), (1.5, "in 1 day:"), (0.5, "in 0 days")])
def test_one_that_expires_soon(days: float, text: str, trusted: str) -> None:
    with loopback.serving(silent, server_context("127.0.0.1", days=(-9, days))) as server:
        [_, line] = said(server.port, trusted)
    assert line.startswith(f"note     TLS: its certificate expires {text}")


def test_one_that_has_expired(trusted: str) -> None:
    with loopback.serving(silent, server_context("127.0.0.1", days=(-9, -2))) as server:
        [line] = said(server.port, trusted)
    assert line.startswith("problem  TLS: its certificate of Test Authority has expired on 20")


def test_one_that_is_not_valid_yet(trusted: str) -> None:
    with loopback.serving(silent, server_context("127.0.0.1", days=(2, 9))) as server:
        [line] = said(server.port, trusted)
    assert "is not valid yet: is the clock of this host right?" in line


@pytest.mark.parametrize("names", [("other.example", "more.example"), ("192.0.2.7",)])
def test_one_for_another_name(names: tuple[str, ...], trusted: str) -> None:
    with loopback.serving(silent, server_context(*names)) as server:
        [line] = said(server.port, trusted)
    assert line.startswith("problem  TLS: its certificate is for ")
    assert all(name in line for name in names)
    assert f", and not for 127.0.0.1: name it so in {OPTION}" in line


def test_one_of_an_authority_that_the_system_does_not_know() -> None:
    with loopback.serving(silent, server_context("127.0.0.1")) as server:
        [line] = said(server.port, None)
    assert line == (
        "problem  TLS: the authority that signed its certificate of Test Authority is not among"
        " the authorities of"
        " the system: set [otel_bridge] certificate to its PEM file"
    )


def test_one_of_another_authority_than_the_one_that_was_given(tmp_path: Path) -> None:
    other = str(tmp_path / "other.pem")
    trustme.CA().cert_pem.write_to_path(other)
    with loopback.serving(silent, server_context("127.0.0.1")) as server:
        [line] = said(server.port, other)
    assert f"is not in {other}: " in line


def test_one_that_has_signed_itself(tmp_path: Path) -> None:
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (tmp_path / "key.pem").write_bytes(ca.private_key_pem.bytes())
    ca.cert_pem.write_to_path(str(tmp_path / "cert.pem"))
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with loopback.serving(silent, context) as server:
        [line] = said(server.port, None)
    assert "its certificate is self-signed and not trusted: set [otel_bridge] certificate" in line


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "it does not speak TLS at this port: use the one that does, or http://",
        ),
        (b"SSH-2.0-OpenSSH_9\r\n", "it does not speak TLS at this port"),
        (b"", "it closed the connection: is this port for http:// without TLS?"),
        (
            b"\x15\x03\x03\x00\x02\x02\x28",
            "it asks for a certificate of this service (sslv3 alert handshake failure)",
        ),
        (
            b"\x15\x03\x03\x00\x02\x02\x30",
            "it does not accept the certificate of this service (tlsv1 alert unknown ca)",
        ),
        (b"\x15\x03\x03\x00\x02\x02\x46", "no agreement with the server: tlsv1 alert protocol version"),
    ],
)
def test_servers_without_tls(answer: bytes, text: str, trusted: str) -> None:
    with blunt_server(answer) as port:
        [line] = said(port, trusted)
    assert line.startswith(f"problem  TLS: {text}")


def test_a_server_that_says_nothing(trusted: str) -> None:
    with blunt_server(None) as port:
        [line] = said(port, trusted, seconds=0.3)
    assert line == "problem  TLS: no answer in time: does it speak TLS at this port at all?"


def test_a_host_that_no_certificate_can_name(trusted: str) -> None:
    with blunt_server(None) as port:
        reason = refusal(
            ValueError("server_hostname cannot be empty"), Way("", port, None, OPTION), "127.0.0.1"
        )
    assert reason.endswith(f"correct it in {OPTION}")
