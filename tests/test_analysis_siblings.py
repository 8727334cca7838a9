"""otel_bridge.analysis.siblings: which siblings of two traces correspond."""

from __future__ import annotations

import compared
import traces
from compared import Builder

from otel_bridge.analysis.siblings import Change, Match, Siblings
from otel_bridge.model.trace import Trace

SAME, MULTIPLIED = Change.SAME, Change.MULTIPLIED
APPEARED, VANISHED, INSERTED, REMOVED = Change.APPEARED, Change.VANISHED, Change.INSERTED, Change.REMOVED


def tree(*lines: str) -> Trace:
    """A trace from lines that are indented by one space a level; ``name ERROR`` failed, a name with ``@``
    is of that service. Each begins a millisecond after the one before."""
    made = Builder()
    above: list[int] = []
    for start, line in enumerate(lines):
        level = len(line) - len(line.lstrip())
        text, failed, _ = line.strip().partition(" ERROR")
        name, _, service = text.partition("@")
        del above[level:]
        more = {"status": 2} if failed else {}
        parent = above[-1] if above else 0
        above.append(made.add(parent, name, service or "nova-api", start=start, end=100, **more))
    return made.trace()


def matches(a: Trace, b: Trace, *, together: bool = False) -> list[Match]:
    """Of the children of the first roots."""
    return Siblings(a, b).matches(a.children(a.roots[0]), b.children(b.roots[0]), together=together)


def said(found: list[Match]) -> list[tuple[Change, str, str]]:
    """Change, and start in milliseconds of the spans of either side."""

    def starts(match: Match, side: str) -> str:
        spans = getattr(match, side)
        return " ".join(f"{spans[0].name}{(one.start_ns - traces.START) // traces.MS}" for one in spans)

    return [(match.change, starts(match, "a"), starts(match, "b")) for match in found]


def test_other_operations_are_paired_whatever_their_order() -> None:
    a = tree("root", " x", " y", " z")
    b = tree("root", " z", " x", " y")
    assert said(matches(a, b)) == [(SAME, "z3", "z1"), (SAME, "x1", "x2"), (SAME, "y2", "y3")]


def test_alike_ones_are_paired_by_position() -> None:
    lines = ("root", " x", "  q", " x", "  q", " x", "  q")
    assert said(matches(tree(*lines), tree(*lines))) == [
        (SAME, "x1", "x1"),
        (SAME, "x3", "x3"),
        (SAME, "x5", "x5"),
    ]


def test_alike_ones_that_changed_places_are_paired_by_what_is_below() -> None:
    a = tree("root", " x", "  one", " x", "  two")
    b = tree("root", " x", "  two", " x", "  one")
    assert said(matches(a, b)) == [(SAME, "x3", "x1"), (SAME, "x1", "x3")]


def test_a_loop_of_leaves_is_one_match_whatever_its_counts() -> None:
    a = tree("root", *[" q"] * 37)
    b = tree("root", *[" q"] * 240)
    [match] = matches(a, b)
    assert (match.change, len(match.a), len(match.b)) == (MULTIPLIED, 37, 240)
    [match] = matches(a, a)
    assert (match.change, len(match.a), len(match.b)) == (SAME, 37, 37)


def test_a_loop_with_calls_below_is_one_match_where_its_counts_are_far_apart() -> None:
    a = tree("root", *[" x", "  q"] * 3)
    b = tree("root", *[" x", "  q"] * 9)
    [match] = matches(a, b)
    assert (match.change, len(match.a), len(match.b)) == (MULTIPLIED, 3, 9)


def test_one_call_more_is_found_by_its_neighbours() -> None:
    a = tree("root", " v", " x", "  q", " y")
    b = tree("root", " x", "  q", " w", " v", " x", "  q", " y")
    assert said(matches(a, b)) == [
        (APPEARED, "", "x1"),
        (APPEARED, "", "w3"),
        (SAME, "v1", "v4"),
        (SAME, "x2", "x5"),
        (SAME, "y4", "y7"),
    ]


