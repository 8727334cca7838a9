"""wire/otlp.py: the bytes of OpenTelemetry's own encoder, and nothing bad costs more than itself."""

import gc
import math
import subprocess
import sys
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from otel_bridge.model.redaction import is_secret_key
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire.otlp import Encoder

RESOURCE = Resource({"service.name": "nova-compute", "process.pid": 7, "host.ip": ("10.0.0.1", "::1")})
MAX64 = 2**64 - 1


class Kept:
    """A span pipeline that keeps."""

    def __init__(self):
        self.spans = []

    def put(self, span):
        self.spans.append(span)

    def force_flush(self, timeout):
        return True

    def shutdown(self):
        pass

    def after_fork(self):
        pass


def provider():
    kept = Kept()
    return TracerProvider(kept, RESOURCE, record_unsigned=True), kept.spans


def one(attributes=None, name="n", **slots):
    """A span of ours; ``slots`` are set behind its back, as no caller of the API could."""
    made, spans = provider()
    span = made.get_tracer("t").start_span(name)
    if attributes is not None:
        span._attributes = attributes
    span.end()
    for slot, value in slots.items():
        setattr(span, slot, value)
    return spans[0]


def sdk(**odd):
    """A span of the SDK's, made of anything."""
    given = {"name": "n", "context": SpanContext(1, 2, False), "resource": RESOURCE} | odd
    return ReadableSpan(**given)


def read(encoded):
    return [
        span
        for resource in ExportTraceServiceRequest.FromString(encoded).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def stock(spans):
    return encode_spans(spans).SerializeToString()


# -- random spans ---------------------------------------------------------------------------------------

characters = st.characters(exclude_categories=("Cs",))
texts = st.text(characters, max_size=20) | st.sampled_from(
    ["", "a" * 125, "a" * 126, "b" * 128, "é" * 63, "é" * 600, "\x00", "\u2028", "\U0001f600", "x" * 17000]
)
keys = (st.text(characters, min_size=1, max_size=12) | st.sampled_from("abc")).filter(
    lambda k: not is_secret_key(k)
)
numbers = (
    st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1])
)
scalars = st.one_of(
    texts,
    st.booleans(),
    numbers,
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf]),
    st.binary(max_size=30),
    st.none(),
)
values = scalars | st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
attributes = st.dictionaries(keys, values, max_size=8)
few = st.dictionaries(st.sampled_from("abc"), scalars, max_size=3)
times = st.tuples(st.integers(1, MAX64), st.integers(1, MAX64)).map(sorted)
states = st.sampled_from(
    [TraceState(), TraceState([("v", "1")]), TraceState([("rojo", "00f067aa"), ("t@v", "x y")])]
)
statuses = st.one_of(
    st.sampled_from([Status(), Status(StatusCode.OK), Status(StatusCode.ERROR)]),
    texts.map(lambda text: Status(StatusCode.ERROR, text)),
)
contexts = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, MAX64),
    st.booleans(),
    st.just(TraceFlags(1)),
    states,
)
events = st.builds(Event, texts, attributes | st.none(), st.integers(0, MAX64))
links = st.builds(Link, contexts, few | st.none())
resources = st.sampled_from(
    [
        RESOURCE,
        Resource(dict(RESOURCE.attributes)),
        Resource({}),
        Resource({"service.name": "é", "n": 1.5}, "https://opentelemetry.io/schemas/1.37.0"),
    ]
)
scopes = st.sampled_from(
    [
        None,
        InstrumentationScope("a"),
        InstrumentationScope("a", "1"),
        InstrumentationScope("a", "1", "https://s", {"k": ("v", "w"), "n": 2}),
        InstrumentationScope("a", "1", "https://s", {"k": ("v", "w"), "n": 2}),
    ]
)


def _readable(name, context, parent, moments, **rest):
    return ReadableSpan(name, context, parent, start_time=moments[0], end_time=moments[1], **rest)


sdk_spans = st.builds(
    _readable,
    texts,
    contexts,
    st.none() | contexts,
    times,
    resource=resources,
    instrumentation_scope=scopes,
    attributes=attributes | few | st.none(),
    events=st.lists(events, max_size=2),
    links=st.lists(links, max_size=2),
    kind=st.sampled_from(list(SpanKind)),
    status=statuses,
)

