"""otel_bridge.cli.output: where a command writes, and what that place can show."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from otel_bridge.cli.errors import CommandError, UsageError
from otel_bridge.cli.output import Output, complain, style_of


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({}, True),
        ({"TERM": "xterm-256color"}, True),
        ({"NO_COLOR": ""}, True),  # "when present and not an empty string", says no-color.org
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_has_colours_unless_told_otherwise(environ: dict[str, str], colour: bool) -> None:
    assert style_of(Terminal(), environ).colour is colour


def test_a_pipe_has_neither_colours_nor_a_width() -> None:
    style = style_of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), {})
    assert (style.colour, style.width, style.ascii) == (False, None, False)


@pytest.mark.parametrize(
    ("encoding", "ascii_only"), [("utf-8", False), ("ascii", True), ("latin-1", True), ("cp437", True)]
)
def test_tree_lines_only_where_the_encoding_has_them(encoding: str, ascii_only: bool) -> None:
    assert style_of(Terminal(encoding), {}).ascii is ascii_only


def test_what_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal("ascii")
    monkeypatch.setattr("sys.stdout", stream)
    Output().write_lines(["Grüße 日"])
    assert stream.buffer.getvalue() == b"Gr\\xfc\\xdfe \\u65e5\n"  # type: ignore[attr-defined]


def test_a_file_gets_utf8_and_no_style(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    output = Output(str(path))
    assert (output.style.width, output.style.colour) == (None, False)
    output.write_lines(["Grüße", "half \udc80"])
    assert path.read_text(encoding="utf-8") == "Grüße\nhalf \\udc80\n"


@pytest.mark.parametrize("name", ["missing/report", ".", "nul\x00"])
def test_a_file_that_cannot_be_written_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--out "):
        Output(f"{tmp_path}/{name}").write(["text"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_error_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = open("/dev/full", "w")  # noqa: SIM115 (closing it fails)
    monkeypatch.setattr("sys.stdout", stream)
    with pytest.raises(CommandError, match="standard output: No space left"):
        Output().write(["text"])
    with pytest.raises(OSError):
        stream.close()


def test_complaints_are_inert(capsys: pytest.CaptureFixture[str]) -> None:
    complain("bad \x1b[2J", "second\nline")
    assert capsys.readouterr().err == "otel-bridge: bad \\x1b[2J\nsecond\\nline\n"
