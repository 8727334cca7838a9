"""cli/findings.py: a finding as a line and as JSON."""

from __future__ import annotations

import json

import pytest

from otel_bridge.cli.findings import Finding, note, ok, problem


@pytest.mark.parametrize(
    ("finding", "line", "is_ok"),
    [
        (ok("one", "fine"), "ok       one: fine", True),
        (note("two", "odd"), "note     two: odd", True),
        (problem("three", "broken"), "problem  three: broken", False),
    ],
)
def test_only_a_problem_is_not_ok(finding: Finding, line: str, is_ok: bool) -> None:
    assert (str(finding), finding.is_ok) == (line, is_ok)


def test_json_has_the_level_and_the_data_if_there_is_any() -> None:
    assert note("clock", "off", least_seconds=3.5).as_json() == {
        "about": "clock",
        "level": "note",
        "ok": True,
        "text": "off",
        "data": {"least_seconds": 3.5},
    }
    assert "data" not in ok("one", "fine").as_json()
    assert json.loads(json.dumps(problem("a", "b", c=[1]).as_json()))["data"] == {"c": [1]}