our_spans = st.fixed_dictionaries(
    {
        "scope": st.sampled_from([("a", "1", None), ("b", None, "https://s"), ("c", "", None)]),
        "name": texts,
        "kind": st.sampled_from(list(SpanKind)),
        "attributes": attributes | few,
        "parent": st.none() | contexts,
        "times": times,
        "events": st.lists(st.tuples(texts, attributes), max_size=2),
        "links": st.lists(links, max_size=2),
        "status": statuses,
        "child": st.booleans(),
    }
)


def record(specs):
    """The spans of ours that ``specs`` describe, and below some of them a plain child."""
    made, spans = provider()
    for spec in specs:
        tracer = made.get_tracer(*spec["scope"])
        parent = spec["parent"]
        span = tracer.start_span(
            spec["name"],
            context=None if parent is None else api.set_span_in_context(NonRecordingSpan(parent)),
            kind=spec["kind"],
            links=spec["links"],
            start_time=spec["times"][0],
        )
        span._attributes = spec["attributes"]
        for name, kept in spec["events"]:
            span.add_event(name, kept, 1 << 60)
        span.set_status(spec["status"])
        if spec["child"]:
            with api.use_span(span):
                tracer.start_span("child", attributes={"a": 1, "b": "x"}).end()
        span.end(spec["times"][1])
    return spans


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(our_spans, max_size=5), st.sampled_from([0, 700, 20_000]))
def test_our_spans_are_written_byte_for_byte_as_opentelemetry_writes_them(specs, cache_bytes):
    """Also when the cache is full, too small for anything, or just emptied."""
    spans = record(specs)
    expected = stock(spans)
    for encoder in (Encoder(), Encoder(cache_bytes)):
        assert encoder.encode(spans) == expected
        assert encoder.encode(spans) == expected


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(sdk_spans, max_size=4), st.sampled_from([0, 9000]))
def test_the_sdks_spans_are_written_byte_for_byte_as_opentelemetry_writes_them(spans, cache_bytes):
    expected = stock(spans)
    for encoder in (Encoder(), Encoder(cache_bytes)):
        assert encoder.encode(spans) == expected
        assert encoder.encode(spans) == expected


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(our_spans, min_size=1, max_size=3), st.lists(sdk_spans, min_size=1, max_size=3), st.data())
def test_ours_and_the_sdks_mix_in_any_order(specs, others, data):
    spans = data.draw(st.permutations(record(specs) + others))
    assert Encoder().encode(spans) == stock(spans)


def test_spans_that_the_sdk_recorded_itself_are_written_byte_for_byte():
    """Bounded attributes, counts of what was dropped, recorded exceptions."""
    memory = InMemorySpanExporter()
    sdk = SdkTracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    sdk.add_span_processor(SimpleSpanProcessor(memory))
    tracer = sdk.get_tracer("lib", "2", "https://s", {"k": 1})
    with tracer.start_as_current_span("outer", attributes={"a": [1, 2]}) as outer:
        for i in range(200):
            outer.set_attribute(f"k{i}", i)
            outer.add_event(f"e{i}", {"i": i})
        with tracer.start_as_current_span(
            "inner", links=[Link(outer.get_span_context(), {"a": "b"})]
        ) as inner:
            inner.record_exception(KeyError("x"))
    spans = memory.get_finished_spans()
    assert spans[1].dropped_attributes
    assert spans[0].events
    assert Encoder().encode(spans) == stock(spans)


def test_counts_of_what_our_spans_dropped_are_written():
    made, spans = provider()
    span = made.get_tracer("t").start_span("n", attributes={f"k{i}": i for i in range(200)})
    for i in range(200):
        span.add_event(f"e{i}")
        span.add_link(SpanContext(1, i + 1, False))
    span.end()
    (found,) = read(Encoder().encode(spans))
    assert (found.dropped_attributes_count, found.dropped_events_count, found.dropped_links_count) == (
        72,
        72,
        72,
    )
    assert Encoder().encode(spans) == stock(spans)


