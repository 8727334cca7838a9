"""tracing/sampling.py: the gate as a sampler of the SDK's provider."""

from __future__ import annotations

import logging
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from otel_bridge.policy import keeps
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.sampling import HmacSampler, make_sampler
from otel_bridge.wire.signing import Key, TraceInfo

KEY = Key("key")
TRACE = uuid.UUID("0af76519-16cd-43dd-8448-eb211c80319c").int
STATE = TraceState([("vendor", "1")])
SAMPLED, NOT_SAMPLED = TraceFlags(TraceFlags.SAMPLED), TraceFlags(TraceFlags.DEFAULT)


def provider(sampler: HmacSampler) -> TracerProvider:
    return TracerProvider(sampler=sampler, shutdown_on_exit=False)


def below(span: api.Span, info: TraceInfo | None = None) -> Context:
    context = ctx.with_span(Context(), span)
    return context if info is None else ctx.with_request(context, span, info)


def made_up(trace_id: int, flags: TraceFlags, *, remote: bool) -> NonRecordingSpan:
    return NonRecordingSpan(SpanContext(trace_id, 7, remote, flags, STATE))


def recording(context: Context, sampler: HmacSampler | None = None) -> bool:
    return provider(sampler or HmacSampler()).get_tracer("t").start_span("s", context).is_recording()


INFO = TraceInfo(TRACE, 7, KEY)


@pytest.mark.parametrize("parent", [INFO, TraceInfo(TRACE, 0, KEY)], ids=["a parent", "a root"])
def test_what_a_signed_request_causes_is_recorded_in_its_trace(parent):
    span = provider(HmacSampler()).get_tracer("t").start_span("s", below(Remote(parent), parent))
    assert span.is_recording()
    assert span.get_span_context().trace_id == TRACE


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (Context(), False),
        (below(api.INVALID_SPAN), False),
        (below(made_up(TRACE, SAMPLED, remote=True)), False),  # traceparent alone
        (below(made_up(TRACE, NOT_SAMPLED, remote=True)), False),
        (below(made_up(TRACE, SAMPLED, remote=False)), False),  # a context that no span stands behind
        (below(made_up(5, SAMPLED, remote=True), INFO), False),  # traceparent of another trace
        (below(made_up(TRACE, SAMPLED, remote=True), INFO), True),  # and of the one that was signed
        (below(made_up(TRACE, NOT_SAMPLED, remote=True), INFO), False),
    ],
)
def test_anything_else_is_not(context, expected):
    assert recording(context) is expected


@pytest.mark.parametrize("ended", [False, True])
def test_children_follow_their_parent_in_this_process(ended):
    """Also the child of a span that has ended, as what runs in the background has it."""
    tracer = provider(HmacSampler()).get_tracer("t")
    for context, expected in ((below(Remote(INFO), INFO), True), (Context(), False)):
        parent = tracer.start_span("parent", context)
        if ended:
            parent.end()
        child = tracer.start_span("child", below(parent))
        assert child.is_recording() is expected


def test_the_current_context_counts_where_none_is_given():
    """The SDK hands None on, and means the current one."""
    sampler = HmacSampler()
    assert sampler.should_sample(None, TRACE, "s").decision is Decision.DROP
    token = ctx.attach(Remote(INFO), INFO)
    try:
        assert sampler.should_sample(None, TRACE, "s").decision is Decision.RECORD_AND_SAMPLE
    finally:
        ctx.detach(token)


@pytest.mark.parametrize("flags", [SAMPLED, NOT_SAMPLED])
def test_what_other_tracers_note_on_a_trace_is_handed_on(flags):
    found = HmacSampler().should_sample(below(made_up(TRACE, flags, remote=True), INFO), TRACE, "s")
    assert found.trace_state is STATE


def test_attributes_are_kept():
    found = HmacSampler().should_sample(below(Remote(INFO)), TRACE, "s", attributes={"a": 1})
    assert found.attributes == {"a": 1}


class Broken(api.INVALID_SPAN.__class__):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(api.INVALID_SPAN_CONTEXT)

    def get_span_context(self) -> SpanContext:
        raise RuntimeError


@pytest.mark.parametrize("context", [below(Broken()), 5, Context({ctx.SPAN_KEY: "no span"})])
def test_no_parent_makes_it_raise(context):
    """What a sampler raises is an answer 500 for the user of the service."""
    assert HmacSampler(1).should_sample(context, -1, "s").decision in (
        Decision.DROP,
        Decision.RECORD_AND_SAMPLE,
    )
    assert HmacSampler(0).should_sample(context, -1, "s").decision is Decision.DROP


@given(trace_id=st.uuids(version=4), ratio=st.floats(0, 1))
def test_traces_that_begin_here_are_recorded_by_ratio(trace_id, ratio):
    """As any other service with that ratio decides about them."""
    found = HmacSampler(ratio).should_sample(Context(), trace_id.int, "s")
    assert (found.decision is Decision.RECORD_AND_SAMPLE) is keeps(trace_id.int, ratio)


def test_half_of_the_uuids_are_half():
    """OpenTelemetry's own sampler by ratio finds none of them: its bits are the same in all UUIDs."""
    sampler = HmacSampler(0.5)
    kept = sum(
        sampler.should_sample(Context(), uuid.uuid4().int, "s").decision is Decision.RECORD_AND_SAMPLE
        for _ in range(2000)
    )
    assert 850 < kept < 1150


@pytest.mark.parametrize("remote", [False, True])
def test_no_ratio_records_below_a_parent_that_is_not_signed(remote):
    """Its trace id was chosen by whoever sent it."""
    assert not recording(below(made_up(TRACE, SAMPLED, remote=remote)), HmacSampler(1))
    assert not recording(below(made_up(TRACE, NOT_SAMPLED, remote=remote)), HmacSampler(1))


@pytest.mark.parametrize(
    ("argument", "ratio"), [(None, 0), ("", 0), (" ", 0), ("0", 0), ("0.25", 0.25), (" 1 ", 1), (1.0, 1)]
)
def test_the_argument_is_the_ratio(argument, ratio):
    assert make_sampler(argument).get_description() == f"HmacSampler{{{ratio}}}"


@pytest.mark.parametrize("argument", ["half", "1.5", "-0.1", "nan", "inf", "1e400", "50%"])
def test_an_argument_that_is_no_ratio_counts_as_none_and_is_told(argument, caplog):
    """It does not raise: the SDK would go on with its default, which records everything."""
    with caplog.at_level(logging.WARNING, "otel_bridge"):
        assert make_sampler(argument).get_description() == "HmacSampler{0}"
    assert "OTEL_TRACES_SAMPLER_ARG" in caplog.text


@pytest.mark.parametrize("ratio", [-1, 2, float("nan")])
def test_a_ratio_is_from_0_to_1(ratio):
    with pytest.raises(ValueError, match="from 0 to 1"):
        HmacSampler(ratio)


def test_the_sdk_finds_it_by_name(monkeypatch):
    from opentelemetry.sdk._configuration import _import_sampler

    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    assert _import_sampler("osprofiler_hmac").get_description() == "HmacSampler{0.5}"


def test_it_decides_about_roots_under_the_parent_based_sampler():
    """Whose own rule lets any traceparent in, so it is of use with our propagator alone."""
    sampler = ParentBased(HmacSampler(), remote_parent_sampled=HmacSampler())
    assert sampler.should_sample(below(Remote(INFO)), TRACE, "s").decision is Decision.RECORD_AND_SAMPLE
    assert sampler.should_sample(Context(), TRACE, "s").decision is Decision.DROP
