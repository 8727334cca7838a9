"""otel_bridge.reports.guides: what leads to the rows of a tree."""

from __future__ import annotations

from otel_bridge.reports.canvas import ASCII
from otel_bridge.reports.guides import Guides


def drawn(*rows: tuple[int, bool], levels: int = 10) -> list[str]:
    """Each row's lead, the depth, and on a line of its own what stands below it."""
    guides = Guides(ASCII, levels)
    lines = []
    for depth, last in rows:
        first, below = guides.lead(depth, last=last)
        lines += [f"{first}{depth}", below]
    return lines


def test_branches_end_at_the_last_sibling() -> None:
    assert drawn((0, False), (1, False), (2, True), (1, True), (2, False), (0, True)) == [
        *("0", ""),
        *("|- 1", "| "),
        *("| `- 2", "|   "),
        *("`- 1", "  "),
        *("  |- 2", "  | "),
        *("0", ""),
    ]


def test_what_is_too_deep_has_its_depth_in_digits() -> None:
    assert drawn((0, True), (1, False), (2, False), (3, True), (1, True), levels=1) == [
        *("0", ""),
        *("|- 1", "| "),
        *("| ~2 2", "| "),
        *("| ~3 3", "| "),
        *("`- 1", "  "),
    ]


def test_levels_that_are_not_shown_take_no_room() -> None:
    assert drawn((0, True), (3, True), (1, True)) == ["0", "", "`- 3", "  ", "`- 1", "  "]
