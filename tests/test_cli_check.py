"""otel-bridge check: lines, JSON and exit codes."""

from __future__ import annotations

import json

import pytest

from otel_bridge.cli import check_environment, check_service
from otel_bridge.cli.findings import Finding, ok, problem
from otel_bridge.cli.main import main

GOOD, BAD = ok("one", "fine"), problem("two", "broken")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Finding]]:
    """What is found in the environment and of the service."""
    found: dict[str, list[Finding]] = {"environment": [GOOD], "service": [GOOD]}
    monkeypatch.setattr(check_environment, "findings", lambda: found["environment"])
    monkeypatch.setattr(check_service, "findings", lambda files, connect: found["service"])
    return found


@pytest.mark.parametrize(
    ("environment", "service", "code"),
    [([GOOD], [GOOD], 0), ([BAD], [GOOD], 1), ([GOOD], [GOOD, BAD, GOOD], 1)],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_exit_code_says_whether_there_is_a_problem(
    environment: list[Finding],
    service: list[Finding],
    code: int,
    options: list[str],
    found: dict[str, list[Finding]],
) -> None:
    found.update(environment=environment, service=service)
    assert main(["check", "--config-file", "nova.conf", *options]) == code


def test_each_finding_is_a_line(found: dict[str, list[Finding]], capsys: pytest.CaptureFixture[str]) -> None:
    found["service"] = [BAD, ok("three", "a\x1b[2Jb\nc")]
    main(["check", "--config-file", "nova.conf"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["ok       one: fine", "problem  two: broken"]
    assert len(lines) == 3
    assert "\x1b" not in lines[2]


def test_json(found: dict[str, list[Finding]], capsys: pytest.CaptureFixture[str]) -> None:
    found["environment"] = [GOOD, BAD]
    main(["check", "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "checks": [
            {"about": "one", "ok": True, "text": "fine"},
            {"about": "two", "ok": False, "text": "broken"},
        ],
    }


def test_without_a_configuration_only_the_environment_is_looked_at(
    found: dict[str, list[Finding]], capsys: pytest.CaptureFixture[str]
) -> None:
    found["service"] = [BAD]
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "ok       one: fine\n"


@pytest.mark.parametrize(("options", "connect"), [([], True), (["--no-connect"], False)])
def test_whether_the_endpoint_is_asked(
    options: list[str], connect: bool, found: dict[str, list[Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        check_service, "findings", lambda files, connect: asked.append((files, connect)) or []
    )
    main(["check", "--config-file", "a", "--config-file", "b", *options])
    assert asked == [(["a", "b"], connect)]


def test_a_file_that_cannot_be_read_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_environment, "findings", list)
    assert main(["check", "--config-file", "/no/such/file"]) == 2
    captured = capsys.readouterr()
    assert captured.err == (
        "otel-bridge: --config-file: '/no/such/file' cannot be read (No such file or directory); name a"
        " configuration file\n"
    )
