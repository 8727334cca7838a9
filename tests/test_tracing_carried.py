"""tracing/carried.py: a unit of work begins with its trace, and leaves nothing."""

from __future__ import annotations

import functools
import gc
import pickle
import weakref
from concurrent.futures import Future
from inspect import signature

import pytest
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otel_bridge.tracing import carried as module
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import points
from otel_bridge.tracing.carried import DELAYED, HANDS_KEY, MAX_HANDS, Carried, handed_on, is_traced, within
from otel_bridge.wire.signing import Key, TraceInfo

INFO = TraceInfo(1, 0, Key("key"))
REMOTE = NonRecordingSpan(SpanContext(1, 2, True, TraceFlags(1)))


@pytest.fixture
def span(open_provider):
    return open_provider.get_tracer("test").start_span("unit")


def test_a_span_of_ours_is_traced_after_its_end_too(span):
    """Work goes on when the request has been answered."""
    context = api.set_span_in_context(span, Context())
    assert is_traced(context)
    span.end()
    assert is_traced(context)


def test_a_recording_span_of_another_provider_is_traced():
    span = SdkProvider(shutdown_on_exit=False).get_tracer("test").start_span("unit")
    context = api.set_span_in_context(span, Context())
    assert is_traced(context)
    span.end()
    assert not is_traced(context)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (Context(), False),
        (Context({"theirs": 1}), False),
        (api.set_span_in_context(REMOTE, Context()), False),
        (api.set_span_in_context(api.INVALID_SPAN, Context()), False),
        (Context({ctx.SPAN_KEY: "no span"}), False),
        (Context({ctx.TRACE_INFO_KEY: INFO}), True),
    ],
    ids=["empty", "theirs", "remote", "invalid", "odd", "signed, no point yet"],
)
def test_what_is_traced(context, expected):
    assert is_traced(context) is expected
    assert (handed_on(context) is not None) is expected


def test_what_is_handed_on_is_the_trace_without_what_is_the_starters_own(span):
    node = points.OpenPoint(span, None, Context(), None, None)
    context = Context(
        {
            ctx.SPAN_KEY: span,
            ctx.TRACE_INFO_KEY: INFO,
            points.OPEN_KEY: node,
            ctx.SERVED_KEY: 1,
            "theirs": "value",
        }
    )
    before = dict(context)
    assert handed_on(context) == {
        ctx.SPAN_KEY: span,
        ctx.TRACE_INFO_KEY: INFO,
        "theirs": "value",
        HANDS_KEY: 1,
    }
    assert dict(context) == before


@pytest.mark.parametrize(("times", "expected"), [(1, MAX_HANDS), (DELAYED, MAX_HANDS // DELAYED)])
def test_what_hands_itself_on_for_ever_loses_the_trace(span, times, expected):
    context, count = api.set_span_in_context(span, Context()), 0
    while (context := handed_on(context, times)) is not None:
        count += 1
        assert count <= MAX_HANDS
    assert count == expected


# -- within -------------------------------------------------------------------------------------------


def test_within_restores_what_was_there_whatever_is_left():
    before = context_api.get_current()
    begin = Context({"a": 1})

    def work(value, *, more):
        assert context_api.get_current() is begin
        context_api.attach(Context({"left": 1}))
        return value + more

    assert within(begin, work, 1, more=2) == 3
    assert context_api.get_current() is before
    assert within(before, context_api.attach, Context({"left": 1})) is not None
    assert context_api.get_current() is before


def test_within_ends_the_points_that_the_unit_left_open(own_profiler, sink):
    own_profiler.init("key")
    own_profiler.start("the starter's")
    begin = handed_on(ctx.get())
    assert begin is not None
    within(begin, own_profiler.start, "left")
    (left,) = sink.spans
    assert (left.name, left.attributes[points.INCOMPLETE]) == ("left", True)
    own_profiler.stop()
    assert points.INCOMPLETE not in sink.named("the starter's").attributes
    own_profiler.clean()


def test_a_unit_that_takes_away_its_own_context_ends_nothing_of_others(own_profiler, sink):
    own_profiler.init("key")
    own_profiler.start("the starter's")
    before = ctx.get()
    begin = handed_on(before)
    assert begin is not None
    within(begin, ctx.set_, before)
    assert sink.spans == []
    assert ctx.get() is before
    own_profiler.stop()
    own_profiler.clean()


# -- Carried ------------------------------------------------------------------------------------------


def documented(one: int, *, two: int = 2) -> int:
    """Adds."""
    return one + two


def current(*_args, **_kwargs):
    return context_api.get_current()


def test_it_passes_for_the_function():
    carried = Carried(documented, Context({"a": 1}))
    assert carried(1, two=3) == 4
    assert (carried.__name__, carried.__qualname__, carried.__wrapped__) == (
        "documented",
        "documented",
        documented,
    )
    assert signature(carried) == signature(documented)
    assert repr(carried) == repr(documented)
    assert not hasattr(carried, "none_such")


def test_it_has_no_argument_of_its_own():
    """Any keyword is the function's."""
    assert Carried(lambda **kwargs: kwargs, Context())(self=1, work=2, begin=3, context=4) == {
        "self": 1,
        "work": 2,
        "begin": 3,
        "context": 4,
    }


def test_what_is_pickled_is_the_function():
    copied = pickle.loads(pickle.dumps(Carried(documented, Context({"a": object()}))))
    assert isinstance(copied, functools.partial)
    assert copied.func is documented
    with pytest.raises(Exception, match="pickle"):
        pickle.dumps(Carried(lambda: 1, Context()))


def test_the_context_is_there_during_the_work_and_let_go_then():
    context = Context({"a": 1})
    carried = Carried(current, context)
    assert carried() is context
    assert carried() == Context()
    assert carried.take() == (current, None)


def test_what_takes_the_context_over_leaves_the_function():
    context = Context({"a": 1})
    carried = Carried(current, context)
    assert carried.take() == (current, context)
    assert carried() == Context()


class Noted:
    """Something that a context holds, and that can be watched."""


def fail():
    raise ValueError("v")


def test_a_failed_unit_keeps_its_context_no_longer_than_a_successful_one():
    """An exception keeps the frames that it went through, and a future keeps the exception."""
    noted = Noted()
    gone = weakref.ref(noted)
    carried = Carried(fail, Context({"noted": noted}))
    future: Future[None] = Future()
    gc.disable()
    try:
        try:
            carried()
        except ValueError as exc:
            future.set_exception(exc)
        del noted
        assert gone() is None
    finally:
        gc.enable()
    assert isinstance(future.exception(), ValueError)


def test_work_that_calls_itself_keeps_the_context():
    context = Context({"a": 1})
    seen = []

    def work(depth):
        seen.append(context_api.get_current() is context)
        if depth:
            carried(depth - 1)

    carried = Carried(work, context)
    carried(2)
    assert seen == [True] * 3


def test_the_keys_are_none_that_others_use():
    assert module.HANDS_KEY not in {ctx.SPAN_KEY, ctx.TRACE_INFO_KEY, ctx.SERVED_KEY, points.OPEN_KEY}
