"""Runs the contenders of a case, each in its process, one repetition each in turns."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import peers
from benchmarks.case import Case, Contender

_ROOT = Path(__file__).resolve().parent.parent
#: Seconds that one repetition may take.
_PATIENCE = 300.0


class Broken(Exception):
    """A contender did not do its work; ``str`` of it says which, and how it ended."""


@dataclass(slots=True)
class Measured:
    """All samples of a case."""

    case: Case
    #: contender -> sample -> one value for each repetition.
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    #: contender -> why there are none.
    absent: dict[str, str] = field(default_factory=dict)
    #: What went wrong, ours or theirs.
    problems: list[str] = field(default_factory=list)


class _Worker:
    """The process of one contender."""

    def __init__(self, case: Case, contender: Contender, endpoint: str, quick: bool, errors: str) -> None:
        self.name = contender.name
        self._case = case.name
        self._errors = errors
        with open(errors, "w") as stderr:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.worker",
                    case.name,
                    contender.name,
                    endpoint,
                    *(["--quick"] if quick else []),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=_ROOT,
                env=_environment(),
                text=True,
            )

    def measure(self) -> dict[str, float]:
        """One repetition.

        Raises:
            Broken: it failed, or took too long.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write("\n")
            stdin.flush()
        except BrokenPipeError:
            raise Broken(self._last_words()) from None
        if not select.select([stdout], [], [], _PATIENCE)[0]:
            raise Broken(f"{self._case}, {self.name}: no answer within {_PATIENCE:.0f} s")
        line = stdout.readline()
        if not line:
            raise Broken(self._last_words())
        samples: dict[str, float] = json.loads(line)
        return samples

    def _last_words(self) -> str:
        self._process.wait(10)
        text = Path(self._errors).read_text(errors="replace").strip()
        return f"{self._case}, {self.name}: {text.splitlines()[-1] if text else 'ended without a word'}"

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _environment() -> dict[str, str]:
    """This process's environment without what would change the defaults of a contender."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}


def run(case: Case, receiver: str, *, quick: bool = False) -> Measured:
    """Measure a case.

    Args:
        case: what to measure.
        receiver: base URL of the receiver.
        quick: with few repetitions.
    """
    found = Measured(case)
    present = []
    for contender in case.contenders:
        absent = peers.missing(contender.needs)
        if absent is None:
            present.append(contender)
        else:
            found.absent[contender.name] = f"{absent} is not installed"
    launches = 1 if quick else case.launches
    repetitions = case.quick_repetitions if quick else case.repetitions // launches
    for launch in range(launches):
        with ExitStack() as stack:
            errors = stack.enter_context(tempfile.TemporaryDirectory())
            workers = []
            for index, contender in enumerate(present):
                name = f"{case.name}-{launch}-{index}"
                workers.append(_Worker(case, contender, f"{receiver}/{name}", quick, f"{errors}/{name}"))
                stack.callback(workers[-1].close)
            _take_turns(workers, repetitions, found)
        present = [contender for contender in present if contender.name not in found.absent]
    return found


def _take_turns(workers: list[_Worker], repetitions: int, found: Measured) -> None:
    for repetition in range(repetitions):
        first = repetition % max(len(workers), 1)
        for worker in workers[first:] + workers[:first]:
            try:
                samples = worker.measure()
            except Broken as exc:
                found.problems.append(str(exc))
                found.absent[worker.name] = "failed"
                found.samples.pop(worker.name, None)
                workers.remove(worker)
                continue
            kept = found.samples.setdefault(worker.name, {})
            for name, value in samples.items():
                kept.setdefault(name, []).append(value)
