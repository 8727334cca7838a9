"""Child processes that are never left behind, and bounded waiting for what they do."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

_POLL = 0.05  # seconds
_LOG_TAIL = 15  # lines

T = TypeVar("T")


class ProcessError(Exception):
    """A process did not start, ended too early, or did not do in time what it was waited for."""


class Process:
    """A child process in a process group of its own, whose output goes to a file.

    It runs from :meth:`start` to :meth:`stop`, or while a ``with`` block lasts. Have ``stop`` called whatever
    happens (it does nothing before ``start``), and nothing is left running.
    """

    def __init__(
        self, name: str, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """
        Args:
            name: how messages call it.
            log: file for its standard output and standard error, made anew.
            env: the whole environment; that of this process when None.
        """
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._env = None if env is None else dict(env)
        self._child: subprocess.Popen[bytes] | None = None
        self._asked_to_end = False

    def start(self) -> Process:
        """Start it, once.

        Raises:
            ProcessError: it could not be started.
        """
        try:
            with self.log.open("wb") as output, undisturbed():
                self._child = subprocess.Popen(  # noqa: S603 (the caller's own program)
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    # A Ctrl-C at the terminal is for this process, which then stops the child in order.
                    start_new_session=True,
                )
        except OSError as error:
            raise ProcessError(f"{self.name} did not start: {error}") from error
        return self

    def __enter__(self) -> Process:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def is_started(self) -> bool:
        """Whether :meth:`start` was successful, be it running or not."""
        return self._child is not None

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        return self._started.pid

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise ProcessError(f"{self.name} has not been started")
        return self._child

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number where a signal ended it."""
        child = self._started
        if child.returncode is not None:
            return child.returncode
        # Looked at, not taken: as long as nobody has taken its status, the number of its group is given to
        # no other one, and what it leaves behind can be killed by that number.
        ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def output(self) -> str:
        """What it has written until now."""
        return self.log.read_text(errors="replace")

    def check(self) -> None:
        """Raises ProcessError, with the end of its output, if it has ended."""
        code = self.exit_code
        if code is not None:
            tail = "\n".join(self.output().splitlines()[-_LOG_TAIL:])
            raise ProcessError(f"{self.name} ended with exit code {code}; its log {self.log} ends:\n{tail}")

    def wait_for_success(self, timeout: float) -> None:
        """Raises ProcessError unless it ends by itself within ``timeout`` seconds, with exit code 0."""
        wait_for(f"the end of {self.name}", lambda: self.exit_code is not None, timeout=timeout)
        if self.exit_code:
            self.check()

    def terminate(self) -> None:
        """Ask it to end (SIGTERM), once: a second signal would interrupt an orderly end. Does not wait."""
        if not self._asked_to_end:
            self._asked_to_end = True
            self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens if it does not run."""
        if self._child is not None and self._child.returncode is None:
            os.kill(self._child.pid, number)

    def stop(self, timeout: float = 10.0) -> int:
        """End it: SIGTERM, and after ``timeout`` seconds SIGKILL, to its whole process group.

        Returns:
            Its exit code, as :attr:`exit_code`; 0 if it was never started.
        """
        with undisturbed():
            child = self._child
            if child is None:
                return 0
            if child.returncode is None:
                self.terminate()
                deadline = time.monotonic() + timeout
                while self.exit_code is None and time.monotonic() < deadline:
                    time.sleep(_POLL)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
            return child.wait()


def stop_all(processes: Iterable[Process], timeout: float = 10.0) -> list[int]:
    """Ask all of them to end at the same time; their exit codes."""
    ending = list(processes)
    with undisturbed():
        for process in ending:
            process.terminate()
        deadline = time.monotonic() + timeout
        return [process.stop(max(0.0, deadline - time.monotonic())) for process in ending]


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put Ctrl-C and SIGTERM off until the end of the block, so that nothing is left half done.

    By handlers and not by the signal mask: that would be inherited by a process which is started meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread only
        return
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    replaced = {number: handler for number, handler in before.items() if handler is not None}
    for number in replaced:
        signal.signal(number, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        for arrival in dict.fromkeys(arrived):
            signal.raise_signal(arrival)


def wait_for(
    what: str, look: Callable[[], T | None], *, timeout: float, processes: Iterable[Process] = ()
) -> T:
    """Call ``look`` until it returns something true.

    Args:
        what: is waited for; for the message.
        timeout: seconds.
        processes: that have to be alive meanwhile.

    Raises:
        ProcessError: a process ended, or the time is up.
    """
    watched = list(processes)
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        for process in watched:
            process.check()
        if time.monotonic() >= deadline:
            logs = ", ".join(str(process.log) for process in watched)
            raise ProcessError(
                f"{what} did not come within {timeout:.0f} s" + (f"; logs: {logs}" if logs else "")
            )
        time.sleep(_POLL)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listened at a moment ago, all different."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


def is_served(port: int) -> bool:
    """Whether somebody takes connections at that port of the loopback interface.

    To wait for a server with :func:`is_free` would be to take the port away from it now and then.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def is_free(port: int) -> bool:
    """Whether nobody listens at that port of the loopback interface."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
