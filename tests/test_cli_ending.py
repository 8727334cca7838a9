"""cli.ending: what a command's exit code is, whatever it raised."""

from __future__ import annotations

import subprocess
import sys

import pytest

from otel_bridge.cli.ending import exit_code
from otel_bridge.cli.errors import CommandError, UsageError


def raising(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize("code", [0, 1, 7])
def test_a_command_that_ends_gives_its_code(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda: code) == code
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CommandError("not there"), 1, "otel-bridge: not there\n"),
        (CommandError("not there\n  because"), 1, "otel-bridge: not there\n  because\n"),
        (UsageError("no \x1b[2J option"), 2, "otel-bridge: no \\x1b[2J option\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_what_stopped_it_is_a_code_and_its_own_line(
    error: BaseException, code: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(lambda: raising(error)) == code
    assert capfd.readouterr().err == said


def test_a_mistake_of_ours_is_no_exit_code() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 // 0)


def test_a_reader_that_has_gone_is_found_out_before_the_end() -> None:
    """What is still in the buffer cannot be written, and the interpreter has nothing to say about it."""
    program = """
import sys
from otel_bridge.cli.ending import exit_code
def command():
    sys.stdin.read()
    print("somebody?")
    return 0
sys.exit(exit_code(command))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stdin.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), said) == (141, b"")
