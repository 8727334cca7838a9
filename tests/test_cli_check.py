"""otel-bridge check: options, lines, JSON and exit codes."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from checking import KEY, Write, without_tracing_variables, writer

from otel_bridge.cli import check_environment, check_export, check_paste, check_service
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.cli.main import main
from otel_bridge.collector import Server
from otel_bridge.wire.signing import Key, pack

GOOD, ODD, BAD = ok("one", "fine"), note("odd", "hm"), problem("two", "broken")
BASE = "0d06e2bc-1234-4678-90ab-cdef12345678"
Output = pytest.CaptureFixture[str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    without_tracing_variables(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(check_environment, "findings", list)
    return writer(tmp_path)


@pytest.fixture
def found(write: Write, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Finding]]:
    """What is found in the environment and of the service."""
    found: dict[str, list[Finding]] = {"environment": [GOOD], "service": [GOOD]}
    monkeypatch.setattr(check_environment, "findings", lambda: found["environment"])
    monkeypatch.setattr(check_service, "findings", lambda service: found["service"])
    monkeypatch.setattr(check_export, "findings", lambda service, args: [])
    return found


@pytest.fixture
def file(write: Write) -> str:
    return write()


@pytest.mark.parametrize(
    ("environment", "service", "code"),
    [([GOOD], [GOOD], 0), ([ODD], [ODD, GOOD], 0), ([BAD], [GOOD], 1), ([GOOD], [GOOD, BAD, ODD], 1)],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_exit_code_says_whether_there_is_a_problem(
    environment: list[Finding],
    service: list[Finding],
    code: int,
    options: list[str],
    found: dict[str, list[Finding]],
    file: str,
) -> None:
    found.update(environment=environment, service=service)
    assert main(["check", "--config-file", file, *options]) == code


def test_each_finding_is_a_line(found: dict[str, list[Finding]], file: str, capsys: Output) -> None:
    found["service"] = [BAD, ok("three", "a\x1b[2Jb\nc")]
    main(["check", "--config-file", file])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["ok       one: fine", "problem  two: broken"]
    assert len(lines) == 3
    assert "\x1b" not in lines[2]


def test_lines_come_as_they_are_found(
    found: dict[str, list[Finding]], capsys: Output, monkeypatch: Any
) -> None:
    def findings() -> Iterator[Finding]:
        yield GOOD
        assert capsys.readouterr().out == "ok       one: fine\n"
        yield BAD

    monkeypatch.setattr(check_environment, "findings", findings)
    assert main(["check"]) == 1


def test_json(found: dict[str, list[Finding]], capsys: Output) -> None:
    found["environment"] = [ok("one", "fine", seconds=1.5), ODD, BAD]
    main(["check", "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "checks": [
            {"about": "one", "level": "ok", "ok": True, "text": "fine", "data": {"seconds": 1.5}},
            {"about": "odd", "level": "note", "ok": True, "text": "hm"},
            {"about": "two", "level": "problem", "ok": False, "text": "broken"},
        ],
    }


def test_without_a_configuration_only_the_environment_is_looked_at(
    found: dict[str, list[Finding]], capsys: Output
) -> None:
    found["service"] = [BAD]
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "ok       one: fine\n"


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], [(True, 15.0, None)]),
        (["--no-probe"], [(False, 15.0, None)]),
        (["--timeout", "0.5", "--from", "sqlite:x"], [(True, 0.5, "sqlite:x")]),
        (["--no-connect"], []),
        (["--no-connect", "--from", "sqlite:x"], []),
    ],
)
def test_what_is_asked_over_the_network(
    options: list[str],
    asked: list[Any],
    found: dict[str, list[Finding]],
    file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    def findings(service: Any, args: argparse.Namespace) -> Sequence[Finding]:
        seen.append((args.probe, args.timeout, args.store))
        return []

    monkeypatch.setattr(check_export, "findings", findings)
    main(["check", "--config-file", file, *options])
    assert seen == asked


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--config-file", "/no/such/file"], "--config-file: '/no/such/file' cannot be read (No such file"),
        (["--request", "GET /a"], "--request needs --config-file"),
        (["--service", "nova-api"], "--service needs --config-file"),
        (["--from", "sqlite:x"], "--from needs --config-file"),
        (["--header", "X-Auth-Token: t0ken"], "--header: give 'NAME: VALUE', with X-Trace-Info"),
        (["--header-file", "/no/such/file"], "--header-file /no/such/file: No such file or directory"),
        (["--paste-file", "/no/such/file"], "--paste-file: '/no/such/file' cannot be read"),
        (["--timeout", "soon"], "'soon' is no number of seconds from 0 to 3600"),
        (["--timeout", "-1"], "'-1' is no number of seconds"),
        (["--timeout", "nan"], "'nan' is no number of seconds"),
    ],
)
def test_wrong_usage(options: list[str], said: str, write: Write, capsys: Output) -> None:
    assert main(["check", *options]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "t0ken" not in captured.err


def test_a_request_that_is_none(file: str, capsys: Output) -> None:
    assert main(["check", "--no-connect", "--config-file", file, "--request", "GET"]) == 2


def test_the_paste_file_of_a_service(file: str, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "api-paste.ini").write_text("")
    assert main(["check", "--no-connect", "--config-file", file]) == 1
    assert "problem  paste filter: " in capsys.readouterr().out


def test_a_paste_file_alone(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        check_paste, "findings", lambda given, files: [ok("paste filter", f"{given} {files}")]
    )
    assert main(["check", "--paste-file", "a", "--paste-file", "b"]) == 0


# -- headers ----------------------------------------------------------------------------------------------


def headers(key: str = KEY) -> list[str]:
    info, mac = pack(BASE, BASE, Key(key))
    return [f"X-Trace-Info: {info}", f"X-Trace-HMAC: {mac}"]


def test_headers_of_the_command_line(file: str, capsys: Output) -> None:
    info, mac = headers()
    assert main(["check", "--no-connect", "--config-file", file, "--header", info, "--header", mac]) == 0
    said = capsys.readouterr().out
    assert "ok       X-Trace-HMAC: signed with key 1 of 1 (fingerprint " in said
    assert "ok       request: sent now, it is part of trace 0d06e2bc1234467890abcdef12345678\n" in said
    assert KEY not in said


def test_headers_of_a_stranger(file: str, capsys: Output) -> None:
    info, mac = headers("another")
    assert main(["check", "--no-connect", "--config-file", file, "--header", info, "--header", mac]) == 1
    assert (
        "problem  X-Trace-HMAC: signed with a key that this service does not have" in capsys.readouterr().out
    )


def test_headers_of_standard_input(file: str, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "> GET / HTTP/1.1\n" + "".join(f"> {line}\n" for line in headers())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode() + b"\xff\n")))
    assert main(["check", "--no-connect", "--config-file", file, "--header-file", "-"]) == 0
    assert "ok       X-Trace-HMAC: " in capsys.readouterr().out


def test_several_requests_have_numbers(file: str, tmp_path: Path, capsys: Output) -> None:
    log = tmp_path / "log"
    log.write_text(
        "".join(
            "REQ: curl -g " + " ".join(f'-H "{line}"' for line in headers(key)) + "\n"
            for key in (KEY, "another")
        )
    )
    assert main(["check", "--no-connect", "--config-file", file, "--header-file", str(log)]) == 1
    said = capsys.readouterr().out
    assert "ok       request 1, X-Trace-HMAC: " in said
    assert "problem  request 2, X-Trace-HMAC: " in said


def test_headers_without_a_configuration_are_compared_with_the_environment(
    write: Write, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", KEY)
    info, mac = headers()
    assert main(["check", "--header", info, "--header", mac]) == 0
    said = capsys.readouterr().out
    assert "note     keys: without --config-file they are those of OTEL_BRIDGE_HMAC_KEYS" in said
    assert "ok       request: sent now, it is part of trace" in said


def test_headers_for_a_service_that_traces_nothing(write: Write, capsys: Output) -> None:
    info, mac = headers()
    file = write(enabled="false")
    assert main(["check", "--no-connect", "--config-file", file, "--header", info, "--header", mac]) == 1
    said = capsys.readouterr().out
    assert "ok       X-Trace-HMAC: signed with key 1 of 1" in said
    assert "problem  request: served untraced, whatever its headers say" in said


def test_the_whole_of_it(write: Write, tmp_path: Path, capsys: Output) -> None:
    with Server(str(tmp_path / "traces.sqlite"), otlp_port=0, viewer_port=0) as server:
        address = server.otlp_endpoint.replace("http:", "otel:")
        file = write(f"{address}?store={server.viewer_url}", "sampling_ratio = 0.5")
        options = ["--service", "nova-api", "--request", "GET /v2.1/servers", "--json"]
        assert main(["check", "--config-file", file, *options]) == 0
    checks = {each["about"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["read back"]["data"]["service"] == "nova-api"
    assert checks["request GET /v2.1/servers"]["data"] == {"ratio": 0.5}
    assert len(checks["probe"]["data"]["trace_id"]) == 32
