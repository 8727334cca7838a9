"""What the recorder has written (:mod:`inside.recorder.lab_recorder`), read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel_bridge.wire import ids


@dataclass(frozen=True, slots=True)
class Place:
    """Where code ran: the greenlet is None where there are none."""

    pid: int
    thread: int
    greenlet: int | None


@dataclass(frozen=True, slots=True)
class Unit:
    """A message or request that was served. Times are nanoseconds since the epoch."""

    service: str
    number: int
    kind: str
    place: Place
    begin: int
    end: int
    #: 0: not traced.
    trace_id: int
    #: The span that sent it, 0 for none.
    parent_id: int
    request_id: str | None
    method: str


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that had to be recorded."""

    service: str
    number: int
    #: The point around it in the same process, maybe on another thread.
    around: int | None
    unit: int | None
    #: function, db, http or wsgi.
    kind: str
    name: str
    detail: str
    trace_id: int
    #: Whether the service itself had told OSProfiler of the trace where it ran.
    told: bool
    place: Place
    begin: int
    end: int
    error: str | None
    request_id: str | None


class Records:
    """The lines of a directory, as they are at the time of asking."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def points(self) -> list[Point]:
        """By their begin."""
        found = [
            Point(
                service=line["service"],
                number=line["point"],
                around=line["around"],
                unit=line["unit"],
                kind=line["kind"],
                name=line["name"],
                detail=line["detail"],
                trace_id=ids.trace_id(line["base_id"]),
                told=line["told"],
                place=_place(line),
                begin=line["begin"],
                end=line["end"],
                error=line["error"],
                request_id=line["request_id"],
            )
            for line in self.lines("point")
        ]
        return sorted(found, key=lambda point: point.begin)

    def units(self) -> list[Unit]:
        """By their begin."""
        found = [
            Unit(
                service=line["service"],
                number=line["unit"],
                kind=line["kind"],
                place=_place(line),
                begin=line["begin"],
                end=line["end"],
                trace_id=ids.trace_id(line["base_id"]) if line["base_id"] else 0,
                parent_id=ids.parent_span_id(line["base_id"], line["parent_id"]) if line["base_id"] else 0,
                request_id=line["request_id"],
                method=line["method"],
            )
            for line in self.lines("unit")
        ]
        return sorted(found, key=lambda unit: unit.begin)

    def tokens(self) -> set[str]:
        """All that Keystone gave out or that services saw."""
        return {line["token"] for line in self.lines("token")}

    def stats(self) -> list[dict[str, Any]]:
        """What became of the spans of each process that has ended."""
        return list(self.lines("stats"))

    def problems(self) -> list[str]:
        """What the recorder could not tell."""
        return [line["problem"] for line in self.lines("problem")]

    def notifications(self) -> list[dict[str, Any]]:
        """What plain OSProfiler notified its driver of."""
        return list(self.lines("notification"))

    def size(self) -> int:
        """Grows as long as something traced is going on."""
        return sum(1 for _ in self.lines("point"))

    def lines(self, record: str) -> Iterator[dict[str, Any]]:
        for path in sorted(self._directory.glob("*.jsonl")):
            for line in path.read_text().splitlines():
                # The last line may just be written.
                if line.startswith(f'{{"record": "{record}"') and line.endswith("}"):
                    yield json.loads(line)


def _place(line: dict[str, Any]) -> Place:
    return Place(line["pid"], line["thread"], line["greenlet"])
