"""Grafana Tempo: a server that answers as its documents and sources say. A real one, which is older, is in
tests/e2e/stores."""

import base64
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import traces
from loopback import answer, path_of, serving

from otel_bridge.model.trace import Trace
from otel_bridge.stores import StoreError, TraceNotFound, otlp_json, tempo
from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.tempo import TempoStore

BOOT = traces.boot()
MS = traces.MS
ALL = {"since_ns": 1}
KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


def as_tempo(trace):
    """The spans of a trace as Tempo's JSON has them: ids in base64, enumerations by their names."""
    document = otlp_json.encode(trace.spans)
    for of_resource in document["resourceSpans"]:
        for of_scope in of_resource["scopeSpans"]:
            for span in of_scope["spans"]:
                span["kind"] = f"SPAN_KIND_{KINDS[span['kind']]}"
                if span["status"].get("code"):
                    span["status"]["code"] = "STATUS_CODE_ERROR"
                for of in (span, *span.get("links", [])):
                    for name in ("traceId", "spanId", "parentSpanId"):
                        if name in of:
                            of[name] = base64.b64encode(bytes.fromhex(of[name])).decode()
    return document["resourceSpans"]


def numbered(number, **more):
    """A trace with an id of its own, ``number`` seconds after the others."""
    spans = [
        replace(
            span,
            trace_id=number,
            start_ns=span.start_ns + number * 10**9,
            end_ns=span.end_ns + number * 10**9,
        )
        for span in traces.chain(2).spans
    ]
    return Trace.from_spans(number, [replace(span, **more) for span in spans])


def found(trace, *, stats=True, understood=True):
    """One of the traces that a search finds."""
    summary = trace.summary()
    item = {
        "traceID": f"{trace.trace_id:x}",  # without leading zeros
        "rootServiceName": summary.root_service,
        "rootTraceName": summary.root_name,
        "startTimeUnixNano": str(summary.start_ns),
        "durationMs": summary.duration_ns // MS,
    }
    if understood:
        item["spanSets"] = [{"spans": [], "matched": 1}]
    if stats:
        item["serviceStats"] = {
            name: {
                "spanCount": sum(span.service == name for span in trace.spans),
                **(
                    {"errorCount": errors}
                    if (errors := sum(span.service == name and span.is_error for span in trace.spans))
                    else {}
                ),
            }
            for name in summary.services
        }
    return item


class Tempo:
    """A script for ``serving``: these traces, and what a search finds of them."""

    def __init__(self, *stored, items=None, v2=True, hints=True):
        self.stored = {trace.trace_id: trace for trace in stored}
        self.items = [found(trace) for trace in stored] if items is None else items
        self.v2, self.hints = v2, hints
        self.asked = []

    def __call__(self, head):
        path = path_of(head)
        self.asked.append(
            {name: values[0] for name, values in parse_qs(urlsplit(head.split(" ")[1]).query).items()}
        )
        if path == "/api/search":
            if not self.hints and "with (" in self.asked[-1]["q"]:
                return [answer("parse error at line 1", status=400, content_type="text/plain")]
            return [answer(json.dumps({"traces": self.items, "metrics": {"totalBlocks": 1}}))]
        if path.startswith("/api/v2/traces/") and not self.v2:
            return [answer("404 page not found\n", status=404, content_type="text/plain")]
        trace = self.stored.get(int(path.rpartition("/")[2], 16))
        if trace is None:
            return [answer("trace not found", status=404, content_type="text/plain")]
        if self.v2:
            return [answer(json.dumps({"trace": {"resourceSpans": as_tempo(trace)}, "metrics": {}}))]
        return [answer(json.dumps({"batches": as_tempo(trace)}))]


def listed(script, query=None, **options):
    with serving(script) as server:
        store = TempoStore(f"tempo+http://{server.netloc}", StoreOptions(timeout=10, **options))
        return store.list(query or TraceQuery(**ALL)), server


@pytest.mark.parametrize("v2", [True, False])
def test_a_trace_is_read_in_either_version(v2):
    with serving(Tempo(BOOT, v2=v2)) as server:
        store = TempoStore(f"tempo+http://{server.netloc}/")
        trace = store.get(BOOT.trace_id)
        assert trace.spans == BOOT.spans
        store.get(BOOT.trace_id)
        assert store.ui_link(BOOT.trace_id) is None
    paths = [path_of(head) for head in server.heads]
    name = f"{BOOT.trace_id:032x}"
    # Once it is known that the newer version is not there, it is not asked for again.
    newer, older = f"/api/v2/traces/{name}", f"/api/traces/{name}"
    assert paths == ([newer, newer] if v2 else [newer, older, older])


