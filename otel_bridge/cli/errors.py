"""How a command ends when it cannot do what was asked: one line, and an exit code."""

from __future__ import annotations

FOUND = 0
NOT_FOUND = 1
USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells count
BROKEN_PIPE = 141  # 128 + SIGPIPE


class CommandError(Exception):
    """The command was understood but cannot be done; the message is the line for the person."""

    exit_code = NOT_FOUND


class UsageError(CommandError):
    """What was asked for makes no sense: a wrong option, or none where one is needed."""

    exit_code = USAGE
