"""tracing/entries.py: the fast entries, on our provider and on the SDK's."""

from __future__ import annotations

from time import time_ns

import pytest
from opentelemetry.context.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind
from recorders import KEY, Recorder, span_id

from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries
from otel_bridge.wire.signing import TraceInfo

INFO = TraceInfo(0x1234, 0, KEY)


def test_a_late_leaf_began_when_it_is_said_to(any_recorder: Recorder) -> None:
    late_leaf = entries.late_leaf(any_recorder.provider.get_tracer("t"))
    began = time_ns() - 5_000_000_000
    with any_recorder.request() as above:
        span = late_leaf("late", SpanKind.CLIENT, {"any": "value"}, began)
        span.end()
        (found,) = any_recorder.wait(1)
        assert found.parent is not None
        assert found.parent.span_id == above.get_span_context().span_id
    assert (found.name, found.kind, found.start_time) == ("late", SpanKind.CLIENT, began)
    assert dict(found.attributes or {}) == {"any": "value"}


def test_there_is_no_late_leaf_below_nothing(any_recorder: Recorder) -> None:
    assert entries.late_leaf(any_recorder.provider.get_tracer("t"))(None, SpanKind.CLIENT, {}, 1) is None


def test_a_request_is_signed_below_its_span_or_below_what_is_current(any_recorder: Recorder) -> None:
    leaf = entries.leaf(any_recorder.provider.get_tracer("t"))
    with any_recorder.request() as above:
        info = ctx.trace_info()
        assert entries.sending(ctx.get(), None) == (0x1234, above.get_span_context().span_id, info)
        span = leaf("request", SpanKind.CLIENT, {})
        assert entries.sending(ctx.get(), span) == (*entries.ids_of(span), info)
        span.end()
    assert entries.ids_of(span) == (0x1234, span_id(any_recorder.spans[0]))


@pytest.mark.parametrize("signed", [True, False])
def test_another_trace_signs_nothing(any_recorder: Recorder, signed: bool) -> None:
    with any_recorder.request(0x5):
        span = entries.leaf(any_recorder.provider.get_tracer("t"))("request", SpanKind.CLIENT, {})
        span.end()
    foreign = NonRecordingSpan(SpanContext(0x5, 0x6, is_remote=False))
    context = Context({ctx.SPAN_KEY: foreign, **({ctx.TRACE_INFO_KEY: INFO} if signed else {})})
    assert entries.sending(context, None) is None
    assert entries.sending(context, span) is None
