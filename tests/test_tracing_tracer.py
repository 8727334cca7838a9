"""tracing/tracer.py: the ways of making a span, and what each hangs below."""

import asyncio
import contextvars
import os
import random
import threading

import pytest
from opentelemetry import baggage
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
)

from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.propagation import Remote
from otel_bridge.wire.signing import Key, TraceInfo

INFO = TraceInfo(0xABC << 64 | 5, 7, Key("k"))
ROOT = TraceInfo(0xABC << 64 | 5, 0, Key("k"))


@pytest.fixture
def tracer(provider):
    return provider.get_tracer("t")


def below(span):
    return api.set_span_in_context(span)


SAMPLED_PARENT = NonRecordingSpan(SpanContext(1, 2, True, TraceFlags(1)))


def test_without_a_signature_nothing_is_attached(tracer):
    with tracer.start_as_current_span("x"), tracer.span("y"):
        assert context_api.get_current() == {}


def test_an_untrusted_parent_is_handed_on_unchanged(tracer):
    assert (
        tracer.start_span("x", below(SAMPLED_PARENT)).get_span_context() == SAMPLED_PARENT.get_span_context()
    )


def test_without_a_parent_the_invalid_span_is_given(tracer):
    assert tracer.start_span("x") is INVALID_SPAN
    assert tracer.leaf("x") is None
    with tracer.span("x") as span:
        assert span is INVALID_SPAN


def test_an_entry_can_have_a_refined_parent(tracer):
    assert tracer.entry(INFO, "x", SpanKind.SERVER, {}, 9).parent.span_id == 9


def test_every_way_of_making_a_span_nests_below_the_current_one(open_provider, sink):
    one, two = open_provider.get_tracer("one"), open_provider.get_tracer("two")
    with one.start_as_current_span("root") as root, two.span("mid", SpanKind.CLIENT, {"a": 1}) as mid:
        leaf = one.leaf("leaf")
        plain = two.start_span("plain")
        assert api.get_current_span() is mid
    assert mid.parent.span_id == root.context.span_id
    assert leaf.parent.span_id == plain.parent.span_id == mid.context.span_id
    assert api.get_current_span() is INVALID_SPAN


def test_what_else_is_in_the_context_stays(open_provider):
    token = context_api.attach(baggage.set_baggage("k", "v"))
    with open_provider.get_tracer("t").start_as_current_span("x"):
        assert baggage.get_baggage("k") == "v"
    context_api.detach(token)


def test_as_a_decorator_each_call_gets_a_span_of_its_own(open_provider, sink):
    @open_provider.get_tracer("t").start_as_current_span("deco", attributes={"a": 1})
    def work():
        return api.get_current_span()

    one, two = work(), work()
    assert one is not two
    assert sink.spans == [one, two]
    assert dict(one.attributes) == {"a": 1}


def test_as_a_decorator_on_a_coroutine_function_it_covers_the_awaiting(open_provider):
    @open_provider.get_tracer("t").start_as_current_span("deco")
    async def work():
        await asyncio.sleep(0)
        return api.get_current_span()

    assert asyncio.run(work()).name == "deco"


def test_a_decorator_made_while_the_gate_was_closed_works_when_it_is_open(tracer, sink):
    @tracer.start_as_current_span("late")
    def work():
        pass

    work()
    assert sink.spans == []
    token = ctx.attach(Remote(INFO), INFO)
    work()
    ctx.detach(token)
    assert [span.name for span in sink.spans] == ["late"]


def test_end_on_exit_can_be_declined(open_provider, sink):
    with open_provider.get_tracer("t").start_as_current_span("x", end_on_exit=False) as span:
        pass
    assert sink.spans == []
    span.end()
    assert sink.spans == [span]


def test_a_span_left_in_another_context_than_entered_harms_neither(open_provider):
    span = open_provider.get_tracer("t").start_as_current_span("x")
    contextvars.copy_context().run(span.__enter__)
    span.__exit__(None, None, None)
    assert api.get_current_span() is INVALID_SPAN


