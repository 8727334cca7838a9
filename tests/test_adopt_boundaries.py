"""adopt/boundaries.py: a unit of work leaves nothing behind; what it hands on belongs to its trace."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import itertools
import threading
import time
import uuid
import warnings
from concurrent.futures.thread import _WorkItem
from typing import Any

import pytest
from adopting import BASE, KEY, PARENT, adopted, run, unit
from bus import ProfilerSerializer
from executors import EXECUTORS, PATIENCE, state, submit
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind
from oslo_config import cfg
from osprofiler import profiler

from otel_bridge.adopt import boundaries
from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx
from otel_bridge.wire import ids
from otel_bridge.wire.signing import KeyRing

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import futurist
    import futurist._utils
    import oslo_messaging
    from oslo_messaging.notify.listener import BatchNotificationServer, NotificationServer
    from oslo_messaging.rpc.server import RPCServer

    from otel_bridge.instrumentation.messaging import MessagingInstrumentor, register_options


@pytest.fixture
def here(provider):
    with adopted(provider):
        yield


@pytest.fixture(scope="module")
def pools():
    """Two executors of each kind; to stop one takes a second."""
    made = [{name: make() for name, make in EXECUTORS.items()} for _ in range(2)]
    yield made
    for pool in [pool for pools in made for pool in pools.values()]:
        pool.shutdown(wait=False)


@pytest.fixture(params=EXECUTORS)
def pool(request, here, pools):
    """An executor whose thread all work items share."""
    return pools[0][request.param]


def base_id():
    prof = profiler.get()
    return prof and prof.get_base_id()


# -- work items ---------------------------------------------------------------------------------------


def leave_everything():
    profiler.init(KEY, str(uuid.uuid4()))
    profiler.start("left open")
    context_api.attach(api.set_span_in_context(api.INVALID_SPAN))


def test_nothing_stays_on_a_pooled_thread(pool, sink):
    before = state()
    submit(pool, leave_everything)
    assert submit(pool, state) == {}
    assert state() == before
    (span,) = sink.spans
    assert span.attributes["osprofiler.incomplete"] is True


def test_an_item_that_raises_leaves_nothing_and_raises_the_same(pool, sink):
    error = ValueError("v")

    def fail():
        leave_everything()
        raise error

    with pytest.raises(ValueError) as caught:
        submit(pool, fail)
    assert caught.value is error
    assert submit(pool, state) == {}


def test_work_that_a_traced_unit_hands_on_belongs_to_its_trace(pool, sink):
    def work():
        assert base_id() == BASE
        with profiler.Trace("there"):
            pass

    with unit():
        with profiler.Trace("here"):
            submit(pool, work)
        submit(pool, work)
    first, here, second = sink.spans
    assert first.parent.span_id == here.context.span_id
    assert second.parent.span_id == ids.span_id(PARENT)
    assert {span.context.trace_id for span in sink.spans} == {ids.trace_id(BASE)}
    assert submit(pool, state) == {}


def test_the_span_at_submission_is_the_parent_and_not_that_of_when_it_runs(here, pools, sink):
    begun, go_on = threading.Event(), threading.Event()

    def block():
        begun.set()
        assert go_on.wait(PATIENCE)

    def work():
        with profiler.Trace("work"):
            pass

    pool = pools[0]["futurist.ThreadPoolExecutor"]
    pool.submit(block)
    assert begun.wait(PATIENCE)
    with unit():
        with profiler.Trace("at submission"):
            future = pool.submit(work)
        with profiler.Trace("later"):
            go_on.set()
            future.result(PATIENCE)
    by_name = {span.name: span for span in sink.spans}
    assert by_name["work"].parent.span_id == by_name["at submission"].context.span_id


def test_its_stop_does_not_end_the_submitters_points(pool, sink):
    with unit():
        profiler.start("the submitter's")
        submit(pool, profiler.stop)
        submit(pool, profiler.clean)
        submit(pool, profiler.init, KEY)
        assert sink.spans == []
        assert base_id() == BASE
        profiler.start("below")
        profiler.stop()
        profiler.stop()
    below, above = sink.spans
    assert below.parent.span_id == above.context.span_id
    assert "osprofiler.incomplete" not in above.attributes


def test_what_it_initialises_itself_is_another_trace(pool, sink):
    """As nova's thread pools do for what they spawn."""
    other = str(uuid.uuid4())

    def work():
        profiler.init(KEY, other)
        with profiler.Trace("work"):
            pass

    with unit():
        submit(pool, work)
        assert base_id() == BASE
    assert sink.spans[0].context.trace_id == ids.trace_id(other)


