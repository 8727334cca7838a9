"""adopt/wrappers.py: functions that were decorated before the adoption work on ours afterwards."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import threading
import traceback
import uuid
import weakref

import osprofiler.profiler as upstream
import pytest
from adopting import BASE, PARENT, adopted, handle_of, run, unit
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.trace import StatusCode

from otel_bridge import profiler
from otel_bridge.adopt import osprofiler as adoption
from otel_bridge.adopt import wrappers
from otel_bridge.replacing import Replacements
from otel_bridge.wire import ids

_NAME, _ARGS, _KWARGS, _RESULT = (
    "code.function.name",
    "osprofiler.function.args",
    "osprofiler.function.kwargs",
    "osprofiler.function.result",
)
_HERE = __name__


class Hostile:
    """An argument that may not be printed."""

    def __str__(self):
        raise AssertionError("printed")

    __repr__ = __str__


# Decorated as services are: when this module is imported.


@upstream.trace("plain", info={"any": "values"})
def plain(value=None, **named):
    return value


@upstream.trace("failing")
def failing(error):
    raise error


@upstream.trace("outer")
@upstream.trace("inner", hide_args=True)
def nested(value):
    return value


@upstream.trace("telling", hide_result=False)
def telling(value):
    return value


@upstream.trace("generator")
def generator(count):
    yield from range(count)


@upstream.trace("coroutine")
async def coroutine(value):
    await asyncio.sleep(0)
    return value


@upstream.trace_cls("cls", trace_static_methods=True, trace_private=True)
class Decorated:
    def public(self, value=None):
        return value

    def _private(self):
        return "private"

    @classmethod
    @upstream.trace("klass")
    def klass(cls):
        return cls

    @staticmethod
    def static(value):
        return value

    @property
    def untraced(self):
        return "untraced"


class Meta(metaclass=upstream.TracedMeta):
    __trace_args__ = {"name": "meta"}

    def first(self):
        return 1

    def second(self, value):
        return value


class Child(Meta):
    def second(self, value):
        return super().second(value)


reused = upstream.trace("reused")


@reused
def one():
    return 1


@reused
def two():
    return 2


class Instance:
    def public(self):
        return "public"


instance = upstream.trace_cls("instance")(Instance())


@pytest.fixture(autouse=True)
def _adopted(provider):
    with adopted(provider):
        yield
        profiler.capture(False)


@pytest.fixture
def traced():
    with unit():
        yield


@pytest.mark.parametrize(
    ("call", "result", "spans"),
    [
        (lambda: plain(1), 1, [("plain", "plain")]),
        (lambda: telling(1), 1, [("telling", "telling")]),
        (lambda: nested(1), 1, [("inner", "nested"), ("outer", "nested")]),
        (lambda: Decorated().public(1), 1, [("cls", "Decorated.public")]),
        (lambda: Decorated()._private(), "private", [("cls", "Decorated._private")]),
        (lambda: Decorated.klass(), Decorated, [("klass", "Decorated.klass")]),
        (lambda: Decorated.static(1), 1, [("cls", "Decorated.static")]),
        (lambda: Decorated().untraced, "untraced", []),
        (lambda: Meta().first(), 1, [("meta", "Meta.first")]),
        (lambda: Child().second(2), 2, [("meta", "Meta.second"), ("meta", "Child.second")]),
        (lambda: instance.public(), "public", [("instance", "Instance.public")]),
        (lambda: one() + two(), 3, [("reused", "one"), ("reused", "two")]),
        (lambda: two() + one(), 3, [("reused", "two"), ("reused", "one")]),
        (lambda: list(generator(2)), [0, 1], [("generator", "generator")]),
        (lambda: functools.partial(plain, 1)(), 1, [("plain", "plain")]),
    ],
)
def test_each_call_is_one_right_span(traced, sink, call, result, spans):
    assert call() == result
    assert [(span.attributes["osprofiler.name"], span.attributes[_NAME]) for span in sink.spans] == [
        (name, f"{_HERE}.{function}") for name, function in spans
    ]
    assert {span.context.trace_id for span in sink.spans} <= {ids.trace_id(BASE)}


def test_spans_nest_as_the_calls_do(traced, sink):
    nested(1)
    inner, outer = sink.spans
    assert inner.parent.span_id == outer.context.span_id
    assert outer.parent.span_id == ids.span_id(PARENT)


def test_what_was_given_as_info_is_recorded(traced, sink):
    plain()
    assert sink.spans[0].attributes["osprofiler.info.any"] == "values"


def test_inside_it_is_the_current_span(traced, sink):
    @upstream.trace("after the adoption")
    def inside():
        return api.get_current_span()

    assert plain(inside()) is sink.spans[0]


@pytest.mark.parametrize("error", [ValueError("v"), KeyError("k"), SystemExit(3), KeyboardInterrupt()])
def test_an_exception_goes_on_as_it_is(traced, sink, error):
    with pytest.raises(type(error)) as caught:
        failing(error)
    assert caught.value is error
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert frames[-1] == "failing"
    assert error.__context__ is None
    assert sink.spans[0].status.status_code is StatusCode.ERROR
    assert sink.spans[0].attributes["error.type"] == type(error).__name__
    assert api.get_current_span() is not sink.spans[0]


def test_arguments_are_looked_at_by_nobody(sink):
    hostile = Hostile()
    assert plain(hostile, named=hostile) is hostile
    with unit():
        assert plain(hostile, named=hostile) is hostile
        assert telling(hostile) is hostile
    assert len(sink.spans) == 2


def test_where_the_operator_wants_them_an_argument_that_cannot_be_printed_costs_itself(traced, sink):
    profiler.capture(True)
    hostile = Hostile()
    assert plain(hostile, named=hostile) is hostile
    assert telling(hostile) is hostile
    assert len(sink.spans) == 2


def test_arguments_and_results_are_recorded_where_they_are_wanted_and_not_hidden(traced, sink):
    profiler.capture(True)
    plain("p0sitional", named="n4med")
    telling("r3sult")
    nested("h1dden")
    shown = {span.attributes["osprofiler.name"]: span.attributes for span in sink.spans}
    assert "p0sitional" in shown["plain"][_ARGS]
    assert "n4med" in shown["plain"][_KWARGS]
    assert _RESULT not in shown["plain"]
    assert "r3sult" in shown["telling"][_RESULT]
    assert "h1dden" in shown["outer"][_ARGS]
    assert "h1dden" not in str(dict(shown["inner"]))


def test_no_call_carries_anothers_arguments(sink):
    """Upstream's share one dict."""
    profiler.capture(True)
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait(10)
        with unit(str(uuid.UUID(int=number + 1))):
            for step in range(100):
                assert plain(f"thread-{number}-{step}-", named=number) == f"thread-{number}-{step}-"
                Decorated().public(f"thread-{number}-{step}-")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(sink.spans) == 1600
    seen = set()
    for span in sink.spans:
        trace, arguments = span.context.trace_id, span.attributes[_ARGS]
        assert f"thread-{trace - 1}-" in arguments
        seen.add((span.attributes[_NAME], trace, arguments))
        if span.attributes["osprofiler.name"] == "plain":
            assert str(trace - 1) in span.attributes[_KWARGS]
    assert len(seen) == 1600


