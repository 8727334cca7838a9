"""otel-bridge sign: signed headers for a request."""

from __future__ import annotations

import io
import shlex
import subprocess
import time
import uuid

import pytest

from otel_bridge.cli.main import main
from otel_bridge.wire.freshness import Window
from otel_bridge.wire.signing import Key, KeyRing, TraceInfo

BASE_ID = "0d06e2bc-1234-5678-90ab-cdef12345678"
HEX_ID = "0d06e2bc1234567890abcdef12345678"


def signed(output: str) -> tuple[TraceInfo | None, list[str]]:
    """What a service with the key ``secret`` reads from the printed headers, and the printed ids."""
    lines = dict.fromkeys(("X-Trace-Info", "X-Trace-HMAC"), "")
    trace_ids = []
    for line in output.splitlines():
        name, value = line.split(": ", 1)
        if name in lines:
            lines[name] = value
        else:
            trace_ids.append(value)
    return KeyRing.parse("other, secret").verify(*lines.values()), trace_ids


@pytest.mark.parametrize("given", [BASE_ID, HEX_ID, BASE_ID.upper()])
def test_a_service_with_the_key_accepts_the_headers(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", "secret", "--base-id", given]) == 0
    info, trace_ids = signed(capsys.readouterr().out)
    assert info is not None
    assert (info.trace_id, info.parent_span_id) == (int(HEX_ID, 16), 0)
    assert trace_ids == [BASE_ID, HEX_ID]


def test_osprofiler_accepts_the_headers(capsys: pytest.CaptureFixture[str]) -> None:
    utils = pytest.importorskip("osprofiler._utils")
    assert main(["sign", "secret", "--base-id", BASE_ID]) == 0
    info, mac, *_ = (line.split(": ", 1)[1] for line in capsys.readouterr().out.splitlines())
    unpacked = utils.signed_unpack(info, mac, ["secret"])
    assert unpacked == {"base_id": BASE_ID, "parent_id": BASE_ID, "hmac_key": "secret"}


def test_without_base_id_each_trace_is_a_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", "secret"]) == main(["sign", "secret"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first, second = lines[2].split(": ")[1], lines[6].split(": ")[1]
    assert uuid.UUID(first).version == uuid.UUID(second).version == 4
    assert first != second


@pytest.mark.parametrize("entered", ["secret\n", "secret\r\n", " secret", "secret\nnot this\n"])
def test_a_key_from_standard_input_is_its_first_line(
    entered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(entered))
    assert main(["sign", "-", "--base-id", BASE_ID]) == 0
    info, _ = signed(capsys.readouterr().out)
    assert info is not None


def test_the_key_is_not_in_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", "s3cr3t", "--curl", "http://host/"]) == 0
    captured = capsys.readouterr()
    assert "s3cr3t" not in captured.out + captured.err


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8774/v2.1/servers",
        "https://[::1]:8774/?a=1&b=$(touch${IFS}/nowhere)'`\"",
        "http://host/{id}[1-3];rm",
    ],
)
def test_the_curl_command_survives_a_shell(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", "secret", "--base-id", BASE_ID, "--curl", url]) == 0
    script = capsys.readouterr().out
    # The shell itself says what curl would be called with.
    said = f"curl() {{ printf '%s\\n' \"$@\"; }}\n{script}"
    run = subprocess.run(["sh"], input=said, capture_output=True, text=True, timeout=30)
    assert run.stderr == ""
    arguments = run.stdout.splitlines()
    assert arguments == shlex.split(script, comments=True)[1:]
    assert arguments[-2:] == ["--url", url]
    assert "--globoff" in arguments
    headers = "\n".join(line for line in arguments if line.startswith("X-Trace"))
    assert signed(headers)[0] is not None
    assert f"# Trace id: {HEX_ID}" in script


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sign", ""], "KEY is empty"),
        (["sign", "  "], "KEY is empty"),
        (["sign", "one,two"], "comma"),
        (["sign", "k", "--base-id", "xyz"], "--base-id: 'xyz' is no trace id"),
        (["sign", "k", "--base-id", "0" * 32], "--base-id: a trace id of zeros"),
        (["sign", "k", "--curl", ""], "--curl: '' is no URL"),
        (["sign", "k", "--curl", "host/path"], "is no URL"),
        (["sign", "k", "--curl", "ftp://host/"], "is no URL"),
        (["sign", "k", "--curl", "http://"], "is no URL"),
        (["sign", "k", "--curl", "http://[::1/"], "is no URL"),
        (["sign", "k", "--curl", "http://a b/"], "is no URL"),
        (["sign", "k", "--curl", "http://host/\nX: y"], "is no URL"),
        (["sign", "k", "--curl", "http://host/\x1b[2J"], "is no URL"),
    ],
)
def test_wrong_arguments_are_one_line_and_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("otel-bridge: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


def test_an_empty_standard_input_is_no_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["sign", "-"]) == 2
    assert "KEY is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "variable", "printed"),
    [((), None, False), (("--freshness",), None, True), ((), "1", True), ((), "0", False)],
)
def test_headers_for_a_service_that_wants_them_fresh(
    arguments: tuple[str, ...],
    variable: str | None,
    printed: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("OTEL_BRIDGE_FRESHNESS", raising=False)
    if variable is not None:
        monkeypatch.setenv("OTEL_BRIDGE_FRESHNESS", variable)
    assert main(["sign", "secret", *arguments]) == 0
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert ("X-Trace-Freshness" in lines) is printed
    if printed:
        pair = lines["X-Trace-Info"], lines["X-Trace-HMAC"]
        stamp = lines["X-Trace-Freshness"]
        assert Window(60, 0).refusal(*pair, stamp, Key("secret"), time.time()) is None


def test_a_curl_command_sends_all_three(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", "secret", "--freshness", "--curl", "http://host/"]) == 0
    assert capsys.readouterr().out.count("--header") == 3
