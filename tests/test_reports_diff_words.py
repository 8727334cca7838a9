"""otel_bridge.reports.diff_words: what a comparison found, in sentences."""

from __future__ import annotations

from collections import Counter

import compared
import pytest
import span_records
import traces
from compared import Builder
from hypothesis import given

from otel_bridge.analysis.difference import compare
from otel_bridge.analysis.operation import operation
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import diff_words
from otel_bridge.reports.diff_words import TIMES


def verdict(a: Trace, b: Trace) -> list[str]:
    return diff_words.verdict(compare(a, b))


def steps(*names_and_ends: tuple[str, float], **more: object) -> Trace:
    """A root and one child after the other, each until so many milliseconds."""
    made = Builder(trace_id=compared.AFTER_ID)
    root = made.add(0, "root", end=max(end for _, end in names_and_ends))
    start = 0.0
    for name, end in names_and_ends:
        made.add(root, name, start=start, end=end)
        start = end
    return made.trace()


def test_two_boots_that_differ_in_every_way() -> None:
    assert verdict(compared.before(), compared.after()) == [
        "B is slower: it took 1.40 s longer than A (2.30 s → 3.70 s, +61 %).",
        "1.40 s of it in nova-compute Driver.spawn (900 ms → 2.30 s).",
        "The request was answered after 90.0 ms in both; the rest was done later.",
        "Fails only in B: glance-api GET /v2/images/{image_id}: StoreDown: the store does not answer.",
        f"nova-compute GET /v2/images/{{id}} ran 2 times instead of once ({TIMES}2, +50.0 ms).",
        f"keystone SELECT keystone.user ran 240 times instead of 37 ({TIMES}6.5, +20.3 ms).",
        "Only in B: nova-compute Scrubber.scrub (200 ms).",
        "Only in A: nova-conductor SELECT nova.quotas (30.0 ms).",
        "Only B has the level nova-api AuthToken.process_request.",
        "http.response.status_code 200 → 503: nova-compute GET /v2/images/{id} and "
        "glance-api GET /v2/images/{image_id}.",
        "nova-compute ran on cmp2 instead of cmp1.",
        "nova-compute has version 31.0.1 instead of 31.0.0.",
    ]


def test_the_slower_one_is_named_whichever_comes_first() -> None:
    found = verdict(compared.after(), compared.before())
    assert found[0] == "A is slower: B took 1.40 s less (3.70 s → 2.30 s, -38 %)."
    assert found[1] == "1.40 s of it in nova-compute Driver.spawn (2.30 s → 900 ms)."
    assert "keystone SELECT keystone.user ran 37 times instead of 240 (-20.3 ms)." in found
    assert any(sentence.startswith("Fails only in A: ") for sentence in found)
    assert any(sentence.startswith("Only A has the level ") for sentence in found)


def test_identical_traces_are_said_to_be() -> None:
    trace = traces.boot()
    again = compared.with_id(trace)
    assert verdict(trace, again)[0] == "A and B are identical in structure and in times (62.0 ms)."
    assert verdict(trace, trace)[0] == "A and B are the same trace."


def test_the_same_duration_made_up_otherwise() -> None:
    a, b = steps(("x", 50), ("y", 100)), steps(("x", 70), ("y", 100.2))
    assert verdict(a, b) == [
        "A and B took the same time, but for 200 µs (100 ms → 100 ms).",
        "B took longer: 20.0 ms in nova-api x (50.0 ms → 70.0 ms).",
        "B took less: 19.8 ms in nova-api y (50.0 ms → 30.2 ms).",
        "Both have the same structure: 3 spans each, none appeared, vanished or was multiplied.",
    ]


def test_what_works_against_the_difference_is_said() -> None:
    a, b = steps(("x", 50), ("y", 100)), steps(("x", 100), ("y", 130))
    assert verdict(a, b)[1:3] == [
        "B took longer: 50.0 ms in nova-api x (50.0 ms → 100 ms).",
        "Against that, B took less: 20.0 ms in nova-api y (50.0 ms → 30.0 ms).",
    ]