@pytest.mark.parametrize(
    "missing",
    [
        answer("trace not found", status=404, content_type="text/plain"),
        answer("", status=404, content_type=""),
        answer('{"trace": {}, "metrics": {}}'),
        answer('{"trace": {"resourceSpans": []}}'),
    ],
)
def test_a_missing_trace_says_where_it_was_looked_for(missing):
    with (
        serving(lambda head: [missing]) as server,
        pytest.raises(TraceNotFound, match=r"no trace 0+7 in tempo"),
    ):
        TempoStore(f"tempo+http://{server.netloc}").get(7)


class Notes:
    def __init__(self):
        self.notes = []

    def start(self): ...
    def update(self, received, spans): ...
    def finish(self): ...
    def note(self, text):
        self.notes.append(text)


def test_a_trace_that_is_not_whole_is_told():
    sent = {"trace": {"resourceSpans": as_tempo(BOOT)}, "status": "PARTIAL", "message": "exceeds 50 bytes"}
    notes = Notes()
    with serving(lambda head: [answer(json.dumps(sent))]) as server:
        store = TempoStore(f"tempo+http://{server.netloc}", StoreOptions(observer=notes))
        assert store.get(BOOT.trace_id).spans
    assert notes.notes == [f"{store.url}: these may not be all spans, it says (exceeds 50 bytes)"]


def test_a_list_tells_what_the_search_tells_and_fetches_nothing():
    one, two = numbered(1), numbered(2, status=2)
    summaries, server = listed(Tempo(one, two))
    assert [summary.trace_id for summary in summaries] == [2, 1]
    assert [path_of(head) for head in server.heads] == ["/api/search"]
    assert summaries == [two.summary(), one.summary()]


def test_what_is_not_counted_is_fetched():
    """Before 2.5 a search tells no numbers."""
    stored = [numbered(1), numbered(2, status=2)]
    summaries, server = listed(Tempo(*stored, items=[found(trace, stats=False) for trace in stored]))
    assert [(one.span_count, one.error_count) for one in summaries] == [(2, 2), (2, 0)]
    assert len(server.heads) == 3


def test_no_more_is_fetched_than_is_bearable(monkeypatch):
    monkeypatch.setattr(tempo, "MAX_FETCHED", 2)
    stored = [numbered(number) for number in range(1, 6)]
    summaries, server = listed(Tempo(*stored, items=[found(trace, stats=False) for trace in stored]))
    assert [(one.trace_id, one.span_count) for one in summaries] == [(5, 2), (4, 2), (3, 0), (2, 0), (1, 0)]
    assert len(server.heads) == 3


def test_a_trace_that_expired_meanwhile_is_left_out():
    gone = numbered(1)
    summaries, _ = listed(Tempo(items=[found(gone, stats=False)]))
    assert summaries == []


def test_everything_that_tempo_can_do_is_asked_of_it():
    script = Tempo()
    second = 10**9
    query = TraceQuery(
        limit=7,
        since_ns=5 * second,
        until_ns=9 * second + 1,
        service='a"b',
        operation="op",
        errors_only=True,
        min_duration_ns=5,
        max_duration_ns=6,
    )
    assert listed(script, query)[0] == []
    assert script.asked == [
        {
            "q": '{ resource.service.name = "a\\"b" && name = "op" } && { status = error } && '
            "{ traceDuration >= 5ns && traceDuration <= 6ns } with (most_recent=true)",
            "start": "5",
            "end": "10",
            "limit": "7",
            "spss": "1",
        }
    ]


def test_the_hint_is_left_out_where_it_is_not_understood():
    script = Tempo(numbered(1), hints=False)
    with serving(script) as server:
        store = TempoStore(f"tempo+http://{server.netloc}")
        assert len(store.list(TraceQuery(**ALL))) == 1
        store.list(TraceQuery(**ALL))
    assert [asked["q"] for asked in script.asked] == ["{} with (most_recent=true)", "{}", "{}"]


def test_the_default_time_is_less_than_a_week():
    script = Tempo()
    listed(script, TraceQuery())
    (asked,) = script.asked
    assert 160 * 3600 < int(asked["end"]) - int(asked["start"]) < 168 * 3600


