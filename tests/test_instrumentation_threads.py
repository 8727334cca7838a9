"""instrumentation/threads.py: the trace crosses to other threads, and nothing of it stays there."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import gc
import operator
import queue
import threading
import warnings
import weakref
from contextlib import contextmanager
from typing import Any

import pytest
from adopting import BASE, KEY, adopted, attributes, changed, run, unit
from executors import EXECUTORS, PATIENCE, state, submit
from opentelemetry import baggage
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.sdk.trace import TracerProvider as SdkProvider

from otel_bridge import profiler
from otel_bridge.instrumentation import threads as module
from otel_bridge.instrumentation.threads import ThreadsInstrumentor
from otel_bridge.tracing import carried, points
from otel_bridge.tracing.carried import MAX_HANDS, Carried

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import eventlet.greenthread
    import eventlet.tpool
    import futurist
    import futurist._futures

MODULES = (
    "threading",
    "concurrent.futures.thread",
    "futurist._futures",
    "futurist._utils",
    "eventlet.greenthread",
    "eventlet.tpool",
)


@contextmanager
def instrumented():
    instrumentor = ThreadsInstrumentor()
    instrumentor.instrument()
    try:
        yield instrumentor
    finally:
        instrumentor.uninstrument()


@pytest.fixture
def on():
    with instrumented() as instrumentor:
        yield instrumentor


@pytest.fixture(scope="module")
def pools():
    """One of each kind; to stop one takes a second."""
    made = {name: make() for name, make in EXECUTORS.items()}
    yield made
    for pool in made.values():
        pool.shutdown(wait=False)


@pytest.fixture(params=EXECUTORS)
def pool(request, on, pools):
    """An executor whose one thread has begun before anything is traced."""
    made = pools[request.param]
    made.submit(int).result(PATIENCE)
    return made


@pytest.fixture
def tracer(open_provider):
    return open_provider.get_tracer("test")


def current():
    return api.get_current_span()


def in_thread(work, make=threading.Thread):
    """What ``work`` returns in a thread of its own."""
    seen = []
    thread = make(target=lambda: seen.append(work()))
    thread.start()
    thread.join(PATIENCE)
    return seen[0]


# -- pools --------------------------------------------------------------------------------------------


def test_work_belongs_to_the_span_that_submits_it(pool, tracer):
    with tracer.start_as_current_span("unit") as span:
        assert submit(pool, current) is span
    assert submit(pool, state) == {}


def test_untraced_work_is_handed_on_as_it_is(pool, monkeypatch):
    monkeypatch.setattr(module, "Carried", None)
    monkeypatch.setattr(module, "handed_on", None)
    assert submit(pool, state) == {}


@pytest.mark.parametrize(
    "context",
    [
        baggage.set_baggage("a", "b", Context()),
        api.set_span_in_context(api.INVALID_SPAN, Context()),
        api.set_span_in_context(api.NonRecordingSpan(api.SpanContext(1, 2, True)), Context()),
    ],
    ids=["baggage", "invalid span", "remote span"],
)
def test_only_a_trace_is_carried(on, pools, context):
    token = context_api.attach(context)
    assert submit(pools["concurrent.futures"], state) == {}
    context_api.detach(token)


def test_a_span_of_the_sdk_is_carried(pool):
    tracer = SdkProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("unit") as span:
        assert submit(pool, current) is span
    assert submit(pool, state) == {}


def test_the_rest_of_the_context_comes_along(pool, tracer):
    with tracer.start_as_current_span("unit"):
        token = context_api.attach(baggage.set_baggage("a", "b"))
        assert submit(pool, baggage.get_baggage, "a") == "b"
        context_api.detach(token)


def leave(tracer):
    context_api.attach(api.set_span_in_context(tracer.start_span("left")))


def test_what_the_work_leaves_in_the_context_is_taken_away(pool, tracer):
    with tracer.start_as_current_span("unit") as span:
        submit(pool, leave, tracer)
        assert current() is span
    assert submit(pool, state) == {}


def test_points_that_the_work_leaves_open_end_with_it(pool, own_profiler, sink):
    own_profiler.init(KEY, BASE)
    submit(pool, own_profiler.start, "left")
    (left,) = sink.spans
    assert left.attributes[points.INCOMPLETE] is True
    own_profiler.clean()
    assert submit(pool, state) == {}


def test_the_works_stop_does_not_end_the_submitters_points(pool, own_profiler, sink):
    own_profiler.init(KEY, BASE)
    own_profiler.start("the submitter's")
    submit(pool, own_profiler.stop)
    assert sink.spans == []
    own_profiler.stop()
    own_profiler.clean()
    assert len(sink.spans) == 1


def test_exceptions_and_results_are_the_works_own(pool, tracer):
    error = ValueError("v")

    def fail():
        raise error

    with tracer.start_as_current_span("unit"):
        with pytest.raises(ValueError) as caught:
            submit(pool, fail)
        assert caught.value is error
        assert submit(pool, operator.add, 1, 2) == 3
    assert submit(pool, state) == {}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_the_works_keywords_are_its_own(on, pools, tracer, kind):
    """As far as they are without us."""
    named = {"pool": 1, "args": 2, "context": 3, **({"fn": 4} if kind == "concurrent.futures" else {})}
    with tracer.start_as_current_span("unit"):
        assert pools[kind].submit(dict, **named).result(PATIENCE) == named


def test_futurist_takes_the_function_by_name(on, pools, tracer):
    with tracer.start_as_current_span("unit") as span:
        assert pools["futurist.ThreadPoolExecutor"].submit(fn=current).result(PATIENCE) is span


class Service:
    def bound(self, value):
        return self, value, current()

    @classmethod
    def of_class(cls, value):
        return cls, value, current()


def test_every_kind_of_callable(pool, tracer):
    service = Service()
    with tracer.start_as_current_span("unit") as span:
        assert submit(pool, service.bound, 1) == (service, 1, span)
        assert submit(pool, Service.of_class, 1) == (Service, 1, span)
        assert submit(pool, functools.partial(service.bound, value=1)) == (service, 1, span)
        assert submit(pool, functools.partial(functools.partial(service.bound), 1)) == (service, 1, span)
        with pytest.raises(TypeError, match="'int' object is not callable"):
            submit(pool, 1)


def test_what_is_submitted_from_within_goes_on_below_the_spans_there(on, tracer, sink):
    def walk(depth):
        with tracer.start_as_current_span(f"depth {depth}"):
            if depth < 3:
                pool.submit(walk, depth + 1).result(PATIENCE)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        with tracer.start_as_current_span("unit"):
            pool.submit(walk, 0).result(PATIENCE)
        assert [submit(pool, state) for _ in range(4)] == [{}] * 4
    spans = [sink.named("unit"), *(sink.named(f"depth {depth}") for depth in range(4))]
    assert [span.parent.span_id for span in spans[1:]] == [span.context.span_id for span in spans[:-1]]


def test_work_that_submits_itself_for_ever_loses_the_trace(on, tracer):
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def again(left):
        seen.put(current())
        if left:
            pool.submit(again, left - 1)

    with concurrent.futures.ThreadPoolExecutor(1) as pool, tracer.start_as_current_span("unit") as span:
        pool.submit(again, MAX_HANDS + 2)
        found = [seen.get(timeout=PATIENCE) for _ in range(MAX_HANDS + 3)]
    assert found == [span] * MAX_HANDS + [api.INVALID_SPAN] * 3


def test_map(on, tracer):
    with concurrent.futures.ThreadPoolExecutor(3) as pool, tracer.start_as_current_span("unit") as span:
        assert list(pool.map(lambda _number: current(), range(9))) == [span] * 9


def test_many_units_on_few_threads_keep_to_themselves(on, tracer):
    def unit_of_work(number):
        with tracer.start_as_current_span("unit") as span:
            token = context_api.attach(baggage.set_baggage("number", number))
            futures = [inner.submit(lambda: (current(), baggage.get_baggage("number"))) for _ in range(5)]
            context_api.detach(token)
            return all(future.result(PATIENCE) == (span, number) for future in futures)

    with (
        concurrent.futures.ThreadPoolExecutor(3) as outer,
        concurrent.futures.ThreadPoolExecutor(2) as inner,
    ):
        assert all(outer.map(unit_of_work, range(60)))
        assert submit(outer, state) == submit(inner, state) == {}


def test_a_subclass_that_calls_submit_of_its_base_wraps_once(on, tracer):
    class Pool(concurrent.futures.ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return super().submit(Carried(fn, Context({"mine": 1})), *args, **kwargs)

    with Pool(1) as pool, tracer.start_as_current_span("unit"):
        assert submit(pool, state) == {"mine": 1}


def test_a_process_pool_is_left_alone(on, tracer):
    found = run(
        """
        import concurrent.futures, json, multiprocessing, operator, warnings
        warnings.simplefilter("ignore")
        from opentelemetry import trace as api
        from opentelemetry.sdk.trace import TracerProvider
        from otel_bridge.instrumentation.threads import ThreadsInstrumentor
        import futurist
        if __name__ == "__main__":
            ThreadsInstrumentor().instrument()
            context = multiprocessing.get_context("spawn")
            with TracerProvider().get_tracer("test").start_as_current_span("unit"):
                with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
                    plain = pool.submit(operator.add, 1, 2).result()
                with futurist.ProcessPoolExecutor(1, mp_context=context) as pool:
                    futurists = pool.submit(operator.add, 1, 2).result()
            submits = [cls.submit for cls in
                       (concurrent.futures.ProcessPoolExecutor, futurist.ProcessPoolExecutor)]
            print(json.dumps([plain, futurists, [hasattr(submit, "__wrapped__") for submit in submits]]))
        """,
        activate=False,
    )
    assert found == [3, 3, [False, False]]


def test_a_pool_of_interpreters_is_left_alone(on, tracer, monkeypatch):
    """Python 3.14's is a thread pool that pickles what is submitted."""

    class InterpreterPoolExecutor(concurrent.futures.ThreadPoolExecutor):
        pass

    class Interpreter:
        pass

    Interpreter.InterpreterPoolExecutor = InterpreterPoolExecutor  # type: ignore[attr-defined]
    monkeypatch.setitem(module.sys.modules, "concurrent.futures.interpreter", Interpreter)
    with InterpreterPoolExecutor(1) as pool, tracer.start_as_current_span("unit"):
        assert submit(pool, state) == {}


