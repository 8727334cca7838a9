"""A collector that is down, or hangs, or comes back: OpenStack does not notice."""

from __future__ import annotations

import statistics
import time
from collections import Counter

import pytest

from .cloud import Boot
from .running import Running

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("running", ["default"], indirect=True),
]

ROUNDS = 5
#: A boot of one round may take so much longer than the other ones, by chance: seconds.
JITTER = 0.4


def _timed(running: Running, name: str) -> float:
    """Seconds from the request until the server is ACTIVE."""
    begin = time.monotonic()
    running.cloud.wait_for(running.cloud.boot(name))
    return time.monotonic() - begin


@pytest.fixture(scope="session")
def durations(running) -> dict[str, list[float]]:
    """Of boots in turns: with the backend up, down, and hanging. It is up again after that."""
    durations: dict[str, list[float]] = {"up": [], "down": [], "hanging": []}
    for number in range(ROUNDS):
        running.backend.come_up()
        durations["up"].append(_timed(running, f"up-{number}"))
        running.backend.go_down()
        durations["down"].append(_timed(running, f"down-{number}"))
        running.backend.hang()
        durations["hanging"].append(_timed(running, f"hanging-{number}"))
    running.backend.come_up()
    return durations


@pytest.fixture(scope="session")
def recovered(running, durations) -> Boot:
    """A boot once the backend is back, and whoever waits for it has tried again."""
    running.settle()
    return running.boot("recovered")


@pytest.fixture(scope="session")
def stats(running, recovered) -> Counter[str]:
    """What became of all spans, told by each process when it has been stopped. Nothing comes after this."""
    assert running.lab.stop_services() == []
    total: Counter[str] = Counter()
    for process in running.records.stats():
        total["exported"] += process["exported"]
        total["waiting"] += process["waiting"]
        total["lost"] += sum(process["dropped"].values())
    return total


def test_boots_take_no_longer(durations):
    up, down, hanging = (statistics.median(durations[state]) for state in ("up", "down", "hanging"))
    assert down < up + JITTER
    assert hanging < up + JITTER


def test_recovery_needs_no_restart(running, recovered):
    wanted = [point for point in running.records.points() if point.trace_id == recovered.trace_id]
    assert len(running.backend.trace(recovered.trace_id).spans) == len(wanted)


def test_each_span_is_exported_or_counted_as_lost(running, stats):
    """And both happened."""
    assert stats["waiting"] == 0
    assert stats["lost"] > 0
    assert stats["exported"] + stats["lost"] == len(running.records.points())
    # What was stored and not answered in time counts as lost, or is sent once more.
    stored = sum(len(trace.spans) for trace in running.backend.traces().values())
    assert stats["exported"] <= stored <= stats["exported"] + stats["lost"]


def test_losses_are_logged(running, stats):
    """With a request that was traced afterwards: a worker that ends by os._exit says nothing at its end."""
    logs = {path.stem: path.read_text(errors="replace") for path in running.lab.places.log.glob("nova-*.log")}
    assert [name for name, text in logs.items() if "spans were lost: http://" in text] != []
