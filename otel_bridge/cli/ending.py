"""How a command ends: its exit code, whatever it raised."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from otel_bridge.cli.errors import BROKEN_PIPE, INTERRUPTED, CommandError
from otel_bridge.cli.output import complain


def exit_code(action: Callable[[], int]) -> int:
    """Do what a command does, and say in its own line why it cannot be done.

    Args:
        action: the command; gives its exit code.

    Returns:
        That code; that of a :class:`~otel_bridge.cli.errors.CommandError`; 130 if it was interrupted, and 141
        if nobody read the output any more.
    """
    try:
        code = _explained(action)
        sys.stdout.flush()  # here, where a failure can still be told
        return code
    except BrokenPipeError:
        _discard_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED


def _explained(action: Callable[[], int]) -> int:
    try:
        return action()
    except CommandError as error:
        complain(*str(error).splitlines())
        return error.exit_code


def _discard_output() -> None:
    """Keep the interpreter from failing once more when it flushes standard output at its end."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)
    except (OSError, ValueError):  # standard output is no real file
        return