def test_of_a_call_and_its_retry_the_one_that_succeeded_corresponds() -> None:
    a = tree("root", " x", "  q")
    b = tree("root", " x ERROR", "  q", " x", "  q")
    assert said(matches(a, b)) == [(APPEARED, "", "x1"), (SAME, "x1", "x3")]
    assert said(matches(b, a)) == [(VANISHED, "x1", ""), (SAME, "x3", "x1")]


def test_together_positions_do_not_count() -> None:
    lines = ("root", " x", "  q", " x", "  q")
    [match] = matches(tree(*lines), tree(*lines), together=True)
    assert (match.change, len(match.a), len(match.b)) == (SAME, 2, 2)


def test_what_vanished_stands_where_it_was() -> None:
    a = tree("root", " x", " gone", " y")
    b = tree("root", " new", " x", " y")
    assert said(matches(a, b)) == [
        (APPEARED, "", "new1"),
        (SAME, "x1", "x2"),
        (VANISHED, "gone2", ""),
        (SAME, "y3", "y3"),
    ]


def test_an_inserted_level_has_the_siblings_that_went_below_it() -> None:
    a = tree("root", " x", " y", " z")
    b = tree("root", " wrap", "  x", "  y", " z")
    found = matches(a, b)
    assert said(found) == [(INSERTED, "", "wrap1"), (SAME, "z3", "z4")]
    assert [span.name for span in found[0].beside] == ["x", "y"]
    back = matches(b, a)
    assert said(back) == [(REMOVED, "wrap1", ""), (SAME, "z4", "z3")]
    assert [span.name for span in back[0].beside] == ["x", "y"]


def test_levels_around_each_of_a_loop_are_one_match() -> None:
    found = matches(tree("root", *[" q"] * 5), tree("root", *[" retry", "  q"] * 5))
    assert [(match.change, len(match.b), len(match.beside)) for match in found] == [(INSERTED, 5, 5)]


def test_a_level_is_looked_for_three_levels_down() -> None:
    a = tree("root", " x")
    assert matches(a, tree("root", " v", "  w", "   x"))[0].change is INSERTED
    deeper = matches(a, tree("root", " t", "  u", "   v", "    w", "     x"))
    assert sorted(match.change.value for match in deeper) == ["appeared", "vanished"]


def test_one_query_that_both_have_is_no_level() -> None:
    a = tree("root", " q", " big", *["  a"] * 9)
    b = tree("root", " other", "  q", *["  b"] * 9)
    assert {match.change for match in matches(a, b)} == {APPEARED, VANISHED}


def test_a_service_of_another_name_is_still_the_same() -> None:
    a = tree("root", " list@nova-api", "  q@nova-api")
    b = tree("root", " list@nova-api-wsgi", "  q@nova-api-wsgi")
    assert said(matches(a, b)) == [(SAME, "list1", "list1")]


def test_a_function_of_another_name_is_known_by_what_is_below() -> None:
    a = tree("root", " build", "  x", "  y", "  z")
    b = tree("root", " build_v2", "  x", "  y", "  w")
    assert said(matches(a, b)) == [(SAME, "build1", "build_v21")]
    other = tree("root", " destroy", "  x", "  s", "  t", "  u")
    assert {match.change for match in matches(a, other)} == {APPEARED, VANISHED}


def test_every_span_is_in_one_match() -> None:
    a, b = compared.before(), compared.after()
    siblings = Siblings(a, b)
    found = siblings.matches(a.spans, b.spans, together=False)
    ids_a = [
        span.span_id for match in found for span in (*match.a, *match.beside) if span.trace_id == a.trace_id
    ]
    ids_b = [
        span.span_id for match in found for span in (*match.b, *match.beside) if span.trace_id == b.trace_id
    ]
    assert sorted(ids_a) == sorted(span.span_id for span in a.spans)
    assert sorted(ids_b) == sorted(span.span_id for span in b.spans)
