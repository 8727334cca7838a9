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
from otel_bridge.stores.options import StoreOptions
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
    return JaegerStore(f"jaeger+http://{server.netloc}", StoreOptions(timeout=10))


def asked(server):
    """The parameters of the last request."""
    query = parse_qs(urlsplit(server.heads[-1].split(" ")[1]).query)
    return {name: values[0] for name, values in query.items()}


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
        ({"max_duration_ns": 5_000_000}, [FAILED, FIRST]),
        ({"max_duration_ns": 4_999_999}, []),
        ({"until_ns": START + 1}, [FIRST]),
        ({"until_ns": START}, []),
        ({"id_prefix": f"{FIRST:032x}"[:4]}, [FIRST]),
        ({"id_prefix": "0000"}, []),
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
    assert query.pop("query.num_traces") == ["27"]  # some more, since Jaeger counts them otherwise
    first, last = (
        datetime.fromisoformat(query.pop(f"query.start_time_{end}")[0]).timestamp() for end in ("min", "max")
    )
    assert query == {"query.raw_traces": ["true"]}
    assert abs(first - (now - DEFAULT_LOOKBACK_NS) / 1e9) < 60
    assert now / 1e9 < last < now / 1e9 + 7200


@pytest.mark.parametrize(
    ("times", "name", "shown"),
    [
        ({"since_ns": -5}, "min", "1970-01-01T00:00:00.000000000Z"),
        ({"until_ns": 1 << 80}, "max", "9999-12-31"),
    ],
)
def test_times_beyond_what_can_be_written_are_clamped(store, server, times, name, shown):
    store.list(TraceQuery(service="nova-api", **times))
    assert asked(server)[f"query.start_time_{name}"].startswith(shown)


@pytest.mark.parametrize("times", [{"since_ns": 1 << 80}, {"since_ns": 5, "until_ns": 5}])
def test_a_time_in_which_nothing_can_be_is_not_asked_for(store, server, times):
    assert store.list(TraceQuery(service="nova-api", **times)) == []
    assert server.heads == []


def test_until_ends_the_default_time_as_well(store, server):
    day = 24 * 3600 * 10**9
    store.list(TraceQuery(service="nova-api", until_ns=10 * day))
    assert asked(server)["query.start_time_min"] == "1970-01-04T00:00:00.000000000Z"
    assert asked(server)["query.start_time_max"] == "1970-01-11T00:00:00.000000000Z"


