"""osc.columns: what of a trace stands in a list."""

from __future__ import annotations

from dataclasses import replace

import pytest
import traces

columns = pytest.importorskip("otel_bridge.osc.columns")


def test_people_and_programs_read_the_same_trace() -> None:
    cells = columns.row(traces.boot().summary())
    assert [str(cell) for cell in cells] == [
        traces.BASE_ID,
        "2026-11-22 14:06:01.123 UTC",
        "62.0 ms",
        "6",
        "1",
        "nova-api",
        "POST /v2.1/servers",
        "nova-api, nova-compute, nova-conductor",
    ]
    assert [getattr(cell, "machine_readable", lambda cell=cell: cell)() for cell in cells] == [
        traces.BASE_ID,
        "2026-11-22T14:06:01.123000Z",
        0.062,
        6,
        1,
        "nova-api",
        "POST /v2.1/servers",
        ["nova-api", "nova-compute", "nova-conductor"],
    ]
    assert len(cells) == len(columns.NAMES)


@pytest.mark.parametrize("start_ns", [-1, 0, 2**63, 2**90])
def test_a_time_that_is_none_is_no_error(start_ns: int) -> None:
    cell = columns.row(replace(traces.boot().summary(), start_ns=start_ns))[1]
    assert str(cell) == "at no known time" or start_ns == 2**63
    assert cell.machine_readable() is None or start_ns == 2**63


@pytest.mark.parametrize("text", traces.HOSTILE)
def test_texts_of_spans_are_inert(text: str) -> None:
    summary = replace(traces.boot().summary(), root_name=text, root_service=text, services=(text,))
    for cell in columns.row(summary)[5:]:
        assert str(cell).isprintable()


def test_columns_sort_by_what_they_stand_for() -> None:
    summaries = [replace(traces.boot().summary(), duration_ns=ns) for ns in (9_000_000, 1_000_000_000, 70)]
    durations = [columns.row(summary)[2] for summary in summaries]
    assert [str(cell) for cell in sorted(durations)] == ["70 ns", "9.00 ms", "1.00 s"]
