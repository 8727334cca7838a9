"""tracing/propagation.py: signed trace info as an OpenTelemetry propagation format."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import propagation
from otel_bridge.tracing.propagation import OSProfilerPropagator, Remote
from otel_bridge.wire import ids, signing
from otel_bridge.wire.freshness import Window
from otel_bridge.wire.signing import NO_KEY, Key, KeyRing, TraceInfo

BASE, PARENT = "0af76519-16cd-43dd-8448-eb211c80319c", "11111111-2222-4333-8444-555555555555"
TRACE_ID, PARENT_ID = ids.trace_id(BASE), ids.span_id(PARENT)
KEY = Key("key")
trace_ids, span_ids = st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1)


def headers(base=BASE, parent=PARENT, key=KEY, **more):
    info, mac = signing.pack(base, parent, key)
    return {"X-Trace-Info": info, "X-Trace-HMAC": mac, **more}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"00-{TRACE_ID:032x}-00000000000000aa-01", (TRACE_ID, 0xAA, True)),
        (f" 00-{TRACE_ID:032x}-00000000000000aa-00\n", (TRACE_ID, 0xAA, False)),
        (f"cc-{TRACE_ID:032x}-00000000000000aa-03-what-comes", (TRACE_ID, 0xAA, True)),
        (f"ff-{TRACE_ID:032x}-00000000000000aa-01", None),
        (f"00-{TRACE_ID:032X}-00000000000000AA-01", None),
        (f"00-{0:032x}-00000000000000aa-01", None),
        (f"00-{TRACE_ID:032x}-{0:016x}-01", None),
        ("", None),
        (None, None),
        ("x" * 600, None),
        ("00-\u0661-2-01", None),
    ],
)
def test_traceparent_is_read_as_w3c_says(value, found):
    assert propagation.read_traceparent(value) == found


@given(st.text())
def test_no_text_is_a_traceparent_by_chance(text):
    assert propagation.read_traceparent(text) is None


@given(trace_ids, trace_ids, span_ids, st.integers(0, 255))
def test_a_traceparent_beside_a_signature_is_a_parent_or_a_link(signed, trace_id, span_id, flags):
    """Of the signed trace it is the parent, unless it stands for no span; of another one, a link."""
    traceparent = f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"
    for info in (TraceInfo(signed, PARENT_ID, KEY), TraceInfo(trace_id, PARENT_ID, KEY)):
        parent, link = propagation.parent_or_link(info, traceparent)
        if info.trace_id != trace_id:
            assert parent is None
            assert (link.trace_id, link.span_id, link.trace_flags, link.is_remote) == (
                trace_id,
                span_id,
                flags & 1,
                True,
            )
        else:
            assert parent == (None if span_id == ids.stand_in(trace_id) else span_id)
            assert link is None


@given(trace_ids, st.none() | span_ids)
@example(5 << 64, None)
@example(5 << 64, 7)
def test_who_has_no_span_hands_on_the_parent_that_it_was_told(trace_id, parent_id):
    """A root stays one, although the traceparent beside it has to name a span."""
    info = TraceInfo(trace_id, parent_id or 0, KEY)
    sent = propagation.headers(Remote(info).get_span_context(), info)
    received = KeyRing([KEY]).verify(sent["X-Trace-Info"], sent["X-Trace-HMAC"])
    assert propagation.remote(received, sent["traceparent"]).parent_id == (
        0 if parent_id == ids.stand_in(trace_id) else parent_id or 0
    )
    w3c = api.get_current_span(TraceContextTextMapPropagator().extract(sent, Context())).get_span_context()
    assert (w3c.is_valid, w3c.trace_id) == (True, trace_id)


def test_the_signed_parent_counts_where_traceparent_names_no_span():
    info = TraceInfo(TRACE_ID, PARENT_ID, KEY)
    traceparent = f"00-{TRACE_ID:032x}-{ids.stand_in(TRACE_ID):016x}-01"
    assert propagation.remote(info, traceparent).parent_id == PARENT_ID


def test_signed_headers_become_a_remote_parent(keys):
    context = OSProfilerPropagator(keys).extract(headers(), Context())
    span = api.get_current_span(context)
    assert isinstance(span, Remote)
    assert (span.get_span_context().trace_id, span.get_span_context().span_id) == (TRACE_ID, PARENT_ID)
    assert ctx.trace_info(context).key == KEY


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        headers(key=Key("other")),
        {"X-Trace-Info": "x", "X-Trace-HMAC": "y"},
        {"traceparent": f"00-{1:032x}-{1:016x}-01"},
    ],
    ids=["none", "wrong key", "garbage", "traceparent only"],
)
def test_anything_else_leaves_the_context_as_it_was(keys, carrier):
    before = Context()
    assert OSProfilerPropagator(keys).extract(carrier, before) is before


def test_what_is_injected_can_be_extracted_with_the_same_parent(provider, keys):
    propagator = OSProfilerPropagator(keys)
    context = propagator.extract(headers(), Context())
    span = provider.get_tracer("t").start_span("x", context)
    carrier = {}
    propagator.inject(carrier, ctx.with_span(context, span))
    again = api.get_current_span(propagator.extract(carrier, Context())).get_span_context()
    assert (again.trace_id, again.span_id) == (TRACE_ID, span.context.span_id)
    w3c = api.get_current_span(TraceContextTextMapPropagator().extract(carrier, Context())).get_span_context()
    assert (w3c.trace_id, w3c.span_id) == (TRACE_ID, span.context.span_id)
    assert set(carrier) == propagator.fields - {"X-Trace-Freshness"}


def test_the_key_is_in_nothing_that_is_sent(keys):
    carrier = {}
    propagator = OSProfilerPropagator(KeyRing.parse("top-secret"))
    context = propagator.extract(headers(key=Key("top-secret")), Context())
    propagator.inject(carrier, context)
    assert carrier
    assert "top-secret" not in str(carrier)


def test_nothing_is_injected_where_nothing_is_traced(keys):
    carrier = {}
    OSProfilerPropagator(keys).inject(carrier, Context())
    assert carrier == {}


def test_a_span_of_another_trace_is_not_signed_for():
    info = TraceInfo(TRACE_ID, 0, KEY)
    other = Remote(TraceInfo(TRACE_ID ^ 1, 0, KEY))
    assert propagation.outgoing(ctx.with_request(Context(), other, info)) is None


def test_a_root_goes_on_as_a_root(keys):
    propagator = OSProfilerPropagator(keys)
    carrier = {}
    propagator.inject(carrier, propagator.extract(headers(parent=BASE), Context()))
    assert keys.verify(carrier["X-Trace-Info"], carrier["X-Trace-HMAC"]).parent_span_id == 0


def test_another_provider_stays_in_the_trace_of_a_signed_root(keys):
    context = OSProfilerPropagator(keys).extract(headers(parent=BASE), Context())
    span = SdkProvider(shutdown_on_exit=False).get_tracer("t").start_span("x", context)
    assert span.get_span_context().trace_id == TRACE_ID


@pytest.mark.parametrize(
    ("traceparent", "linked"),
    [
        (f"00-{TRACE_ID ^ 1:032x}-00000000000000aa-01", (TRACE_ID ^ 1, 0xAA, 1)),
        (f"00-{TRACE_ID ^ 1:032x}-00000000000000aa-00", (TRACE_ID ^ 1, 0xAA, 0)),
        (f"00-{TRACE_ID:032x}-00000000000000aa-01", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_a_traceparent_of_another_trace_is_for_a_link(keys, traceparent, linked):
    carrier = headers() if traceparent is None else headers(traceparent=traceparent)
    remote = api.get_current_span(OSProfilerPropagator(keys).extract(carrier, Context()))
    found = remote.beside
    assert (found and (found.trace_id, found.span_id, int(found.trace_flags))) == linked
    assert (remote.get_span_context().trace_id, remote.parent_id == PARENT_ID) == (
        TRACE_ID,
        linked is not None or traceparent in (None, "nonsense"),
    )


def test_a_traceparent_without_a_signature_links_nothing(keys):
    carrier = {"traceparent": f"00-{TRACE_ID ^ 1:032x}-00000000000000aa-01"}
    assert OSProfilerPropagator(keys).extract(carrier, Context()) == Context()


def test_headers_are_stamped_where_that_is_wanted(provider, keys):
    context = OSProfilerPropagator(keys).extract(headers(), Context())
    propagation.stamping(True)
    try:
        one, other = ({}, {})
        for carrier in (one, other):
            OSProfilerPropagator(keys).inject(carrier, context)
    finally:
        propagation.stamping(False)
    window = Window(60, 0)
    for carrier in (one, other):
        pair = carrier["X-Trace-Info"], carrier["X-Trace-HMAC"]
        assert window.refusal(*pair, carrier["X-Trace-Freshness"], KEY, time.time()) is None
        assert {name.lower() for name in carrier} == propagation.HEADER_NAMES


def test_of_a_trace_without_a_key_only_traceparent_goes_out():
    info = TraceInfo(TRACE_ID, 0, NO_KEY)
    above = api.SpanContext(TRACE_ID, 0xAA, False, api.TraceFlags(1))
    assert set(propagation.headers(above, info)) == {"traceparent"}
