"""The benchmarks run, and say what they could not measure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import results, table
from benchmarks.case import OURS, AtMost, Case, Figure, Less, Limit, Peer, Row
from benchmarks.runner import Measured

ROOT = Path(__file__).parent.parent


@pytest.mark.integration
def test_a_quick_run_prints_a_table_and_writes_it_as_json(tmp_path):
    """Two cheap cases, in processes of their own; every row of theirs has a figure of ours."""
    written = tmp_path / "bench.json"
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", "closed", "memory", "--json", written],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    document = json.loads(written.read_text())
    assert document["problems"] == []
    assert {row["case"] for row in document["rows"]} == {"closed", "memory"}
    assert all(row["ours"] > 0 for row in document["rows"])
    for row in document["rows"]:
        assert row["title"] in run.stdout


def measured(row, samples, absent=None):
    return Measured(Case("case", (), (row,)), samples, absent or {})


def test_a_figure_is_the_minimum_less_the_minimum_without():
    """What is added to an application is told by the fastest repetition of each."""
    row = Row("row", "µs", Figure(OURS, "with", minus="without", divided_by=2))
    (result,) = results.of(measured(row, {OURS: {"with": [9.0, 7.0], "without": [3.0, 4.0]}}))
    assert result.ours == 2.0


def test_where_the_worst_counts_it_is_the_maximum():
    """One repetition that loses spans is enough."""
    row = Row("row", "spans", Figure(OURS, "lost"), limit=Limit(0), worst=True)
    (result,) = results.of(measured(row, {OURS: {"lost": [0.0, 1.0]}}))
    assert (result.ours, result.within) == (1.0, False)


@pytest.mark.parametrize(
    ("goal", "ratio", "met"),
    [(Less(10), 10.0, True), (Less(11), 10.0, False), (AtMost(0.1), 0.1, True), (AtMost(0.09), 0.1, False)],
)
def test_goals(goal, ratio, met):
    """A goal is met at its very value, and not below (or above, for a unit)."""
    row = Row("row", "µs", Figure(OURS, "x"), (Peer("peer", Figure("peer", "x"), goal),))
    (result,) = results.of(measured(row, {OURS: {"x": [1.0]}, "peer": {"x": [10.0]}}))
    assert (result.peers[0].ratio, result.peers[0].met) == (pytest.approx(ratio), met)


def test_a_peer_that_is_not_installed_is_named_in_the_table():
    """It is neither left out nor an error."""
    row = Row("row", "µs", Figure(OURS, "x"), (Peer("peer", Figure("peer", "x"), Less(10)),))
    found = results.of(measured(row, {OURS: {"x": [1.0]}}, {"peer": "osprofiler is not installed"}))
    assert "osprofiler is not installed" in table.text(found)
    assert found[0].peers[0].met is None