@pytest.mark.parametrize("nested", EXECUTORS)
def test_submission_from_within_an_item_goes_on_with_its_span(pool, pools, sink, nested):
    def inner():
        with profiler.Trace("inner"):
            pass

    def outer():
        with profiler.Trace("outer"):
            submit(pools[1][nested], inner)

    with unit():
        submit(pool, outer)
    inner_span, outer_span = sink.spans
    assert inner_span.parent.span_id == outer_span.context.span_id
    assert outer_span.parent.span_id == ids.span_id(PARENT)


@pytest.mark.parametrize("name", ["concurrent.futures", "futurist.ThreadPoolExecutor"])
def test_work_submitted_untraced_is_untraced_whatever_the_thread_has(here, sink, name):
    """A leftover of something that no boundary knows: a pool's initializer, a thread of the service's own."""
    seen = []

    def work():
        seen.append(base_id())
        with profiler.Trace("work"):
            pass

    future: Any = concurrent.futures.Future()
    if name == "concurrent.futures":
        item = _WorkItem(future, work, (), {})
    else:
        item = futurist._utils.WorkItem(future, work)

    def thread():
        profiler.init(KEY)
        left = context_api.get_current()
        item.run()
        seen.append(context_api.get_current() is left)

    running = threading.Thread(target=thread)
    running.start()
    running.join(PATIENCE)
    future.result(PATIENCE)
    assert seen == [None, True]
    assert sink.spans == []


def test_what_others_keep_in_the_context_stays_where_they_put_it(here):
    """What is none of ours is neither taken from a thread nor from a unit that hands work on."""
    key = context_api.create_key("theirs")
    token = context_api.attach(context_api.set_value(key, "value"))
    with futurist.SynchronousExecutor() as pool:
        assert submit(pool, lambda: context_api.get_value(key)) == "value"
        with unit():
            assert submit(pool, lambda: context_api.get_value(key)) == "value"
        assert context_api.get_value(key) == "value"
    context_api.detach(token)


def test_callbacks_of_a_future_run_in_the_items_trace_and_leave_nothing(pool, sink):
    seen = []

    def called(future):
        seen.append(base_id())
        profiler.start("left open by a callback")

    with unit():
        future = pool.submit(time.sleep, 0)
        future.add_done_callback(called)
        future.result(PATIENCE)
    submit(pool, int)
    assert submit(pool, state) == {}


def test_generators_and_maps_of_an_executor(here, sink):
    def work(number):
        with profiler.Trace("work"):
            return number, base_id()

    with concurrent.futures.ThreadPoolExecutor(4) as pool, unit():
        assert list(pool.map(work, range(20))) == [(number, BASE) for number in range(20)]
    assert len(sink.spans) == 20


def test_asyncio_hands_blocking_work_on(here, sink):
    def work():
        with profiler.Trace("work"):
            return base_id()

    async def main():
        profiler.init(KEY, BASE)
        try:
            loop = asyncio.get_running_loop()
            return await asyncio.to_thread(work), await loop.run_in_executor(None, work)
        finally:
            profiler.clean()

    assert asyncio.run(main()) == (BASE, BASE)
    assert len(sink.spans) == 2


def test_an_item_in_a_context_of_its_own_leaves_nothing(pool, sink):
    copied = contextvars.copy_context()
    submit(pool, copied.run, leave_everything)
    assert submit(pool, state) == {}


