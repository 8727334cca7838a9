"""What the terminal report is meant to look like: files in tests/data/terminal.

``python tests/terminal_goldens.py`` writes them anew; look at the difference before it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import report_traces
import traces

from otel_bridge.model.trace import Trace
from otel_bridge.reports import outline, tables, terminal
from otel_bridge.reports.outline import View
from otel_bridge.reports.style import Style

DIRECTORY = Path(__file__).parent / "data" / "terminal"

_WIDE, _NARROW = Style(width=140), Style(width=80)
_PLACEMENT = View(services=frozenset({"nova-scheduler"}))
_TREES: dict[str, tuple[Trace, Style, View]] = {
    "creation-140": (report_traces.creation(), _WIDE, outline.EVERYTHING),
    "creation-80": (report_traces.creation(), _NARROW, outline.EVERYTHING),
    "creation-pipe": (report_traces.creation(), Style(), outline.EVERYTHING),
    "creation-ascii": (report_traces.creation(), Style(width=120, ascii=True), outline.EVERYTHING),
    "creation-colour": (report_traces.creation(), Style(width=120, colour=True), outline.EVERYTHING),
    "creation-depth": (report_traces.creation(), _WIDE, View(depth=3)),
    "creation-service": (report_traces.creation(), _WIDE, _PLACEMENT),
    "creation-duration": (report_traces.creation(), _WIDE, View(min_duration_ns=40_000_000)),
    "creation-unfolded": (report_traces.creation(), _WIDE, View(fold=False)),
    "hostile-100": (traces.hostile(), Style(width=100), outline.EVERYTHING),
}
_TABLES = {"creation-stats": (report_traces.creation(), Style(width=100))}
NAMES = [*_TREES, *_TABLES]


def lines(name: str) -> Iterator[str]:
    """What is drawn now."""
    if name in _TABLES:
        return tables.render(*_TABLES[name])
    return terminal.render(*_TREES[name])


def path(name: str) -> Path:
    return DIRECTORY / f"{name}.txt"


if __name__ == "__main__":
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        path(name).write_text("\n".join(lines(name)) + "\n", encoding="utf-8")
