"""Servers written in Go, built once from a small module of ours that names what it needs of them.

``go install`` refuses modules that have a ``replace``, which these have.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from e2e import required
from otel_bridge.cli.processes import Process, wait_for

_START_TIMEOUT = 60.0  # seconds
_BUILD_TIMEOUT = 1500  # seconds: five minutes on two cores, longer where others work too


class Tool(NamedTuple):
    """A server, and where its source is named."""

    name: str
    #: Directory with ``go.mod``, ``go.sum`` and, where the command is ours, its source.
    module: Path
    #: Of the command.
    package: str
    #: Variable that names a program to use instead.
    variable: str
    ldflags: str = "-s -w"

    def binary(self) -> Path:
        """The program: that of the variable, the one built before, or one that is built now."""
        given = os.environ.get(self.variable)
        if given:
            if not os.access(given, os.X_OK):
                required.missing(f"{self.variable}={given} is no program")
            return Path(given)
        sources = [self.module / name for name in ("go.mod", "go.sum", "main.go")]
        sums = b"".join(path.read_bytes() for path in sources if path.exists())
        built = _cache() / f"{self.name.lower()}-{hashlib.sha256(sums).hexdigest()[:16]}"
        if not built.exists():
            self._build(built)
        return built

    def _build(self, target: Path) -> None:
        advice = f"{self.name} is built with Go >= 1.25; or set {self.variable} to its program"
        go = required.program("go", advice)
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        flags = ["-buildvcs=false", "-trimpath", f"-ldflags={self.ldflags}"]
        command = [go, "build", *flags, "-o", str(unfinished), self.package]
        try:
            done = subprocess.run(
                command, cwd=self.module, capture_output=True, text=True, timeout=_BUILD_TIMEOUT, check=False
            )
            if done.returncode:
                required.missing(f"{self.name} could not be built: {done.stderr[-2000:].strip()}")
            # Moved into place whole, so that a build that was interrupted is not taken for a finished one.
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    directory = (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "otel_bridge"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


class Started:
    """A server from its start on; a context manager that stops it."""

    def __init__(self, process: Process, answers: Callable[[], bool]) -> None:
        """Returns when the server answers.

        Args:
            process: not started yet.
            answers: whether it does by now.

        Raises:
            ProcessError: it ended, or did not answer in time.
        """
        self.process = process
        try:
            process.start()
            wait_for("an answer", answers, timeout=_START_TIMEOUT, processes=[process])
        except BaseException:
            process.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # It may wait for connections to end that are kept alive; and it has nothing to save.
        self.process.stop(timeout=1.0)
