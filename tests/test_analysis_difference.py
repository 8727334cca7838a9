"""otel_bridge.analysis.difference: what one trace has more than another, and where the time went."""

from __future__ import annotations

import compared
import span_records
import traces
from hypothesis import given

from otel_bridge.analysis.difference import Contributor, Part, compare
from otel_bridge.analysis.siblings import Change
from otel_bridge.model.trace import SpanRecord, Trace

MS = traces.MS


def part(a: Trace, b: Trace, name: str, change: Change | None = None) -> Part:
    [found] = [
        one
        for one in compare(a, b).parts
        if one.node.example.name == name and (change is None or one.change is change)
    ]
    return found


@given(span_records.structures(), span_records.structures())
def test_changes_on_the_path_add_up_to_that_of_the_duration(
    one: list[SpanRecord], other: list[SpanRecord]
) -> None:
    a, b = Trace.from_spans(7, one), Trace.from_spans(7, other)
    found = compare(a, b)
    assert found.delta_ns == b.summary().duration_ns - a.summary().duration_ns
    assert sum(contributor.delta_ns for contributor in found.contributors) == found.delta_ns
    assert sum(contributor.a_ns for contributor in found.contributors) == found.duration_a_ns
    own = [
        (part.b.path_ns + part.b.waiting_ns) - (part.a.path_ns + part.a.waiting_ns) for part in found.parts
    ]
    assert sum(own) == found.delta_ns
    roots = [part for part in found.parts if part.node.parent < 0]
    assert sum(part.way_b_ns - part.way_a_ns for part in roots) == found.delta_ns


@given(span_records.structures(), span_records.structures())
def test_the_other_way_round_it_is_the_opposite(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    a, b = Trace.from_spans(7, one), Trace.from_spans(7, other)
    there, back = compare(a, b), compare(b, a)
    assert there.delta_ns == -back.delta_ns
    assert {(row.service, row.name): (row.a, row.b) for row in there.operations} == {
        (row.service, row.name): (row.b, row.a) for row in back.operations
    }


@given(span_records.structures())
def test_a_trace_does_not_differ_from_itself(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    found = compare(trace, compared.with_id(trace))
    assert found.same_structure
    assert all(one.a == one.b for one in found.parts)
    assert all(one.delta_ns == 0 for one in found.contributors)


@given(span_records.structures(), span_records.structures())
def test_parts_and_operations_count_every_span(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    a, b = Trace.from_spans(7, one), Trace.from_spans(7, other)
    found = compare(a, b)
    for rows in (found.parts, found.operations):
        assert sum(row.a.spans for row in rows) == len(a.spans)
        assert sum(row.b.errors for row in rows) == sum(span.is_error for span in b.spans)
    roots = [one for one in found.parts if one.node.parent < 0]
    assert sum(one.b.spans + one.below_b for one in roots) == len(b.spans)


def test_contributors_are_the_largest_change_first() -> None:
    found = compare(compared.before(), compared.after()).contributors
    assert found[0] == Contributor("nova-compute", "Driver.spawn", False, 900 * MS, 2300 * MS)
    assert [abs(one.delta_ns) for one in found] == sorted((abs(one.delta_ns) for one in found), reverse=True)


def test_time_in_a_queue_is_a_contributor_of_its_own() -> None:
    found = compare(compared.before(), compared.after()).contributors
    [waited] = [one for one in found if one.waiting and one.service == "nova-conductor"]
    assert (waited.a_ns, waited.b_ns) == (9 * MS, 29 * MS)


def test_a_loop_is_measured_as_a_whole() -> None:
    one = part(compared.before(), compared.after(), "SELECT keystone.user")
    assert (one.change, one.a.spans, one.b.spans) == (Change.MULTIPLIED, 37, 240)
    assert (one.a.total_ns, one.b.total_ns) == (37 * MS // 10, 240 * MS // 10)
    assert one.b.max_ns == MS // 10


def test_names_of_requests_have_their_path() -> None:
    names = {one.name for one in compare(compared.before(), compared.after()).parts}
    assert {"GET /v3/auth/tokens", "GET /v2/images/{id}"} <= names


def test_what_was_renamed_says_what_it_was() -> None:
    def call(service: str) -> Trace:
        return traces.trace(traces.span(1, 0, "root"), traces.span(2, 1, "list", service=service))

    one = part(call("nova-api"), call("nova-api-wsgi"), "list")
    assert (one.change, one.renamed_from) == (Change.SAME, ("nova-api", "list"))
    assert not compare(call("nova-api"), call("nova-api-wsgi")).same_structure
    assert part(call("nova-api"), call("nova-api"), "list").renamed_from is None


def test_attributes_and_services_that_differ_are_there() -> None:
    found = compare(compared.before(), compared.after())
    assert [(one.key, one.b) for one in found.services] == [
        ("host.name", "cmp2"),
        ("service.version", "31.0.1"),
    ]
    glance = part(compared.before(), compared.after(), "GET /v2/images/{image_id}")
    assert [(change.key, change.a, change.b) for change in glance.attributes] == [
        ("http.response.status_code", "200", "503")
    ]


def test_shared_counts_spans_of_both() -> None:
    assert compare(compared.before(), compared.after()).shared == (47, 250)
    assert compare(traces.trace(), traces.boot()).shared == (0, 0)


def test_traces_without_spans() -> None:
    empty = compare(traces.trace(), traces.trace())
    assert (empty.delta_ns, empty.parts, empty.contributors) == (0, (), ())
    assert compare(traces.boot(), traces.trace()).delta_ns == -62 * MS