def test_many_units_on_few_threads_keep_to_themselves(here, sink):
    traces = [str(uuid.UUID(int=number + 1)) for number in range(40)]

    def inner(base):
        assert base_id() == base
        with profiler.Trace("inner", {"base": base}):
            profiler.start("left open", {"base": base})

    def outer(base):
        profiler.init(KEY, base)
        with profiler.Trace("outer", {"base": base}):
            return [second.submit(inner, base) for _ in range(5)]

    with futurist.ThreadPoolExecutor(3) as first, concurrent.futures.ThreadPoolExecutor(3) as second:
        for future in [first.submit(outer, base) for base in traces]:
            for below in future.result(PATIENCE):
                below.result(PATIENCE)
        assert submit(first, state) == submit(second, state) == {}
    assert len(sink.spans) == 40 * 11
    for span in sink.spans:
        assert ids.base_id(span.context.trace_id) == span.attributes["osprofiler.info.base"]


class Slotted:
    """A work item of a library to come."""

    __slots__ = ("future", "work")

    def __init__(self, future, work):
        self.future, self.work = future, work

    def run(self):
        self.future.set_result(self.work())


def test_items_that_nothing_can_be_noted_on_run_untraced(here, sink):
    replacements = Replacements()
    boundaries._work_items(Slotted, replacements)
    try:
        with unit():
            item = Slotted(concurrent.futures.Future(), base_id)
            item.run()
            assert item.future.result() is None
            assert base_id() == BASE
    finally:
        replacements.undo()


def test_afterwards_the_libraries_are_as_before(provider):
    classes = (futurist._utils.WorkItem, _WorkItem, RPCServer, NotificationServer, BatchNotificationServer)
    before = [dict(vars(cls)) for cls in classes]
    with adopted(provider):
        assert all(dict(vars(cls)) != found for cls, found in zip(classes, before, strict=True))
    assert [dict(vars(cls)) for cls in classes] == before


# -- oslo.messaging -----------------------------------------------------------------------------------

_topics = (f"boundary-{number}" for number in itertools.count())


class Endpoint:
    target = oslo_messaging.Target(version="1.0")

    def __init__(self):
        self.reset()

    def reset(self):
        self.seen = []
        self.done = threading.Semaphore(0)

    def boot(self, ctxt, name):
        self.seen.append((name, base_id(), ctx.SERVED_KEY in context_api.get_current()))
        with profiler.Trace("boot"):
            profiler.start("left open")
        profiler.start("left open, too")
        self.done.release()
        return name

    def fail(self, ctxt):
        profiler.start("left open")
        raise ValueError("v")

    def info(self, ctxt, publisher_id, event_type, payload, metadata):
        return self.boot(ctxt, payload["name"])


class BatchEndpoint(Endpoint):
    def info(self, messages):
        for message in messages:
            profiler.init(KEY, message["payload"]["base"])
            self.boot(message["ctxt"], message["payload"]["name"])


@pytest.fixture(scope="module")
def conf():
    conf = cfg.ConfigOpts()
    conf([], project="test", default_config_files=[])
    register_options(conf)
    return conf


class Rpc:
    def __init__(self, conf, threads=1):
        self.endpoint = Endpoint()
        transport = oslo_messaging.get_rpc_transport(conf, "fake://")
        topic = next(_topics)
        self.server = oslo_messaging.get_rpc_server(
            transport,
            oslo_messaging.Target(topic=topic, server="host"),
            [self.endpoint],
            serializer=ProfilerSerializer(),
        )
        self.client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic=topic), timeout=PATIENCE, serializer=ProfilerSerializer()
        )
        self.server.start(override_pool_size=threads)

    def stop(self):
        self.server.stop()
        self.server.wait()

    def left(self):
        """What a unit of the service's pool finds."""
        return self.server._work_executor.submit(state).result(PATIENCE)


@pytest.fixture(scope="module")
def running(conf):
    """A server with one thread, from before the adoption; to stop it takes a second."""
    running = Rpc(conf)
    yield running
    running.stop()


