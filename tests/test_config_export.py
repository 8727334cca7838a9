"""Where spans go: what switches the export off, and TLS."""

from __future__ import annotations

import os

import pytest
from oslo_config import cfg

from otel_bridge import config, opts
from otel_bridge.config import export
from otel_bridge.settings import Settings

# WebOb, which osprofiler imports
pytestmark = pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")


def read(**options: object) -> Settings:
    """Settings of a service that traces, with options of ``[otel_bridge]``."""
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf.set_override("enabled", True, group="profiler")
    conf.set_override("hmac_keys", "key", group="profiler")
    for name, value in options.items():
        conf.set_override(name, value, group="otel_bridge")
    return config.from_conf(conf, {})


def read_environ(**environ: str) -> Settings:
    return config.from_environ({"OTEL_BRIDGE_HMAC_KEYS": "key", **environ})


@pytest.fixture
def pem(tmp_path):
    path = tmp_path / "some.pem"
    path.write_text("not looked at")
    return str(path)


def assert_untraced(found: Settings, option: str) -> str:
    assert [problem.option for problem in found.problems if problem.fatal] == [option]
    assert found.export.protocol == "none"
    assert not found.gate.enabled
    return str(found.problems[0])


@pytest.mark.parametrize("endpoint", ["collector:4318", "http://", "http://h:x", "otel://h"])
def test_bad_endpoint(endpoint):
    """The service runs untraced, rather than to send its spans somewhere else."""
    assert "such as http://collector:4318" in assert_untraced(
        read(endpoint=endpoint), "[otel_bridge] endpoint"
    )
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        assert_untraced(read_environ(**{name: endpoint}), name)


def test_unknown_protocol(tmp_path):
    """An unknown protocol in the configuration switches the export off and lists the known ones."""
    path = tmp_path / "service.conf"
    path.write_text("[profiler]\nenabled=true\nhmac_keys=key\n[otel_bridge]\nprotocol = http/json\n")
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    line = assert_untraced(config.from_conf(conf, {}), "[otel_bridge] protocol")
    assert "http/protobuf, grpc, console, none" in line
    assert "http/json" in line


def test_export_that_is_switched_off_leaves_the_gate_open():
    """``none`` by choice is no problem: requests that are sent on still carry the trace."""
    for found in (read(protocol="none"), read_environ(OTEL_TRACES_EXPORTER="none")):
        assert found.export.protocol == "none"
        assert found.gate.enabled
        assert found.problems == ()


@pytest.mark.parametrize("protocol", ["none", "console"])
def test_an_endpoint_that_is_not_used_is_not_looked_at(protocol):
    """Nothing is sent there."""
    assert read(protocol=protocol, endpoint="nonsense", certificate="/none").problems == ()


def test_credentials_in_the_url():
    """They go into a header, which an explicit one replaces, and are not in the endpoint."""
    found = read(endpoint="http://me:s3cr3t@h:1")
    assert found.export.endpoint == "http://h:1/v1/traces"
    assert found.export.headers == {"authorization": "Basic bWU6czNjcjN0"}
    found = read(endpoint="http://me:s3cr3t@h:1", headers="Authorization=mine")
    assert found.export.headers == {"authorization": "mine"}


def test_target_has_no_query():
    """What is shown to people is the endpoint without what could be a token."""
    found = read(endpoint="http://h:1/x?token=s3cr3t")
    assert found.export.endpoint == "http://h:1/x?token=s3cr3t"
    assert found.export.target == "http://h:1/x"


FILES = ["certificate", "client_certificate", "client_key"]


