"""cli/check_service.py: a service's configuration, and the endpoint that it names."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

import loopback
import pytest

from otel_bridge.cli import check_service
from otel_bridge.cli.check_service import findings
from otel_bridge.cli.errors import UsageError
from otel_bridge.collector import Server

KEY = "Sup3rSecretKey"
Write = Callable[..., str]


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A configuration file: of a service that is well configured, but for the options that are given."""

    def write(connection: str = "otel://127.0.0.1:4318", bridge: str = "", **profiler: str) -> str:
        options = {"enabled": "true", "hmac_keys": KEY, "connection_string": connection, **profiler}
        lines = [f"{name} = {value}" for name, value in options.items() if value]
        path = tmp_path / "service.conf"
        text = "\n".join(["[DEFAULT]", "debug = true", "[profiler]", *lines, "[otel_bridge]", bridge, ""])
        path.write_text(text)
        return str(path)

    return write


def lines(*files: str, connect: bool = False) -> list[str]:
    return [str(finding) for finding in findings(files, connect=connect)]


def problems(*files: str, connect: bool = False) -> list[str]:
    return [line for line in lines(*files, connect=connect) if not line.startswith("ok ")]


def test_all_is_well(write: Write) -> None:
    assert lines(write("otel://collector:4318", hmac_keys=f"{KEY}, another")) == [
        "ok       [profiler] enabled: true",
        "ok       [profiler] hmac_keys: 2 keys",
        "ok       [profiler] connection_string: 'otel://collector:4318'",
        "ok       endpoint: http/protobuf to http://collector:4318/v1/traces",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"enabled": "false"}, "[profiler] enabled: false"),
        ({"enabled": ""}, "[profiler] enabled: false"),
        ({"enabled": "perhaps"}, "[profiler] enabled: "),
        ({"hmac_keys": "SECRET_KEY"}, "[profiler] hmac_keys: SECRET_KEY, the default, is among the keys"),
        ({"hmac_keys": ""}, "[profiler] hmac_keys: SECRET_KEY, the default, is among the keys"),
        ({"hmac_keys": f"{KEY}, SECRET_KEY"}, "SECRET_KEY, the default, is among the keys"),
        ({"hmac_keys": " , "}, "[profiler] hmac_keys: there is no HMAC key"),
        ({"connection": "messaging://"}, "[profiler] connection_string: 'messaging://' is another driver's"),
        ({"connection": ""}, "[profiler] connection_string: 'messaging://' is another driver's"),
        ({"connection": "otel://host:port"}, "[profiler] connection_string: "),
        ({"connection": "otel://${}"}, "[profiler] connection_string: "),
        ({"connection": "otel://$my_ip:4318"}, "[profiler] connection_string: its value cannot be read"),
        ({"bridge": "protocol = none"}, "endpoint: "),
        ({"bridge": "instrument = threads, messaging"}, "[otel_bridge] instrument: with 'otel://"),
        ({"bridge": "timeout = never"}, "[otel_bridge] timeout: "),
        ({"connection": "otel:", "bridge": "endpoint = nowhere"}, "[otel_bridge] endpoint: "),
        ({"connection": "otel:", "bridge": "certificate = /none\nendpoint = https://h"}, "certificate: "),
    ],
)
def test_problems(options: dict[str, str], said: str, write: Write) -> None:
    if options == {"bridge": "protocol = none"}:
        options = {**options, "connection": "otel:"}  # a host in it would be stronger
    found = problems(write(**options))
    assert any(said in line for line in found), found


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"connection": "otel://host:99999"}, "[profiler] connection_string"),
        ({"hmac_keys": f"{KEY}, SECRET_KEY"}, "[profiler] hmac_keys"),
    ],
)
def test_what_has_a_problem_is_not_called_ok_as_well(
    options: dict[str, str], option: str, write: Write
) -> None:
    found = [line for line in lines(write(**{"connection": "otel:", **options})) if f" {option}: " in line]
    assert found
    assert all(line.startswith("problem ") for line in found)