@pytest.fixture
def rpc(here, running):
    running.endpoint.reset()
    return running


def test_a_call_is_served_in_its_trace_and_leaves_nothing(rpc, sink):
    with unit(), profiler.Trace("call"):
        assert rpc.client.call({}, "boot", name="one") == "one"
    assert rpc.left() == {}
    assert rpc.endpoint.seen == [("one", BASE, True)]
    by_name = {span.name: span for span in sink.spans}
    assert by_name["boot"].parent.span_id == by_name["call"].context.span_id
    assert {span.context.trace_id for span in sink.spans} == {ids.trace_id(BASE)}
    assert by_name["left open, too"].attributes["osprofiler.incomplete"] is True


def test_a_message_without_trace_info_after_one_with_it_is_untraced(rpc, sink):
    with unit():
        rpc.client.cast({}, "boot", name="traced")
    rpc.client.cast({}, "boot", name="plain")
    rpc.client.call({}, "boot", name="plain, too")
    rpc.left()
    assert rpc.endpoint.seen == [
        ("traced", BASE, True),
        ("plain", None, False),
        ("plain, too", None, False),
    ]
    assert {span.context.trace_id for span in sink.spans} == {ids.trace_id(BASE)}


def test_an_endpoint_that_raises_leaves_nothing(rpc):
    with unit(), pytest.raises(ValueError):
        rpc.client.call({}, "fail")
    assert rpc.left() == {}


def test_a_message_that_was_refused_leaves_nothing(rpc, sink):
    """Another cloud's key."""
    ctxt = {"trace_info": {"hmac_key": "another", "base_id": BASE, "parent_id": PARENT}}
    assert rpc.client.call(ctxt, "boot", name="refused") == "refused"
    assert rpc.left() == {}
    assert rpc.endpoint.seen[0][1] is None
    assert sink.spans == []


def test_a_method_that_there_is_not_leaves_nothing(rpc):
    with unit(), pytest.raises(oslo_messaging.NoSuchMethod):
        rpc.client.call({}, "absent")
    assert rpc.left() == {}


def test_concurrent_messages_keep_to_their_traces(here, conf, sink):
    running = Rpc(conf, threads=4)
    try:
        for number in range(30):
            if number % 3:
                with unit(str(uuid.UUID(int=number))):
                    running.client.cast({}, "boot", name=number)
            else:
                running.client.cast({}, "boot", name=number)
        for _ in range(30):
            assert running.endpoint.done.acquire(timeout=PATIENCE)
    finally:
        running.stop()
    expected = [(number, str(uuid.UUID(int=number)) if number % 3 else None) for number in range(30)]
    assert sorted((name, base) for name, base, _ in running.endpoint.seen) == expected
    assert len(sink.spans) == 20 * 3


@pytest.fixture(params=["single", "batch"])
def notified(request, here, conf):
    """A notifier and the endpoint that gets what it sends."""
    transport = oslo_messaging.get_notification_transport(conf, "fake://")
    topic, endpoint = next(_topics), Endpoint() if request.param == "single" else BatchEndpoint()
    arguments: dict[str, Any] = {"serializer": ProfilerSerializer()}
    make = oslo_messaging.get_notification_listener
    if request.param == "batch":
        make = oslo_messaging.get_batch_notification_listener
        arguments.update(batch_size=2, batch_timeout=0.2)
    listener = make(transport, [oslo_messaging.Target(topic=topic)], [endpoint], **arguments)
    listener.start(override_pool_size=1)
    notifier = oslo_messaging.Notifier(
        transport, "publisher", driver="messaging", topics=[topic], serializer=ProfilerSerializer()
    )
    yield notifier, endpoint, listener
    listener.stop()
    listener.wait()


