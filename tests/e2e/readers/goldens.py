"""What osprofiler and its own drivers make of the workload; ``python -m e2e.readers.goldens`` keeps it."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import osprofiler_goldens
from environments import Environment

from e2e.interop.redis_server import Redis
from e2e.servers import Installed

_HERE = Path(__file__).parent
NEWEST = _HERE / "osprofiler.lock"
OLDEST = _HERE / "osprofiler-oldest.lock"


def environment(directory: Path, requirements: Path = NEWEST) -> Environment:
    """One with osprofiler and without otel_bridge."""
    installed = Installed(requirements.stem, requirements)
    return Environment(directory, installed.packages)


def points(environment: Environment, directory: Path) -> str:
    """The workload's points as a driver is given them, in the order of time."""
    file = directory / "points.jsonl"
    osprofiler_goldens.run(environment.python, directory, f"capture://{file}")
    lines = file.read_text().splitlines()
    return "".join(f"{line}\n" for line in sorted(lines, key=lambda line: json.loads(line)["timestamp"]))


def answers(environment: Environment, file: Path, directory: Path) -> Iterator[tuple[str, str]]:
    """The name of each driver, and what it answers that was given the points of a file."""
    with Redis(directory) as redis:
        for name, connection in (
            ("messaging", "messaging://"),
            ("redis", redis.url),
            ("sqlalchemy", f"sqlite:///{directory / 'points.db'}"),
        ):
            yield name, environment.run("-W", "ignore", _HERE / "replay.py", name, connection, file)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        made = environment(directory / "venv")
        osprofiler_goldens.POINTS.write_text(points(made, directory))
        for driver, text in answers(made, osprofiler_goldens.POINTS, directory):
            (osprofiler_goldens.GOLDENS / f"{driver}.json").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
