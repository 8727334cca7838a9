"""otel_bridge.reports.flame: folded stacks."""

from __future__ import annotations

import re

import pytest
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import structures

from otel_bridge.analysis import timing
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import flame

_LINE = re.compile(r"([^;]+(?:;[^;]+)*) ([1-9][0-9]*)").fullmatch


def stacks(trace: Trace) -> dict[tuple[str, ...], int]:
    read = {}
    for line in flame.folded(trace):
        found = _LINE(line)
        assert found, line
        frames = tuple(found[1].split(";"))
        assert frames not in read
        read[frames] = int(found[2])
    return read


def test_a_line_is_a_path_and_its_self_time() -> None:
    assert stacks(traces.boot()) == {
        ("nova-api: POST /v2.1/servers",): 15_300_000,
        ("nova-api: POST /v2.1/servers", "nova-api: build_instances"): 1_400_000,
        (
            "nova-api: POST /v2.1/servers",
            "nova-api: build_instances",
            "nova-conductor: ConductorManager.build_instances",
        ): 27_600_000,
        (
            "nova-api: POST /v2.1/servers",
            "nova-api: build_instances",
            "nova-conductor: ConductorManager.build_instances",
            "nova-conductor: SELECT nova.instances",
        ): 800_000,
        ("nova-api: POST /v2.1/servers", "nova-api: cast build"): 100_000,
        (
            "nova-api: POST /v2.1/servers",
            "nova-api: cast build",
            "nova-compute: ComputeManager.build",
        ): 21_000_000,
    }


def test_equal_paths_are_added_up() -> None:
    trace = traces.trace(
        traces.span(1, 0, "a", end=5), *(traces.span(n, 1, "b", start=n, end=n + 1) for n in (2, 3))
    )
    assert stacks(trace) == {("nova-api: a",): 3_000_000, ("nova-api: a", "nova-api: b"): 2_000_000}


def test_equal_names_on_different_paths_are_not() -> None:
    trace = traces.trace(
        traces.span(1, 0, "a", end=1),
        traces.span(2, 0, "b", end=1),
        *(traces.span(n + 2, n, "c") for n in (1, 2)),
    )
    assert {frames for frames in stacks(trace) if frames[-1].endswith("c")} == {
        ("nova-api: a", "nova-api: c"),
        ("nova-api: b", "nova-api: c"),
    }


@given(structures())
@settings(max_examples=100, deadline=None)
def test_the_values_add_up_to_the_self_times(spans: list[SpanRecord]) -> None:
    trace = Trace.from_spans(7, spans)
    assert sum(stacks(trace).values()) == sum(timing.self_times(trace).values())


@given(st.text(max_size=20), st.text(max_size=20))
@settings(deadline=None)
def test_any_name_is_one_frame(service: str, name: str) -> None:
    """Property: a separator or a line end in a name ends neither frame nor line."""
    trace = traces.trace(traces.span(1, 0, name, service=service), traces.span(2, 1, name, service=service))
    for frames in stacks(trace):
        assert len(frames) <= 2
        assert "".join(frames).isprintable()


def test_hostile_content_is_inert() -> None:
    assert all(line.isprintable() for line in flame.folded(traces.hostile()))


def test_what_is_very_deep_counts_into_the_last_level() -> None:
    trace = traces.trace(*(traces.span(n, n - 1, f"level {n}", start=n, end=2000 - n) for n in range(1, 601)))
    read = stacks(trace)
    assert max(map(len, read)) == flame.MAX_DEPTH
    assert sum(read.values()) == sum(timing.self_times(trace).values())


@pytest.mark.parametrize(
    ("trace", "lines"), [(traces.trace(), 0), (traces.chain(100_000), 1), (traces.fan(100_000), 1)]
)
def test_any_size(trace: Trace, lines: int) -> None:
    assert len(stacks(trace)) == lines
