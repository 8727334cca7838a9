"""Where a command writes, and what that place can show."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from otel_bridge.cli.errors import CommandError, UsageError
from otel_bridge.reports.canvas import UNICODE
from otel_bridge.reports.style import PLAIN, Style
from otel_bridge.reports.text import ELLIPSIS, inert


def style_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Style:
    """What ``stream`` can show.

    Colours only on a terminal, and there neither with ``NO_COLOR`` (https://no-color.org) nor on a dumb
    one. ASCII only where the encoding of the stream has no tree lines.
    """
    terminal = stream.isatty()
    return Style(
        width=shutil.get_terminal_size().columns if terminal else None,
        colour=terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        ascii=not _can_encode(stream, "".join((*UNICODE, ELLIPSIS, "µ"))),
    )


def _can_encode(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Output:
    """Standard output, or the file that ``--out`` names."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self.style = PLAIN if path else style_of(sys.stdout)

    def write(self, pieces: Iterable[str]) -> None:
        """Write the pieces one after the other.

        Raises:
            UsageError: the file of ``--out`` cannot be written.
            CommandError: standard output cannot be written, for instance to a full disk.
            BrokenPipeError: whoever read standard output has gone.
        """
        if self._path is None:
            try:
                _tolerant(sys.stdout).writelines(pieces)
                sys.stdout.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                raise CommandError(f"standard output: {error.strerror or error}") from error
            return
        try:
            with open(self._path, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(pieces)
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"--out {self._path}: {reason}") from error

    def write_lines(self, lines: Iterable[str]) -> None:
        """As :meth:`write`, with an end after each line."""
        self.write(line + "\n" for line in lines)


def _tolerant(stream: TextIO) -> TextIO:
    """The stream, which from now on escapes what its encoding lacks instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return stream


def complain(first: str, *more: str) -> None:
    """Lines on standard error, with nothing in them that a terminal would obey."""
    lines = [f"otel-bridge: {first}", *more]
    _tolerant(sys.stderr).writelines(inert(line) + "\n" for line in lines)
    sys.stderr.flush()