class Point:
    """Attributes to be translated when the span is encoded."""

    def __init__(self, fail=False):
        self.fail = fail

    def translate(self, name):
        if self.fail:
            raise RuntimeError
        return f"{name} translated", {"a": "b", "n": 1}


def test_a_point_is_translated_and_gives_the_span_its_name():
    made, spans = provider()
    with made.get_tracer("t").start_as_current_span("root"):
        made.get_tracer("t").leaf("n", SpanKind.CLIENT, Point()).end()
        made.get_tracer("t").leaf(None, SpanKind.CLIENT, Point(fail=True)).end()
        made.get_tracer("t").leaf("nothing captured").end()
    good, bad, empty, _root = read(Encoder().encode(spans))
    assert (good.name, good.attributes[0].value.string_value) == ("n translated", "b")
    assert bad.span_id
    assert (empty.name, list(empty.attributes)) == ("nothing captured", [])


# -- requests -------------------------------------------------------------------------------------------


def test_no_spans_make_no_bytes():
    assert Encoder().encode([]) == b""


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(our_spans, max_size=4), st.lists(sdk_spans, max_size=4))
def test_chunks_that_were_encoded_apart_join_to_one_request(specs, others):
    ours, encoder = record(specs), Encoder()
    joined = read(encoder.encode(ours) + encoder.encode(others))
    assert [span.SerializeToString() for span in joined] == [
        span.SerializeToString() for part in (ours, others) for span in read(stock(part))
    ]


def test_equal_resources_and_scopes_are_written_once():
    made, spans = provider()
    again, others = provider()
    for _ in range(3):
        for name in ("a", "b"):
            made.get_tracer(name).start_span("n").end()
            again.get_tracer(name).start_span("n").end()
    request = ExportTraceServiceRequest.FromString(Encoder().encode(spans + others))
    assert [[len(scope.spans) for scope in part.scope_spans] for part in request.resource_spans] == [[6, 6]]


def test_a_new_resource_at_the_address_of_an_old_one_is_not_taken_for_it():
    encoder = Encoder()
    for i in range(50):
        span = ReadableSpan("n", SpanContext(1, 1, False), resource=Resource({"i": i}))
        request = ExportTraceServiceRequest.FromString(encoder.encode([span]))
        assert request.resource_spans[0].resource.attributes[0].value.int_value == i


def test_a_span_that_only_looks_like_ours_is_read_as_the_sdks():
    class Tracer:
        resource, scope = Resource({"other": 1}), InstrumentationScope("other")

    span = sdk(attributes={"a": 1})
    span._tracer = Tracer()
    assert Encoder().encode([span]) == stock([span])


def test_neither_span_kinds_nor_resources_are_hashed(monkeypatch):
    """Both hash in Python: an Enum member by its name, a resource by its JSON."""

    def fail(self):
        raise AssertionError("hashed")

    spans = [one({"a": 1}), ReadableSpan("n", SpanContext(1, 1, False), resource=RESOURCE)]
    expected = stock(spans)
    monkeypatch.setattr(SpanKind, "__hash__", fail)
    monkeypatch.setattr(Resource, "__hash__", fail)
    assert Encoder().encode(spans) == expected


def test_the_module_needs_nothing_outside_the_standard_library():
    code = (
        "import sys; import otel_bridge.wire.otlp;"
        "found = [m for m in sys.modules if m.startswith(('opentelemetry', 'google.', 'oslo'))];"
        "sys.exit(', '.join(found) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# -- bad input ------------------------------------------------------------------------------------------


class Mute:
    def __str__(self):
        raise RuntimeError


def holding_itself():
    value = []
    value.append(value)
    return value


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"k": [value]}
    return value


