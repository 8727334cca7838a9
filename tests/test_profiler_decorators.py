"""profiler_decorators.py: points around calls of functions, with their arguments where that is wanted."""

import asyncio
import copy
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import trace as api
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from osprofiler import profiler as theirs

from otel_bridge import profiler

BASE, PARENT = "0af76519-16cd-43dd-8448-eb211c80319c", "11111111-2222-4333-8444-555555555555"
ARGS, KWARGS, RESULT = (f"osprofiler.function.{part}" for part in ("args", "kwargs", "result"))

pytestmark = pytest.mark.usefixtures("own_profiler")


@pytest.fixture
def traced():
    """A traced unit of work, cleaned up after."""
    yield profiler.init("key", BASE, PARENT)
    profiler.clean()


@pytest.fixture
def captured(traced):
    """A traced unit of work of which arguments and results are wanted."""
    profiler.capture(True)
    yield
    profiler.capture(False)


def test_a_decorated_function_is_a_point_named_after_it(traced, sink):
    @profiler.trace("driver", info={"any": "values"})
    def work(value):
        return value * 2

    assert work(4) == 8
    (span,) = sink.spans
    assert span.attributes["code.function.name"].endswith("work")
    assert span.attributes["osprofiler.name"] == "driver"
    assert span.kind is SpanKind.INTERNAL


def test_arguments_and_results_are_not_recorded(traced, sink):
    @profiler.trace("driver", hide_result=False)
    def work(password, **kwargs):
        return "r3sult"

    work("s3cret", token="t0ken")
    text = str(dict(sink.spans[0].attributes))
    assert not [value for value in ("s3cret", "t0ken", "r3sult") if value in text]


class Hostile:
    def __str__(self):
        raise AssertionError

    __repr__ = __str__


def test_an_argument_whose_str_fails_or_is_dear_is_not_even_looked_at(traced):
    profiler.trace("x")(lambda value: None)(Hostile())


class Manager:
    def build(self, context, admin_pass, *, injected_files=(), image=None):
        return {"admin_pass": admin_pass, "image": image}


def call(f, manager=None):
    return f(manager, {"auth_token": "t0ken"}, "s3cret", injected_files=[("/a", "c0ntent")], image="tiny")


def test_where_they_are_wanted_arguments_and_results_are_recorded_and_masked(captured, sink):
    call(profiler.trace("rpc", hide_result=False)(Manager.build))
    (span,) = sink.spans
    assert span.attributes[ARGS] == "(self=None, context={'auth_token': REDACTED}, admin_pass=REDACTED)"
    assert span.attributes[KWARGS] == "{'injected_files': REDACTED, 'image': 'tiny'}"
    assert span.attributes[RESULT] == "{'admin_pass': REDACTED, 'image': 'tiny'}"
    assert span.attributes["code.function.name"].endswith("Manager.build")


@pytest.mark.parametrize(
    ("arguments", "recorded"),
    [
        ({}, {ARGS, KWARGS}),
        ({"hide_args": True}, set()),
        ({"hide_args": True, "hide_result": False}, {RESULT}),
        ({"info": {"hide_args": True}}, set()),  # as Nova's own trace_cls hands it on
        ({"info": {"hide_args": False}, "hide_result": False}, {ARGS, KWARGS, RESULT}),
    ],
)
@pytest.mark.parametrize("name", ["rpc", "driver"])
def test_what_the_decorator_hides_stays_hidden(captured, sink, name, arguments, recorded):
    call(profiler.trace(name, **arguments)(Manager.build))
    assert {key for key in (ARGS, KWARGS, RESULT) if key in sink.spans[0].attributes} == recorded


def test_methods_of_a_class_record_theirs(captured, sink):
    traced_class = profiler.trace_cls("x", hide_result=False)(type("Traced", (Manager,), {}))
    call(traced_class.build)
    traced_class().build({}, admin_pass="s3cret")
    assert [ARGS in span.attributes and RESULT in span.attributes for span in sink.spans] == [True, True]
    assert "s3cret" not in str([dict(span.attributes) for span in sink.spans])


def test_a_coroutine_function_records_what_it_gives(captured, sink):
    @profiler.trace("x", hide_result=False)
    async def work(name, password):
        return {"name": name, "password": password}

    asyncio.run(work("vm", password="s3cret"))
    assert sink.spans[0].attributes[ARGS] == "(name='vm')"
    assert sink.spans[0].attributes[KWARGS] == "{'password': REDACTED}"
    assert sink.spans[0].attributes[RESULT] == "{'name': 'vm', 'password': REDACTED}"


def test_arguments_are_those_of_the_beginning_of_the_call(captured, sink):
    @profiler.trace("x")
    def work(names):
        names.append("later")

    work(["first"])
    assert sink.spans[0].attributes[ARGS] == "(names=['first'])"


