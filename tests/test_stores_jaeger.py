"""Jaeger's API v3, as Jaeger v2.13 answers it: tests/data/jaeger holds its true answers."""

import json
from datetime import datetime
from pathlib import Path
from time import time_ns
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback import answer, path_of, serving

from otel_bridge.model.trace import SpanEvent, SpanLink
from otel_bridge.stores import StoreError, TraceNotFound
from otel_bridge.stores.jaeger import DEFAULT_LOOKBACK_NS, JaegerStore
from otel_bridge.stores.protocol import TraceQuery

DATA = Path(__file__).parent / "data" / "jaeger"
FIRST = 0x6513270E269E0D37F2A74DE452E6B439
FAILED = 0xE8E25D940ED904759531985D5D9DC9F9
START = 1_795_000_000_000_000_000
ALL = {"since_ns": 0}  # the recorded traces have times of their own


def recorded(name, status=200):
    """Jaeger sends JSON as text/plain, errors included."""
    kind = "text/html; charset=utf-8" if name.endswith(".html") else "text/plain; charset=utf-8"
    return answer((DATA / name).read_bytes(), status=status, content_type=kind)


def jaeger(head):
    """What the real one answers to each of our requests; the traces are those of nova-api."""
    path, query = path_of(head), parse_qs(urlsplit(head.split(" ")[1]).query)
    if path == f"/api/v3/traces/{FIRST:032x}":
        return [recorded("trace.json")]
    if path == "/api/v3/services":
        return [recorded("services.json")]
    if path == "/api/v3/traces":
        if "query.start_time_min" not in query:
            return [recorded("bad_request.json", 400)]
        known = query["query.service_name"][0] != "odd"
        return [recorded("traces.json") if known else recorded("not_found.json", 404)]
    if path == f"/api/v3/traces/{'01' * 16}":
        return [recorded("odd_values.json")]
    if path.startswith("/api/v3/traces/"):
        return [recorded("not_found.json", 404)]
    return [recorded("index.html")]


@pytest.fixture
def server():
    with serving(jaeger) as running:
        yield running


@pytest.fixture
def store(server):
    return JaegerStore(f"jaeger+http://{server.netloc}", timeout=10)


def test_a_trace_is_one_tree_of_whole_spans(store):
    trace = store.get(FIRST)
    (root,) = trace.roots
    (call,) = trace.children(root)
    (served,) = trace.children(call)
    assert [span.name for span in (root, call, served)] == ["POST /v2.1/servers", *["conductor.build"] * 2]
    assert [span.service for span in (root, call, served)] == ["nova-api", "nova-api", "nova-conductor"]
    assert [span.kind for span in (root, call, served)] == [2, 3, 2]
    assert (root.start_ns, root.end_ns) == (START, START + 5_000_000)
    assert served.attributes == {
        "big": 1 << 62,
        "ints": (1, 2),
        "list": ("a", "b"),
        "ok": True,
        "ratio": 0.25,
        "whole": 1.0,
    }
    assert served.links == (SpanLink(5, 6, {"why": "retry"}),)
    assert served.scope == "otel_bridge"
    assert served.resource["process.pid"] == 42


def test_values_beyond_the_usual_are_read(store):
    (span,) = store.get(int("01" * 16, 16)).spans
    attributes = dict(span.attributes)
    nan = attributes.pop("nan")
    assert nan != nan
    assert attributes == {
        "bytes": b"\x00\xff",
        "emptymap": {},
        "emptystr": "",
        "inf": float("inf"),
        "map": {"x": -5},
        "none": None,
    }


def test_a_missing_trace_says_where_it_was_looked_for(store, server):
    with pytest.raises(TraceNotFound) as caught:
        store.get(1)
    assert str(caught.value) == f"no trace {1:032x} in jaeger+http://{server.netloc}"


def test_traces_that_come_merged_are_told_apart(store):
    newest, oldest = store.list(TraceQuery(service="nova-api", **ALL))
    assert (newest.trace_id, oldest.trace_id) == (FAILED, FIRST)
    assert (newest.error_count, oldest.error_count) == (2, 0)
    assert newest.root_name == "POST /v2.1/servers"
    assert newest.services == ("nova-api", "nova-conductor")
    assert (newest.start_ns, newest.duration_ns, newest.span_count) == (START + 10**9, 5_000_000, 3)


def test_without_a_service_each_is_asked_for_and_a_trace_is_listed_once(store, server):
    found = store.list(TraceQuery(**ALL))
    assert [summary.trace_id for summary in found] == [FAILED, FIRST]
    asked = [parse_qs(urlsplit(head.split(" ")[1]).query) for head in server.heads]
    asked = [query["query.service_name"] for query in asked if query]
    # The first question is for summaries, which this version does not have.
    assert asked == [["nova-conductor"], ["nova-conductor"], ["nova-api"], ["odd"]]


def test_summaries_are_asked_for_once_where_there_are_none(store, server):
    store.list(TraceQuery(service="nova-api", **ALL))
    store.list(TraceQuery(service="nova-api", **ALL))
    assert [path_of(head) for head in server.heads] == [
        "/api/v3/trace-summaries",
        "/api/v3/traces",
        "/api/v3/traces",
    ]


def test_nothing_found_is_an_empty_list(store):
    assert store.list(TraceQuery(service="odd", **ALL)) == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"limit": 1}, [FAILED]),
        ({"limit": 0}, []),
        ({"errors_only": True}, [FAILED]),
        ({"since_ns": START + 1}, [FAILED]),
        ({"since_ns": START + 2 * 10**9}, []),
        ({"min_duration_ns": 5_000_000}, [FAILED, FIRST]),
        ({"min_duration_ns": 5_000_001}, []),
    ],
)
def test_what_is_asked_for_is_what_is_listed(store, options, found):
    listed = store.list(TraceQuery(service="nova-api", **{**ALL, **options}))
    assert [summary.trace_id for summary in listed] == found