hostile = st.sampled_from(
    [
        *["\ud800", "a\udfffb", 2**63, -(2**63) - 1, 10**5000, Mute(), object(), {1, 2}, Mute, 1j],
        *[
            [2**64, "\ud800"],
            {"\ud800": "\udfff", Mute(): Mute()},
            holding_itself(),
            nested(99),
            nested(2000),
        ],
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(keys | st.sampled_from(["\ud800", 5, None, (), Mute()]), hostile | scalars, max_size=6),
    st.text(max_size=5),
)
def test_a_bad_value_costs_neither_its_span_nor_its_neighbours(mixed, name):
    mixed = {**mixed, "good": [1, "kept"]}
    ours = one(mixed, name)
    sdks = sdk(attributes=mixed, events=[Event(name, mixed, 1)])
    (good,) = read(stock([one({"good": [1, "kept"]})]))[0].attributes
    first, second = read(Encoder().encode([ours, sdks]))
    for written in (first.attributes, second.attributes, second.events[0].attributes):
        assert len(written) == len(mixed)
        assert written[-1] == good


class Raising(ReadableSpan):
    """Whatever is read of it raises."""

    def __init__(self):
        pass

    def get_span_context(self):
        raise RuntimeError

    def _fail(self):
        raise RuntimeError

    name = kind = parent = start_time = end_time = attributes = events = links = status = property(_fail)
    resource = instrumentation_scope = dropped_attributes = dropped_events = dropped_links = property(_fail)


BAD_SPANS = {
    "raising": Raising(),
    "none": None,
    "object": object(),
    "no context": sdk(context=None),
    "huge ids": sdk(context=SpanContext(2**200, 2**70, False), parent=SpanContext(-1, -1, True)),
    "negative ids": sdk(context=SpanContext(-5, -6, False)),
    "odd ids": sdk(context=SimpleNamespace(trace_id="x", span_id=None)),
    "parent": sdk(parent="parent"),
    "name": sdk(name=5),
    "no name": sdk(name=None),
    "mute name": sdk(name=Mute()),
    "kind": sdk(kind="CLIENT"),
    "no kind": sdk(kind=None),
    "no status": sdk(status=None),
    "status": sdk(status="OK"),
    "negative times": sdk(start_time=-1, end_time=-(2**80)),
    "huge times": sdk(start_time=2**80, end_time=2**90),
    "odd times": sdk(start_time=math.nan, end_time="later"),
    "float times": sdk(start_time=1.5e18, end_time=1.6e18),
    "events": sdk(events=[None, Event("good", {}, 1), Event("when", {}, "x"), 5]),
    "no events": sdk(events=5),
    "links": sdk(links=[None, Link(None), Link(SpanContext(2**130, -1, True))]),
    "attributes": sdk(attributes=7),
    "resource": sdk(resource="nova"),
    "scope": sdk(instrumentation_scope=InstrumentationScope(5, 6, 7)),
    "our negative times": one(_start_time=-5, _end_time=-7),
    "our huge times": one(_start_time=2**70, _end_time=2**71),
    "our unended": one(_end_time=None),
    "our float times": one(_start_time=1.5e18, _end_time=1.6e18),
    "our huge id": one(_span_id=2**70),
    "our negative parent": one(_parent_id=-1),
    "our name": one(name=Mute()),
    "our kind": one(_kind="CLIENT"),
    "our attributes": one(attributes=7),
}


@pytest.mark.parametrize("bad", BAD_SPANS.values(), ids=BAD_SPANS)
def test_a_bad_span_is_written_and_costs_its_neighbours_nothing(bad):
    before, after = one({"a": "b"}, "before"), sdk(name="after", attributes={"c": 1})
    found = {span.name: span for span in read(Encoder().encode([before, bad, after]))}
    assert sum(1 for _ in read(Encoder().encode([before, bad, after]))) == 3
    assert found["before"] == read(stock([before]))[0]
    assert found["after"] == read(stock([after]))[0]
    for span in found.values():
        assert (len(span.trace_id), len(span.span_id), len(span.parent_span_id) in (0, 8)) == (16, 8, True)
        assert span.end_time_unix_nano >= span.start_time_unix_nano


def test_what_is_good_in_a_bad_span_is_kept():
    (span,) = read(Encoder().encode([one({"a": "b"}, "kept", _start_time=-5, _kind=None)]))
    assert (span.name, span.attributes[0].key, span.start_time_unix_nano) == ("kept", "a", 0)
    assert span.end_time_unix_nano > 0


def test_a_span_whose_clock_was_set_back_ends_when_it_starts():
    for span in (one(_start_time=9, _end_time=5), sdk(start_time=9, end_time=5)):
        (found,) = read(Encoder().encode([span]))
        assert (found.start_time_unix_nano, found.end_time_unix_nano) == (9, 9)


def test_events_and_links_that_cannot_be_written_are_counted_as_dropped():
    (span,) = read(Encoder().encode([sdk(events=[None, Event("good", {}, 1)], links=[Link(None), 5])]))
    assert [event.name for event in span.events] == ["good"]
    assert (span.dropped_events_count, span.dropped_links_count) == (1, 2)


@pytest.mark.parametrize(
    "wrap", [lambda v: [v], lambda v: {"k": v}, lambda v: [{"k": v}]], ids=["list", "map", "both"]
)
@pytest.mark.parametrize("depth", [20, 30, 31, 32, 45, 46, 47, 48, 60])
def test_no_nesting_makes_a_request_that_readers_refuse(wrap, depth):
    value = "bottom"
    for _ in range(depth):
        value = wrap(value)
    link = Link(SpanContext(1, 2, False), {"l": value})
    assert read(
        Encoder().encode([sdk(attributes={"a": value}, events=[Event("e", {"b": value}, 1)], links=[link])])
    )


# -- limits ---------------------------------------------------------------------------------------------


def test_redacted_keys_are_masked_in_spans_events_links_and_resources():
    secret = "hunter2"
    span = sdk(
        attributes={"password": secret, "user": "eva", "map": {"password": secret}},
        events=[Event("e", {"password": secret, "user": "eva"}, 1)],
        links=[Link(SpanContext(1, 2, False), {"password": secret})],
        resource=Resource({"password": secret}),
    )
    encoded = Encoder(redact_key=lambda key: key == "password").encode([span, one({"password": secret})])
    assert secret.encode() not in encoded
    found, ours = read(encoded)
    assert [(value.key, value.value.string_value) for value in found.events[0].attributes] == [
        ("password", "***"),
        ("user", "eva"),
    ]
    assert ours.attributes[0].value.string_value == "***"


def test_the_length_limit_holds_for_spans_events_and_links_but_not_for_origins():
    long = "é" * 50
    span = sdk(
        attributes={"a": long, "b": [long], "c": {long: long}},
        events=[Event(long, {"a": long}, 1)],
        links=[Link(SpanContext(1, 2, False), {"a": long})],
        resource=Resource({"r": long}),
        instrumentation_scope=InstrumentationScope("s", None, None, {"k": long}),
    )
    cut = sdk(
        attributes={"a": "é" * 9, "b": ["é" * 9], "c": {long: "é" * 9}},
        events=[Event(long, {"a": "é" * 9}, 1)],
        links=[Link(SpanContext(1, 2, False), {"a": "é" * 9})],
        resource=span.resource,
        instrumentation_scope=span.instrumentation_scope,
    )
    encoder = Encoder(attribute_length=9)
    assert encoder.encode([span]) == encoder.encode([span]) == stock([cut])


@pytest.mark.parametrize("origins", [False, True], ids=["names, keys and values", "resources and scopes"])
def test_memory_stays_bounded_when_nothing_repeats(origins):
    size = 200_000
    encoder = Encoder(size)

    def spans(i):
        for j in range(i, i + 20):
            yield sdk(
                name=f"name {j}",
                attributes={f"key {j}": f"value {j}", "id": j, "ratio": j / 7},
                resource=Resource({"pid": j}) if origins else RESOURCE,
                instrumentation_scope=InstrumentationScope(f"scope {j}" if origins else "s"),
            )

    encoder.encode(spans(0))
    gc.collect()
    tracemalloc.start()
    try:
        before, highest = tracemalloc.get_traced_memory()[0], 0
        for i in range(0, 2000, 20):
            encoder.encode(spans(i))
            highest = max(highest, tracemalloc.get_traced_memory()[0])
        assert highest - before < size * 1.3
    finally:
        tracemalloc.stop()
