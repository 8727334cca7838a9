"""The summary of a trace while its spans arrive."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import structures

from otel_bridge.collector import summaries
from otel_bridge.collector.summaries import Node
from otel_bridge.model.trace import Trace, TraceSummary


def node(span):
    return Node(
        span.start_ns, span.span_id, span.parent_id, span.end_ns, span.status, span.name, span.service
    )


class Arriving:
    """A trace whose spans arrive in batches, as the writer has it."""

    def __init__(self):
        self.stored = {}
        self.summary = None
        self.looked_at_all = 0

    def _earliest_root(self):
        self.looked_at_all += 1
        return min(
            one
            for one in self.stored.values()
            if one.parent_id == one.span_id or one.parent_id not in self.stored
        )

    def add(self, spans):
        new = {}
        for span in spans:
            if span.span_id not in self.stored:
                new.setdefault(span.span_id, node(span))
        if new:
            before = set(self.stored)
            self.stored.update(new)
            self.summary = summaries.extended(
                self.summary, list(new.values()), before.__contains__, self._earliest_root
            )

    def as_listed(self, trace_id):
        summary = self.summary
        return TraceSummary(
            trace_id,
            summary.root.name,
            summary.root.service,
            summary.start_ns,
            max(0, summary.end_ns - summary.start_ns),
            summary.span_count,
            summary.error_count,
            tuple(sorted(summary.services)),
        )


@given(structures(), st.lists(st.integers(1, 6), min_size=1))
@settings(max_examples=250, deadline=None)
def test_it_is_right_after_each_batch(spans, sizes):
    """Property: in whatever order and batches spans come, some of them twice, the summary is that of the
    trace that is there so far."""
    arriving = Arriving()
    done, batch = 0, 0
    while done < len(spans):
        size = sizes[batch % len(sizes)]
        arriving.add(spans[done : done + size])
        done, batch = done + size, batch + 1
        assert arriving.as_listed(7) == Trace.from_spans(7, spans[:done]).summary()


def chain(length, *, skew=0):
    """Spans of which each is the parent of the one before: the order in which spans end."""
    return [
        Node(1000 - i + skew * 2 * i, i + 1, i + 2 if i + 1 < length else 0, 2000, 0, f"{i}", "s")
        for i in range(length)
    ]


def test_the_usual_order_needs_no_look_at_the_whole_trace():
    """Children before parents, one at a time: the cost of a batch does not grow with the trace."""
    arriving = Arriving()
    for one in chain(50):
        before = set(arriving.stored)
        arriving.stored[one.span_id] = one
        arriving.summary = summaries.extended(
            arriving.summary, [one], before.__contains__, arriving._earliest_root
        )
        assert arriving.summary.root == one
    assert arriving.looked_at_all == 0


def test_parents_that_start_after_their_children_are_found_all_the_same():
    """As when two hosts' clocks differ."""
    arriving = Arriving()
    for one in chain(10, skew=1):
        before = set(arriving.stored)
        arriving.stored[one.span_id] = one
        arriving.summary = summaries.extended(
            arriving.summary, [one], before.__contains__, arriving._earliest_root
        )
    assert arriving.summary.root.name == "9"


@pytest.mark.parametrize("together", [True, False])
def test_spans_that_are_each_others_ancestors_have_a_root_too(together):
    ring = [Node(10 + i, i + 1, (i + 1) % 3 + 1, 20, 0, f"{i}", "s") for i in range(3)]
    stored = {}
    summary = None
    for batch in [ring] if together else [[one] for one in ring]:
        before = set(stored)
        stored.update((one.span_id, one) for one in batch)
        summary = summaries.extended(summary, batch, before.__contains__, lambda: min(stored.values()))
    assert summary.root.name == "0"
    assert summary.span_count == 3
