"""otel_bridge.analysis.sides: keys, sizes and descriptions of the spans of one trace."""

from __future__ import annotations

from typing import Any

import pytest
import traces

from otel_bridge.analysis.sides import Description, Key, Side

TRACE = traces.trace(
    traces.span(1, 0, "root"),
    traces.span(2, 1, "loop", start=1),
    traces.span(3, 2, "query", start=1),
    traces.span(4, 1, "loop", start=2),
    traces.span(5, 4, "query", start=2),
    traces.span(6, 4, "other", start=3, status=2),
)
SPANS = {span.span_id: span for span in TRACE.spans}
SIDE = Side(TRACE)


def key(name: str) -> Key:
    return "nova-api", name, traces.INTERNAL


def test_sizes_count_all_below() -> None:
    assert SIDE.size([SPANS[1]]) == 6
    assert SIDE.size([SPANS[2], SPANS[4]]) == 5
    assert SIDE.are_leaves([SPANS[3], SPANS[6]])
    assert not SIDE.are_leaves([SPANS[3], SPANS[2]])


def test_children_of_several_are_in_order_of_their_start() -> None:
    assert [span.span_id for span in SIDE.below([SPANS[4], SPANS[2]])] == [3, 5, 6]


def test_groups_and_outlines_are_by_key() -> None:
    assert {name: len(spans) for name, spans in SIDE.groups(TRACE.spans).items()} == {
        key("root"): 1,
        key("loop"): 2,
        key("query"): 2,
        key("other"): 1,
    }
    assert SIDE.outline(SPANS[2], SPANS[4]) == {key("query"), key("other")}


def test_keys_are_found_on_the_first_level_that_has_them() -> None:
    assert SIDE.found_below([SPANS[1]], {key("query"), key("other")}) == {key("query"), key("other")}
    assert SIDE.found_below([SPANS[1]], {key("loop"), key("query")}) == {key("loop")}
    assert SIDE.found_below([SPANS[1]], {key("missing")}) == set()


def test_levels_further_down_are_not_searched() -> None:
    side = Side(traces.chain(6))
    root = traces.chain(6).roots
    assert side.found_below(root, {key("level 4")}) == {key("level 4")}
    assert side.found_below(root, {key("level 5")}) == set()


def test_likeness_is_of_children_neighbours_and_failure() -> None:
    plain, larger, failed = SIDE.descriptions(TRACE.spans, [SPANS[2], SPANS[4], SPANS[6]])
    assert plain.likeness(plain) > plain.likeness(larger) > plain.likeness(failed) >= 1
    assert larger.likeness(plain) == plain.likeness(larger)


@pytest.mark.parametrize(
    ("change", "likeness"),
    [
        ({}, 9),
        ({"outline": frozenset({key("x"), key("z")})}, 6),  # one of three is shared
        ({"outline": frozenset()}, 5),
        ({"before": key("z")}, 8),
        ({"after": None}, 8),
        ({"failed": True}, 7),
    ],
)
def test_what_makes_two_spans_less_alike(change: dict[str, Any], likeness: int) -> None:
    one = Description(frozenset({key("x"), key("y")}), key("before"), key("after"), False)
    assert one.likeness(one._replace(**change)) == one._replace(**change).likeness(one) == likeness


def test_neighbours_are_those_on_both_sides() -> None:
    [first, middle, last] = SIDE.descriptions([SPANS[1], SPANS[2], SPANS[3]], [SPANS[1], SPANS[2], SPANS[3]])
    assert (first.before, first.after) == (None, key("loop"))
    assert (middle.before, middle.after) == (key("root"), key("query"))
    assert (last.before, last.after) == (key("loop"), None)