def test_a_cancelled_future_lets_the_context_go(on, tracer):
    begun, go_on = threading.Event(), threading.Event()

    def block():
        begun.set()
        go_on.wait(PATIENCE)

    def never():
        raise AssertionError

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(block)
        assert begun.wait(PATIENCE)
        noted = Noted()
        gone = weakref.ref(noted)
        with tracer.start_as_current_span("unit"):
            token = context_api.attach(context_api.set_value("noted", noted))
            future = pool.submit(never)
            context_api.detach(token)
        assert future.cancel()
        del noted, token
        go_on.set()
        submit(pool, int)
        assert gone() is None


class Noted:
    """Something that a context holds, and that can be watched."""


@pytest.mark.parametrize("fails", [False, True])
def test_a_context_is_let_go_when_the_work_is_done(pool, tracer, fails):
    """Without the garbage collector, and while the future is kept."""
    noted = Noted()
    gone = weakref.ref(noted)

    def work():
        if fails:
            raise ValueError

    gc.collect()
    gc.disable()
    try:
        with tracer.start_as_current_span("unit"):
            token = context_api.attach(context_api.set_value("noted", noted))
            future = pool.submit(work)
            context_api.detach(token)
        del noted, token
        concurrent.futures.wait([future], PATIENCE)
        submit(pool, int)  # the worker is through with the item before
        assert gone() is None
        assert isinstance(future.exception(), ValueError) is fails
    finally:
        gc.enable()


