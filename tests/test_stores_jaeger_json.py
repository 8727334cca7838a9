"""Jaeger's own JSON: tests/data/jaeger/older_*.json are true answers of Jaeger v2.13."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.model.trace import SpanEvent, SpanLink, SpanRecord, Trace
from otel_bridge.stores import jaeger_json
from otel_bridge.stores.json_stream import Reader

DATA = Path(__file__).parent / "data" / "jaeger"
TRACE = "6513270e269e0d37f2a74de452e6b439"
TRACE_ID = int(TRACE, 16)
START = 1_795_000_000_000_000_000
MS = 1_000_000


def read(*data, step=7):
    raw = json.dumps(list(data)).encode()
    pieces = [raw[at : at + step] for at in range(0, len(raw), step)]
    return list(jaeger_json.read(Reader(pieces)))


def one(span=None, **process):
    """What a span becomes that has the least, besides what is given."""
    least = {"traceID": TRACE, "spanID": "1", "operationName": "op", "startTime": 5, "duration": 2}
    span = {**least, "processID": "p1", **(span or {})}
    (found,) = read({"spans": [span], "processes": {"p1": {"serviceName": "svc", **process}}})
    return found


def tag(key, kind, value):
    return {"key": key, "type": kind, "value": value}


def test_a_true_answer_is_what_had_been_sent():
    data = json.loads((DATA / "older_trace.json").read_bytes())["data"]
    api = {"service.name": "nova-api", "host.name": "ctl1", "process.pid": 42}
    conductor = {"service.name": "nova-api-conductor", "host.name": "ctl2"}
    root, call, served = Trace.from_spans(TRACE_ID, read(*data)).spans
    assert root == SpanRecord(
        TRACE_ID, 1, 0, "POST /servers", 2, START, START + 50 * MS, resource=api, scope="web"
    )
    assert call == SpanRecord(
        TRACE_ID,
        2,
        1,
        "build",
        3,
        START + MS,
        START + 9 * MS,
        attributes={
            "rpc.method": "build",
            "big": 1 << 62,
            "ratio": 0.25,
            "ok": True,
            "text": 'a "quoted" ü',
        },
        resource=api,
        scope="rpc",
    )
    assert served == SpanRecord(
        TRACE_ID,
        3,
        2,
        "conductor.build",
        2,
        START + 2 * MS,
        START + 8 * MS,
        status=2,
        status_message="No valid host",
        resource=conductor,
        scope="rpc",
        events=(SpanEvent("exception", START + 5 * MS, {"exception.type": "NoValidHost"}),),
        links=(SpanLink(5, 7, {}),),
    )


def test_a_process_may_stand_anywhere():
    span = {"traceID": TRACE, "spanID": "2", "processID": "p1"}
    process = {"serviceName": "svc", "tags": [tag("host", "string", "h")]}
    wanted = {"service.name": "svc", "host": "h"}
    for trace in (
        {"spans": [span], "processes": {"p1": process}},
        {"processes": {"p1": process}, "spans": [span]},
        {"spans": [{**span, "process": process}]},
    ):
        assert [dict(found.resource) for found in read(trace)] == [wanted]


def test_processes_of_one_trace_are_not_those_of_another():
    span = {"traceID": TRACE, "spanID": "2", "processID": "p1"}
    found = read(
        {"spans": [span], "processes": {"p1": {"serviceName": "a"}}},
        {"spans": [span], "processes": {"p1": {"serviceName": "b"}}},
        {"spans": [span], "processes": None},
    )
    assert [span.service for span in found] == ["a", "b", "unknown_service"]


@pytest.mark.parametrize(
    ("references", "parent", "links"),
    [
        ([], 0, []),
        ([("CHILD_OF", TRACE, "2")], 2, []),
        ([("FOLLOWS_FROM", TRACE, "3"), ("CHILD_OF", TRACE, "2")], 2, [(TRACE_ID, 3)]),
        ([("FOLLOWS_FROM", TRACE, "3")], 3, []),
        ([("CHILD_OF", "5", "2")], 0, [(5, 2)]),
        ([("CHILD_OF", TRACE, "2"), ("CHILD_OF", TRACE, "4")], 2, [(TRACE_ID, 4)]),
        ([("CHILD_OF", TRACE, "nonsense")], 0, []),
    ],
)
def test_the_parent_is_the_best_reference_within_the_trace(references, parent, links):
    span = one(
        {
            "references": [
                {"refType": kind, "traceID": trace, "spanID": span} for kind, trace, span in references
            ]
        }
    )
    assert span.parent_id == parent
    assert [(link.trace_id, link.span_id) for link in span.links] == links


def test_a_parent_of_old_is_understood():
    assert one({"parentSpanID": "a"}).parent_id == 10


@pytest.mark.parametrize(
    ("tags", "status", "message", "left"),
    [
        ([], 0, "", {}),
        ([tag("error", "bool", True)], 2, "", {}),
        ([tag("error", "string", "true")], 2, "", {}),
        ([tag("error", "bool", False)], 0, "", {"error": False}),
        ([tag("error", "string", "disk full")], 0, "", {"error": "disk full"}),
        ([tag("otel.status_code", "string", "OK")], 1, "", {}),
        (
            [tag("otel.status_code", "string", "ERROR"), tag("otel.status_description", "string", "why")],
            2,
            "why",
            {},
        ),
    ],
)
def test_the_status_is_made_of_tags(tags, status, message, left):
    span = one({"tags": tags})
    assert (span.status, span.status_message, span.attributes) == (status, message, left)


@pytest.mark.parametrize(
    ("kind", "number"), [("server", 2), ("CLIENT", 3), ("producer", 4), ("consumer", 5), ("odd", 0)]
)
def test_the_kind_is_a_tag(kind, number):
    span = one({"tags": [tag("span.kind", "string", kind)]})
    assert (span.kind, span.attributes) == (number, {})


@pytest.mark.parametrize(
    ("kind", "value", "read_as"),
    [
        ("string", "text", "text"),
        ("bool", True, True),
        ("bool", "True", True),
        ("int64", 5, 5),
        ("int64", "9007199254740993", 9007199254740993),
        ("int64", "many", "many"),
        ("int64", 1 << 80, 1 << 80),
        ("float64", 1, 1.0),
        ("float64", "Infinity", float("inf")),
        ("binary", "AP8=", b"\x00\xff"),
        ("binary", "not base64!", "not base64!"),
        (None, [1], "[1]"),
        ("string", None, None),
    ],
)
def test_a_value_is_of_its_type_where_it_fits(kind, value, read_as):
    (found,) = one({"tags": [tag("x", kind, value)]}).attributes.values()
    assert found == read_as
    assert type(found) is type(read_as)


def test_what_jaeger_remarks_is_an_attribute():
    span = one({"warnings": ["clock skew adjustment disabled", "2nd"]})
    assert span.attributes == {"@jaeger@warnings": ("clock skew adjustment disabled", "2nd")}
    assert one({"warnings": None}).attributes == {}


def test_an_event_is_named_by_its_field():
    log = {"timestamp": 9, "fields": [tag("event", "string", "retry"), tag("n", "int64", 2)]}
    bare = {"timestamp": 10, "fields": [tag("message", "string", "text")]}
    assert one({"logs": [log, bare]}).events == (
        SpanEvent("retry", 9000, {"n": 2}),
        SpanEvent("", 10_000, {"message": "text"}),
    )


@pytest.mark.parametrize(
    ("trace", "says"),
    [
        (5, "data is not"),
        ({"spans": 5}, "spans is not"),
        ({"spans": [5]}, "spans is not an object"),
        ({"spans": [{}]}, "traceID is not hexadecimal"),
        ({"spans": [{"traceID": TRACE, "spanID": 5}]}, "spanID is not hexadecimal"),
        ({"spans": [{"traceID": TRACE, "spanID": "1", "startTime": -1}]}, "startTime is not a number"),
        ({"spans": [{"traceID": TRACE, "spanID": "1", "duration": "long"}]}, "duration is not a number"),
        ({"spans": [{"traceID": TRACE, "spanID": "1", "tags": [5]}]}, "tags is not a list"),
        ({"processes": 5}, "processes is not an object"),
        ({"processes": {"p1": 5}}, "processes is not an object"),
    ],
)
def test_what_is_not_jaegers_is_named(trace, says):
    with pytest.raises(ValueError) as caught:
        read(trace)
    assert says in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["spans", "processes", "traceID", "spanID", "tags", "key", "type", "value", "logs"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_nothing_but_a_value_error_comes_of_anything(document):
    try:
        read(document)
    except ValueError:
        pass
