"""OTLP/JSON <-> span records."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_records import records

from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import otlp_json
from otel_bridge.stores.json_stream import Reader

TRACE = "0102030405060708090a0b0c0d0e0f10"


def document(**span):
    span = {"traceId": TRACE, "spanId": "00000000000000ff", **span}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def decoded(**span):
    (record,) = otlp_json.decode(document(**span))
    return record


@given(st.lists(records(), max_size=4))
@settings(max_examples=80, deadline=None)
def test_what_is_written_is_read_back(spans):
    """Property: decode(encode(spans)) is the spans, through real JSON text, in any nesting."""
    back = otlp_json.decode(json.loads(otlp_json.dumps(spans)))
    assert sorted(back, key=repr) == sorted(spans, key=repr)


def test_spans_of_one_resource_and_scope_stay_together():
    resource = {"service.name": "nova"}
    spans = [SpanRecord(1, n, 0, "x", 1, 1, 2, resource=resource, scope="s") for n in (1, 2)]
    written = otlp_json.encode(spans)
    assert len(written["resourceSpans"]) == len(written["resourceSpans"][0]["scopeSpans"]) == 1
    first, second = otlp_json.decode(written)
    assert first.resource is second.resource


def test_the_form_is_that_of_the_specification():
    """Ids in hexadecimal, 64-bit integers as strings, enumerations as numbers."""
    span = SpanRecord(
        0xAB, 0xCD, 0xEF, "GET", 2, 1, 2, 2, "bad", {"n": 1 << 62, "x": 1.5}, {"service.name": "s"}, "lib"
    )
    assert otlp_json.encode([span]) == {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": "lib"},
                        "spans": [
                            {
                                "traceId": "000000000000000000000000000000ab",
                                "spanId": "00000000000000cd",
                                "parentSpanId": "00000000000000ef",
                                "name": "GET",
                                "kind": 2,
                                "startTimeUnixNano": "1",
                                "endTimeUnixNano": "2",
                                "attributes": [
                                    {"key": "n", "value": {"intValue": "4611686018427387904"}},
                                    {"key": "x", "value": {"doubleValue": 1.5}},
                                ],
                                "status": {"code": 2, "message": "bad"},
                            }
                        ],
                    }
                ],
            }
        ]
    }


def test_ids_are_hexadecimal_not_base64():
    """What protobuf's own JSON reader gets wrong without an error."""
    assert decoded().trace_id == int(TRACE, 16)
    assert decoded(spanId="00000000000000FF").span_id == 255


@pytest.mark.parametrize(
    ("span", "field", "value"),
    [
        ({"kind": 3}, "kind", 3),
        ({"kind": "SPAN_KIND_CLIENT"}, "kind", 3),
        ({"kind": "SPAN_KIND_OF_TOMORROW"}, "kind", 0),
        ({"kind": 77}, "kind", 0),
        ({"kind": -1}, "kind", 0),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, "status", 2),
        ({"status": {"code": 2}}, "status", 2),
        ({"status": {"code": 9}}, "status", 0),
        ({"status": {}}, "status", 0),
        ({"status": None}, "status", 0),
        ({"startTimeUnixNano": "12"}, "start_ns", 12),
        ({"startTimeUnixNano": 12}, "start_ns", 12),
        ({"startTimeUnixNano": None}, "start_ns", 0),
        ({"parentSpanId": ""}, "parent_id", 0),
        ({"parentSpanId": "0000000000000001"}, "parent_id", 1),
        ({"unknown": {"x": 1}}, "name", ""),
        ({"links": [{"traceId": "00", "spanId": ""}]}, "links", ()),
    ],
)
def test_fields_are_read_in_all_their_spellings(span, field, value):
    assert getattr(decoded(**span), field) == value


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"stringValue": "x"}, "x"),
        ({"intValue": "-5"}, -5),
        ({"intValue": -5}, -5),
        ({"intValue": 5.0}, 5),
        ({"boolValue": False}, False),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "-Infinity"}, -math.inf),
        ({"bytesValue": "AP8="}, b"\x00\xff"),
        ({"arrayValue": {}}, ()),
        ({"arrayValue": {"values": [{"intValue": "1"}, {}]}}, (1, None)),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}}, {"k": True}),
        ({}, None),
        (None, None),
        ({"stringValue": None}, None),
        ({"valueOfTomorrow": 1}, None),
    ],
)
def test_values_are_read_in_all_their_spellings(value, read):
    got = decoded(attributes=[{"key": "a", "value": value}]).attributes["a"]
    assert got == read
    assert type(got) is type(read)


