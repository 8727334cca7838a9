"""The ``openstack`` command: with ``--os-profile KEY`` it is the root of its trace.

osc-lib's shell begins a trace for a command and signs its requests, but records nothing itself, so that each
request would be a root. Here the shell's own methods are wrapped, which every shell on osc-lib shares.
Without ``--os-profile`` they do what they did, and nothing further is imported.
"""

from __future__ import annotations

import functools
import logging
from types import ModuleType
from typing import TYPE_CHECKING, Any

from otel_bridge.log import LOG
from otel_bridge.replacing import Replacements

if TYPE_CHECKING:
    from otel_bridge.adopt.command import Command

#: Attribute of a shell: the command that it runs at the moment.
_RUNNING = "_otel_bridge_command"

_replacements: Replacements | None = None
#: Whether it was tried in vain.
_broken = False


def adopt_shell(shell: ModuleType) -> bool:
    """Have each command that is run with ``--os-profile`` make a span.

    Args:
        shell: ``osc_lib.shell``.

    Returns:
        False if that has been done, or if this osc-lib has another kind of shell; nothing is changed then.
    """
    global _replacements
    cls = shell.OpenStackShell
    run, begin, leave = (vars(cls).get(name) for name in ("run_subcommand", "init_profile", "clean_up"))
    if _replacements is not None or run is None or begin is None or leave is None:
        return False

    def commands(app: Any) -> ModuleType | None:
        """:mod:`otel_bridge.adopt.command`, if this shell is to trace and can."""
        key = getattr(app.options, "profile", None) if shell.osprofiler_profiler else None
        return _commands(key) if key else None

    @functools.wraps(begin)
    def init_profile(self: Any) -> None:
        # The shell begins a trace before each command and before the first one of an interactive session. It
        # counts on osprofiler's init(), which keeps the trace that there is; ours would begin another one.
        found = commands(self)
        if found is None or not getattr(self, "do_profile", False) or not found.is_traced():
            begin(self)

    @functools.wraps(run)
    def run_subcommand(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = commands(self) if getattr(self, _RUNNING, None) is None else None  # else a part of that one
        command: Command | None = None if found is None else found.Command.begin(self.init_profile)
        if command is None:
            return run(self, *args, **kwargs)
        setattr(self, _RUNNING, command)
        try:
            result = run(self, *args, **kwargs)
        except BaseException as exc:
            command.end(None, exc)
            raise
        finally:
            setattr(self, _RUNNING, None)
        command.end(result)
        return result

    @functools.wraps(leave)
    def clean_up(self: Any, cmd: Any, result: Any, err: Any) -> Any:
        command: Command | None = getattr(self, _RUNNING, None)
        if command is not None:
            command.note(self.command_manager, cmd, err)
        return leave(self, cmd, result, err)

    _replacements = Replacements()
    for name, wrapper in (
        ("run_subcommand", run_subcommand),
        ("init_profile", init_profile),
        ("clean_up", clean_up),
    ):
        _replacements.replace(cls, name, wrapper)
    return True


def release_shell() -> None:
    """Give the shell its own methods back."""
    global _replacements
    found, _replacements = _replacements, None
    if found is not None:
        found.undo()


def _commands(key: str) -> ModuleType | None:
    global _broken
    if _broken:
        return None
    LOG.addFilter(_one_line)
    try:
        from otel_bridge.adopt import command

        return command if command.ready(key) else None
    except Exception as exc:  # an environment without OpenTelemetry, say: what counts is the command
        _broken = True
        LOG.warning("the command is not traced: %s: %s", type(exc).__name__, exc)
        return None


class _OneLine(logging.Filter):
    """Lets one warning of ours on the terminal of who only wanted to list servers, and says whose it is."""

    said = False

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        if self.said:
            return False
        self.said = True
        record.msg, record.args = f"otel_bridge: {record.getMessage()}", ()
        return True


_one_line = _OneLine()
