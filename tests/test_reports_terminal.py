"""otel_bridge.reports.terminal: the tree of a trace on the terminal."""

from __future__ import annotations

import re
import unicodedata
from time import monotonic

import pytest
import traces

from otel_bridge.model.trace import STATUS_ERROR, SpanEvent, Trace
from otel_bridge.reports import terminal
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import cells

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def shown(trace: Trace, style: Style = Style()) -> list[str]:  # noqa: B008
    return list(terminal.render(trace, style))


def tree(trace: Trace, style: Style = Style()) -> list[str]:  # noqa: B008
    """The lines below the head, without their times and bars."""
    lines = shown(trace, style)
    return [line[44:] for line in lines[lines.index("") + 1 :]]


def test_head_says_ids_counts_duration_and_start() -> None:
    head = shown(traces.boot())[:2]
    assert head == [
        f"Trace {traces.BASE_ID}  (0d06e2bc1234567890abcdef12345678)",
        "6 spans · 3 services · 1 error · 62.0 ms · started 2026-11-22 14:06:01.123 UTC",
    ]


def test_tree_is_one_line_a_span_and_one_for_a_failure() -> None:
    assert tree(traces.boot()) == [
        "nova-api  POST /v2.1/servers  [server]",
        "├─ nova-api  build_instances  [client]",
        "│ └─ nova-conductor  ConductorManager.build_instances  [server]  ERROR",
        "│     nova.exception.NoValidHost: No valid host was found.",
        "│   └─ nova-conductor  SELECT nova.instances  [client]",
        "└─ nova-api  cast build  [producer]",
        "  └─ nova-compute  ComputeManager.build  [consumer]",
    ]


def test_each_line_says_offset_duration_and_place_in_the_trace() -> None:
    lines = shown(traces.boot())[3:]
    assert lines[0].startswith("        0    45.2 ms  ███████████████       nova-api")
    assert lines[1].startswith("  1.20 ms    29.8 ms  ██████████            ├─ ")
    assert lines[-1].startswith("  41.0 ms    21.0 ms               ███████    └─ ")


def test_a_message_is_taken_from_the_exception_where_the_status_has_none() -> None:
    event = SpanEvent("exception", 0, {"exception.type": "Boom", "exception.message": "it burst"})
    failed = traces.span(1, status=STATUS_ERROR, events=(event,))
    assert tree(traces.trace(failed))[1].strip() == "Boom: it burst"


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
    assert shown(traces.trace())[1] == "0 spans · 0 services · 0 errors"
    assert len(shown(traces.trace())) == 2


def test_a_span_without_name_is_still_seen() -> None:
    assert tree(traces.trace(traces.span(1, name=""))) == ["nova-api  (no name)"]


@pytest.mark.parametrize("kind", [-1, 0, 6, 99])
def test_an_unknown_kind_is_not_shown(kind: int) -> None:
    assert tree(traces.trace(traces.span(1, kind=kind))) == ["nova-api  span"]


def test_without_colour_there_is_no_escape_sequence() -> None:
    assert "\x1b" not in "\n".join(shown(traces.hostile()))


def test_colours_add_nothing_but_colour_sequences() -> None:
    for trace in (traces.boot(), traces.hostile()):
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


@pytest.mark.parametrize("width", [40, 60, 80, 99, 100, 120, 200])
@pytest.mark.parametrize(
    "trace", [traces.boot(), traces.hostile(), traces.chain(60)], ids=["boot", "hostile", "deep"]
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


def test_an_error_is_said_even_where_names_are_cut() -> None:
    trace = traces.trace(traces.span(1, name="n" * 300, kind=traces.SERVER, status=STATUS_ERROR))
    assert any(line.endswith("  ERROR") for line in shown(trace, Style(width=70)))


def test_ascii_style_draws_with_ascii_only() -> None:
    for style in (Style(ascii=True), Style(width=100, ascii=True)):
        assert all(line.isascii() for line in shown(traces.boot(), style))


def test_a_level_too_deep_to_indent_has_its_depth_in_digits() -> None:
    lines = tree(traces.chain(40))
    assert lines[1].startswith("└─ ")
    assert lines[39].strip() == "…39 nova-api  level 40"


@pytest.mark.parametrize(
    ("trace", "lines"),
    [(traces.chain(10_000), 10_000), (traces.fan(20_000), 20_001)],
    ids=["10,000 deep", "20,000 wide"],
)
def test_large_traces_are_shown_in_linear_time(trace: Trace, lines: int) -> None:
    begin = monotonic()
    text = shown(trace, Style(width=120, colour=True))
    assert monotonic() - begin < 20  # a fraction of a second; minutes if it were quadratic
    assert len(text) == lines + 3
    assert max(map(len, text)) < 300


def test_services_keep_their_colour_from_trace_to_trace() -> None:
    def colour(trace: Trace) -> str:
        lines = shown(trace, Style(colour=True))
        return next(found[1] for line in lines if (found := re.search(r"\x1b\[(38;5;\d+)mnova-api", line)))

    assert colour(traces.boot()) == colour(traces.trace(traces.span(1)))
