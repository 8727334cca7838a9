"""Processes that outlive the command that started them, and are found again by their pid files."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from otel_bridge.cli.processes import undisturbed

_POLL = 0.05  # seconds
_LOG_TAIL = 20  # lines
_STATE, _BEGAN = 0, 19  # in /proc/PID/stat, counted after the program's name


class LabError(Exception):
    """The lab could not do what it was asked for."""


class Daemon:
    """A process in a session of its own."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | os.PathLike[str]],
        *,
        run: Path,
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            name: of its pid file in the directory ``run``, and of its log in the directory ``log``.
            env: the whole environment; that of this process when None.
        """
        self.name = name
        self.log = log / f"{name}.log"
        self._argv = [os.fspath(argument) for argument in argv]
        self._env = None if env is None else dict(env)
        self._pid_file = run / f"{name}.pid"
        self._cwd = run

    @property
    def pid(self) -> int | None:
        """None unless it runs. Its start is compared, too: the number could be another process's by now."""
        with contextlib.suppress(OSError, ValueError):
            pid, began = self._pid_file.read_text().split()
            with contextlib.suppress(ChildProcessError):  # unless this process is its parent
                os.waitpid(int(pid), os.WNOHANG)
            stat = _stat(int(pid))
            if stat[_BEGAN] == began and stat[_STATE] not in "ZX":
                return int(pid)
        return None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.pid is not None:
            return
        with self.log.open("wb") as output, undisturbed():
            try:
                child = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    cwd=self._cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise LabError(f"{self.name} did not start: {error}") from error
            self._pid_file.write_text(f"{child.pid} {_stat(child.pid)[_BEGAN]}")
            child.returncode = 0  # it is not waited for as a child, but by its pid file

    def check(self) -> None:
        """Raises LabError, with the end of its log, unless it runs."""
        if self.pid is None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
            raise LabError(f"{self.name} has ended; its log {self.log} ends:\n{tail}")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def forget(self) -> None:
        """It has ended: remove its pid file."""
        self._pid_file.unlink(missing_ok=True)


def carry_out(
    command: Sequence[str | os.PathLike[str]],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a command to its end.

    Returns:
        What it prints to standard output.

    Raises:
        LabError: it failed; the message has the end of what it said.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=env,
        cwd=cwd,
    )
    if done.returncode:
        words = " ".join(map(os.fspath, command))
        raise LabError(f"{words} failed:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout


def stop(daemons: Iterable[Daemon], timeout: float) -> list[str]:
    """Ask all of them to end at the same time; after ``timeout`` seconds, kill those that have not.

    Returns:
        The names of those that had to be killed.
    """
    with undisturbed():
        ending = {daemon: pid for daemon in daemons if (pid := daemon.pid) is not None}
        for daemon in ending:
            daemon.signal(signal.SIGTERM)
        deadline = time.monotonic() + timeout
        killed = []
        for daemon, pid in ending.items():
            while daemon.pid is not None and time.monotonic() < deadline:
                time.sleep(_POLL)
            if daemon.pid is not None:
                killed.append(daemon.name)
            # What is left of its process group, itself or what it started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            while daemon.pid is not None:
                time.sleep(_POLL)
            daemon.forget()
    return killed


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