def test_what_was_printed_before_is_forgotten():
    """Upstream keeps the arguments of the last call, a password among them, to the end of the process."""
    found = run(
        """
        import gc, json
        from osprofiler import notifier, profiler

        @profiler.trace("x")
        def decorated(password):
            pass

        decorated("s3cret")
        kept = [str([cell.cell_contents for cell in decorated.__closure__])]
        notifier.create("otel://127.0.0.1:9", project="p", service="s", host="h")
        decorated("s3cret")
        kept.append(str([cell.cell_contents for cell in decorated.__closure__]))
        print(json.dumps(["s3cret" in text for text in kept]))
        """
    )
    assert found == [True, False]


def test_a_call_where_nothing_is_traced_records_nothing_and_leaves_nothing(sink):
    assert plain(1) == 1
    with pytest.raises(ValueError):
        failing(ValueError())
    assert sink.spans == []
    assert context_api.get_current() == {}


def test_a_recursive_function_is_a_span_for_each_call(traced, sink):
    @upstream.trace("r")
    def ours(number):
        return number and recursive(number - 1)

    assert recursive(3) == 0
    assert len(sink.spans) == 4


@upstream.trace("recursive")
def recursive(number):
    return number and recursive(number - 1)


def test_a_coroutine_function_gives_its_coroutine(traced):
    assert asyncio.run(coroutine(5)) == 5