def test_concurrent_tasks_keep_to_their_own_trace(open_provider, sink):
    tracer = open_provider.get_tracer("t")

    async def job(number):
        with tracer.start_as_current_span(f"job{number}"):
            await asyncio.sleep(0)
            with tracer.start_as_current_span(f"child{number}"):
                await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*[job(number) for number in range(10)])

    asyncio.run(main())
    for number in range(10):
        assert sink.named(f"child{number}").parent.span_id == sink.named(f"job{number}").context.span_id


def test_threads_keep_to_their_own_trace(open_provider, sink):
    tracer = open_provider.get_tracer("t")

    def job(number):
        for _ in range(50):
            with tracer.span("nothing"):
                pass
            with tracer.start_as_current_span(f"job{number}") as root, tracer.span("child") as child:
                assert child.parent.span_id == root.context.span_id

    threads = [threading.Thread(target=job, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sink.spans) == 8 * 50 * 2


def test_the_services_random_seed_does_not_repeat_our_ids(open_provider):
    tracer = open_provider.get_tracer("t")
    found = []
    for _ in range(2):
        random.seed(1)
        found.append(tracer.start_span("x").context.span_id)
    assert found[0] != found[1]


def test_forked_processes_have_ids_of_their_own(open_provider):
    tracer = open_provider.get_tracer("t")
    read, write = os.pipe()
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            os.write(write, b"%016x" % tracer.start_span("x").context.span_id)
            os._exit(0)
        os.waitpid(pid, 0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        ids = pipe.read()
    assert len({ids[i : i + 16] for i in range(0, 48, 16)}) == 3


def test_the_private_names_of_opentelemetry_that_are_used_are_what_they_were():
    assert ctx.SPAN_KEY in api.set_span_in_context(INVALID_SPAN)
    assert type(context_api._RUNTIME_CONTEXT) is ContextVarsRuntimeContext
    token = ctx.set_(below(SAMPLED_PARENT))
    assert api.get_current_span() is SAMPLED_PARENT
    ctx.reset(token)


@pytest.mark.parametrize(
    ("arguments", "check"),
    [
        ({"record_exception": False}, lambda span: not span.events),
        ({"set_status_on_exception": False}, lambda span: span.status.status_code is StatusCode.UNSET),
        ({"context": Context()}, lambda span: span.parent is None),
        ({"links": [Link(SpanContext(1, 2, False))]}, lambda span: len(span.links) == 1),
    ],
)
def test_a_decorator_keeps_all_arguments(open_provider, sink, arguments, check):
    """start_as_current_span as a decorator, made where a span is recorded, means what it means elsewhere."""
    tracer = open_provider.get_tracer("t")
    with tracer.start_as_current_span("outer"):

        @tracer.start_as_current_span("inner", **arguments)
        def work():
            raise ValueError("v")

        with pytest.raises(ValueError, match="v"):
            work()
    assert check(sink.named("inner"))


def test_something_else_under_the_key_of_the_current_span_is_no_parent(provider):
    """As in trace.get_current_span(): what is no span counts as none."""
    garbage = Context({ctx.SPAN_KEY: object()})
    assert provider.get_tracer("test").start_span("x", context=garbage) is api.INVALID_SPAN


BESIDE = SpanContext(0xDEF << 64 | 1, 3, True, TraceFlags(1))


@pytest.mark.parametrize("way", ["start_span", "start_as_current_span", "leaf", "span"])
def test_the_first_span_below_a_signed_request_links_to_the_trace_beside_it(tracer, way):
    remote = Remote(INFO, beside=BESIDE)
    token = ctx.attach(remote, INFO)
    first, second = getattr(tracer, way)("first"), getattr(tracer, way)("second")
    ctx.detach(token)
    assert [link.context for link in first.links] == [BESIDE]
    assert list(second.links) == []
    assert (first.context.trace_id, first.parent.span_id) == (INFO.trace_id, 7)


def test_the_link_comes_beside_those_that_were_given(tracer):
    given = Link(SpanContext(1, 2, True))
    span = tracer.start_span("x", below(Remote(INFO, beside=BESIDE)), links=[given])
    assert [link.context.span_id for link in span.links] == [2, 3]


def test_a_span_that_is_not_the_first_below_a_request_takes_no_link(provider, tracer):
    remote = Remote(INFO, beside=BESIDE)
    with tracer.start_as_current_span("x", below(remote)):
        inner = tracer.start_span("inner")
    assert list(inner.links) == []
