import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_bridge.cli import example
from otel_bridge.cli.processes import ProcessError
from otel_bridge.wire.signing import KeyRing


def _options(**more):
    return example.Options(Path("/run/demo"), key="KEY", endpoint="http://127.0.0.1:4318", **more)


class TestConfig:
    @pytest.mark.parametrize(
        ("options", "section", "name", "expected"),
        [
            ({}, "DEFAULT", "transport_url", "fake://"),
            ({}, "database", "connection", "sqlite:////run/demo/compute.sqlite"),
            ({"database_url": "mysql://db"}, "database", "connection", "mysql://db"),
            ({"workers": 2}, "api", "workers", "2"),
            ({}, "api", "port", "1"),
            ({}, "image_api", "port", "2"),
            ({}, "image", "endpoint", "http://127.0.0.1:2"),
            ({}, "profiler", "hmac_keys", "KEY"),
            ({}, "otel_bridge", "endpoint", "http://127.0.0.1:4318"),
            ({"more": {"otel_bridge": {"timeout": "1"}}}, "otel_bridge", "timeout", "1"),
        ],
    )
    def test_options_stand_where_the_example_reads_them(self, options, section, name, expected):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(example._config(_options(**options), api_port=1, image_port=2))
        assert parser[section][name] == expected

    @pytest.mark.parametrize(
        ("url", "expected"), [("fake://", True), ("fake:///", True), ("rabbit://host/", False)]
    )
    def test_only_the_fake_transport_keeps_the_roles_in_one_process(self, url, expected):
        assert _options(transport_url=url).is_local is expected


def test_signed_headers_are_those_of_a_new_trace():
    headers, trace_id = example._signed_headers("KEY")
    info = KeyRing.parse("KEY").verify(headers["X-Trace-Info"], headers["X-Trace-HMAC"])
    assert info is not None
    assert (info.trace_id, info.parent_span_id) == (trace_id, 0)
    assert example._signed_headers("KEY")[1] != trace_id


def test_nothing_of_this_process_configures_the_example(monkeypatch):
    """Its requests go to this machine whatever proxy is set, its spans where its configuration says."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere:4318")
    monkeypatch.setenv("OS_DATABASE__CONNECTION", "mysql://elsewhere")
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("PYTHONPATH", "/own")
    environment = example._environment()
    assert not {"OTEL_EXPORTER_OTLP_ENDPOINT", "OS_DATABASE__CONNECTION", "http_proxy"} & set(environment)
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(example.directory()), "/own"]


def test_the_example_is_found_in_an_installed_package_and_beside_a_source_tree(monkeypatch, tmp_path):
    package = tmp_path / "otel_bridge"
    monkeypatch.setattr(example.otel_bridge, "__file__", str(package / "__init__.py"))
    with pytest.raises(ProcessError, match="the example is neither in"):
        example.directory()
    for parent in (tmp_path, package):  # that of the package comes first
        (parent / "examples" / "compute").mkdir(parents=True)
        (parent / "examples" / "compute" / "api-paste.ini").touch()
        assert example.directory() == parent / "examples"


def test_the_packages_that_the_example_needs_are_all_there():
    """What is asked for is what the example imports: none is missing where the tests run."""
    assert example.missing_packages() == []


def test_the_example_refuses_unknown_options():
    done = subprocess.run(
        [sys.executable, "-m", "compute.db", "--no-such-option"],
        env=example._environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr
