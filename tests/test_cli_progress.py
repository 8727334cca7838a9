"""otel_bridge.cli.progress: one line that tells how far reading has come."""

from __future__ import annotations

import io
import threading

import pytest

from otel_bridge.cli.progress import Progress
from otel_bridge.reports.text import cells


class Terminal(io.StringIO):
    """Notices what is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        if "reading" in text:
            self.drawn.set()
        return written


def test_a_line_is_drawn_again_and_erased_at_the_end() -> None:
    terminal = Terminal()
    progress = Progress("sqlite:/a", terminal, patience=0.01, interval=0.01)
    progress.start()
    assert terminal.drawn.wait(10)
    terminal.drawn.clear()
    progress.update(12_345_678, 45_000)
    assert terminal.drawn.wait(10)
    progress.finish()
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines[0] == ""
    assert lines[1] == "reading sqlite:/a: no answer for 0 s"
    assert "reading sqlite:/a 12.3 MB, 45,000 spans" in lines
    assert lines[-1] == ""
    assert "\n" not in terminal.getvalue()


def test_what_does_not_take_long_shows_nothing() -> None:
    terminal = Terminal()
    progress = Progress("sqlite:/a", terminal, patience=60)
    for _ in range(3):
        progress.start()
        progress.update(5, 5)
        progress.finish()
    assert terminal.getvalue() == ""


def test_nothing_is_drawn_where_nobody_sees_it() -> None:
    stream = io.StringIO()
    progress = Progress("sqlite:/a", stream, patience=0, interval=0.001)
    threads = threading.active_count()
    progress.start()
    assert threading.active_count() == threads
    progress.update(5, 5)
    progress.finish()
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_notes_are_written_at_the_end_and_each_once(stream: io.StringIO) -> None:
    progress = Progress("sqlite:/a", stream, patience=60)
    progress.start()
    progress.note("half of \x1b[2J it")
    progress.note("half of \x1b[2J it")
    assert stream.getvalue() == ""
    progress.finish()
    assert stream.getvalue() == "otel-bridge: note: half of \\x1b[2J it\n"
    progress.finish()
    assert stream.getvalue().count("\n") == 1


def test_a_stream_that_fails_stops_nobody() -> None:
    class Broken(Terminal):
        def flush(self) -> None:
            self.drawn.set()
            raise BrokenPipeError

    terminal = Broken()
    progress = Progress("sqlite:/a", terminal, patience=0.001, interval=0.001)
    progress.start()
    assert terminal.drawn.wait(10)
    progress.note("a note")
    progress.finish()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_line_fits(width: int) -> None:
    progress = Progress("jaeger+http://" + "x" * 100 + "\x1b\u202e", Terminal(), width=width)
    progress.update(123_456_789, 1_234_567)
    assert cells(progress.line()) < width
    assert progress.line().isprintable()
    if width >= 80:
        assert progress.line().endswith("123.5 MB, 1,234,567 spans")