def test_an_operation_is_jaegers_to_look_for(store, server):
    found = store.list(TraceQuery(service="nova-conductor", operation="conductor.build", **ALL))
    assert asked(server)["query.operation_name"] == "conductor.build"
    assert [summary.trace_id for summary in found] == [FAILED, FIRST]
    # The double answers these traces whatever is asked for; another span's name is not among them.
    assert store.list(TraceQuery(service="nova-conductor", operation="POST /v2.1/servers", **ALL)) == []


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
        store = JaegerStore(f"jaeger+http://{server.netloc}", StoreOptions(timeout=10))
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
        ("get", '{"result": 5}', "cannot be read (result is not an object"),
        ("list", '{"services": ["a"], "summaries": 5}', "cannot be read (trace summary"),
        ("list", '{"services": ["a"], "summaries": [5]}', "cannot be read (trace summary"),
        ("list", '{"services": ["a"], "summaries": [{"traceId": "z"}]}', "cannot be read (trace summary"),
        ("list", '{"services": ["a"], "summaries": [{"traceId": "-5"}]}', "cannot be read (trace summary"),
        (
            "list",
            '{"services": ["a"], "summaries": [{"traceId": "5", "minStartTimeUnixNano": 1e999}]}',
            "cannot be read (trace summary",
        ),
        ("list", '{"services": "nova"}', "not Jaeger's services"),
        ("list", '{"services": [5]}', "not Jaeger's services"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_says_so(call, sent, says):
    with serving(lambda head: [answer(sent)]) as server:
        store = JaegerStore(f"jaeger+http://{server.netloc}", StoreOptions(timeout=10))
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


def older(unknown):
    """A Jaeger 1, which answers like that to paths of the API v3."""

    def script(head):
        path, query = path_of(head), parse_qs(urlsplit(head.split(" ")[1]).query)
        if path.startswith("/api/v3/"):
            return [unknown]
        if path == "/api/services":
            return [recorded("older_services.json")]
        if path == f"/api/traces/{FIRST:032x}":
            return [recorded("older_trace.json")]
        if path == "/api/traces":
            known = {"service", "limit", "start", "end"} <= set(query)
            return [recorded("older_trace.json")] if known else [recorded("bad_request.json", 400)]
        return [recorded("older_missing.json", 404)]

    return script


UNKNOWN = [
    recorded("index.html"),
    answer("404 page not found", status=404, content_type="text/plain"),
    answer("<h1>404</h1>", status=404, content_type="text/html"),
]


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_a_jaeger_of_old_is_asked_as_it_understands(unknown):
    with serving(older(unknown)) as server:
        store = JaegerStore(f"jaeger+http://{server.netloc}")
        trace = store.get(FIRST)
        assert [span.name for span in trace.spans] == ["POST /servers", "build", "conductor.build"]
        assert trace.spans[2].is_error
        assert store.list(TraceQuery(**ALL)) == [trace.summary()]
        assert store.list(TraceQuery(errors_only=True, **ALL)) == [trace.summary()]
        assert store.list(TraceQuery(until_ns=START, **ALL)) == []
        with pytest.raises(TraceNotFound):
            store.get(1)
    # What it speaks is remembered.
    newer = [path_of(head) for head in server.heads if path_of(head).startswith("/api/v3/")]
    assert newer == [f"/api/v3/traces/{FIRST:032x}"]
    assert "raw=true" in server.heads[1]


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_a_list_alone_finds_out_as_well(unknown):
    for query in (TraceQuery(**ALL), TraceQuery(service="nova-api", **ALL)):
        with serving(older(unknown)) as server:
            assert len(JaegerStore(f"jaeger+http://{server.netloc}").list(query)) == 1


def test_times_of_old_are_microseconds():
    with serving(older(UNKNOWN[0])) as server:
        store = JaegerStore(f"jaeger+http://{server.netloc}")
        store.list(TraceQuery(service="a b", operation="op", limit=3, since_ns=START, until_ns=START + 9_999))
        assert asked(server) == {
            "service": "a b",
            "operation": "op",
            "start": str(START // 1000),
            "end": str(START // 1000 + 9),
            "limit": "23",
            "raw": "true",
        }


def test_the_newer_dialect_is_not_given_up_once_it_was_spoken(store, server):
    """An error page of something in between does not make it an old one."""
    store.get(FIRST)
    with serving(lambda head: [UNKNOWN[0]]) as page:
        store._fetcher.address = JaegerStore(f"jaeger+http://{page.netloc}")._fetcher.address
        with pytest.raises(StoreError, match="answered a web page"):
            store.get(FIRST)
    assert len(page.heads) == 1


def test_traces_are_asked_for_as_they_were_recorded(store, server):
    """Not with times that Jaeger has moved."""
    store.get(FIRST)
    assert asked(server)["raw_traces"] == "true"


def many(count):
    """Summaries of a Jaeger that has so many traces, of which the oldest failed."""

    def script(head):
        number = int(parse_qs(urlsplit(head.split(" ")[1]).query)["query.num_traces"][0])
        (one,) = SUMMARIES["summaries"]
        found = [
            {
                **one,
                "traceId": f"{trace:032x}",
                "minStartTimeUnixNano": str(START + trace),
                "errorSpanCount": int(trace == 1),
            }
            for trace in range(count, 0, -1)
        ][:number]
        return [answer(json.dumps({"summaries": found}))]

    return script


@pytest.mark.parametrize(
    ("count", "found", "requests"),
    [(100, 1, 1), (1000, 1, 2), (2000, 0, 2)],
)
def test_summaries_are_looked_through_further_where_too_few_were_found(count, found, requests):
    with serving(many(count)) as server:
        store = JaegerStore(f"jaeger+http://{server.netloc}")
        query = TraceQuery(limit=20, service="nova-api", errors_only=True, **ALL)
        assert len(store.list(query)) == found
    assert len(server.heads) == requests


def test_the_page_of_a_trace_is_jaegers():
    store = JaegerStore("jaeger+https://u:p@traces.example.org/jaeger")
    assert store.ui_link(7) == f"https://traces.example.org/jaeger/trace/{7:032x}"