def test_a_rejected_submission_lets_the_context_go(on, tracer):
    def reject(_pool, _waiting):
        raise futurist.RejectedSubmission

    noted = Noted()
    gone = weakref.ref(noted)
    pool = futurist.ThreadPoolExecutor(1, check_and_reject=reject)
    with tracer.start_as_current_span("unit"):
        token = context_api.attach(context_api.set_value("noted", noted))
        with pytest.raises(futurist.RejectedSubmission):
            pool.submit(int)
        context_api.detach(token)
    del noted, token
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(not hasattr(futurist._futures, "DelayedExecutorMixin"), reason="an older futurist")
def test_futurists_delayed_submission(on, tracer):
    class Pool(futurist._futures.DelayedExecutorMixin, concurrent.futures.ThreadPoolExecutor):  # type: ignore
        pass

    with Pool(1) as pool:
        with tracer.start_as_current_span("unit") as span:
            future = pool.submit_after(0.01, current)
        assert future.result(PATIENCE) is span
        assert submit(pool, state) == {}


# -- asyncio ------------------------------------------------------------------------------------------


def test_asyncio_carries_by_itself_and_into_its_executors(on, tracer):
    async def task():
        await asyncio.sleep(0)
        return current()

    async def main():
        loop = asyncio.get_running_loop()
        with tracer.start_as_current_span("unit") as span:
            later = loop.create_future()
            loop.call_soon(lambda: later.set_result(current()))
            found = [
                await task(),
                await asyncio.create_task(task()),
                *await asyncio.gather(task(), task()),
                await later,
                await asyncio.to_thread(current),
                await loop.run_in_executor(None, current),
            ]
        return found == [span] * 7, await loop.run_in_executor(None, state), state()

    assert asyncio.run(main()) == (True, {}, {})