def test_arguments_that_cannot_be_looked_at_do_not_reach_the_host(captured, sink):
    @profiler.trace("x", hide_result=False)
    def work(value, other):
        return value

    class Worse(dict):
        items = __iter__ = __len__ = lambda self: 1 / 0

    for value in (Hostile(), Worse(a=Hostile())):
        assert work(value, other=value) is value
    assert len(sink.spans) == 2
    assert all("Hostile object" in span.attributes[RESULT] for span in sink.spans)


def test_what_a_repr_calls_is_not_traced(captured, sink):
    """Else a traced method in it would print its object, and so on: 2 ** depth calls for two of them."""

    @profiler.trace_cls("rpc", hide_result=False)
    class Stack:
        calls = 0

        def identifier(self):
            Stack.calls += 1
            return "a"

        def name(self):
            return "b"

        def __repr__(self):
            return f"{self.identifier()}{self.name()}"

    @profiler.trace("rpc", hide_result=False)
    def made(stack, named):
        return stack

    stack = Stack()
    assert made(stack, named=stack) is stack
    assert Stack.calls == 3
    (span,) = sink.spans
    assert [span.attributes[key] for key in (ARGS, KWARGS, RESULT)] == ["(stack=ab)", "{'named': ab}", "ab"]
    stack.identifier()
    assert [span.attributes["code.function.name"].rpartition(".")[2] for span in sink.spans[1:]] == [
        "identifier"
    ]


def test_an_interruption_while_arguments_are_printed_is_the_calls_own(captured, sink):
    """Time-outs of eventlet come as exceptions from wherever the greenlet waits."""

    class Interrupted(BaseException):
        pass

    class Waiting:
        def __repr__(self):
            raise Interrupted

    with pytest.raises(Interrupted):
        profiler.trace("x")(lambda value: None)(Waiting())
    assert sink.spans[0].attributes["error.type"].endswith("Interrupted")


def test_a_query_has_no_arguments(captured, sink):
    """Its parameters are values of the database."""
    profiler.trace("db", hide_result=False)(lambda statement: "r0w")("s3cret")
    text = str(dict(sink.spans[0].attributes))
    assert not [value for value in ("s3cret", "r0w") if value in text]


def test_calls_at_the_same_time_record_each_its_own_arguments(sink):
    """OSProfiler writes them into one dict for all calls."""
    barrier = threading.Barrier(4)

    @profiler.trace("x", info={"a": 1}, hide_result=False)
    def work(number, *, name):
        barrier.wait(10)
        return number

    def unit(number):
        profiler.init("key", str(uuid.UUID(int=number + 1)))
        work(number, name=f"vm-{number}")
        profiler.clean()

    profiler.capture(True)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(unit, range(200)))
    finally:
        profiler.capture(False)
    for span in sink.spans:
        number = span.context.trace_id - 1
        assert span.attributes[ARGS] == f"(number={number})"
        assert span.attributes[KWARGS] == f"{{'name': 'vm-{number}'}}"
        assert span.attributes[RESULT] == str(number)
    assert len(sink.spans) == 200


@pytest.mark.parametrize("hide", [True, False])
def test_a_call_through_upstreams_wrapper_writes_nothing_into_the_info_that_they_share(captured, sink, hide):
    """What an earlier call printed into it, before we came, is nobody's argument here."""
    info = {"hint": 1, "function": {"name": "m.C.f", "args": "('s3cret',)", "kwargs": "{'a': 's3cret'}"}}
    before = copy.deepcopy(info)
    assert profiler.traced_call(lambda a, b: a + b, "x", info, hide, hide, (1,), {"b": 2}) == 3
    assert info == before
    attributes = dict(sink.spans[0].attributes)
    shown = {key: attributes.get(key) for key in (ARGS, KWARGS, RESULT)}
    wanted = (None, None, None) if hide else ("(a=1)", "{'b': 2}", "3")
    assert tuple(shown.values()) == wanted
    assert attributes["code.function.name"] == "m.C.f"


def test_a_call_where_nothing_is_current_is_only_a_call(sink):
    profiler.capture(True)
    try:
        assert (
            profiler.traced_call(lambda a: a, "x", {"function": {}}, False, False, (Hostile,), {}) is Hostile
        )
    finally:
        profiler.capture(False)
    assert sink.spans == []


def test_arguments_are_recorded_on_the_sdks_provider_too(captured):
    memory = InMemorySpanExporter()
    sdk = SdkProvider(shutdown_on_exit=False)
    sdk.add_span_processor(SimpleSpanProcessor(memory))
    profiler.use(sdk)
    call(profiler.trace("x", hide_result=False)(Manager.build))
    (span,) = memory.get_finished_spans()
    assert span.attributes[KWARGS] == "{'injected_files': REDACTED, 'image': 'tiny'}"
    assert "s3cret" not in span.to_json()