def test_tls_files(pem):
    """All three can be set, by option and by either variable."""
    expected = (pem, pem, pem)
    url = "https://h:1"
    for found in (
        read(endpoint=url, **dict.fromkeys(FILES, pem)),
        read_environ(
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            **{f"OTEL_EXPORTER_OTLP_{name.upper()}": pem for name in FILES},
        ),
        read_environ(
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            **{f"OTEL_EXPORTER_OTLP_{name.upper()}": "/none" for name in FILES},
            **{f"OTEL_EXPORTER_OTLP_TRACES_{name.upper()}": pem for name in FILES},
        ),
    ):
        assert found.problems == ()
        assert (
            found.export.certificate,
            found.export.client_certificate,
            found.export.client_key,
        ) == expected


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "nul"])
def test_unreadable_files(tmp_path, pem, name, kind):
    """One line names option, file and reason; a pipe is not waited for."""
    path = str(tmp_path / "bad")
    if kind == "directory":
        path = str(tmp_path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "nul":
        path = "a\0b"
    options = {"client_certificate": pem, "client_key": pem, name: path}
    line = assert_untraced(read(endpoint="https://h:1", **options), f"[otel_bridge] {name}")
    assert ascii(path) in line
    assert line.isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_file_without_permission(tmp_path):
    """The service's user has to be able to read the file."""
    path = tmp_path / "ca.pem"
    path.touch(mode=0)
    assert "Permission denied" in assert_untraced(
        read(endpoint="https://h:1", certificate=str(path)), "[otel_bridge] certificate"
    )


def test_tls_files_without_tls(pem):
    """Files for a connection that is not encrypted are a mistake worth a line, and are not used."""
    found = read(endpoint="http://h:1", certificate="/none", client_key=pem)
    assert [problem.option for problem in found.problems] == ["[otel_bridge] certificate"]
    assert "https://" in found.problems[0].message
    assert found.gate.enabled
    assert found.export.certificate is None
    assert found.export.client_key is None


def test_client_key_needs_a_certificate(pem):
    """A key alone identifies nobody."""
    assert_untraced(read(endpoint="https://h:1", client_key=pem), "[otel_bridge] client_key")


def test_client_certificate_may_hold_its_key(pem):
    """With HTTP; gRPC wants two files."""
    assert read(endpoint="https://h:1", client_certificate=pem).problems == ()
    assert_untraced(
        read(endpoint="https://h:1", client_certificate=pem, protocol="grpc"),
        "[otel_bridge] client_certificate",
    )


@pytest.mark.parametrize(
    ("endpoint", "insecure", "expected"),
    [
        (None, False, True),
        ("http://h:1", False, True),
        ("https://h:1", True, False),
        ("h:1", False, False),
        ("h:1", True, True),
    ],
)
def test_insecure(endpoint, insecure, expected):
    """The scheme decides; a gRPC target without one is encrypted unless ``insecure``."""
    found = read(protocol="grpc", endpoint=endpoint, insecure=insecure)
    assert found.export.insecure is expected
    assert found.problems == ()


def test_grpc_default_endpoint():
    """The specification's default for gRPC has another port and no path."""
    assert read(protocol="grpc").export.endpoint == "http://localhost:4317"


@pytest.mark.parametrize(
    ("environ", "origin"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"OTEL_TRACES_EXPORTER": "otlp_proto_grpc"}, "OTEL_TRACES_EXPORTER"),
    ],
)
def test_grpc_that_is_not_installed(environ, origin, monkeypatch):
    """One line says what to install."""
    monkeypatch.setattr(export, "_GRPC_EXPORTER", "not_there.at_all")
    assert "otel-bridge[grpc]" in assert_untraced(read_environ(**environ), origin)


def test_timeout_in_seconds_by_mistake():
    """opentelemetry-python reads seconds where the specification says milliseconds: a hint, and 10 ms."""
    found = read_environ(OTEL_EXPORTER_OTLP_TIMEOUT="10")
    assert found.export.timeout == 0.01
    assert [problem.option for problem in found.problems] == ["OTEL_EXPORTER_OTLP_TIMEOUT"]
    assert "milliseconds" in found.problems[0].message


def test_several_exporters():
    """Spans go to one of them."""
    assert read_environ(OTEL_TRACES_EXPORTER="console,otlp").export.protocol == "console"
    assert read_environ(OTEL_TRACES_EXPORTER="console,none").export.protocol == "none"
    assert read_environ(OTEL_TRACES_EXPORTER="zipkin,console").export.protocol == "console"
