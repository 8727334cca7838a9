"""cli/check_way.py: a time that runs out."""

from __future__ import annotations

import pytest

from otel_bridge.cli import check_way


def test_a_deadline_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(check_way, "monotonic", lambda: now[0])
    remaining = check_way.deadline(5.0)
    assert remaining() == 5.0
    now[0] += 7
    assert remaining() == -2.0
