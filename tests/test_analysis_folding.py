"""otel_bridge.analysis.folding: which siblings become one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import structures
from traces import CLIENT, SERVER

from otel_bridge.analysis import folding
from otel_bridge.analysis.folding import Group
from otel_bridge.analysis.timing import is_incomplete
from otel_bridge.model.trace import STATUS_ERROR, SpanRecord, Trace


def siblings(names: str) -> Trace:
    """A root with a child for each letter; an upper-case one failed."""
    spans = [
        traces.span(
            number,
            1,
            name.lower(),
            start=number,
            end=number + 1,
            status=STATUS_ERROR if name.isupper() else 0,
        )
        for number, name in enumerate(names, 2)
    ]
    return traces.trace(traces.span(1, end=1000), *spans)


def folded(trace: Trace, parent: SpanRecord | None = None) -> list[SpanRecord | Group]:
    return folding.fold(trace.children(parent or trace.roots[0]), folding.shapes(trace))


def outline(items: list[SpanRecord | Group]) -> str:
    """``a b*3`` of a single a and three b; ``b*3~`` where they took turns."""
    return " ".join(
        f"{item.first.name}*{len(item.spans)}{'~' * item.in_turn}" if isinstance(item, Group) else item.name
        for item in items
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("", ""),
        ("a", "a"),
        ("aa", "a a"),
        ("aaa", "a*3"),
        ("aaaab", "a*4 b"),
        ("aaabbb", "a*3 b*3"),
        ("aaabaaa", "a*3 b a*3"),
        ("abab", "a b a b"),
        ("ababab", "a*3~ b*3~"),
        ("xabababy", "x a*3~ b*3~ y"),
        ("abbaba", "a*3~ b*3~"),
        ("abcabcabc", "a*3~ b*3~ c*3~"),
        ("abcdabcdabcd", "a*3~ b*3~ c*3~ d*3~"),
        ("abcdefghi" * 3, " ".join("abcdefghi" * 3)),  # too many to be seen as one
        ("aaaaAaaa", "a*4 a a*3"),
        ("abaBab", "a b a b a b"),
        ("AAAA", "a a a a"),
    ],
)
def test_runs_become_groups(names: str, expected: str) -> None:
    assert outline(folded(siblings(names))) == expected


@given(st.text("abcdE", max_size=60))
@settings(max_examples=300, deadline=None)
def test_folding_loses_nothing(names: str) -> None:
    """Property: each sibling is there once, what is alone in its order; groups are large enough, alike and
    without failures."""
    trace = siblings(names)
    items = folded(trace)
    groups = [item for item in items if isinstance(item, Group)]
    alone = [item for item in items if isinstance(item, SpanRecord)]
    everyone = alone + [span for group in groups for span in group.spans]
    assert sorted(everyone, key=lambda span: span.start_ns) == list(trace.children(trace.roots[0]))
    assert alone == sorted(alone, key=lambda span: span.start_ns)
    for group in groups:
        assert len(group.spans) >= folding.FEWEST
        assert len({span.name for span in group.spans}) == 1
        assert not any(span.is_error for span in group.spans)
        assert list(group.spans) == sorted(group.spans, key=lambda span: span.start_ns)


@given(structures())
@settings(max_examples=200, deadline=None)
def test_shapes_are_equal_where_the_subtrees_are(spans: list[SpanRecord]) -> None:
    """Property: two subtrees of the same service, name and kind all the way down have the same shape."""
    trace = Trace.from_spans(7, [replace(span, name=span.name[-1]) for span in spans])
    shapes = folding.shapes(trace)

    def written(span: SpanRecord) -> str:
        below = "".join(map(written, trace.children(span)))
        return f"({span.service} {span.name} {span.kind} {span.is_error or is_incomplete(span)}{below})"

    for one in trace.spans:
        for other in trace.spans:
            if written(one) == written(other):
                assert shapes[one.span_id] == shapes[other.span_id]
        assert (shapes[one.span_id] == folding.UNIQUE) == ("True" in written(one))


@pytest.mark.parametrize(
    "other",
    [
        {"service": "nova-compute"},
        {"kind": SERVER},
        {"name": "else"},
        {"status": STATUS_ERROR},
        {"attributes": {"osprofiler.incomplete": True}},
    ],
)
def test_what_differs_ends_a_run(other: dict[str, object]) -> None:
    alike = [traces.span(number, 1, "x", kind=CLIENT) for number in range(2, 5)]
    last = traces.span(5, 1, **{"name": "x", "kind": CLIENT, **other})  # type: ignore[arg-type]
    group, alone = folded(traces.trace(traces.span(1), *alike, last))
    assert isinstance(group, Group)
    assert len(group.spans) == 3
    assert alone == last


def family(*below: str) -> Trace:
    """A root with children ``x``, each with a child for each letter of its text."""
    spans = [traces.span(1)]
    for number, names in enumerate(below):
        spans.append(traces.span(1000 + number, 1, "x", start=number))
        spans += [
            traces.span(
                2000 + 100 * number + index,
                1000 + number,
                name.lower(),
                start=number + index / 100,
                status=STATUS_ERROR if name.isupper() else 0,
            )
            for index, name in enumerate(names)
        ]
    return traces.trace(*spans)


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        (("ab", "ab", "ab"), "x*3"),
        (("ab", "ab", "ba"), "x x x"),
        (("ab", "ab", "a"), "x x x"),
        (("", "", ""), "x*3"),
        (("a", "aa", "aaa"), "x x x"),
        (("aaa", "aaaa", "aaaaa"), "x*3"),  # folded they look alike
        (("ababab", "abababab", "bababa"), "x x x"),
        (("ab", "aB", "ab", "ab", "ab"), "x x x*3"),  # something failed below the second
    ],
)
def test_members_have_subtrees_of_one_shape(below: tuple[str, ...], expected: str) -> None:
    assert outline(folded(family(*below))) == expected


def test_a_span_that_is_not_plain_stays_alone() -> None:
    trace = siblings("aaaaaaa")
    items = folding.fold(
        trace.children(trace.roots[0]), folding.shapes(trace), is_plain=lambda span: span.span_id != 5
    )
    assert outline(items) == "a*3 a a*3"


def test_a_group_says_how_long_it_took() -> None:
    spans = [
        traces.span(n, 1, "x", start=start, end=end) for n, start, end in ((2, 0, 3), (3, 1, 9), (4, 2, 4))
    ]
    (group,) = folded(traces.trace(traces.span(1), *spans))
    assert isinstance(group, Group)
    assert group.first.span_id == 2
    assert group.slowest.span_id == 3
    assert group.total_ns == 13 * traces.MS
    assert (group.start_ns, group.end_ns) == (traces.START, traces.START + 9 * traces.MS)


@pytest.mark.parametrize("names", ["a" * 100_000, "ab" * 50_000, "abcde" * 20_000, "abcdx" + "abcd" * 25_000])
def test_a_hundred_thousand_siblings(names: str) -> None:
    assert sum(len(getattr(item, "spans", [item])) for item in folded(siblings(names))) == len(names)


def test_any_depth() -> None:
    trace = traces.chain(100_000)
    assert len(set(folding.shapes(trace).values())) == 100_000


def test_a_run_of_one_and_of_two_in_turn_are_different_shapes() -> None:
    """Below each parent; the number in a run does not matter."""
    spans = [traces.span(1, end=1000)]
    for parent, names in ((100, "aaa"), (200, "ababab"), (300, "aaaaaa"), (400, "babababa"), (500, "ab")):
        spans.append(traces.span(parent, 1, "loop", start=parent, end=parent + 90))
        for number, name in enumerate(names, parent + 1):
            spans.append(traces.span(number, parent, name, start=number, end=number + 1))
    shapes = folding.shapes(traces.trace(*spans))
    assert shapes[100] == shapes[300]
    assert len({shapes[parent] for parent in (100, 200, 400, 500)}) == 4
