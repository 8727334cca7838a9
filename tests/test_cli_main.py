"""otel-bridge: finding the command, exit codes, and how it ends early."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import stored
import traces

from otel_bridge.cli import main as cli
from otel_bridge.version import __version__


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The real program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "otel_bridge", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored.store(tmp_path_factory.mktemp("store") / "traces.sqlite", traces.boot())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"otel-bridge {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in cli.COMMANDS)])
def test_help_is_code_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    assert "usage: otel-bridge" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["nosuch"], ["trace"], ["trace", "nosuch"], ["--nosuch"], ["trace", "list", "--nosuch"], ["sign"]],
)
def test_wrong_usage_is_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: otel-bridge" in captured.err


def test_every_command_has_the_two_functions() -> None:
    assert set(cli.COMMANDS) == {"serve", "sign", "trace", "check", "demo"}
    for module in cli.COMMANDS.values():
        assert callable(module.add_parser)
        assert callable(module.run)


def test_ctrl_c_is_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupted:
        def isatty(self) -> bool:
            return False

        def readline(self) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Interrupted())
    assert cli.main(["sign", "-"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.integration
def test_the_program_shows_a_trace(store: str) -> None:
    done = run("trace", "show", traces.BASE_ID, "--from", store, PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "├─ nova-api  build_instances  [client]" in done.stdout


@pytest.mark.integration
def test_the_program_lists_traces(store: str) -> None:
    done = run("trace", "list", "--json", OTEL_BRIDGE_STORE=store)
    assert (done.returncode, done.stderr) == (0, "")
    assert [one["rootName"] for one in json.loads(done.stdout)["traces"]] == ["POST /v2.1/servers"]


@pytest.mark.integration
def test_without_utf8_the_tree_is_ascii(store: str) -> None:
    done = run("trace", "show", traces.BASE_ID, "--from", store, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "|- nova-api  build_instances  [client]" in done.stdout


@pytest.mark.integration
@pytest.mark.parametrize("arguments", [["--version"], ["trace", "show", traces.BASE_ID]])
def test_a_reader_that_goes_away_is_no_traceback(arguments: list[str], store: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "otel_bridge", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Unbuffered, argparse itself meets the closed pipe first, and makes nothing of it.
        env={**os.environ, "OTEL_BRIDGE_STORE": store, "PYTHONUNBUFFERED": ""},
    )
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    with process.stderr:
        said = process.stderr.read()
    assert process.wait(60) == 141
    assert said == ""


@pytest.mark.integration
def test_the_program_needs_no_home(tmp_path: Path) -> None:
    done = run("trace", "list", HOME=str(tmp_path), XDG_STATE_HOME="", OTEL_BRIDGE_STORE="")
    assert done.returncode == 2
    assert "no store to read from" in done.stderr
    assert "Traceback" not in done.stderr
