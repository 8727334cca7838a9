"""otel_bridge.analysis.alignment: which spans of one trace correspond to which of another."""

from __future__ import annotations

from time import monotonic

import compared
import pytest
import span_records
import traces
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.analysis.alignment import Node, align
from otel_bridge.analysis.siblings import Change
from otel_bridge.model.trace import SpanRecord, Trace


def shown(nodes: list[Node]) -> list[str]:
    """The nodes as an indented tree with their changes and counts."""
    lines = []
    for node in nodes:
        counts = f" {len(node.a)}:{len(node.b)}" if (len(node.a), len(node.b)) != (1, 1) else ""
        lines.append(f"{' ' * node.depth}{node.change.value} {node.example.name}{counts}")
    return lines


def test_two_boots_that_differ_in_every_way() -> None:
    assert shown(align(compared.before(), compared.after())) == [
        "same POST /v2.1/servers",
        " inserted AuthToken.process_request 0:1",
        "  same GET",
        "   same GET /v3/auth/tokens",
        "    multiplied SELECT keystone.user 37:240",
        "  same build_instances",
        "   same ComputeTaskManager.build_instances",
        "    vanished SELECT nova.quotas 1:0",
        "    same build_and_run_instance",
        "     same ComputeManager.build_and_run_instance",
        "      same GET",
        "       same GET /v2/images/{image_id}",
        "      appeared GET 0:1",
        "      same Driver.spawn",
        "      appeared Scrubber.scrub 0:1",
    ]


def test_below_a_loop_all_of_one_operation_are_together() -> None:
    def loop(times: int) -> Trace:
        made = compared.Builder()
        root = made.add(0, "root")
        for number in range(times):
            call = made.add(root, "attach", start=number)
            made.add(call, "SELECT", start=number)
            made.add(call, "UPDATE", start=number + 0.5)
        return made.trace()

    assert shown(align(loop(3), loop(9))) == [
        "same root",
        " multiplied attach 3:9",
        "  multiplied SELECT 3:9",
        "  multiplied UPDATE 3:9",
    ]


def test_two_roots_are_aligned_as_siblings_are() -> None:
    a = traces.trace(traces.span(1, 0, "login"), traces.span(2, 0, "boot", start=20))
    b = traces.trace(traces.span(1, 0, "boot"), traces.span(2, 0, "login", start=20))
    assert shown(align(a, b)) == ["same boot", "same login"]


def test_a_root_that_stands_above_the_other_is_a_level() -> None:
    proxied = compared.Builder()
    proxy = proxied.add(0, "proxy", "haproxy")
    proxied.add(proxy, "leaf")
    plain = traces.trace(traces.span(1, 0, "leaf"))
    assert shown(align(plain, proxied.trace())) == ["inserted proxy 0:1", " same leaf"]


def test_without_spans_all_of_the_other_appeared() -> None:
    nodes = align(traces.trace(), traces.boot())
    assert {node.change for node in nodes} == {Change.APPEARED}
    assert align(traces.trace(), traces.trace()) == []


@given(span_records.structures(), span_records.structures())
def test_every_span_is_in_exactly_one_node(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    a, b = Trace.from_spans(7, one), Trace.from_spans(7, other)
    nodes = align(a, b)
    for trace, side in ((a, "a"), (b, "b")):
        found = [span.span_id for node in nodes for span in getattr(node, side)]
        assert sorted(found) == sorted(span.span_id for span in trace.spans)


@given(span_records.structures(), span_records.structures())
def test_each_node_stands_above_those_below_it(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    nodes = align(Trace.from_spans(7, one), Trace.from_spans(7, other))
    path: list[int] = []
    for index, node in enumerate(nodes):
        del path[node.depth :]
        assert node.parent == (path[-1] if path else -1)
        assert len(path) == node.depth
        path.append(index)


@given(span_records.structures())
def test_a_trace_corresponds_to_itself(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    nodes = align(trace, compared.with_id(trace))
    assert {node.change for node in nodes} <= {Change.SAME}


@given(span_records.structures(), st.data())
def test_a_level_more_hides_nothing(spans: list[SpanRecord], data: st.DataObject) -> None:
    trace = Trace.from_spans(7, spans)
    families = [(0, trace.roots), *((span.span_id, trace.children(span)) for span in trace.spans)]
    parent, children = data.draw(st.sampled_from([one for one in families if one[1]]))
    below = {child.span_id for child in data.draw(st.lists(st.sampled_from(children), min_size=1))}
    level = compared.replaced(children[0], span_id=10**12, parent_id=parent, name="level", status=0)
    moved = [
        compared.replaced(span, parent_id=10**12) if span.span_id in below else span for span in trace.spans
    ]
    nodes = align(trace, Trace.from_spans(7, [*moved, level]))
    assert [node.example.name for node in nodes if node.change is Change.INSERTED] == ["level"]
    assert {node.change for node in nodes} <= {Change.INSERTED, Change.SAME}


LARGE = 20_000


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (traces.fan(LARGE), traces.fan(LARGE // 2)),
        (traces.chain(LARGE), traces.chain(LARGE // 2)),
        (
            traces.trace(*(traces.span(number, 0, f"a{number}") for number in range(1, LARGE))),
            traces.trace(*(traces.span(number, 0, f"b{number}") for number in range(1, LARGE))),
        ),
        (
            traces.chain(LARGE),
            traces.trace(
                *(
                    traces.span(number, number - 1, f"level {number}" if number % 2 else f"new {number}")
                    for number in range(1, LARGE)
                )
            ),
        ),
    ],
    ids=["wide", "deep", "nothing alike", "each second level new"],
)
def test_large_traces_take_seconds(a: Trace, b: Trace) -> None:
    begun = monotonic()
    nodes = align(a, b)
    # With the square of the size it would take many minutes.
    assert monotonic() - begun < 60
    assert sum(len(node.b) for node in nodes) == len(b.spans)