def test_a_not_a_number_stays_one():
    span = SpanRecord(1, 1, 0, "", 1, 1, 1, attributes={"nan": math.nan})
    (back,) = otlp_json.decode(json.loads(otlp_json.dumps([span])))
    assert math.isnan(back.attributes["nan"])


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (5, "document"),
        ([], "document"),
        ({"resourceSpans": 5}, "resourceSpans"),
        ({"resourceSpans": [5]}, "resourceSpans"),
        ({"resourceSpans": [{"resource": 5}]}, "resource"),
        ({"resourceSpans": [{"scopeSpans": {"a": 1}}]}, "scopeSpans"),
        (document(traceId="xyz"), "traceId"),
        (document(traceId=TRACE[2:]), "traceId"),
        (document(traceId=" " + TRACE[1:]), "traceId"),
        (document(traceId=None), "traceId"),
        (document(spanId=5), "spanId"),
        (document(parentSpanId="z" * 16), "parentSpanId"),
        (document(name=5), "name"),
        (document(kind=[1]), "kind"),
        (document(startTimeUnixNano="soon"), "startTimeUnixNano"),
        (document(startTimeUnixNano="-1"), "startTimeUnixNano"),
        (document(endTimeUnixNano=str(1 << 64)), "endTimeUnixNano"),
        (document(startTimeUnixNano="9" * 5000), "startTimeUnixNano"),
        (document(attributes=[{"key": 5}]), "key"),
        (document(attributes=[{"key": "a", "value": 5}]), "value"),
        (document(attributes=[{"key": "a", "value": {"stringValue": 5}}]), "stringValue"),
        (document(attributes=[{"key": "a", "value": {"boolValue": "true"}}]), "boolValue"),
        (document(attributes=[{"key": "a", "value": {"intValue": "1.5"}}]), "intValue"),
        (document(attributes=[{"key": "a", "value": {"intValue": str(1 << 63)}}]), "intValue"),
        (document(attributes=[{"key": "a", "value": {"doubleValue": "much"}}]), "doubleValue"),
        (document(attributes=[{"key": "a", "value": {"bytesValue": "*"}}]), "bytesValue"),
        (document(attributes=[{"key": "a", "value": {"arrayValue": [1]}}]), "arrayValue"),
        (document(events="x"), "events"),
    ],
)
def test_what_is_wrong_is_named(given, names):
    with pytest.raises(ValueError, match=names):
        otlp_json.decode(given)


def test_any_depth_is_an_answer_or_a_value_error():
    value = {"stringValue": "bottom"}
    for _ in range(50_000):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(ValueError, match="too deep"):
        otlp_json.decode(document(attributes=[{"key": "a", "value": value}]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceSpans",
                    "scopeSpans",
                    "spans",
                    "attributes",
                    "key",
                    "value",
                    "intValue",
                    "kind",
                    "links",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_any_json_is_read_or_refused(value):
    """Property: nothing but ValueError comes out of a document that is not OTLP."""
    try:
        otlp_json.decode(value)
    except ValueError:
        pass


@given(st.lists(records(), max_size=5), st.lists(st.integers(1, 4000), max_size=6))
def test_reading_as_it_comes_is_decoding(spans, cuts):
    """Property: wherever the text is cut, the same spans come out as of the whole."""
    raw = otlp_json.dumps(spans)
    ends = sorted({cut % (len(raw) + 1) for cut in cuts})
    pieces = [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True)]
    reader = Reader(pieces)
    found = []
    for name in reader.names():
        assert name == "resourceSpans"
        found = list(otlp_json.read(reader))
    assert found == otlp_json.decode(json.loads(raw))


def read(document):
    return list(otlp_json.read(Reader([json.dumps(document).encode()])))


def test_the_order_of_names_means_nothing():
    """Jaeger and the collector write the resource and the scope first; JSON does not say so."""
    (of_resource,) = otlp_json.encode([SpanRecord(7, 1, 0, "a", 1, 1, 2, resource={"r": 1}, scope="s")])[
        "resourceSpans"
    ]
    (of_scope,) = of_resource["scopeSpans"]
    backwards = {"scopeSpans": [dict(reversed(of_scope.items()))], "resource": of_resource["resource"]}
    (span,) = read([backwards])
    assert (span.scope, span.resource) == ("s", {"r": 1})


def test_what_it_was_called_before_is_understood():
    """As Tempo 1.5 answers it, ids in base64 and enumerations by name."""
    (span,) = read(
        [
            {
                "resource": None,
                "instrumentationLibrarySpans": [
                    {
                        "instrumentationLibrary": {"name": "s"},
                        "spans": [
                            {
                                "traceId": "Um5qbX2IRXyL4svQdWDLUQ==",
                                "spanId": "C+KqKJcRy/0=",
                                "parentSpanId": "",
                                "kind": "SPAN_KIND_SERVER",
                                "status": {"code": "STATUS_CODE_ERROR"},
                            }
                        ],
                    }
                ],
            }
        ]
    )
    assert span.trace_id == 0x526E6A6D7D88457C8BE2CBD07560CB51
    assert span.span_id == 0x0BE2AA289711CBFD
    assert (span.parent_id, span.kind, span.status, span.scope) == (0, 2, 2, "s")


@pytest.mark.parametrize("nothing", [None, [], [None], [{"scopeSpans": None}], [{"scopeSpans": [None]}]])
def test_null_is_as_good_as_nothing(nothing):
    assert read(nothing) == []