def test_a_notification_leaves_nothing(notified, sink):
    notifier, endpoint, listener = notified
    with unit():
        notifier.info({}, "event", {"name": "traced", "base": BASE})
    assert endpoint.done.acquire(timeout=PATIENCE)
    assert listener._work_executor.submit(state).result(PATIENCE) == {}
    notifier.info({}, "event", {"name": "plain", "base": ""})
    assert endpoint.done.acquire(timeout=PATIENCE)
    assert listener._work_executor.submit(state).result(PATIENCE) == {}
    assert [name for name, _, _ in endpoint.seen] == ["traced", "plain"]
    assert endpoint.seen[0][1] == BASE
    if not isinstance(endpoint, BatchEndpoint):
        assert endpoint.seen[1][1] is None


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_instrumentation_of_messaging_may_stand_beside(provider, sink, running, order):
    """``[otel_bridge] instrument = messaging``: a service that has no serializer for osprofiler."""
    running.endpoint.reset()
    instrumentor = MessagingInstrumentor()

    def instrument():
        instrumentor.instrument(tracer_provider=provider, keys=KeyRing.parse(KEY))

    client = oslo_messaging.get_rpc_client(
        running.client.transport, running.client.target, timeout=PATIENCE, serializer=None
    )
    if order == "before":
        instrument()
    try:
        with adopted(provider):
            if order == "after":
                instrument()
            with unit():
                client.call({}, "boot", name="x")
            assert running.left() == {}
    finally:
        instrumentor.uninstrument()
    assert running.endpoint.seen == [("x", BASE, False)]
    by_name = {span.name: span for span in sink.spans}
    (serving,) = [span for span in sink.spans if span.kind is SpanKind.SERVER]
    assert by_name["left open, too"].parent.span_id == serving.context.span_id


class Message:
    def __init__(self, ctxt, message=None):
        self.ctxt, self.message = ctxt, {} if message is None else message
        self.msg_id = self.client_timeout = None
        self.replies = []

    def acknowledge(self):
        self.replies.append("acknowledged")

    def reply(self, *arguments, **named):
        self.replies.append(arguments or named)


class Unreadable:
    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "ctxt",
    [None, 5, "x", [], {"trace_info": []}, {"trace_info": 5}, {"trace_info": {"hmac_key": []}}, Unreadable()],
    ids=lambda value: type(value).__name__,
)
def test_a_hostile_context_does_not_reach_the_service(rpc, ctxt):
    message = Message(ctxt, {"method": "boot", "args": {"name": "x"}})
    rpc.server._process_incoming([message])
    assert message.replies[0] == "acknowledged"
    assert len(message.replies) == 2
    assert state() == {}


@pytest.mark.parametrize("leave", [lambda: profiler.init(KEY), leave_everything])
def test_a_message_is_not_served_in_what_another_unit_has_left(rpc, sink, leave):
    """On a thread of something that no boundary knows."""

    def thread():
        leave()
        left = context_api.get_current()
        rpc.server._process_incoming([Message({}, {"method": "boot", "args": {"name": "x"}})])
        rpc.endpoint.seen.append(context_api.get_current() is left)

    running = threading.Thread(target=thread)
    running.start()
    running.join(PATIENCE)
    assert rpc.endpoint.seen == [("x", None, False), True]
    assert sink.spans == []


def test_whatever_becomes_of_a_message_the_context_is_restored(rpc):
    """An error of oslo.messaging's own."""
    with unit():
        inside = context_api.get_current()
        with pytest.raises((IndexError, TypeError)):
            rpc.server._process_incoming([])
        assert context_api.get_current() is inside


# -- imported later, and with eventlet ----------------------------------------------------------------