def test_contributors_are_named_until_most_is_explained() -> None:
    a = steps(("v", 10), ("w", 20), ("x", 30), ("y", 40))
    b = steps(("v", 60), ("w", 110), ("x", 140), ("y", 151))
    assert verdict(a, b)[1] == (
        "50.0 ms of it in nova-api v (10.0 ms → 60.0 ms), 40.0 ms in nova-api w (10.0 ms → 50.0 ms)."
    )


def test_waiting_is_called_so() -> None:
    def cast(begin: float) -> Trace:
        made = Builder()
        sent = made.add(0, "cast", end=1, kind=traces.PRODUCER)
        made.add(sent, "work", "nova-compute", begin, begin + 10, traces.CONSUMER)
        return made.trace()

    assert verdict(cast(5), cast(105))[1] == (
        "100 ms of it waiting for nova-compute work to begin (4.00 ms → 104 ms)."
    )


def test_a_failure_is_told_where_it_came_from() -> None:
    def call(failed: bool) -> Trace:
        made = Builder()
        more = {"status": 2, "status_message": "boom"} if failed else {}
        above = made.add(0, "root", **more)
        above = made.add(above, "middle", **more)
        made.add(above, "origin", **more)
        made.add(above, "fine")
        return made.trace()

    assert "Fails only in B: nova-api origin: boom." in verdict(call(False), call(True))
    assert "Fails only in A: nova-api origin: boom." in verdict(call(True), call(False))
    assert not any("Fails" in sentence for sentence in verdict(call(True), call(True)))


def loop_of_calls(failures: int, name: str = "call") -> Trace:
    made = Builder()
    root = made.add(0, "root", end=1000)
    for number in range(5):
        status = {"status": 2, "status_message": "boom"} if number < failures else {}
        made.add(root, name, start=10 * number, end=10 * number + 5, **status)
    return made.trace()


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        (0, 1, ["Fails only in B: nova-api call: boom."]),
        (1, 3, ["Fails more often in B: nova-api call: boom."]),
        (3, 1, ["Fails more often in A: nova-api call: boom."]),
        (2, 2, []),
    ],
)
def test_a_failure_of_both_is_not_said_to_be_of_one_only(a: int, b: int, told: list[str]) -> None:
    found = verdict(loop_of_calls(a), loop_of_calls(b))
    assert [sentence for sentence in found if "Fails" in sentence] == told


def test_work_is_done_later_only_where_it_ends_later() -> None:
    """A clock that is behind makes work begin before the request; an end that never came says nothing."""

    def request(start: float, end: float, **more: object) -> Trace:
        made = Builder()
        root = made.add(0, "root", start=0, end=10, **more)
        made.add(root, "work", start=start, end=end)
        return made.trace()

    def answered(trace: Trace) -> bool:
        return any("answered" in sentence for sentence in verdict(trace, request(1, 2)))

    assert answered(request(20, 30))
    assert not answered(request(-30, -20))
    assert not answered(request(20, 30, attributes={"osprofiler.incomplete": True}))


def test_equal_durations_differ_by_nothing() -> None:
    a, b = steps(("x", 50), ("y", 100)), steps(("x", 70), ("y", 100))
    assert verdict(a, b)[0] == "A and B took the same time (100 ms)."


