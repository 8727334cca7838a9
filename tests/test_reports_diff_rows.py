"""otel_bridge.reports.diff_rows: which parts of a comparison are worth a line."""

from __future__ import annotations

import compared
import span_records
import traces
from compared import Builder
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.analysis.difference import Difference, compare
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import diff_rows


def chosen(a: Trace, b: Trace, most: int = diff_rows.MOST) -> list[str]:
    found = compare(a, b)
    return [found.parts[index].node.example.name for index in sorted(diff_rows.chosen(found, most))]


def slow(*, steps: int, slower: int = -1, failed: int = -1, extra: int = 0) -> Trace:
    """A root with one step after the other; one takes 100 ms instead of 10."""
    made = Builder()
    ends = [10.0 * (number + 1) + (90 if 0 <= slower <= number else 0) for number in range(steps)]
    root = made.add(0, "root", end=ends[-1])
    for number, end in enumerate(ends):
        begin = ends[number - 1] if number else 0
        status = {"status": 2} if number == failed else {}
        step = made.add(root, f"step {number}", start=begin, end=end, **status)
        made.add(step, f"below {number}", start=begin, end=begin + 1)
    for number in range(extra):
        made.add(root, f"extra {number}", start=1, end=1.0 + number / 100)
    return made.trace()


def test_what_took_longer_and_what_is_above_it() -> None:
    assert chosen(slow(steps=20), slow(steps=20, slower=7)) == ["root", "step 7"]


def test_of_what_appeared_the_uppermost() -> None:
    assert chosen(traces.trace(), traces.boot())[0] == "POST /v2.1/servers"
    made = slow(steps=3, extra=2)
    assert chosen(slow(steps=3), made) == ["root", "extra 0", "extra 1"]


def test_failures_come_before_what_took_longer() -> None:
    assert chosen(slow(steps=20), slow(steps=20, slower=7, failed=3), 1) == ["root", "step 3"]


def test_small_changes_of_a_loop_are_left_out() -> None:
    def loop(times: int, count: int) -> Trace:
        made = Builder()
        root = made.add(0, "root", end=1000)
        for name in range(count):
            for _ in range(times):
                made.add(root, f"q {name}", end=0.001)
        return made.trace()

    assert chosen(loop(3, 2), loop(4, 2)) == ["root"]
    assert chosen(loop(3, 2), loop(30, 2)) == ["root", "q 0", "q 1"]


def test_no_more_than_asked_for() -> None:
    assert len(chosen(slow(steps=3), slow(steps=3, extra=500))) == 1 + diff_rows.MOST


def test_in_a_deep_trace_not_all_that_is_above() -> None:
    found = chosen(traces.chain(1000), traces.chain(2000))
    assert "level 1001" in found
    assert len(found) < 300


def test_of_identical_traces_the_roots_remain() -> None:
    assert chosen(traces.boot(), compared.with_id(traces.boot())) == ["POST /v2.1/servers"]


def _shown(found: Difference, shown: set[int] | None) -> list[tuple[str, bool, int]]:
    return [(row.part.node.example.name, row.last, row.hidden) for row in diff_rows.rows(found, shown)]


def test_rows_say_what_is_hidden_below_and_which_is_the_last() -> None:
    found = compare(slow(steps=3), slow(steps=3, slower=1))
    assert _shown(found, diff_rows.chosen(found)) == [("root", True, 4), ("step 1", True, 1)]
    assert _shown(found, None) == [
        ("root", True, 0),
        ("step 0", False, 0),
        ("below 0", True, 0),
        ("step 1", False, 0),
        ("below 1", True, 0),
        ("step 2", True, 0),
        ("below 2", True, 0),
    ]


@given(span_records.structures(), span_records.structures(), st.integers(0, 20))
def test_a_chosen_part_is_below_chosen_ones(
    one: list[SpanRecord], other: list[SpanRecord], most: int
) -> None:
    found = compare(Trace.from_spans(7, one), Trace.from_spans(7, other))
    picked = diff_rows.chosen(found, most)
    assert {found.parts[index].node.parent for index in picked} <= picked | {-1}
