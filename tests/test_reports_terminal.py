"""otel_bridge.reports.terminal: the tree of a trace on the terminal."""

from __future__ import annotations

import re
import unicodedata
from time import monotonic

import pytest
import report_traces
import terminal_goldens
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import records, structures

from otel_bridge.model.trace import STATUS_ERROR, SpanEvent, SpanRecord, Trace
from otel_bridge.reports import terminal
from otel_bridge.reports.outline import View
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import cells

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: Columns on the left of the tree in a pipe.
_LEFT = 61


def shown(trace: Trace, style: Style = Style(), **view: object) -> list[str]:  # noqa: B008
    return list(terminal.render(trace, style, View(**view)))  # type: ignore[arg-type]


def tree(trace: Trace, **view: object) -> list[str]:
    """The lines of the tree in a pipe, without their times and bars."""
    lines = shown(trace, **view)  # type: ignore[arg-type]
    return [line[_LEFT:] for line in lines[lines.index("") + 2 :]]


@pytest.mark.parametrize("name", terminal_goldens.NAMES)
def test_the_report_looks_as_it_is_meant_to(name: str) -> None:
    expected = terminal_goldens.path(name).read_text(encoding="utf-8")
    assert "\n".join(terminal_goldens.lines(name)) + "\n" == expected


def test_tree_is_one_line_a_span_and_one_for_a_failure() -> None:
    assert tree(traces.boot()) == [
        "nova-api  POST /v2.1/servers  [server]",
        "├─ nova-api  build_instances  [client]",
        "│ └─ nova-conductor  ConductorManager.build_instances  ERROR  [server]",
        "│     nova.exception.NoValidHost: No valid host was found.",
        "│   └─ nova-conductor  SELECT nova.instances  [client]",
        "└─ nova-api  cast build  [producer]",
        "  └─ nova-compute  ComputeManager.build  queued 900 µs  [consumer]",
    ]


def test_each_line_says_offset_duration_self_time_share_and_place_in_the_trace() -> None:
    lines = shown(traces.boot())
    heads = lines[lines.index("") + 1 :]
    assert heads[0] == "  START    TOTAL     SELF  ◆ PATH  0                62.0 ms"
    assert heads[1].startswith("      0  45.2 ms  15.3 ms  ◆100%   ▒▒▒▒▒▒▒▒▒▒▒▒███▒▒         nova-api")
    assert heads[2].startswith("1.20 ms  29.8 ms  1.40 ms  ◆ 48%   ▒▒▒▒▒▒▒▒▒▒▒▒              ├─ ")
    assert heads[-1].startswith("41.0 ms  21.0 ms  21.0 ms  ◆ 35%                  ▒███████     └─ ")


def test_a_message_is_taken_from_the_exception_where_the_status_has_none() -> None:
    event = SpanEvent("exception", 0, {"exception.type": "Boom", "exception.message": "it burst"})
    failed = traces.span(1, status=STATUS_ERROR, events=(event,))
    assert tree(traces.trace(failed))[1].strip() == "Boom: it burst"


def test_a_failure_is_explained_where_it_began() -> None:
    """What is above it failed for the same reason: that is not said again."""
    failed = {"status": STATUS_ERROR, "status_message": "no route"}
    trace = traces.trace(
        traces.span(1, **failed),
        traces.span(2, 1, **failed),
        traces.span(3, 2, **{**failed, "status_message": "refused"}),
    )
    lines = tree(trace)
    assert [line.strip() for line in lines if "no route" in line or "refused" in line] == [
        "no route",
        "refused",
    ]
    assert sum("ERROR" in line for line in lines) == 3


def test_a_failure_without_a_word_has_no_line_of_its_own() -> None:
    assert tree(traces.trace(traces.span(1, status=STATUS_ERROR))) == ["nova-api  span  ERROR"]


def test_missing_parents_and_ends_are_said_in_head_and_tree() -> None:
    text = "\n".join(
        shown(traces.trace(traces.span(1), traces.span(2, 99), traces.span(3, 1, end=-1, start=5)))
    )
    assert "3 spans · 2 roots" in text
    assert "1 span with a parent that is not in this trace" in text
    assert "1 span without an end" in text
    assert re.search(r"no end .*nova-api  span  \(incomplete\)$", text, re.MULTILINE)
    assert re.search(r"nova-api  span  \(parent missing\)$", text, re.MULTILINE)


def test_a_trace_without_spans_has_a_head_only() -> None:
    assert shown(traces.trace())[1:] == ["0 spans · 0 services · 0 errors"]


def test_a_span_without_name_is_still_seen() -> None:
    assert tree(traces.trace(traces.span(1, name=""))) == ["nova-api  (no name)"]


@pytest.mark.parametrize("kind", [-1, 0, 6, 99])
def test_an_unknown_kind_is_not_shown(kind: int) -> None:
    assert tree(traces.trace(traces.span(1, kind=kind))) == ["nova-api  span"]


def test_without_colour_there_is_no_escape_sequence() -> None:
    assert "\x1b" not in "\n".join(shown(traces.hostile()))