def refusing(longest):
    """A Tempo that searches no longer time than an hour and a minute."""

    def script(head):
        asked = parse_qs(urlsplit(head.split(" ")[1]).query)
        start, end = int(asked["start"][0]), int(asked["end"][0])
        if end - start > 3660:
            said = f"range specified by start and end exceeds {longest}. received start={start} end={end}"
            return [answer(said, status=400, content_type="text/plain; charset=utf-8")]
        return [answer(json.dumps({"traces": [found(numbered(1))]}))]

    return script


def test_a_time_that_is_too_long_is_shortened_where_nobody_chose_it():
    summaries, _ = listed(refusing("1h1m0s"), TraceQuery())
    assert len(summaries) == 1


@pytest.mark.parametrize("query", [TraceQuery(since_ns=5), TraceQuery(since_ns=5, service="a")])
def test_a_time_that_is_too_long_is_told_where_somebody_chose_it(query):
    with pytest.raises(StoreError, match="range specified by start and end exceeds 1h1m0s"):
        listed(refusing("1h1m0s"), query)


def test_what_tempo_compared_is_not_compared_again_in_milliseconds():
    trace = numbered(1)
    query = TraceQuery(min_duration_ns=trace.summary().duration_ns - 1, **ALL)
    item = {**found(trace), "durationMs": trace.summary().duration_ns // MS - 1}
    assert len(listed(Tempo(items=[item]), query)[0]) == 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [2, 1]),
        ({"errors_only": True}, [2]),
        ({"service": "nova-api"}, [2, 1]),
        ({"service": "other"}, []),
        ({"operation": "level 2"}, [2, 1]),
        ({"operation": "other"}, []),
        ({"min_duration_ns": 11 * MS}, []),
        ({"until_ns": numbered(2).start_ns}, [1]),
    ],
)
def test_one_that_does_not_know_the_language_is_looked_through(asked, expected):
    """Tempo 1 passes over the question, and answers anything."""
    stored = [numbered(1), numbered(2, status=2)]
    items = [found(trace, stats=False, understood=False) for trace in stored]
    summaries, _ = listed(Tempo(*stored, items=items, v2=False), TraceQuery(**{**ALL, **asked}))
    assert [summary.trace_id for summary in summaries] == expected


def test_the_beginning_of_an_id_is_looked_for_here():
    stored = [numbered(0x0A1B << 112), numbered(0x00A1 << 112), numbered(5)]
    script = Tempo(*stored)
    summaries, _ = listed(script, TraceQuery(limit=3, id_prefix="00a1", **ALL))
    assert [summary.trace_id for summary in summaries] == [0x00A1 << 112]
    assert script.asked[0]["limit"] == "30"


@pytest.mark.parametrize("query", [TraceQuery(limit=0), TraceQuery(since_ns=5, until_ns=5)])
def test_what_can_have_no_answer_is_not_asked(query):
    summaries, server = listed(Tempo(), query)
    assert (summaries, server.heads) == ([], [])


def test_a_tenant_is_a_header():
    _, server = listed(Tempo(), headers={"X-Scope-OrgID": "openstack"})
    assert "x-scope-orgid: openstack\r\n" in server.heads[0].lower()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (answer("<h1>Grafana</h1>", content_type="text/html"), "answered a web page, not Tempo's API"),
        (answer("<h1>404</h1>", status=404, content_type="text/html"), "answered a web page"),
        (answer("404 page not found", status=404, content_type="text/plain"), "no trace|something else"),
        (answer("no org id", status=401, content_type="text/plain"), "asks for credentials .* a header"),
        (answer("busy", status=503, content_type="text/plain"), r"status 503 \(busy\)"),
        (answer("not JSON"), "answered something else, not Tempo's API|cannot be read"),
        (answer("[]"), "answered something else"),
        (answer('{"data": []}'), "something else|no trace"),
        (answer('{"traces": [{}], "trace": 5}'), "cannot be read"),
        (answer('{"traces": [{"traceID": "z"}], "trace": {"resourceSpans": 5}}'), "cannot be read"),
        (answer('{"traces": 5, "trace": [5]}'), "cannot be read"),
        (
            answer('{"traces": [{"traceID": "5", "durationMs": Infinity}], "batches": 5}'),
            "cannot be read",
        ),
        (answer('{"traces": [{"traceID": "5", "serviceStats": [5]}], "batches": 5}'), "cannot be read"),
    ],
)
def test_what_is_not_tempo_is_one_line_that_says_so(sent, says):
    with serving(lambda head: [sent]) as server:
        store = TempoStore(f"tempo+http://{server.netloc}", StoreOptions(timeout=10))
        for call in (lambda: store.get(7), store.list):
            with pytest.raises(StoreError, match=says):
                call()