def test_the_functions_stay_who_they_are():
    assert plain.__name__ == "plain"
    assert plain.__wrapped__.__traced__ == 1
    assert nested.__wrapped__.__wrapped__.__traced__ == 1
    assert list(inspect.signature(plain).parameters) == ["value", "named"]
    with pytest.raises(ValueError, match="already been traced"):
        upstream.trace("x", allow_multiple_trace=False)(plain.__wrapped__)


def test_what_is_decorated_from_now_on_is_ours(traced, sink):
    @upstream.trace("x")
    def function(argument):
        return argument

    @upstream.trace_cls("y")
    class Class:
        def method(self):
            return "method"

    class Later(metaclass=upstream.TracedMeta):
        __trace_args__ = {"name": "z"}

        def method(self):
            return "method"

    hostile = Hostile()
    assert function(hostile) is hostile
    assert Class().method() == Later().method() == "method"
    assert [span.attributes["osprofiler.name"] for span in sink.spans] == ["x", "y", "z"]


def test_a_decorator_that_was_made_before_still_gives_spans(traced, sink):
    """Its functions work by ``start`` and ``stop``, which are ours."""

    @reused
    def three(value):
        return value

    assert three(3) == 3
    with pytest.raises(ZeroDivisionError):
        reused(lambda: 1 / 0)()
    assert [span.attributes["osprofiler.name"] for span in sink.spans] == ["reused", "reused"]
    assert sink.spans[1].status.status_code is StatusCode.ERROR


def test_an_object_decorated_before_is_not_kept(provider):
    """By what :func:`release` would need to put back."""
    adoption.release()
    made = upstream.trace_cls("x")(Instance())
    assert adoption.adopt(handle_of(provider))
    held = weakref.ref(made)
    del made
    gc.collect()
    assert held() is None


def test_an_osprofiler_of_another_make_is_left_alone():
    def trace(name):
        def decorator(f):
            def wrapper(*args):
                return f(*args)

            return wrapper

        return decorator

    decorated = trace("x")(lambda: 1)
    code = decorated.__code__
    assert wrappers.heal(upstream, trace, Replacements()) == -1
    assert wrappers.heal(upstream, len, Replacements()) == -1
    assert decorated.__code__ is code


class Odd(dict):
    """An info that cannot be read."""

    def copy(self):
        return Odd(self)

    def keys(self):
        raise RuntimeError("keys")


def test_odd_objects_cost_themselves(provider, sink):
    adoption.release()
    nameless = upstream.trace("x")(functools.partial(len))
    unreadable = upstream.trace("y", info=Odd(a=1))(lambda text: len(text))
    assert adoption.adopt(handle_of(provider))
    with unit():
        assert (nameless("abc"), unreadable("abc")) == (3, 3)
    assert [span.attributes["osprofiler.name"] for span in sink.spans] == ["x", "y"]


def test_calls_while_others_adopt_and_release_come_to_their_end(provider, sink):
    """A call that has begun with one code ends with it."""
    over, failed = threading.Event(), []

    def call():
        while not over.is_set():
            try:
                assert plain(5) == 5
                assert Decorated().public(6) == 6
            except BaseException as error:
                failed.append(error)
                return

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            adoption.release()
            assert adoption.adopt(handle_of(provider))
    finally:
        over.set()
        for thread in threads:
            thread.join(20)
    assert failed == []
