"""Results as a table for people and as JSON for machines."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import peers
from benchmarks.case import AtMost, Less
from benchmarks.results import Comparison, Result
from otel_bridge.version import __version__

_HEAD = ("case", "ours", "peer", "", "floor", "ratio", "goal", "met")
_RIGHT = frozenset((1, 3, 4, 5, 6))


def text(results: Iterable[Result]) -> str:
    """The table: a line for each comparison."""
    lines: list[Sequence[str]] = [_HEAD]
    for result in results:
        lines.extend(_lines(result))
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _lines(result: Result) -> list[Sequence[str]]:
    unit = result.row.unit
    limit = result.row.limit
    floor = _amount(result.floor, unit)
    lines: list[Sequence[str]] = []
    if limit is not None or not result.peers:
        goal = "" if limit is None else f"<= {_number(limit.value)} {unit}"
        lines.append(["", "", "", "", "", "", goal, _met(result.within)])
    for peer in result.peers:
        amount = peer.absent or _amount(peer.value, unit)
        cells = ["", "", peer.label, amount, "", _ratio(peer), _goal(peer), _met(peer.met)]
        if limit is not None and len(lines) == 1 and not lines[0][2]:
            cells[6:] = lines[0][6:]  # the row's own goal goes beside the first peer
            lines = []
        lines.append(cells)
    first = list(lines[0])
    first[0], first[1], first[4] = result.row.title, _amount(result.ours, unit), floor
    return [first, *lines[1:]]


def _number(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def _amount(value: float | None, unit: str) -> str:
    return "" if value is None else f"{_number(value)} {unit}"


def _ratio(peer: Comparison) -> str:
    if peer.ratio is None:
        return ""
    if isinstance(peer.goal, AtMost):
        return f"{peer.ratio:.2f} of it"
    return f"{peer.ratio:,.0f}x less" if peer.ratio >= 20 else f"{peer.ratio:.1f}x less"


def _goal(peer: Comparison) -> str:
    if peer.goal is None:
        return ""
    if isinstance(peer.goal, Less):
        return f">= {peer.goal.times:g}x less"
    return f"<= {peer.goal.times:g} of it"


def _met(met: bool | None) -> str:
    return "" if met is None else "yes" if met else "NO"


def document(results: Iterable[Result], *, quick: bool, problems: list[str]) -> dict[str, Any]:
    """What is written as JSON."""
    return {
        "otel_bridge": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "peers": peers.versions(),
        "quick": quick,
        "method": "minima over interleaved repetitions (worst where stated), CPU time, gc as is",
        "rows": [_row(result) for result in results],
        "problems": problems,
    }


def _row(result: Result) -> dict[str, Any]:
    row = result.row
    return {
        "case": result.case,
        "title": row.title,
        "unit": row.unit,
        "statistic": "worst" if row.worst else "minimum",
        "ours": result.ours,
        "floor": result.floor,
        "limit": None if row.limit is None else row.limit.value,
        "within_limit": result.within,
        "peers": [
            {
                "name": peer.label,
                "value": peer.value,
                "absent": peer.absent,
                "ratio": peer.ratio,
                "goal": _goal(peer) or None,
                "met": peer.met,
            }
            for peer in result.peers
        ],
    }
