"""otel_bridge.reports.dot: a trace as a graph."""

from __future__ import annotations

import re

import pytest
import report_traces
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import CONSUMER, MS

from otel_bridge.model.trace import STATUS_ERROR, Trace
from otel_bridge.reports import dot
from otel_bridge.reports.outline import View

# What the DOT language allows, of what is used of it.
_STRING = r'"(?:[^"\\]|\\.)*"'
_ATTRIBUTES = rf"(?: \[(?:\w+=(?:{_STRING}|\w+)(?:, )?)+\])?"
_NODE = re.compile(rf"  (n\d+){_ATTRIBUTES};")
_EDGE = re.compile(rf"  (n\d+) -> (n\d+){_ATTRIBUTES};")
_OTHER = re.compile(rf"digraph trace \{{|\}}|  label={_STRING};|  (?:graph|node|edge){_ATTRIBUTES};")


class Graph:
    """The graph read back; fails where a line is not DOT."""

    def __init__(self, trace: Trace, **view: object) -> None:
        self.nodes: dict[str, str] = {}
        self.edges: list[tuple[str, str, str]] = []
        for line in dot.render(trace, View(**view)):  # type: ignore[arg-type]
            assert line.isprintable()
            if found := _EDGE.fullmatch(line):
                assert found[1] in self.nodes
                assert found[2] in self.nodes
                self.edges.append((found[1], found[2], line))
            elif found := _NODE.fullmatch(line):
                assert found[1] not in self.nodes
                self.nodes[found[1]] = line
            else:
                assert _OTHER.fullmatch(line), line

    def node(self, text: str) -> str:
        (found,) = [line for line in self.nodes.values() if text in line]
        return found


def test_there_is_a_node_for_each_span_and_an_edge_from_its_parent() -> None:
    graph = Graph(traces.boot())
    assert len(graph.nodes) == 6
    assert [(above, below) for above, below, _ in graph.edges] == [
        ("n0", "n1"),
        ("n1", "n2"),
        ("n2", "n3"),
        ("n0", "n4"),
        ("n4", "n5"),
    ]


def test_a_node_says_service_name_and_times() -> None:
    assert r'label="nova-api\ncast build\n100 µs, self 100 µs"' in Graph(traces.boot()).node("cast build")


def test_failures_and_the_critical_path_stand_out() -> None:
    graph = Graph(traces.boot())
    failed = graph.node("ConductorManager")
    assert r"\nERROR nova.exception.NoValidHost: No valid host was found." in failed
    assert 'color="#b00020", penwidth=3' in failed
    assert 'color="#7a1fa2", penwidth=2' in graph.node("ComputeManager")
    off = Graph(
        traces.trace(traces.span(1), traces.span(2, 1, "off", start=2, end=4), traces.span(3, 1, end=9))
    )
    assert "penwidth" not in off.node("off")


def test_alike_siblings_are_one_node_above_the_children_of_the_slowest() -> None:
    graph = Graph(report_traces.creation())
    group = graph.node("object_action")
    assert r"object_action ×3\n93.0 ms, self 60.0 ms\nslowest 32.0 ms" in group.replace("\u00d7", "×")  # noqa: RUF001
    name = group.split()[0]
    (below,) = [below for above, below, _ in graph.edges if above == name]
    assert "UPDATE nova.instances" in graph.nodes[below]
    assert len(Graph(report_traces.creation(), fold=False).nodes) == len(report_traces.creation().spans)


def test_the_wait_for_a_message_is_on_its_edge() -> None:
    trace = traces.trace(traces.span(1), traces.span(2, 1, kind=CONSUMER, start=15, end=20))
    assert [line for _, _, line in Graph(trace).edges] == ['  n0 -> n1 [label="queued 5.00 ms"];']


def test_what_the_filters_left_out_is_a_node_that_says_so() -> None:
    graph = Graph(traces.boot(), min_duration_ns=5 * MS)
    assert 'label="1 shorter than 5 ms", style=dashed' in graph.node("shorter")
    assert 'style="rounded,dotted"' in graph.node("cast build")
    assert r"\n+2 below" in Graph(traces.boot(), depth=2).node("build_instances")


def test_an_unfinished_span_has_no_times() -> None:
    graph = Graph(traces.trace(traces.span(1, start=5, end=1)))
    assert r'label="nova-api\nspan\nno end"' in graph.node("span")


def test_hostile_names_stay_in_their_strings() -> None:
    assert len(Graph(traces.hostile()).nodes) == len(traces.HOSTILE)


def test_names_are_no_markup() -> None:
    graph = Graph(traces.trace(traces.span(1, 0, '&lt;b&gt; "x" \\n')))
    assert r"\n&amp;lt;b&amp;gt; \"x\" \\n\n" in graph.node("nova-api")


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_name_stays_in_its_string(name: str) -> None:
    trace = traces.trace(
        traces.span(1, 0, name, service=name, status=STATUS_ERROR, status_message=name), traces.span(2, 1)
    )
    assert len(Graph(trace).nodes) == 2


@pytest.mark.parametrize("trace", [traces.trace(), traces.chain(20_000), traces.fan(20_000)])
def test_any_size(trace: Trace) -> None:
    assert len(Graph(trace).nodes) <= len(trace.spans)