def test_the_query_is_spelt_so_that_all_versions_understand(store, server):
    now = time_ns()
    store.list(TraceQuery(limit=7, service="nova api"))
    query = parse_qs(urlsplit(server.heads[-1].split(" ")[1]).query)
    assert query.pop("query.service_name") == ["nova api"]
    assert query.pop("query.num_traces") == ["7"]
    first, last = (
        datetime.fromisoformat(query.pop(f"query.start_time_{end}")[0]).timestamp() for end in ("min", "max")
    )
    assert query == {}
    assert abs(first - (now - DEFAULT_LOOKBACK_NS) / 1e9) < 60
    assert now / 1e9 < last < now / 1e9 + 7200


@pytest.mark.parametrize(
    ("since", "shown"), [(-5, "1970-01-01T00:00:00.000000000Z"), (1 << 80, "9999-12-31")]
)
def test_times_beyond_what_can_be_written_are_clamped(store, server, since, shown):
    store.list(TraceQuery(service="nova-api", since_ns=since))
    assert parse_qs(urlsplit(server.heads[-1].split(" ")[1]).query)["query.start_time_min"][0].startswith(
        shown
    )


def test_filters_look_at_more_traces_than_are_wanted(store, server):
    store.list(TraceQuery(limit=3, service="nova-api", errors_only=True))
    assert "query.num_traces=30" in server.heads[-1]


SUMMARIES = {  # as v2.19 documents them
    "summaries": [
        {
            "traceId": f"{FAILED:032x}",
            "rootServiceName": "nova-api",
            "rootOperationName": "POST",
            "minStartTimeUnixNano": str(START),
            "maxEndTimeUnixNano": str(START + 9),
            "spanCount": 3,
            "errorSpanCount": 2,
            "orphanSpanCount": 0,
            "services": [{"name": "nova-conductor", "spanCount": 1}, {"name": "nova-api", "spanCount": 2}],
        }
    ]
}


def test_summaries_are_used_where_there_are_any():
    with serving(lambda head: [answer(json.dumps(SUMMARIES), content_type="text/plain")]) as server:
        (summary,) = JaegerStore(f"jaeger+http://{server.netloc}").list(TraceQuery(service="nova-api", **ALL))
    assert [path_of(head) for head in server.heads] == ["/api/v3/trace-summaries"]
    assert (summary.trace_id, summary.root_name, summary.root_service) == (FAILED, "POST", "nova-api")
    assert (summary.duration_ns, summary.span_count, summary.error_count) == (9, 3, 2)
    assert summary.services == ("nova-api", "nova-conductor")


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (recorded("index.html"), "answered a web page, not Jaeger's API v3"),
        (recorded("bad_request.json", 400), "query.start_time_min and query.start_time_max are required"),
        (answer("not JSON"), "answered something else, not Jaeger's API v3"),
        (answer("[]"), "answered something else"),
        (answer("<h1>404</h1>", status=404, content_type="text/html"), "answered a web page"),
        (answer("404 page not found", status=404, content_type="text/plain"), "answered something else"),
        (answer("busy", status=503, content_type="text/plain"), "answered status 503"),
    ],
)
def test_what_is_not_jaeger_is_one_line_that_says_so(sent, says):
    with serving(lambda head: [sent]) as server:
        store = JaegerStore(f"jaeger+http://{server.netloc}", timeout=10)
        for call in (
            lambda: store.get(FIRST),
            store.list,
            lambda: store.list(TraceQuery(service="nova-api")),
        ):
            with pytest.raises(StoreError) as caught:
                call()
            assert says in str(caught.value)
            assert not isinstance(caught.value, TraceNotFound)


@pytest.mark.parametrize(
    ("call", "sent", "says"),
    [
        ("get", '{"result": {"resourceSpans": 5}}', "cannot be read (resourceSpans"),
        ("get", '{"result": 5}', "cannot be read (the document"),
        ("list", '{"services": ["a"], "summaries": 5}', "cannot be read (trace summary"),
        ("list", '{"services": ["a"], "summaries": [5]}', "cannot be read (trace summary"),
        ("list", '{"services": ["a"], "summaries": [{"traceId": "z"}]}', "cannot be read (trace summary"),
        ("list", '{"services": "nova"}', "not Jaeger's services"),
        ("list", '{"services": [5]}', "not Jaeger's services"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_says_so(call, sent, says):
    with serving(lambda head: [answer(sent)]) as server:
        store = JaegerStore(f"jaeger+http://{server.netloc}", timeout=10)
        with pytest.raises(StoreError) as caught:
            {"get": lambda: store.get(FIRST), "list": store.list}[call]()
    assert says in str(caught.value)
    assert not isinstance(caught.value, TraceNotFound)


def test_an_empty_answer_is_a_missing_trace():
    with (
        serving(lambda head: [answer('{"result": {"resourceSpans": []}}')]) as server,
        pytest.raises(TraceNotFound),
    ):
        JaegerStore(f"jaeger+http://{server.netloc}").get(FIRST)


def test_the_error_of_a_span_comes_with_its_event():
    with serving(lambda head: [recorded("traces.json")]) as merged:
        trace = JaegerStore(f"jaeger+http://{merged.netloc}").get(FAILED)
    (failed,) = [span for span in trace.spans if span.service == "nova-conductor"]
    assert (failed.status, failed.status_message) == (2, "no valid host")
    assert failed.events == (
        SpanEvent("exception", START + 10**9 + 2_500_000, {"exception.type": "NoValidHost"}),
    )