def test_an_expected_exception_of_an_endpoint_is_recorded_as_what_it_is(traced, sink):
    """oslo.messaging wraps what the caller shall get; the wrapper has no message of its own."""
    oslo_messaging = pytest.importorskip("oslo_messaging")

    class NoValidHost(Exception):
        pass

    @profiler.trace("rpc")
    @oslo_messaging.expected_exceptions(NoValidHost)
    def select_destinations():
        raise NoValidHost("no valid host")

    with pytest.raises(oslo_messaging.ExpectedException):
        select_destinations()
    (span,) = sink.spans
    assert span.attributes["error.type"].endswith("NoValidHost")
    assert span.status.description == "NoValidHost: no valid host"
    assert span.events[0].attributes["exception.message"] == "no valid host"
    assert ".select_destinations" in span.events[0].attributes["exception.stacktrace"]


def test_calls_of_one_function_share_nothing(sink):
    barrier = threading.Barrier(2)

    @profiler.trace("x")
    def work(number):
        barrier.wait(10)
        return api.get_current_span()

    def unit(number):
        profiler.init("key", str(uuid.UUID(int=number + 1)))
        span = work(number)
        profiler.clean()
        return span.context.trace_id

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(unit, range(2))) == [1, 2]


def test_an_exception_of_a_decorated_function_is_recorded_and_goes_on(traced, sink):
    @profiler.trace("x")
    def work():
        raise KeyError("k")

    with pytest.raises(KeyError):
        work()
    assert sink.spans[0].attributes["error.type"] == "KeyError"


def test_a_coroutine_function_is_covered_while_it_awaits(sink):
    @profiler.trace("x")
    async def work():
        await asyncio.sleep(0)
        return api.get_current_span()

    async def main():
        profiler.init("key", BASE)
        return await work()

    assert asyncio.run(main()) is sink.spans[0]


def test_a_function_may_be_traced_twice_unless_that_is_declined():
    once = profiler.trace("x")(lambda: None)
    profiler.trace("x")(once)
    with pytest.raises(ValueError, match="already been traced"):
        profiler.trace("x", allow_multiple_trace=False)(once)


def traced_methods(cls):
    return {
        name for name in dir(cls) if not name.startswith("__") and hasattr(getattr(cls, name), "__wrapped__")
    }


def example():
    class Example:
        def public(self):
            return "public"

        def _private(self):
            pass

        def __dunder(self):
            pass

        @staticmethod
        def static():
            return "static"

        @classmethod
        def klass(cls):
            return cls

    return Example


@pytest.mark.parametrize(
    "arguments",
    [{}, {"trace_private": True}, {"trace_class_methods": True}, {"trace_static_methods": True}],
)
def test_trace_cls_chooses_the_methods_that_osprofiler_chooses(arguments):
    ours = profiler.trace_cls("x", **arguments)(example())
    upstream = theirs.trace_cls("x", **arguments)(example())
    assert traced_methods(ours) == traced_methods(upstream)
    assert (ours().public(), ours().static()) == ("public", "static")


def test_trace_cls_works_on_an_instance(traced, sink):
    driver = example()()
    profiler.trace_cls("driver")(driver)
    assert driver.public() == "public"
    assert sink.spans[0].attributes["code.function.name"].endswith("Example.public")


def test_trace_cls_that_declines_multiple_tracing_changes_nothing():
    cls = profiler.trace_cls("x")(example())
    before = cls.public
    with pytest.raises(ValueError, match="public"):
        profiler.trace_cls("x", allow_multiple_trace=False)(cls)
    assert cls.public is before


def test_traced_meta_traces_each_class_below(traced, sink):
    class Manager(metaclass=profiler.TracedMeta):
        __trace_args__ = {"name": "rpc", "info": None, "hide_args": True, "trace_private": False}

        def first(self):
            return 1

        def _second(self):
            return 2

    class Child(Manager):
        def third(self):
            return 3

    child = Child()
    assert (child.first(), child._second(), child.third()) == (1, 2, 3)
    assert len(sink.spans) == 2


def test_traced_meta_wants_a_name():
    with pytest.raises(TypeError, match="__trace_args__"):
        profiler.TracedMeta("X", (), {})


def test_concurrent_tasks_keep_to_their_own_points(sink):
    @profiler.trace("outer")
    async def outer():
        await asyncio.sleep(0)
        await inner()

    @profiler.trace("inner")
    async def inner():
        await asyncio.sleep(0)

    async def unit(number):
        profiler.init("key", str(uuid.UUID(int=number + 1)))
        await outer()

    async def all_units():
        await asyncio.gather(*[unit(number) for number in range(10)])

    asyncio.run(all_units())
    outers = {span.context.span_id: span for span in sink.spans if span.name == "outer"}
    inners = [span for span in sink.spans if span.name == "inner"]
    assert len(inners) == 10
    for span in inners:
        assert outers[span.parent.span_id].context.trace_id == span.context.trace_id
