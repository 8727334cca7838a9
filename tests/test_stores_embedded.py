"""The viewer's API, read over HTTP; tests/test_collector_viewer.py has the other half."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import answer, serving

from otel_bridge.model.trace import SpanRecord, TraceSummary
from otel_bridge.stores import StoreError, TraceNotFound, otlp_json
from otel_bridge.stores.embedded import (
    EmbeddedStore,
    query_to_parameters,
    summary_from_json,
)
from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import TraceQuery

SUMMARY = TraceSummary(7, "GET /", "nova-api", 1 << 62, 1 << 53, 3, 1, ("keystone", "nova-api"))


@given(
    st.builds(
        TraceSummary,
        trace_id=st.integers(1, (1 << 128) - 1),
        root_name=st.text(),
        root_service=st.text(),
        start_ns=st.integers(0, (1 << 63) - 1),
        duration_ns=st.integers(0, (1 << 63) - 1),
        span_count=st.integers(0),
        error_count=st.integers(0),
        services=st.lists(st.text(), max_size=3).map(tuple),
    )
)
def test_a_summary_is_read_back_as_written(summary):
    assert summary_from_json(json.loads(json.dumps(summary.as_json()))) == summary


def test_a_trace_is_read():
    spans = [SpanRecord(7, 1, 0, "root", 2, 1, 9), SpanRecord(7, 2, 1, "below", 3, 2, 3)]
    with serving(lambda head: [answer(otlp_json.dumps(spans))]) as server:
        trace = EmbeddedStore(f"http://{server.netloc}").get(7)
    assert server.heads[0].startswith(f"GET /api/traces/{7:032x} ")
    assert trace.spans == tuple(spans)


def test_a_missing_trace_says_where_it_was_looked_for():
    with (
        serving(lambda head: [answer('{"error": "no trace"}', status=404)]) as server,
        pytest.raises(TraceNotFound, match=f"no trace {7:032x} in http://{server.netloc}"),
    ):
        EmbeddedStore(f"http://{server.netloc}").get(7)


def test_a_list_hands_on_what_was_asked_for():
    sent = answer(json.dumps({"traces": [SUMMARY.as_json()]}))
    with serving(lambda head: [sent]) as server:
        store = EmbeddedStore(f"http://{server.netloc}")
        assert store.list() == [SUMMARY]
        store.list(TraceQuery(limit=5, since_ns=1, service="a&b", errors_only=True, min_duration_ns=2))
    assert [head.split(" ")[1] for head in server.heads] == [
        "/api/traces?limit=20",
        "/api/traces?limit=5&errors=1&since_ns=1&service=a%26b&min_duration_ns=2",
    ]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (answer("<h1>Jaeger</h1>", content_type="text/html"), "answered a web page, not the viewer"),
        (answer("<h1>Gone</h1>", content_type="text/html", status=404), "answered a web page"),
        (answer("{}"), "answered something else, not the viewer"),
        # Jaeger's own, older API, where jaeger+ was forgotten.
        (answer('{"data": null, "errors": [{"code": 400}]}', status=400), "a Jaeger is named jaeger+http"),
        (answer("[]"), "answered something else"),
        (answer('{"error": "locked"}', status=503), "status 503 (locked)"),
        (answer('{"traces": [5], "resourceSpans": [5]}'), "cannot be read"),
        (answer('{"traces": [{}], "resourceSpans": [5]}'), "cannot be read"),
        (answer('{"traces": [{"traceId": "x"}], "resourceSpans": [5]}'), "cannot be read"),
    ],
)
def test_an_answer_that_is_none_is_one_line_that_says_so(sent, says):
    with serving(lambda head: [sent]) as server:
        store = EmbeddedStore(f"http://{server.netloc}", StoreOptions(timeout=10))
        for call in (lambda: store.get(7), store.list):
            with pytest.raises(StoreError) as caught:
                call()
            assert says in str(caught.value)
            assert not isinstance(caught.value, TraceNotFound)


def test_a_viewer_that_passes_over_a_filter_is_filtered_here():
    """One of an earlier version does not know them all."""
    with serving(lambda head: [answer(json.dumps({"traces": [SUMMARY.as_json()]}))]) as server:
        store = EmbeddedStore(f"http://{server.netloc}")
        assert store.list(TraceQuery(max_duration_ns=SUMMARY.duration_ns - 1)) == []
        assert store.list(TraceQuery(id_prefix="0000")) == [SUMMARY]
        assert store.list(TraceQuery(id_prefix="0001")) == []


def test_each_field_of_a_query_is_a_parameter_of_its_name():
    query = TraceQuery(
        limit=1,
        since_ns=2,
        until_ns=3,
        service="s",
        operation="o",
        errors_only=True,
        min_duration_ns=4,
        max_duration_ns=5,
        id_prefix="ab",
    )
    assert query_to_parameters(query) == {
        "limit": "1",
        "since_ns": "2",
        "until_ns": "3",
        "service": "s",
        "operation": "o",
        "errors": "1",
        "min_duration_ns": "4",
        "max_duration_ns": "5",
        "id_prefix": "ab",
    }


def test_the_page_of_a_trace_is_the_viewers():
    store = EmbeddedStore("http://u:p@h:16687/base")
    assert store.ui_link(7) == f"http://h:16687/base/trace/{7:032x}"
