"""What the viewer's addresses ask for."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.collector import searching
from otel_bridge.collector.body import Refusal
from otel_bridge.collector.searching import Search
from otel_bridge.stores.protocol import TraceQuery

SECOND = 10**9
NOW = 1_795_000_000 * SECOND

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(str.strip)


@given(
    st.builds(
        Search,
        q=words,
        service=words,
        operation=words,
        min=words,
        max=words,
        range=st.sampled_from(["", "15m", "24h"]),
        errors=st.booleans(),
        limit=st.sampled_from(searching.PAGE_LIMITS),
        before=words,
    )
)
def test_the_address_of_a_search_is_read_as_that_search(search):
    """Property: parsing an address undoes making it."""
    path, _, query = search.url().partition("?")
    assert path == "/"
    assert Search.parse(query) == search


@given(st.text(max_size=200))
def test_any_address_is_a_search_or_is_refused(text):
    """Property: whatever is asked, it is understood, or an error says what is not."""
    with contextlib.suppress(Refusal, ValueError):
        search = Search.parse(text)
        assert search.query(NOW).limit == search.limit
        assert search.position is None or search.before


def test_all_fields_are_asked_of_the_store():
    search = Search.parse(
        "q=x&service=nova-api&operation=GET+/&min=5ms&max=1.2s&errors=1&limit=20"
        "&since=2026-11-22+14:00&until=2026-11-22T15:01:00%2B01:00"
    )
    assert search.query(NOW) == TraceQuery(
        limit=20,
        since_ns=1_795_356_000 * SECOND,
        until_ns=1_795_356_060 * SECOND,
        service="nova-api",
        operation="GET /",
        errors_only=True,
        min_duration_ns=5_000_000,
        max_duration_ns=1_200_000_000,
    )


@pytest.mark.parametrize(("text", "seconds"), [("15m", 900), ("1h", 3600), ("6h", 21600), ("24h", 86400)])
def test_a_range_ends_now(text, seconds):
    assert Search(range=text).query(NOW) == TraceQuery(limit=50, since_ns=NOW - seconds * SECOND)


@pytest.mark.parametrize("query", ["", "limit=7", "limit=x", "range=custom", "errors=0", "unknown=1", "q=+"])
def test_what_says_nothing_asks_for_everything(query):
    assert Search.parse(query).query(NOW) == TraceQuery(limit=50)


@pytest.mark.parametrize(
    ("search", "is_filtered"),
    [
        (Search(), False),
        (Search(limit=20, before="1-" + "0" * 32), False),
        (Search(q="x"), True),
        (Search(errors=True), True),
    ],
)
def test_it_is_known_whether_traces_are_left_out(search, is_filtered):
    assert search.is_filtered is is_filtered


@pytest.mark.parametrize(
    ("q", "prefix"),
    [
        ("8f14", "8f14"),
        ("8F14E45F-CEEA", "8f14e45fceea"),
        ("8f1", None),
        ("8f14x", None),
        ("", None),
        ("0" * 33, None),
    ],
)
def test_digits_enough_may_be_the_beginning_of_an_id(q, prefix):
    assert Search(q=q).prefix == prefix


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**128 - 1))
def test_a_position_is_read_as_it_was_written(start_ns, trace_id):
    assert Search(before=searching.position(start_ns, trace_id)).position == (start_ns, trace_id)