def test_colours_add_nothing_but_colour_sequences() -> None:
    for trace in (traces.boot(), traces.hostile(), report_traces.creation()):
        for width in (None, 120, 60):
            plain = shown(trace, Style(width=width))
            coloured = shown(trace, Style(width=width, colour=True))
            assert [_ANSI.sub("", line) for line in coloured] == plain
            assert any("\x1b[1;31mERROR\x1b[0m" in line for line in coloured)


def test_hostile_content_is_inert() -> None:
    for line in shown(traces.hostile()):
        line.encode("utf-8")
        bad = [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        assert not bad


@pytest.mark.parametrize("width", [40, 60, 69, 70, 80, 99, 100, 119, 120, 200])
@pytest.mark.parametrize(
    "trace",
    [traces.boot(), traces.hostile(), traces.chain(60), report_traces.creation()],
    ids=["boot", "hostile", "deep", "creation"],
)
def test_no_line_is_wider_than_the_terminal(trace: Trace, width: int) -> None:
    assert max(map(cells, shown(trace, Style(width=width)))) <= width


@pytest.mark.parametrize("width", [1, 10, 20])
def test_an_absurd_width_is_no_error(width: int) -> None:
    assert shown(traces.boot(), Style(width=width))


def test_a_long_name_is_cut_on_a_terminal_and_whole_in_a_pipe() -> None:
    trace = traces.trace(traces.span(1, name="n" * 300))
    assert any("n" * 300 in line for line in shown(trace))
    assert any(line.endswith("nn…") for line in shown(trace, Style(width=100)))


def test_ascii_style_draws_with_ascii_only() -> None:
    for trace in (traces.boot(), report_traces.creation()):
        for style in (Style(ascii=True), Style(width=100, ascii=True)):
            assert all(line.isascii() for line in shown(trace, style))


def test_a_level_too_deep_to_indent_has_its_depth_in_digits() -> None:
    lines = tree(traces.chain(40))
    assert lines[1].startswith("└─ ")
    assert lines[39].strip() == "…39 nova-api  level 40"


@pytest.mark.parametrize(
    ("trace", "lines"),
    [
        (traces.chain(10_000), 10_000),
        (traces.fan(100_000), 2),
        (traces.trace(*(traces.span(n, name=f"{n}") for n in range(1, 10_001))), 10_000),
    ],
    ids=["10,000 deep", "100,000 alike", "10,000 roots"],
)
def test_large_traces_are_shown_in_linear_time(trace: Trace, lines: int) -> None:
    begin = monotonic()
    text = shown(trace, Style(width=120, colour=True))
    assert monotonic() - begin < 30  # a second or two; minutes if it were quadratic
    assert len(text) - text.index("") - 2 == lines
    assert max(map(len, text)) < 400


def test_long_times_have_room() -> None:
    hour = 3_600_000
    trace = traces.trace(traces.span(1, end=30 * hour), traces.span(2, 1, start=28 * hour, end=29.5 * hour))
    lines = shown(trace, Style(width=120))[-2:]
    assert lines[0].startswith("          0  30 h 00 min  28 h 30 min  ◆")
    assert lines[1].startswith("28 h 00 min   1 h 30 min   1 h 30 min  ◆")


def test_services_keep_their_colour_from_trace_to_trace() -> None:
    def colour(trace: Trace) -> str:
        lines = shown(trace, Style(colour=True))
        return next(found[1] for line in lines if (found := re.search(r"\x1b\[(38;5;\d+)mnova-api", line)))

    assert colour(traces.boot()) == colour(traces.trace(traces.span(1)))


@given(
    st.lists(records(st.just(7)), max_size=6) | structures(),
    st.sampled_from([Style(), Style(width=80, colour=True), Style(width=120, ascii=True)]),
    st.sampled_from([View(), View(depth=2), View(min_duration_ns=5), View(fold=False)]),
)
@settings(max_examples=100, deadline=None)
def test_any_trace_is_shown(spans: list[SpanRecord], style: Style, view: View) -> None:
    """Property: whatever a store answers, each line is printable and fits."""
    for line in terminal.render(Trace.from_spans(7, spans), style, view):
        plain = _ANSI.sub("", line)
        assert plain.isprintable()
        assert style.width is None or cells(plain) <= style.width
        assert plain.isascii() or not style.ascii or not all(span.name.isascii() for span in spans)


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([traces.span(1, 2), traces.span(2, 1)], "1 span with a parent that is below it"),
        ([traces.span(1), traces.span(2)], "2 spans · 2 roots"),
        ([traces.span(1), traces.span(2, 77)], "1 span with a parent that is not in this trace"),
        ([traces.span(1), traces.span(2, 1, start=-5)], "by up to 5.00 ms: the clocks of the hosts differ"),
        ([traces.span(1, start=5, end=1)], "1 span without an end"),
        ([traces.span(1, start=5, end=5)], "1 span · 1 service · 0 errors · 0 "),
    ],
    ids=["circle", "two roots", "missing parent", "clocks", "no end", "no duration"],
)
def test_what_is_odd_about_a_trace_is_said(spans: list[SpanRecord], said: str) -> None:
    assert any(said in line for line in shown(traces.trace(*spans)))
