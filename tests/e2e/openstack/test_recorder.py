"""The recorder counts what plain osprofiler records, where that is right; and sees where it is not."""

from __future__ import annotations

from collections import Counter

import pytest

from otel_bridge.wire import ids

from .cloud import Boot
from .running import Running

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("running", ["upstream"], indirect=True),
]

ATTEMPTS = 6


def _recorded(running: Running) -> Counter:
    """Points of the recorder, by service, trace and name."""
    return Counter((point.service, point.trace_id, point.name) for point in running.records.points())


def _notified(running: Running, end: str) -> Counter:
    """Points that osprofiler's driver was notified of."""
    return Counter(
        (line["service"], ids.trace_id(line["base_id"]), line["name"].removesuffix(end))
        for line in running.records.notifications()
        if line["name"].endswith(end)
    )


@pytest.fixture(scope="session")
def first(running) -> Boot:
    """The first one of freshly started services, in whose threads there is nothing yet."""
    return running.boot("first")


@pytest.fixture(scope="session")
def counts(running, first) -> tuple[Counter, Counter, Counter]:
    return _recorded(running), _notified(running, "-start"), _notified(running, "-stop")


def test_it_counts_what_osprofiler_records(running, counts):
    recorded, started, stopped = counts
    assert recorded.total() > 50
    assert running.records.problems() == []
    assert started == stopped
    # A service that was sent something else meanwhile, a heartbeat, may have served it in a traced thread.
    begin = min(point.begin for point in running.records.points())
    units = [unit for unit in running.records.units() if unit.kind == "rpc" and not unit.trace_id]
    disturbed = {unit.service for unit in units if unit.end > begin}
    for key in recorded | started:
        if key[0] not in disturbed:
            assert recorded[key] == started[key], key
    assert recorded <= started


def test_points_that_osprofiler_adds_to_a_trace_that_is_over_are_seen(running, counts):
    """If not, the tests of our own traces could not fail either."""
    before, strays = _notified(running, "-start").total(), 0
    for attempt in range(ATTEMPTS):  # until one of the threads that served the profiled boot serves these
        running.boot_all([f"plain-{attempt}-{number}" for number in range(5)], trace_id=0)
        added = _notified(running, "-start").total() - before
        # What such a thread sends to others carries the trace that is over, and is not told from the rest.
        strays = added - (_recorded(running) - counts[0]).total()
        if strays:
            break
    assert strays > 0