_LATER = """
import json, warnings
warnings.simplefilter("ignore")
{patch}
from osprofiler import notifier, profiler
def state():
    from opentelemetry import context
    return len(context.get_current())
def leave():
    profiler.init("key")
    profiler.start("left open")
def base():
    prof = profiler.get()
    return prof and prof.get_base_id()
{before}
notifier.create("otel:", project="p", service="s", host="h")
from otel_bridge import gate
from otel_bridge.wire.signing import KeyRing
gate.enable(KeyRing.parse("key"))
import concurrent.futures, futurist, oslo_messaging
found = dict()
for name, pool in dict(
    concurrent=concurrent.futures.ThreadPoolExecutor(1),
    threads=futurist.ThreadPoolExecutor(1),
    synchronous=futurist.SynchronousExecutor(),
    {pools}
).items():
    pool.submit(leave).result()
    left = pool.submit(state).result()
    profiler.init("key", "0af76519-16cd-43dd-8448-eb211c80319c")
    carried = pool.submit(base).result()
    profiler.clean()
    found[name] = [left, carried, pool.submit(base).result()]
    pool.shutdown()
from oslo_messaging.rpc.server import RPCServer
from oslo_messaging.notify.listener import NotificationServer, BatchNotificationServer
found["messaging"] = [
    cls._process_incoming.__wrapped__.__module__
    for cls in (RPCServer, NotificationServer, BatchNotificationServer)
]
print(json.dumps(found))
"""
_IMPORTS = "import concurrent.futures.thread, futurist, oslo_messaging"


@pytest.mark.parametrize("before", [_IMPORTS, ""], ids=["imported before", "imported after"])
@pytest.mark.parametrize(
    "patch", ["", "import eventlet; eventlet.monkey_patch()"], ids=["threads", "eventlet"]
)
def test_whenever_the_libraries_are_imported(before, patch):
    pools = "green=futurist.GreenThreadPoolExecutor(1)," if patch else ""
    found = run(_LATER.format(before=before, patch=patch, pools=pools), OTEL_TRACES_EXPORTER="none")
    assert found.pop("messaging") == ["oslo_messaging.rpc.server"] + ["oslo_messaging.notify.listener"] * 2
    assert len(found) == (4 if patch else 3)
    assert all(each == [0, BASE, None] for each in found.values()), found


def test_greenlets_keep_to_themselves():
    found = run(
        """
        import eventlet
        eventlet.monkey_patch()
        import json, time, uuid, warnings
        warnings.simplefilter("ignore")
        import futurist
        from osprofiler import notifier, profiler
        notifier.create("otel:", project="p", service="s", host="h")
        from otel_bridge import gate, runtime
        from otel_bridge.wire.signing import KeyRing
        gate.enable(KeyRing.parse("key"))

        def inner(base):
            time.sleep(0)
            with profiler.Trace("inner"):
                time.sleep(0)
                return profiler.get().get_base_id() == base

        def outer(number):
            left = profiler.get()
            base = str(uuid.UUID(int=number + 1))
            profiler.init("key", base)
            with profiler.Trace("outer"):
                time.sleep(0)
                below = second.submit(inner, base)
                time.sleep(0)
            profiler.start("left open")
            return left is None and profiler.get().get_base_id() == base, below

        first, second = futurist.GreenThreadPoolExecutor(3), futurist.GreenThreadPoolExecutor(2)
        right = []
        for future in [first.submit(outer, number) for number in range(30)]:
            mine, below = future.result()
            right += [mine, below.result()]
        print(json.dumps([all(right), len(right), profiler.get(), runtime.stats().made]))
        """,
        OTEL_TRACES_EXPORTER="none",
    )
    assert found == [True, 60, None, 90]


def test_a_library_that_is_imported_when_all_is_over_is_left_alone():
    found = run(
        """
        import json, warnings
        warnings.simplefilter("ignore")
        from osprofiler import notifier
        from otel_bridge.adopt import osprofiler as adoption
        notifier.create("otel:", project="p", service="s", host="h")
        adoption.release()
        import futurist._utils
        print(json.dumps(futurist._utils.WorkItem.run.__code__.co_filename))
        """,
        OTEL_TRACES_EXPORTER="none",
    )
    assert found.endswith("futurist/_utils.py")


def test_suppressed_instrumentation_is_handed_on(pool):
    with unit(), suppress_instrumentation():
        key = context_api._SUPPRESS_INSTRUMENTATION_KEY
        assert submit(pool, context_api.get_value, key)
