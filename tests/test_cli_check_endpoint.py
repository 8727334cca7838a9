"""cli/check_endpoint.py: what an endpoint of OTLP over HTTP answers, and what that means."""

from __future__ import annotations

import ssl
from pathlib import Path

import loopback
import pytest
from checking import authority_file, blunt_server, ended, server_context, without_tracing_variables

from otel_bridge.cli import check_endpoint
from otel_bridge.cli.check_endpoint import Reached, findings
from otel_bridge.collector import Server
from otel_bridge.settings import ExportSettings

OPTION = "[profiler] connection_string"


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tracing_variables(monkeypatch)


def of(url: str, **export: object) -> tuple[str, Reached]:
    """The last line about an endpoint, and what was found in the end."""
    said, reached = ended(findings(ExportSettings(endpoint=url, **export), OPTION))  # type: ignore[arg-type]
    return said[-1], reached


def answered(*answer: bytes, **export: object) -> tuple[str, Reached]:
    with loopback.serving(lambda head: answer) as server:
        return of(f"http://{server.netloc}/v1/traces", **export)


def test_the_embedded_collector(tmp_path: Path) -> None:
    with Server(str(tmp_path / "traces.sqlite"), otlp_port=0, viewer_port=0) as server:
        line, reached = of(f"{server.otlp_endpoint}/v1/traces")
    assert line.startswith("ok       answer: 200: an empty export was accepted within ")
    assert reached.takes_spans


def test_what_is_asked_is_what_the_exporter_sends() -> None:
    with loopback.serving(lambda head: [loopback.answer("{}")]) as server:
        of(f"http://{server.netloc}/a/b?tenant=7", headers={"authorization": "Bearer s3cret"})
        [head] = server.heads
    assert head.startswith("POST /a/b?tenant=7 HTTP/1.1\r\n")
    for line in ("authorization: Bearer s3cret", "content-type: application/x-protobuf", "content-length: 0"):
        assert f"\r\n{line}\r\n" in head


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (301, "301 Moved Permanently: redirects are not followed: use the final address in [profiler]"),
        (400, "400 Bad Request: see the log over there"),
        (
            401,
            "401 Unauthorized: it asks for credentials, and no header is sent: put them into"
            " [otel_bridge] headers",
        ),
        (403, "403 Forbidden: it asks for credentials"),
        (
            404,
            "404 Not Found: nothing takes spans at this path: OTLP is usually at /v1/traces;"
            " correct path and port",
        ),
        (405, "405 Method Not Allowed: nothing takes spans at this path"),
        (413, "413 Request Entity Too Large: a proxy on the way limits what is sent"),
        (415, "415 Unsupported Media Type: it takes no OTLP in protobuf"),
        (429, "429 Too Many Requests: it is overloaded, or not ready"),
        (502, "502 Bad Gateway: a proxy is there, and the collector behind it is not"),
        (503, "503 Service Unavailable: it is overloaded, or not ready"),
        (599, "599: see the log over there"),
    ],
)
def test_each_status_says_what_to_do(status: int, said: str) -> None:
    line, reached = answered(loopback.answer("", status=status))
    assert line.startswith(f"problem  answer: {said}")
    assert not reached.takes_spans
    assert reached.reply is not None


def test_the_names_of_headers_that_do_not_suffice() -> None:
    line, _ = answered(
        loopback.answer("", status=401), headers={"authorization": "Bearer s3cret", "x-tenant": "7"}
    )
    assert "what is sent does not suffice (authorization, x-tenant)" in line


def test_the_words_of_a_server_without_the_secrets_that_it_sends_back() -> None:
    body = '{"message": "no\\nBearer s3cretToken \\u001b[2J"}'
    line, _ = answered(loopback.answer(body, status=400), headers={"authorization": "Bearer s3cretToken"})
    assert line == "problem  answer: 400 Bad Request (no *** [2J): see the log over there"


def test_a_web_page() -> None:
    line, reached = answered(loopback.answer("<html>", content_type="text/html; charset=utf-8"))
    assert line.startswith("problem  answer: 200 with a web page, so something else listens there")
    assert not reached.takes_spans


def test_a_remark_of_the_server() -> None:
    line, reached = answered(loopback.answer('{"partialSuccess": {"errorMessage": "slow down"}}'))
    assert line == "note     answer: it says: slow down"
    assert reached.takes_spans


@pytest.mark.parametrize(
    "body",
    ["Client sent an HTTP request to an HTTPS server.", "The plain HTTP request was sent to HTTPS port"],
)
def test_plain_http_to_a_server_that_wants_tls(body: str) -> None:
    line, _ = answered(loopback.answer(body, status=400, content_type="text/plain"))
    assert f"it wants TLS: use https:// in {OPTION} (otel+https://)" in line


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "it speaks TLS: use https:// in"),
        (
            b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00",
            "it speaks HTTP/2: is this port for gRPC?",
        ),
        (b"SSH-2.0-OpenSSH_9\r\n", "it is no HTTP: something else listens there; correct the port in"),
        (b"", "it closed the connection without one: is this port for gRPC or for https://?"),
        (b"HTTP/1.1 200 OK\r\n", "it closed the connection without one"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "it is no HTTP that can be read"),
    ],
)
def test_what_is_no_answer(answer: bytes, said: str) -> None:
    with blunt_server(answer) as port:
        line, reached = of(f"http://127.0.0.1:{port}/v1/traces")
    assert line.startswith(f"problem  answer: {said}")
    assert reached == Reached(False)


def test_an_endpoint_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_endpoint, "TIMEOUT", 0.3)
    with blunt_server(None) as port:
        line, _ = of(f"http://127.0.0.1:{port}/v1/traces")
    assert line.startswith("problem  answer: none in time: it takes connections and says nothing")


def test_a_body_that_never_ends_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_endpoint, "TIMEOUT", 0.5)
    with blunt_server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nx") as port:
        line, _ = of(f"http://127.0.0.1:{port}/v1/traces")
    assert line.startswith("problem  answer: 404 Not Found: ")


def test_tls(tmp_path: Path) -> None:
    with loopback.serving(lambda head: [loopback.answer("{}")], server_context("127.0.0.1")) as server:
        line, reached = of(f"https://{server.netloc}/v1/traces", certificate=authority_file(tmp_path))
    assert line.startswith("ok       answer: 200")
    assert reached.takes_spans


def test_a_server_that_asks_for_a_certificate(tmp_path: Path) -> None:
    context = server_context("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    with loopback.serving(lambda head: [loopback.answer("{}")], context) as server:
        line, _ = of(f"https://{server.netloc}/v1/traces", certificate=authority_file(tmp_path))
    assert line.startswith(
        "problem  answer: it asks for a certificate of this service (tlsv13 alert certificate"
    )


def test_settings_that_no_exporter_takes(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    line, reached = of("https://h/v1/traces", certificate=str(tmp_path / "empty.pem"))
    assert line.startswith("problem  answer: the exporter cannot be made: certificate: ")
    assert reached == Reached(False)
