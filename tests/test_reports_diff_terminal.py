"""otel_bridge.reports.diff_terminal: a comparison on the terminal."""

from __future__ import annotations

import re

import compared
import pytest
import span_records
import traces
from hypothesis import given

from otel_bridge.analysis.difference import compare
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import diff_terminal
from otel_bridge.reports.diff_words import TIMES
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import cells

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def shown(a: Trace, b: Trace, style: Style = Style(), *, everything: bool = False) -> list[str]:  # noqa: B008
    return list(diff_terminal.render(compare(a, b), style, everything=everything))


def section(lines: list[str], title: str) -> list[str]:
    """The lines below the one that has this title, up to an empty one."""
    start = next(index for index, line in enumerate(lines) if title in line) + 1
    end = next((index for index in range(start, len(lines)) if not lines[index]), len(lines))
    return lines[start:end]


def test_head_names_both_and_then_the_verdict() -> None:
    lines = shown(compared.before(), compared.after())
    assert lines[0] == (
        f"A  {traces.BASE_ID}  2.30 s · 48 spans · 0 errors · nova-api POST /v2.1/servers · "
        "2026-11-22 14:06:01.123 UTC"
    )
    assert lines[1].startswith("B  1d06e2bc-1234-5678-90ab-cdef12345678  3.70 s · 253 spans · 2 errors")
    assert lines[2:4] == ["", "B is slower: it took 1.40 s longer than A (2.30 s → 3.70 s, +61 %)."]


def test_contributors_add_up() -> None:
    lines = section(shown(compared.before(), compared.after()), "Where the time went")
    assert lines[0] == "   900 ms    2.30 s    +1.40 s          ████████  nova-compute  Driver.spawn"
    assert "  9.00 ms   29.0 ms   +20.0 ms          █         waiting for nova-conductor  " in lines[9]
    assert lines[-2:] == [
        "   403 ms    413 ms   +10.0 ms          █         6 others",
        "   2.30 s    3.70 s    +1.40 s                    in all",
    ]


def test_tree_shows_what_differs_with_signs() -> None:
    lines = section(shown(compared.before(), compared.after()), "Spans that differ")
    assert [line[41:] for line in lines[:-1]] == [
        "   nova-api  POST /v2.1/servers  [server]",
        " > └─ nova-api  AuthToken.process_request",
        "     ├─ nova-api  GET /v3/auth/tokens  [client]",
        "     │ └─ keystone  GET /v3/auth/tokens  [server]",
        f" {TIMES}   │   └─ keystone  SELECT keystone.user  {TIMES}37 → {TIMES}240  [client]",
        "     └─ nova-api  build_instances  [producer]",
        "       └─ nova-conductor  ComputeTaskManager.build_instances  [consumer]",
        " -       ├─ nova-conductor  SELECT nova.quotas  [client]",
        "         └─ nova-conductor  build_and_run_instance  [producer]",
        "           └─ nova-compute  ComputeManager.build_and_run_instance  [consumer]",
        "             ├─ nova-compute  GET /v2/images/{id}  [client]  ERROR",
        "             │   http.response.status_code: 200 → 503",
        "             │ └─ glance-api  GET /v2/images/{image_id}  [server]  ERROR",
        "             │     http.response.status_code: 200 → 503",
        " +           ├─ nova-compute  GET /v2/images/{id}  [client]",
        "             ├─ nova-compute  Driver.spawn",
        " +           └─ nova-compute  Scrubber.scrub",
    ]
    assert lines[-1] == (
        f"{TIMES} another number of times; + only in B; - only in A; > a level that only B has"
    )


def test_the_tree_says_durations_and_the_change_on_the_path() -> None:
    lines = section(shown(compared.before(), compared.after()), "Spans that differ")
    assert lines[0].startswith("  90.0 ms   90.0 ms          ·    +1.40 s   nova-api")
    assert lines[7].startswith("  30.0 ms             -30.0 ms   -30.0 ms -       ├─ nova-conductor")
    assert lines[-2].startswith("             200 ms    +200 ms    +200 ms +           └─ nova-compute")


def test_what_does_not_differ_is_left_out_unless_all_is_asked_for() -> None:
    a, b = traces.boot(), compared.with_id(traces.boot())
    assert section(shown(a, b), "Spans that differ")[0].endswith(
        "POST /v2.1/servers  [server]  (5 more below)"
    )
    assert shown(a, b)[-1] == "--all shows every span"
    every = section(shown(a, b, everything=True), "Spans of both")
    assert len(every) == 6


def test_all_has_every_contributor_and_attribute() -> None:
    a = traces.trace(traces.span(1, attributes={"x": 1}))
    b = traces.trace(traces.span(1, attributes={"x": 2}))
    assert "x: 1 → 2" not in "\n".join(shown(a, b))
    assert "x: 1 → 2" in "\n".join(shown(a, b, everything=True))
    lines = section(shown(compared.before(), compared.after(), everything=True), "Where the time went")
    assert len(lines) == len(compare(compared.before(), compared.after()).contributors) + 1


def test_what_was_renamed_says_its_old_name() -> None:
    a = traces.trace(traces.span(1, service="old"))
    b = traces.trace(traces.span(1, service="new"))
    assert shown(a, b)[-1].strip() == "was old span"
    assert "Renamed: old span is new span." in shown(a, b)


def test_errors_that_are_gone_and_errors_of_what_is_gone() -> None:
    failed = traces.span(2, 1, "x", status=2)
    a = traces.trace(traces.span(1), failed)
    assert any(
        "x  no ERROR any more" in line
        for line in shown(a, traces.trace(traces.span(1), traces.span(2, 1, "x")))
    )
    assert any("x  ERROR" in line for line in shown(a, traces.trace(traces.span(1))))


def test_a_trace_without_spans_has_a_head_only() -> None:
    lines = shown(traces.trace(), traces.trace())
    assert lines[0].endswith("  0 spans")
    assert lines[2:] == ["", "A has no spans."]
    assert "Spans that differ" in "\n".join(shown(traces.trace(), traces.boot()))


@pytest.mark.parametrize("width", [20, 80, 100, 120, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (compared.before(), compared.after()),
        (traces.hostile(), traces.boot()),
        (traces.chain(200), traces.chain(400)),
    ],
    ids=["boots", "hostile", "deep"],
)
def test_no_line_is_wider_than_the_terminal(a: Trace, b: Trace, width: int, ascii_only: bool) -> None:
    for everything in (False, True):
        for line in shown(a, b, Style(width=width, colour=True, ascii=ascii_only), everything=everything):
            plain = _ANSI.sub("", line)
            assert cells(plain) <= width
            assert plain.isprintable()
            assert not ascii_only or plain.isascii() or not a.spans[0].name.isascii()


def test_in_ascii_nothing_else_is_used() -> None:
    for line in shown(compared.before(), compared.after(), Style(width=120, ascii=True), everything=True):
        assert line.isascii(), line


@given(span_records.structures(), span_records.structures())
def test_any_two_traces_can_be_shown(one: list[SpanRecord], other: list[SpanRecord]) -> None:
    a, b = Trace.from_spans(7, one), Trace.from_spans(7, other)
    assert all("\n" not in line for line in shown(a, b, Style(width=80, colour=True)))
    assert len(section(shown(a, b, everything=True), "Spans of both")) >= len(compare(a, b).parts)


def test_a_deep_and_a_wide_trace_stay_short() -> None:
    assert len(shown(traces.chain(5000), traces.chain(10_000), Style(width=80))) < 400
    assert len(shown(traces.fan(5000), traces.fan(10_000), Style(width=80))) < 40