@given(span_records.structures(), span_records.structures())
def test_what_is_said_of_failures_is_so(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    """Property: against a count of the failed spans of that operation."""
    a, b = (Trace.from_spans(7, spans) for spans in (one, other))
    counts = [
        Counter(diff_words.named(span.service, operation(span)) for span in trace.spans if span.is_error)
        for trace in (a, b)
    ]
    for sentence in diff_words.verdict(compare(a, b)):
        for here, there in ((0, 1), (1, 0)):
            for how in ("only", "more often"):
                names = sentence.removeprefix(f"Fails {how} in {'AB'[here]}: ")
                if names != sentence:
                    first = names.removesuffix(".").replace(" and ", ", ").split(", ")[0]
                    assert counts[here][first] > counts[there][first]
                    assert (counts[there][first] == 0) == (how == "only")


@pytest.mark.parametrize(
    ("more", "sentence"), [(9, "To less effect, nova-api q ran"), (10, "nova-api q ran")]
)
def test_a_loop_that_ran_ten_times_more_is_named_however_fast_it_is(more: int, sentence: str) -> None:
    def loop(times: int) -> Trace:
        made = Builder()
        root = made.add(0, "root", end=1000)
        for _ in range(times):
            made.add(root, "q", end=0.001)
        return made.trace()

    assert any(told.startswith(sentence) for told in verdict(loop(3), loop(3 + more)))


def test_small_differences_in_number_are_named_last() -> None:
    made = [Builder(), Builder()]
    for number, one in enumerate(made):
        root = one.add(0, "root", end=1000)
        for _ in range(3 + number):
            one.add(root, "q", end=0.001)
    assert verdict(made[0].trace(), made[1].trace())[-1] == (
        "To less effect, nova-api q ran 4 times instead of 3."
    )


def test_what_is_above_explains_what_is_below() -> None:
    def loop(times: int) -> Trace:
        made = Builder()
        root = made.add(0, "root", end=1000)
        for number in range(times):
            call = made.add(root, "attach", start=10 * number, end=10 * number + 9)
            made.add(call, "SELECT", start=10 * number, end=10 * number + 5)
        return made.trace()

    told = " ".join(verdict(loop(3), loop(90)))
    assert "nova-api attach ran 90 times instead of 3" in told
    assert "SELECT ran" not in told


def test_another_statement_is_not_quoted() -> None:
    def query(text: str) -> Trace:
        return traces.trace(traces.span(1, name="q", attributes={"db.query.text": text}))

    assert "Another statement: nova-api q." in verdict(query("x = ?"), query("y = ?"))


def test_a_renamed_service_is_said() -> None:
    def call(service: str) -> Trace:
        return traces.trace(traces.span(1, 0, "root"), traces.span(2, 1, "list", service=service))

    assert "Renamed: old list is new list." in verdict(call("old"), call("new"))


def test_traces_with_little_in_common_are_doubted() -> None:
    a = traces.trace(traces.span(1, 0, "x"), traces.span(2, 1, "y"))
    assert verdict(a, traces.boot())[-1] == (
        "Little of the two corresponds (0 spans of A's 2, 0 of B's 6): are they the same kind of request?"
    )


def test_what_is_missing_in_a_trace_is_said() -> None:
    orphan = traces.trace(traces.span(1, 99))
    assert verdict(orphan, traces.trace(traces.span(1)))[-1].startswith("A has 1 span with a parent that")


def test_a_trace_without_spans() -> None:
    assert verdict(traces.trace(), traces.boot()) == ["A has no spans."]
    assert verdict(traces.boot(), traces.trace()) == ["B has no spans."]


@given(span_records.structures(), span_records.structures())
def test_any_two_traces_have_a_verdict(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    found = verdict(Trace.from_spans(7, one), Trace.from_spans(7, other))
    assert found
    assert all(sentence.endswith(".") for sentence in found[:1])


def test_nothing_in_a_sentence_acts() -> None:
    for sentence in verdict(traces.boot(), traces.hostile()) + verdict(traces.hostile(), traces.boot()):
        assert sentence.isprintable()
        assert len(sentence) < 3000


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(37, 240, "6.5"), (1, 2, "2"), (2, 3, "1.5"), (1, 1500, "1,500"), (3, 100_000, "33,333"), (4, 1, "0.2")],
)
def test_ratio(a: int, b: int, expected: str) -> None:
    assert diff_words.ratio(a, b) == TIMES + expected


@pytest.mark.parametrize(
    ("ns", "expected"), [(0, "0"), (1_310_000_000, "+1.31 s"), (-40_000_000, "-40.0 ms")]
)
def test_signed(ns: int, expected: str) -> None:
    assert diff_words.signed(ns) == expected
