"""otel_bridge.reports.speedscope: a trace in speedscope's file format."""

from __future__ import annotations

import json
from typing import Any

import pytest
import report_traces
import traces
from hypothesis import given, settings
from span_records import structures

from otel_bridge.analysis import timing
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import speedscope


class Read:
    """A profile as speedscope reads it: each frame that was open, with its start, end and depth.

    Fails where it is not what the format allows: times that go back, a frame closed that is not the one
    that was opened last, one that stays open.
    """

    def __init__(self, profile: dict[str, Any], frames: list[dict[str, str]]) -> None:
        assert profile["type"] == "evented"
        assert profile["unit"] == "nanoseconds"
        self.name = profile["name"]
        self.end = profile["endValue"]
        self.spans: list[tuple[str, int, int, int]] = []
        #: The time that each frame was on top.
        self.own: dict[str, int] = {}
        stack: list[tuple[int, int]] = []
        now = profile["startValue"]
        for event in profile["events"]:
            assert now <= event["at"] <= self.end
            if stack:
                top = frames[stack[-1][0]]["name"]
                self.own[top] = self.own.get(top, 0) + event["at"] - now
            now = event["at"]
            if event["type"] == "O":
                stack.append((event["frame"], now))
            else:
                assert event["type"] == "C"
                frame, start = stack.pop()
                assert frame == event["frame"]
                self.spans.append((frames[frame]["name"], start, now, len(stack)))
        assert stack == []


def read(trace: Trace) -> list[Read]:
    document = json.loads(json.dumps(speedscope.document(trace)))
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert 0 <= document["activeProfileIndex"] < len(document["profiles"])
    return [Read(profile, document["shared"]["frames"]) for profile in document["profiles"]]


def test_there_are_the_critical_path_the_self_times_and_the_clock() -> None:
    names = [profile.name for profile in read(report_traces.creation())]
    assert names == ["critical path", "self times", "clock, 1", "clock, 2"]


def test_the_critical_path_is_in_order_of_time_below_all_that_is_above() -> None:
    trace = traces.boot()
    path = read(trace)[0]
    assert path.end == 62_000_000
    assert ("nova-api: POST /v2.1/servers", 0, 62_000_000, 0) in path.spans
    assert ("nova-compute: ComputeManager.build", 40_100_000, 62_000_000, 2) in path.spans
    assert ("in a queue", 40_100_000, 41_000_000, 3) in path.spans
    assert path.own["nova-conductor: SELECT nova.instances"] == 800_000


@given(structures())
@settings(max_examples=200, deadline=None)
def test_the_widths_are_true(spans: list[SpanRecord]) -> None:
    """Property: in the first profile each span has what it has on the critical path, in the second its
    self time, in the others every span is there once, where it was in time."""
    trace = Trace.from_spans(7, spans)
    profiles = read(trace)
    names = {span.span_id: f"{span.service}: {span.name}" for span in trace.spans}
    segments = timing.critical_path(trace)
    if segments:
        path = profiles.pop(0)
        spent = {names[span_id]: ns for span_id, ns in timing.critical_ns(segments).items()}
        if timing.waiting_ns(segments):
            spent["in a queue"] = timing.waiting_ns(segments)
        assert {name: ns for name, ns in path.own.items() if ns} == spent
        assert path.end == segments[-1].end_ns - segments[0].start_ns
    selfs = profiles.pop(0)
    expected = {names[span_id]: ns for span_id, ns in timing.self_times(trace).items()}
    assert {name: selfs.own.get(name, 0) for name in expected} == expected
    clock = sorted((name, start, end) for profile in profiles for name, start, end, _ in profile.spans)
    assert clock == sorted(
        (
            names[span.span_id],
            span.start_ns - trace.start_ns,
            max(span.start_ns, span.end_ns) - trace.start_ns,
        )
        for span in trace.spans
    )


def test_what_ran_at_the_same_time_is_in_another_profile() -> None:
    trace = traces.trace(
        traces.span(1, 0, "a", end=20),
        traces.span(2, 1, "b", start=1, end=8),
        traces.span(3, 1, "c", start=5, end=9),
        traces.span(4, 3, "d", start=6, end=7),
        traces.span(5, 1, "e", start=8, end=12),
        traces.span(6, 1, "f", start=18, end=30),
    )
    _, _, first, second = read(trace)
    assert sorted(name[-1] for name, *_ in first.spans) == ["a", "b", "e"]
    assert sorted((name[-1], depth) for name, _, _, depth in second.spans) == [("c", 0), ("d", 1), ("f", 0)]


def test_a_span_without_end_is_a_moment() -> None:
    trace = traces.trace(traces.span(1, end=9), traces.span(2, 1, "open", start=4, end=2))
    (clock,) = read(trace)[2:]
    assert ("nova-api: open", 4_000_000, 4_000_000, 1) in clock.spans


def test_profiles_are_limited_and_the_rest_is_counted() -> None:
    trace = traces.trace(traces.span(1, 0, "root"), *(traces.span(n, 1, f"leaf {n}") for n in range(2, 103)))
    profiles = read(trace)
    assert len(profiles) == 2 + speedscope.MAX_LANES
    assert profiles[-1].name == "clock, 50 of 101"
    assert len(profiles[1].spans) == 102


def test_frames_are_coloured_by_service() -> None:
    frames = speedscope.document(traces.boot())["shared"]["frames"]
    assert {"name": "nova-compute: ComputeManager.build", "file": "nova-compute"} in frames


def test_an_empty_trace_is_a_file_too() -> None:
    (selfs, *_) = read(traces.trace())
    assert selfs.spans == []


@pytest.mark.parametrize("trace", [traces.chain(30_000), traces.fan(30_000), traces.hostile()])
def test_any_size_and_content(trace: Trace) -> None:
    assert len(read(trace)[1].spans) == len(trace.spans)