def test_work_in_a_context_of_its_own(on, tracer, pools):
    """As ``asyncio.to_thread`` submits it."""
    with tracer.start_as_current_span("unit"):
        copied = contextvars.copy_context()
    with tracer.start_as_current_span("later"):
        submit(pools["concurrent.futures"], copied.run, leave, tracer)
    assert submit(pools["concurrent.futures"], state) == {}


# -- threads ------------------------------------------------------------------------------------------


def test_a_thread_belongs_to_the_span_that_starts_it(on, tracer):
    made = threading.Thread
    with tracer.start_as_current_span("unit") as span:
        assert in_thread(current, made) is span
    assert in_thread(state) == {}


def test_a_subclass_with_its_own_run(on, tracer):
    class Worker(threading.Thread):
        def run(self):
            self.seen = current()

    with tracer.start_as_current_span("unit") as span:
        worker = Worker()
        worker.start()
        worker.join(PATIENCE)
    assert worker.seen is span
    assert "run" not in vars(worker)


def test_the_span_counts_in_which_it_is_started_and_not_made(on, tracer):
    seen = []
    with tracer.start_as_current_span("made"):
        thread = threading.Thread(target=lambda: seen.append(current()))
    with tracer.start_as_current_span("started") as span:
        thread.start()
        thread.join(PATIENCE)
    assert seen == [span]


def test_a_timer_belongs_to_the_span_that_starts_it(on, tracer):
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with tracer.start_as_current_span("unit") as span:
        threading.Timer(0, lambda: seen.put(current())).start()
    assert seen.get(timeout=PATIENCE) is span


def test_a_timer_that_sets_itself_again_soon_loses_the_trace(on, tracer):
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def again(left):
        seen.put(current())
        if left:
            threading.Timer(0, again, (left - 1,)).start()

    with tracer.start_as_current_span("unit") as span:
        threading.Timer(0, again, (4,)).start()
    found = [seen.get(timeout=PATIENCE) for _ in range(5)]
    assert found == [span] * 2 + [api.INVALID_SPAN] * 3


def test_a_timer_that_is_cancelled(on, tracer):
    with tracer.start_as_current_span("unit"):
        timer = threading.Timer(PATIENCE, int)
        timer.start()
    timer.cancel()
    timer.join(PATIENCE)
    assert "run" not in vars(timer)


def test_a_thread_that_cannot_start_is_as_before(on, tracer, monkeypatch):
    def refuse(*_args):
        raise RuntimeError("can't start new thread")

    thread = threading.Thread(target=int)
    with tracer.start_as_current_span("unit"), monkeypatch.context() as patch:
        patch.setattr(threading, "_start_new_thread", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            thread.start()
    assert "run" not in vars(thread)


def test_a_thread_that_is_started_twice_raises_as_ever(on, tracer):
    with tracer.start_as_current_span("unit"):
        thread = threading.Thread(target=int)
        thread.start()
        thread.join(PATIENCE)
        with pytest.raises(RuntimeError, match="only be started once"):
            thread.start()
    assert "run" not in vars(thread)


def test_what_somebody_has_put_in_the_place_of_run_stays(on, tracer):
    seen = []
    thread = threading.Thread()
    thread.run = mine = lambda: seen.append(current())  # type: ignore[method-assign]
    with tracer.start_as_current_span("unit") as span:
        thread.start()
        thread.join(PATIENCE)
    assert seen == [span]
    assert vars(thread)["run"] is mine


def test_a_thread_is_no_garbage_cycle(on, tracer):
    gc.collect()
    gc.disable()
    try:
        with tracer.start_as_current_span("unit"):
            thread = threading.Thread(target=int)
            thread.start()
        thread.join(PATIENCE)
        gone = weakref.ref(thread)
        del thread
        assert gone() is None
    finally:
        gc.enable()


def test_an_error_in_a_thread_is_reported_as_ever(on, tracer, monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type))
    with tracer.start_as_current_span("unit"):
        thread = threading.Thread(target=lambda: 1 // 0)
        thread.start()
        thread.join(PATIENCE)
    assert seen == [ZeroDivisionError]


@pytest.mark.parametrize("kind", EXECUTORS)
def test_the_thread_of_a_pool_that_a_traced_unit_makes_begins_untraced(on, tracer, kind):
    """It is started by the first submission."""
    left = []
    with tracer.start_as_current_span("unit") as span:
        pool = EXECUTORS[kind]()
        assert submit(pool, current) is span
        thread_state = contextvars.Context().run(pool.submit, state)
        left.append(thread_state.result(PATIENCE))
    pool.shutdown(wait=False)
    assert left == [{}]


# -- beside others ------------------------------------------------------------------------------------


@pytest.fixture
def timer():
    """Takes away the ``start`` of its own that contrib leaves on ``Timer``."""

    def clean():
        if "start" in vars(threading.Timer):
            del threading.Timer.start

    yield clean
    clean()


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "contrib first"])
def test_contrib_beside_ours_is_harmless(tracer, timer, ours_first):
    before = attributes(*MODULES)
    both = [ThreadsInstrumentor(), ThreadingInstrumentor()]
    if not ours_first:
        both.reverse()
    for instrumentor in both:
        instrumentor.instrument()
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            submit(pool, int)
            with tracer.start_as_current_span("unit") as span:
                assert submit(pool, current) is span
                assert in_thread(current) is span
            assert submit(pool, state) == {}
        assert in_thread(state) == {}
    finally:
        for instrumentor in reversed(both):
            instrumentor.uninstrument()
    timer()
    assert changed(before, attributes(*MODULES)) == set()


