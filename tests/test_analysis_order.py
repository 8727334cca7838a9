"""otel_bridge.analysis.order: a loop in place of recursion."""

from __future__ import annotations

import traces
from hypothesis import given, settings
from span_records import structures

from otel_bridge.analysis.order import children_first
from otel_bridge.model.trace import SpanRecord, Trace


@given(structures())
@settings(max_examples=100, deadline=None)
def test_every_span_comes_once_after_its_children(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    seen: set[int] = set()
    for span in children_first(trace):
        assert span.span_id not in seen
        assert seen.issuperset(child.span_id for child in trace.children(span))
        seen.add(span.span_id)
    assert len(seen) == len(trace.spans)


def test_any_depth() -> None:
    assert [span.span_id for span in children_first(traces.chain(20_000))] == list(range(20_000, 0, -1))
