"""cli/check_grpc.py: what an endpoint of OTLP over gRPC answers, and what that means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest
from checking import authority, authority_file, blunt_server, ended, without_tracing_variables
from http_origins import unused_port

grpc = pytest.importorskip("grpc")
messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc")

from otel_bridge.cli import check_grpc  # noqa: E402
from otel_bridge.cli.check_grpc import findings  # noqa: E402
from otel_bridge.settings import ExportSettings  # noqa: E402

OPTION = "[otel_bridge] endpoint"
Start = Callable[..., int]


class Receiver(service.TraceServiceServicer):  # type: ignore[misc]
    """Accepts, or fails with a code and the metadata as its details."""

    def __init__(self, code: Any) -> None:
        self.code = code

    def Export(self, request: Any, context: Any) -> Any:
        if self.code is not None:
            context.abort(self.code, f"no: {dict(context.invocation_metadata()).get('authorization')}")
        return messages.ExportTraceServiceResponse()


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tracing_variables(monkeypatch)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a receiver and gives its port."""
    servers = []

    def start(code: Any = None, *, tls: bool = False) -> int:
        server = grpc.server(futures.ThreadPoolExecutor(1))
        service.add_TraceServiceServicer_to_server(Receiver(code), server)
        if tls:
            leaf = authority().issue_cert("127.0.0.1")
            chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
            credentials = grpc.ssl_server_credentials([(leaf.private_key_pem.bytes(), chain)])
            port = server.add_secure_port("127.0.0.1:0", credentials)
        else:
            port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return int(port)

    yield start
    for server in servers:
        server.stop(None).wait(10)


def of(endpoint: str, **export: Any) -> tuple[str, bool]:
    """The last line about an endpoint, and whether it takes spans."""
    insecure = not endpoint.startswith("https:")
    settings = ExportSettings(protocol="grpc", endpoint=endpoint, insecure=insecure, **export)
    said, takes_spans = ended(findings(settings, OPTION))
    return said[-1], takes_spans


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}", "dns:///127.0.0.1:{}"])
def test_an_endpoint_that_takes_spans(form: str, start: Start) -> None:
    line, takes_spans = of(form.format(start()))
    assert line.startswith("ok       answer: an empty export was accepted within ")
    assert takes_spans


def test_tls(start: Start, tmp_path: Path) -> None:
    line, takes_spans = of(f"https://127.0.0.1:{start(tls=True)}", certificate=authority_file(tmp_path))
    assert line.startswith("ok       answer: ")
    assert takes_spans


def test_tls_of_a_stranger(start: Start) -> None:
    line, takes_spans = of(f"https://127.0.0.1:{start(tls=True)}")
    assert line.startswith("problem  TLS: the authority that signed its certificate of Test Authority")
    assert not takes_spans


def test_authorities_of_the_system_are_none_of_grpc_s(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file(tmp_path))  # the system's, as OpenSSL sees them
    line, takes_spans = of(f"https://127.0.0.1:{start(tls=True)}")
    assert "gRPC does not look at the authorities of the system: set [otel_bridge] certificate" in line
    assert not takes_spans


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("UNAUTHENTICATED", "it asks for credentials, and what is sent does not suffice (authorization)"),
        ("PERMISSION_DENIED", "it asks for credentials"),
        ("UNIMPLEMENTED", "something that speaks gRPC, and takes no spans: correct the port in"),
        ("RESOURCE_EXHAUSTED", "it is overloaded, or limits what is sent"),
    ],
)
def test_each_code_says_what_to_do(code: str, said: str, start: Start) -> None:
    port = start(grpc.StatusCode[code])
    line, takes_spans = of(f"http://127.0.0.1:{port}", headers={"authorization": "Bearer s3cretToken"})
    assert line.startswith(f"problem  answer: {code} (no: ***): {said}")
    assert not takes_spans


def test_no_header_is_sent(start: Start) -> None:
    line, _ = of(f"http://127.0.0.1:{start(grpc.StatusCode.UNAUTHENTICATED)}")
    assert "no header is sent: put them into [otel_bridge] headers" in line


def test_a_server_with_tls_that_is_asked_without(start: Start) -> None:
    line, _ = of(f"http://127.0.0.1:{start(tls=True)}")
    assert line.startswith("problem  answer: UNAVAILABLE (")
    assert f"is this a port for gRPC, mostly 4317, and is TLS meant? Use it in {OPTION}" in line


def test_a_server_of_http_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_grpc, "TIMEOUT", 0.5)
    with blunt_server(None) as port:
        line, _ = of(f"http://127.0.0.1:{port}")
    assert line.startswith("problem  answer: DEADLINE_EXCEEDED (")


def test_nobody_listens() -> None:
    line, takes_spans = of(f"http://127.0.0.1:{unused_port()}")
    assert line.startswith("problem  connection: ")
    assert not takes_spans


def test_with_a_proxy_only_grpc_knows_the_way(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("grpc_proxy", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("no_grpc_proxy", "127.0.0.1")
    said, takes_spans = ended(
        findings(
            ExportSettings(protocol="grpc", endpoint=f"http://127.0.0.1:{start()}", insecure=True), OPTION
        )
    )
    assert [line.split()[1] for line in said] == ["answer:"]
    assert takes_spans


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    line, takes_spans = of("https://127.0.0.1:4317", certificate=str(tmp_path / "empty.pem"))
    assert line.startswith("problem  answer: the exporter cannot be made: certificate: ")
    assert not takes_spans
