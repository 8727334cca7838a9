"""tracing/provider.py: the gate, the limit of a trace, and processes."""

import os

import pytest
from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
)

from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import spans as span_module
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire.signing import Key, TraceInfo

INFO = TraceInfo(0xABC << 64 | 5, 7, Key("k"))
ROOT = TraceInfo(0xABC << 64 | 5, 0, Key("k"))


@pytest.fixture
def tracer(provider):
    return provider.get_tracer("t")


def below(span):
    return api.set_span_in_context(span)


SAMPLED_PARENT = NonRecordingSpan(SpanContext(1, 2, True, TraceFlags(1)))


@pytest.mark.parametrize("context", [None, below(SAMPLED_PARENT)], ids=["no parent", "traceparent"])
def test_without_a_signature_nothing_is_recorded(tracer, sink, context):
    tracer.start_span("x", context).end()
    with tracer.start_as_current_span("x", context):
        pass
    assert sink.spans == []


def test_a_verified_parent_opens_the_gate(tracer, sink):
    with tracer.start_as_current_span("x", below(Remote(INFO))) as span:
        pass
    assert sink.spans == [span]
    assert (span.context.trace_id, span.parent.span_id, span.parent.is_remote) == (INFO.trace_id, 7, True)


@pytest.mark.parametrize("way", ["start_span", "leaf", "span", "entry"])
def test_a_signed_root_has_no_parent(tracer, way):
    token = ctx.attach(Remote(ROOT), ROOT)
    if way == "entry":
        span = tracer.entry(ROOT, "x", SpanKind.SERVER, {})
    elif way == "span":
        with tracer.span("x") as span:
            pass
    else:
        span = getattr(tracer, way)("x")
    ctx.detach(token)
    assert (span.context.trace_id, span.parent) == (ROOT.trace_id, None)


def test_the_spans_below_one_verified_parent_share_a_trace(tracer):
    token = ctx.attach(Remote(INFO), INFO)
    spans = [tracer.leaf("a"), tracer.start_span("b")]
    ctx.detach(token)
    assert spans[0]._trace is spans[1]._trace


def test_the_same_scope_gives_the_same_tracer(provider):
    assert provider.get_tracer("a", "1") is provider.get_tracer("a", "1")
    assert provider.get_tracer("a", "1") is not provider.get_tracer("a", "2")


def test_a_resource_that_is_asked_for_is_asked_once_per_process(sink):
    from opentelemetry.sdk.resources import Resource

    from otel_bridge.tracing.provider import TracerProvider

    asked = []
    provider = TracerProvider(sink, lambda: asked.append(1) or Resource({"pid": len(asked)}))
    assert provider.resource is provider.resource
    provider.after_fork()
    assert provider.resource.attributes == {"pid": 2}


def test_a_root_that_the_gate_refuses_hides_the_span_around_it(provider, sink):
    """start_as_current_span with an explicit context: what is done inside is no part of the outer trace."""
    tracer = provider.get_tracer("test")
    info = TraceInfo(5, 0, Key("key"))
    with api.use_span(tracer.entry(info, "outer", api.SpanKind.SERVER, {}), end_on_exit=True):
        before = api.get_current_span()
        with tracer.start_as_current_span("root", context=Context()) as root:
            assert api.get_current_span() is root
            with tracer.start_as_current_span("inside"):
                pass
        assert api.get_current_span() is before
    assert [span.name for span in sink.spans] == ["outer"]


def test_the_limit_of_a_trace_holds_when_threads_race_for_its_last_place(provider, sink):
    """Two threads that both find room for one span must not turn the limit off."""
    tracer = provider.get_tracer("test")

    class Raced:
        """room, as it is seen while another thread takes the last place just after it was tested."""

        id, remote, wire, state, refused, flags = 1, 0, b"", None, None, span_module.SAMPLED

        def __init__(self):
            self.reads, self._room = 0, 1

        @property
        def room(self):
            self.reads += 1
            if self.reads == 2:
                self._room = 0
            return self._room

        @room.setter
        def room(self, value):
            self._room = value

    remote = Remote(TraceInfo(1, 0, Key("key")))
    remote.trace = Raced()
    token = ctx.set_(ctx.with_span(Context(), remote))
    try:
        tracer.leaf("x")
    finally:
        ctx.reset(token)
    assert remote.trace._room >= 0


def test_a_forked_process_is_known_only_when_it_has_begun_anew(provider, sink, monkeypatch):
    """After a fork in C two threads may find it out at once: the second must not go on with old ids."""
    seen = []
    provider.pid = -1
    monkeypatch.setattr(sink, "after_fork", lambda: seen.append(provider.pid))
    provider.after_fork()
    assert seen == [-1]
    assert provider.pid == os.getpid()


def test_a_trace_that_goes_on_in_a_forked_child_has_the_childs_resource(sink):
    """multiprocessing in a traced request: no new entry is made, and still the process is another one."""
    provider = TracerProvider(sink, lambda: Resource({"process.pid": os.getpid()}))
    tracer = provider.get_tracer("test")
    span = tracer.entry(TraceInfo(5, 0, Key("key")), "x", api.SpanKind.SERVER, {})
    assert span.resource.attributes["process.pid"] == os.getpid()
    child = os.fork()
    if not child:
        os._exit(0 if span.resource.attributes["process.pid"] == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0