def in_new_pool():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        submit(pool, int)


@pytest.mark.parametrize(
    ("owner", "name", "carries", "hand_on"),
    [
        (
            concurrent.futures.ThreadPoolExecutor,
            "submit",
            lambda pool, function: function.__class__ is Carried,
            in_new_pool,
        ),
        (threading.Thread, "start", lambda thread: "run" in vars(thread), lambda: in_thread(int)),
    ],
    ids=["submit", "start"],
)
def test_ours_idles_where_another_one_still_stands_on_it(tracer, monkeypatch, owner, name, carries, hand_on):
    """What is below ours gets what ours was given."""
    found, seen = getattr(owner, name), []

    def last(*args):
        seen.append(carries(*args))
        return found(*args)

    monkeypatch.setattr(owner, name, last)
    with instrumented():
        ours = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args: ours(*args))
        with tracer.start_as_current_span("unit"):
            hand_on()
        assert seen == [True]
    with tracer.start_as_current_span("unit"):
        hand_on()
    assert seen == [True, False]


def test_greenlets_are_given_nothing_where_another_one_still_stands_on_ours(tracer, monkeypatch):
    with instrumented():
        ours = eventlet.greenthread.GreenThread.__init__
        monkeypatch.setattr(eventlet.greenthread.GreenThread, "__init__", lambda *args: ours(*args))
        with tracer.start_as_current_span("unit"):
            during = eventlet.greenthread.GreenThread(None)
    with tracer.start_as_current_span("unit"):
        afterwards = eventlet.greenthread.GreenThread(None)
    assert [module._SPAWNED_IN in vars(made) for made in (during, afterwards)] == [True, False]


def test_afterwards_everything_is_as_it_was():
    before = attributes(*MODULES)
    with instrumented():
        assert changed(before, attributes(*MODULES))
    assert changed(before, attributes(*MODULES)) == set()
    with instrumented():
        pass
    assert changed(before, attributes(*MODULES)) == set()


def test_what_is_carried_already_runs_with_its_trace_after_the_end(tracer):
    begun, go_on = threading.Event(), threading.Event()

    def block():
        begun.set()
        go_on.wait(PATIENCE)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(block)
        assert begun.wait(PATIENCE)
        with instrumented(), tracer.start_as_current_span("unit") as span:
            future = pool.submit(current)
        go_on.set()
        assert future.result(PATIENCE) is span
        assert submit(pool, state) == {}


def test_a_library_of_another_make_does_not_fail_the_import(monkeypatch, caplog):
    monkeypatch.delattr(eventlet.tpool, "execute")
    with instrumented(), concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert submit(pool, int) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "eventlet.tpool cannot be instrumented: AttributeError"
    ]


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "adoption first"])
@pytest.mark.parametrize("kind", EXECUTORS)
def test_in_an_adopted_service_work_is_carried_once(provider, sink, monkeypatch, ours_first, kind):
    entered = []
    within = carried.within
    monkeypatch.setattr(carried, "within", lambda *args, **named: entered.append(1) or within(*args, **named))

    def work():
        hands = context_api.get_current().get(carried.HANDS_KEY)
        with profiler.Trace("work"):
            return hands, profiler.get().get_base_id()

    managers = [instrumented(), adopted(provider)]
    if not ours_first:
        managers.reverse()
    with managers[0], managers[1]:
        pool = EXECUTORS[kind]()
        submit(pool, int)
        with unit():
            assert submit(pool, work) == (1, BASE)
        assert submit(pool, state) == {}
        pool.shutdown(wait=False)
    assert entered == []  # by the item, and not by what is called, too
    assert len(sink.spans) == 1