def test_a_bare_connection_string_leaves_it_to_the_options(write: Write) -> None:
    found = lines(write("otel:", "endpoint = https://collector/otlp\nheaders = authorization=Bearer%20t0ken"))
    assert "ok       endpoint: http/protobuf to https://collector/otlp" in found
    assert not [line for line in found if "t0ken" in line]


def test_files_are_read_in_their_order(write: Write, tmp_path: Path) -> None:
    more = tmp_path / "more.conf"
    more.write_text("[profiler]\nconnection_string = otel://another\n")
    assert "ok       endpoint: http/protobuf to http://another:4318/v1/traces" in lines(write(), str(more))


def test_the_environment_counts(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert any("OTEL_SDK_DISABLED" in line for line in problems(write()))


@pytest.mark.parametrize("connection", ["otel://user:pa55word@host", "otel://h?store=http://u:pa55word@h"])
def test_secrets_are_not_shown(connection: str, write: Write) -> None:
    assert not [line for line in lines(write(connection)) if KEY in line or "pa55word" in line]


@pytest.mark.parametrize(
    "text", [f"[profiler]\nhmac_keys = {KEY}\n= {KEY}\n", f"hmac_keys = {KEY}\n", f"[profiler\n{KEY}\n"]
)
def test_a_file_that_is_no_configuration(text: str, tmp_path: Path) -> None:
    path = tmp_path / "service.conf"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"service\.conf: ") as caught:
        lines(str(path))
    assert KEY not in str(caught.value)


# -- the endpoint -----------------------------------------------------------------------------------------


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_service, "TIMEOUT", 0.5)


def answer(path: str) -> str:
    [line] = [line for line in lines(path, connect=True) if " answer: " in line]
    return line


def test_an_endpoint_that_takes_spans(write: Write, tmp_path: Path) -> None:
    with Server(str(tmp_path / "traces.sqlite"), otlp_port=0, viewer_port=0) as server:
        connection = server.otlp_endpoint.replace("http:", "otel:")
        assert answer(write(connection)).startswith("ok       answer: an empty export was accepted within ")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([loopback.answer("no", status=404)], "answered 404"),
        ([loopback.answer("", status=401)], "check headers"),
        ([loopback.answer("<html>", content_type="text/html")], "with a web page"),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], "is not HTTP/1.1"),
    ],
)
@pytest.mark.usefixtures("hurry")
def test_an_endpoint_that_is_something_else(script: list[bytes], said: str, write: Write) -> None:
    with loopback.serving(lambda head: script) as server:
        line = answer(write(f"otel://{server.netloc}"))
    assert line.startswith("problem  answer: ")
    assert said in line


@pytest.mark.parametrize("scheme", ["otel", "otel+https", "otel+grpc"])
@pytest.mark.usefixtures("hurry")
def test_nobody_listens(scheme: str, write: Write, caplog: pytest.LogCaptureFixture) -> None:
    if scheme == "otel+grpc":
        pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert answer(write(f"{scheme}://127.0.0.1:{port}")).startswith("problem  answer: ")
    assert caplog.records == []


@pytest.mark.usefixtures("hurry")
def test_an_endpoint_that_hangs_is_not_waited_for(write: Write) -> None:
    with loopback.serving(lambda head: iter(())) as server:
        server._script = lambda head: [b""] if server.over.wait(20) else []
        line = answer(write(f"otel://{server.netloc}"))
    assert line.startswith("problem  answer: ")
    assert "no answer in time" in line


def test_grpc(write: Write) -> None:
    grpc = pytest.importorskip("grpc")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc")
    messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

    class Receiver(service.TraceServiceServicer):
        def Export(self, request, context):
            return messages.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(1))
    service.add_TraceServiceServicer_to_server(Receiver(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        line = answer(write(f"otel+grpc://127.0.0.1:{port}"))
    finally:
        server.stop(None).wait(10)
    assert line.startswith("ok       answer: ")
