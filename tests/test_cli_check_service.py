"""cli/check_service.py: a service's configuration, read and explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import KEY, Write, lines, without_tracing_variables, writer

from otel_bridge.cli.check_service import UNNAMED, findings, of_environment, read
from otel_bridge.cli.errors import UsageError

pytest.importorskip("osprofiler")  # whose options are those of [profiler]


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tracing_variables(monkeypatch)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path)


def said(*files: str) -> list[str]:
    return lines(findings(read(files)))


def problems(*files: str) -> list[str]:
    return [line for line in said(*files) if line.startswith("problem ")]


def test_all_is_well(write: Write) -> None:
    path = write("otel://collector:4318")
    found = said(path)
    assert all(line.startswith("ok ") for line in found)
    for line in (
        f"ok       [profiler] enabled: true ({path})",
        f"ok       [profiler] connection_string: 'otel://collector:4318' ({path})",
        "ok       endpoint: http/protobuf to http://collector:4318/v1/traces ([profiler] connection_string)",
    ):
        assert line in found


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
        ({"connection": "messaging://"}, "[profiler] connection_string: 'messaging://' ("),
        ({"connection": ""}, "[profiler] connection_string: 'messaging://' (default) is another driver's"),
        ({"connection": "otel://host:port"}, "[profiler] connection_string: "),
        ({"connection": "otel://${}"}, "[profiler] connection_string: "),
        ({"connection": "otel://$my_ip:4318"}, "[profiler] connection_string: its value cannot be read"),
        ({"connection": "otel:", "bridge": "protocol = none"}, "endpoint: protocol is none"),
        ({"bridge": "instrument = threads, messaging"}, "[otel_bridge] instrument: with 'otel://"),
        ({"bridge": "timeout = never"}, "[otel_bridge] timeout: "),
        ({"bridge": "sampling_ration = 1"}, "[otel_bridge] sampling_ration: there is no such option"),
        ({"connection": "otel:", "bridge": "endpoint = nowhere"}, "[otel_bridge] endpoint: "),
        ({"connection": "otel:", "bridge": "certificate = /none\nendpoint = https://h"}, "certificate: "),
        ({"bridge": "hmac_keys_file = /none"}, "[otel_bridge] hmac_keys_file: '/none' cannot be read"),
    ],
)
def test_problems(options: dict[str, str], said: str, write: Write) -> None:
    found = problems(write(**options))
    assert any(said in line for line in found), found


@pytest.mark.parametrize(
    ("options", "about"),
    [
        ({"trace_requests": "false"}, "[profiler] trace_requests"),
        ({"trace_requests": ""}, "[profiler] trace_requests"),
        ({"bridge": "capture_args = true"}, "[otel_bridge] capture_args"),
        ({"bridge": "capture_sql_parameters = true"}, "[otel_bridge] capture_sql_parameters"),
        ({"bridge": "rpc_trace_info = keyed"}, "[otel_bridge] rpc_trace_info"),
        ({"bridge": "propagate_to ="}, "[otel_bridge] propagate_to"),
        ({"bridge": "hmac_algorithm = sha256"}, "[otel_bridge] hmac_algorithm"),
        ({"connection": "otel:"}, "endpoint"),
    ],
)
def test_notes(options: dict[str, str], about: str, write: Write) -> None:
    path = write(**options)
    assert [line.split(": ")[0] for line in said(path) if line.startswith("note ")] == [f"note     {about}"]
    assert problems(path) == []


@pytest.mark.parametrize(
    ("options", "about"),
    [
        ({"connection": "otel://host:99999"}, "[profiler] connection_string"),
        ({"hmac_keys": f"{KEY}, SECRET_KEY"}, "[profiler] hmac_keys"),
        ({"bridge": "timeout = never"}, "[otel_bridge] timeout"),
    ],
)
def test_what_has_a_problem_is_not_called_ok_as_well(
    options: dict[str, str], about: str, write: Write
) -> None:
    found = [line for line in said(write(**{"connection": "otel:", **options})) if f" {about}: " in line]
    assert found
    assert all(line.startswith("problem ") for line in found)


def test_a_variable_with_a_problem_is_not_called_ok_as_well(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    found = [line for line in said(write()) if " OTEL_SDK_DISABLED: " in line]
    assert [line[:8] for line in found] == ["problem "]


@pytest.mark.parametrize(
    ("connection", "bridge", "variable", "named_by"),
    [
        ("otel://h", "endpoint = http://h", "http://h", "[profiler] connection_string"),
        ("otel://h:port", "", None, "[profiler] connection_string"),
        ("otel:", "endpoint = http://h", "http://h", "[otel_bridge] endpoint"),
        ("otel:", "", "http://h", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("otel:", "", None, "the default"),
        ("messaging://", "endpoint = http://h", None, "[otel_bridge] endpoint"),
    ],
)
def test_what_names_the_endpoint(
    connection: str,
    bridge: str,
    variable: str | None,
    named_by: str,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variable is not None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", variable)
    assert read([write(connection, bridge)]).named_by == named_by


@pytest.mark.parametrize(
    ("bridge", "name", "service", "names"),
    [
        ("", None, UNNAMED, set()),
        ("", "nova-api", "nova-api", {"nova", "nova-api"}),
        ("service_name = shop", None, "shop", {"shop"}),
        ("service_name = shop", "nova-api", "shop", {"shop", "nova"}),
    ],
)
def test_the_service_has_a_name(
    bridge: str, name: str | None, service: str, names: set[str], write: Write
) -> None:
    found = read([write(bridge=bridge)], name)
    assert (found.settings.resource["service.name"], found.names) == (service, names)


@pytest.mark.parametrize(
    ("options", "disabled"), [({"enabled": "false"}, None), ({"enabled": ""}, None), ({}, "true")]
)
def test_the_gate_of_a_service_that_is_switched_off(
    options: dict[str, str], disabled: str | None, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    if disabled:
        monkeypatch.setenv("OTEL_SDK_DISABLED", disabled)
    service = read([write(**options)])
    assert not service.settings.gate.enabled
    assert service.gate.enabled
    assert [key.reveal() for key in service.gate.keys.keys] == [KEY]
    assert service.conf.profiler.enabled is (disabled is not None)


def test_files_are_read_in_their_order(write: Write, tmp_path: Path) -> None:
    more = tmp_path / "more.conf"
    more.write_text("[profiler]\nconnection_string = otel://another\n")
    assert any("to http://another:4318/v1/traces" in line for line in said(write(), str(more)))


@pytest.mark.parametrize("connection", ["otel://user:pa55word@host", "otel://h?store=http://u:pa55word@h"])
def test_secrets_are_not_shown(connection: str, write: Write) -> None:
    assert not [line for line in said(write(connection)) if KEY in line or "pa55word" in line]


@pytest.mark.parametrize(
    "text", [f"[profiler]\nhmac_keys = {KEY}\n= {KEY}\n", f"hmac_keys = {KEY}\n", f"[profiler\n{KEY}\n"]
)
def test_a_file_that_is_no_configuration(text: str, tmp_path: Path) -> None:
    path = tmp_path / "service.conf"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"service\.conf: ") as caught:
        read([str(path)])
    assert KEY not in str(caught.value)


def test_keys_of_a_service_without_files() -> None:
    assert len(of_environment({"OTEL_BRIDGE_HMAC_KEYS": "one,two"}).keys) == 2
