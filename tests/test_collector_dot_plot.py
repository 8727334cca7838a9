"""The drawing of durations over time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.collector import dot_plot
from otel_bridge.collector.markup import as_html
from otel_bridge.model.trace import TraceSummary

MS = 1_000_000
START = 1_795_000_000_000_000_000


def summary(number, start_ns=START, duration_ns=MS, errors=0):
    return TraceSummary(number, "GET /", "nova-api", start_ns, duration_ns, 1, errors, ("nova-api",))


def drawn(*summaries):
    return as_html(dot_plot.plot(summaries, {"nova-api": 3}))


def labels(*durations_ms):
    text = drawn(*(summary(n, START + n, ms * MS) for n, ms in enumerate(durations_ms, 1)))
    return re.findall(r"<text[^>]*>([^<]*)</text>", text)


def test_each_trace_is_a_dot_that_leads_to_it():
    text = drawn(summary(1), summary(2, START + 5), summary(3, START + 9))
    assert [int(found, 16) for found in re.findall(r'href="/trace/([0-9a-f]{32})"', text)] == [1, 2, 3]
    assert text.count("<circle") == 3
    assert "nova-api GET /: 1.00 ms" in text


def test_what_failed_has_another_shape_and_says_so():
    text = drawn(summary(1), summary(2, errors=2))
    assert (text.count("<circle"), text.count("<path")) == (1, 1)
    assert "2 errors" in text


@pytest.mark.parametrize("summaries", [[], [summary(1)], [summary(1, 0), summary(2)]])
def test_fewer_than_two_make_no_drawing(summaries):
    assert dot_plot.plot(summaries, {}) is None


@pytest.mark.parametrize(
    ("durations", "lines"),
    [
        ((80, 100), ["0", "25 ms", "50 ms", "75 ms", "100 ms"]),
        ((300, 860), ["0", "200 ms", "400 ms", "600 ms", "800 ms"]),
        ((1, 1, 1000), ["1 ms", "10 ms", "100 ms", "1 s"]),
        ((0, 0), ["0", "1 ns"]),
    ],
)
def test_lines_are_at_round_durations(durations, lines):
    assert labels(*durations) == lines


@given(
    st.lists(
        st.tuples(st.integers(1, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(0, 2)),
        min_size=2,
        max_size=9,
    )
)
def test_every_dot_is_inside(traces):
    """Property: whatever the times are, no dot is cut or left out."""
    text = drawn(*(summary(number, *trace) for number, trace in enumerate(traces, 1)))
    assert text.count("<a ") == len(traces)
    for found in re.findall(r'c?[xy]="(-?[\d.]+|nan|inf)%"', text):
        assert 0 <= float(found) <= 100


def test_the_longer_one_is_higher():
    text = drawn(summary(1, START, MS), summary(2, START + 1, 2 * MS))
    short, long = (float(y) for y in re.findall(r'cy="([\d.]+)%"', text))
    assert long < short
