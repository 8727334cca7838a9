"""instrumentation/threads.py: greenlets, and the loops of libraries, each in an interpreter of its own."""

from __future__ import annotations

import pytest
from adopting import run

_GREEN = """
import json, warnings
warnings.simplefilter("ignore")
{first}
import eventlet
{middle}
from opentelemetry import context as context_api, trace as api
from opentelemetry.sdk.trace import TracerProvider
{last}
from eventlet import greenthread, tpool, spawn_after
import concurrent.futures, futurist, threading
tracer = TracerProvider().get_tracer("test")

def name():
    return getattr(api.get_current_span(), "name", None)

class Named:
    def name(self):
        return name()

def into(box, *_more):
    box.append(name())

def in_thread():
    box = []
    thread = threading.Thread(target=into, args=(box,))
    thread.start()
    thread.join()
    return box[0]

def spawned_n(spawn):
    box = []
    event = eventlet.Event()
    spawn(lambda: (into(box), event.send()))
    event.wait()
    return box[0]

pool, green = eventlet.GreenPool(2), futurist.GreenThreadPoolExecutor(1)
native = concurrent.futures.ThreadPoolExecutor(1)
ways = dict(
    spawn=lambda: eventlet.spawn(name).wait(),
    greenthread=lambda: greenthread.spawn(name).wait(),
    spawn_n=lambda: spawned_n(eventlet.spawn_n),
    spawn_after=lambda: spawn_after(0, name).wait(),
    spawn_after_local=lambda: greenthread.spawn_after_local(0, name).wait(),
    pool=lambda: pool.spawn(name).wait(),
    pool_n=lambda: spawned_n(pool.spawn_n),
    imap=lambda: list(pool.imap(lambda _: name(), range(3)))[2],
    pile=lambda: (lambda pile: (pile.spawn(name), list(pile))[1][0])(eventlet.GreenPile(2)),
    nested=lambda: eventlet.spawn(lambda: eventlet.spawn(name).wait()).wait(),
    tpool=lambda: tpool.execute(name),
    tpool_proxy=lambda: tpool.Proxy(Named()).name(),
    futurist=lambda: green.submit(name).result(),
    thread=in_thread,
    **({} if not {patched} else dict(executor=lambda: native.submit(name).result())),
)
found = dict()
for way, ask in ways.items():
    before = ask()
    with tracer.start_as_current_span("unit"):
        during = ask()
    found[way] = [before, during, ask(), context_api.get_current() == dict()]
print(json.dumps(found))
"""
_PATCH = "import eventlet; eventlet.monkey_patch()"
_INSTRUMENT = (
    "from otel_bridge.instrumentation.threads import ThreadsInstrumentor; ThreadsInstrumentor().instrument()"
)
_ORDERS = {
    "not patched": ("", "", _INSTRUMENT, False),
    "not patched, before eventlet": (_INSTRUMENT, "", "", False),
    "patched": (_PATCH, "", _INSTRUMENT, True),
    "patched later": (_INSTRUMENT, _PATCH, "", True),
    "patched last": ("", _INSTRUMENT, _PATCH, True),
}


@pytest.mark.parametrize("order", _ORDERS)
def test_greenlets(order):
    first, middle, last, patched = _ORDERS[order]
    code = _GREEN
    for name, value in (("first", first), ("middle", middle), ("last", last), ("patched", str(patched))):
        code = code.replace("{" + name + "}", value)
    found = run(code, activate=False)
    assert len(found) == 14 + patched
    assert all(each == [None, "unit", None, True] for each in found.values()), found


def test_greenlets_of_many_units_keep_to_themselves():
    found = run(
        """
        import eventlet
        eventlet.monkey_patch()
        import json, warnings
        warnings.simplefilter("ignore")
        import futurist
        from opentelemetry import trace as api
        from opentelemetry.sdk.trace import TracerProvider
        from otel_bridge.instrumentation.threads import ThreadsInstrumentor
        ThreadsInstrumentor().instrument()
        tracer = TracerProvider().get_tracer("test")
        inner, workers = eventlet.GreenPool(2), futurist.GreenThreadPoolExecutor(2)

        def look(span):
            eventlet.sleep(0)
            return api.get_current_span() is span

        def unit(number):
            left = api.get_current_span() is not api.INVALID_SPAN
            with tracer.start_as_current_span(str(number)) as span:
                mine = [inner.spawn(look, span), eventlet.spawn(look, span)]
                futures = [workers.submit(look, span) for _ in range(3)]
                eventlet.sleep(0)
                return [not left] + [one.wait() for one in mine] + [one.result() for one in futures]

        found = [right for rights in eventlet.GreenPool(7).imap(unit, range(40)) for right in rights]
        print(json.dumps([all(found), len(found)]))
        """,
        activate=False,
    )
    assert found == [True, 240]


def test_a_greenlet_lets_the_context_go():
    found = run(
        """
        import gc, json, warnings, weakref
        warnings.simplefilter("ignore")
        import eventlet
        from opentelemetry import context as context_api
        from opentelemetry.sdk.trace import TracerProvider
        from otel_bridge.instrumentation.threads import ThreadsInstrumentor
        ThreadsInstrumentor().instrument()
        eventlet.debug.hub_exceptions(False)

        class Noted: pass

        def fail(): raise ValueError

        def gone(how):
            noted = Noted()
            watched = weakref.ref(noted)
            with tracer.start_as_current_span("unit"):
                token = context_api.attach(context_api.set_value("noted", noted))
                kept = how()
                context_api.detach(token)
            del noted, token
            eventlet.sleep(0.01)
            return watched() is None

        def killed():
            greenlet = eventlet.spawn(int)
            greenlet.kill()
            return greenlet

        tracer = TracerProvider().get_tracer("test")
        gc.disable()
        print(json.dumps([
            gone(lambda: eventlet.spawn(int)),
            gone(lambda: eventlet.spawn(fail)),
            gone(lambda: eventlet.spawn_n(int)),
            gone(lambda: eventlet.tpool.execute(int)),
            gone(killed),
        ]))
        """.replace("import eventlet\n", "import eventlet, eventlet.debug, eventlet.tpool\n"),
        activate=False,
    )
    assert found == [True] * 5


_AGAIN = """
import json, warnings
warnings.simplefilter("ignore")
{first}
import eventlet
from eventlet import greenthread
{last}
from opentelemetry import trace as api
from opentelemetry.sdk.trace import TracerProvider
tracer = TracerProvider().get_tracer("test")
ways = dict(
    after=eventlet.spawn_after,
    after_in_its_module=greenthread.spawn_after,
    after_by_name=lambda seconds, work: eventlet.spawn_after(seconds=seconds, func=work),
    after_local=greenthread.spawn_after_local,
    after_n=lambda seconds, work: greenthread._spawn_n(seconds, work, (), {}),
    at_once=lambda seconds, work: eventlet.spawn_after(0, work),
)

def ticks(spawn):
    found, done = [], eventlet.Event()

    def tick():
        found.append(getattr(api.get_current_span(), "name", None))
        if len(found) == 5:
            done.send()
            return
        spawn(0.0001, tick)
        eventlet.sleep(0.01)  # a local one is dropped when this greenlet ends

    with tracer.start_as_current_span("unit"):
        spawn(0.0001, tick)
        done.wait()
    return found

print(json.dumps({way: ticks(spawn) for way, spawn in ways.items()}))
"""


@pytest.mark.parametrize("order", ["first", "last"])
def test_a_greenlet_that_sets_itself_again_later_soon_loses_the_trace(order):
    code = _AGAIN.replace("{" + order + "}", _INSTRUMENT).replace("{first}", "").replace("{last}", "")
    found = run(code, activate=False)
    assert found.pop("at_once") == ["unit"] * 5
    assert len(found) == 5
    assert all(each == ["unit"] * 2 + [None] * 3 for each in found.values()), found


def test_afterwards_the_functions_of_eventlet_are_as_they_were():
    found = run(
        """
        import json, warnings
        warnings.simplefilter("ignore")
        import eventlet
        from eventlet import greenthread
        from otel_bridge.instrumentation.threads import ThreadsInstrumentor
        names = ("spawn_after", "spawn_after_local", "_spawn_n")
        look = lambda: [eventlet.spawn_after, *(getattr(greenthread, name) for name in names)]
        before = look()
        instrumentor = ThreadsInstrumentor()
        instrumentor.instrument()
        during = look()
        instrumentor.uninstrument()
        print(json.dumps([[was is now for was, now in zip(before, each)] for each in (during, look())]))
        """,
        activate=False,
    )
    assert found == [[False] * 4, [True] * 4]


_LOOP = """
import json, warnings
warnings.simplefilter("ignore")
{backend}
from oslo_service import backend, loopingcall, threadgroup
from opentelemetry import trace as api
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge.instrumentation.threads import ThreadsInstrumentor
ThreadsInstrumentor().instrument()
seen = []

def name():
    return getattr(api.get_current_span(), "name", None)

def work():
    seen.append(name())
    if len(seen) == 3:
        raise loopingcall.LoopingCallDone()

group = threadgroup.ThreadGroup()
with TracerProvider().get_tracer("test").start_as_current_span("unit"):
    loopingcall.FixedIntervalLoopingCall(work).start(0.001).wait()
    own = []
    group.add_thread(lambda: own.append(name()))
    group.wait()
print(json.dumps([seen, own]))
"""
_BACKENDS = {
    "eventlet": "import eventlet; eventlet.monkey_patch()",
    # Its module imports cotyledon for what is not used here.
    "threading": """
import sys
from unittest.mock import MagicMock
sys.modules["cotyledon"] = sys.modules["cotyledon.oslo_config_glue"] = MagicMock()
import oslo_service.backend as backend
backend.init_backend(backend.BackendType.THREADING)
""",
}


@pytest.mark.parametrize("backend", _BACKENDS)
def test_loops_of_oslo_service_have_no_trace_but_threads_of_its_groups_do(backend):
    assert run(_LOOP.replace("{backend}", _BACKENDS[backend]), activate=False) == [[None] * 3, ["unit"]]


def test_periodics_of_futurist_have_no_trace():
    found = run(
        """
        import json, threading, warnings
        warnings.simplefilter("ignore")
        import futurist
        from futurist import periodics
        from opentelemetry import trace as api
        from opentelemetry.sdk.trace import TracerProvider
        from otel_bridge.instrumentation.threads import ThreadsInstrumentor
        ThreadsInstrumentor().instrument()
        seen, done = [], threading.Event()

        @periodics.periodic(0.01, run_immediately=True)
        def work():
            seen.append(getattr(api.get_current_span(), "name", None))
            if len(seen) == 2:
                done.set()

        make = lambda: futurist.ThreadPoolExecutor(1)
        worker = periodics.PeriodicWorker([(work, (), {})], executor_factory=make)
        with TracerProvider().get_tracer("test").start_as_current_span("unit"):
            thread = threading.Thread(target=worker.start, daemon=True)
            thread.start()
            done.wait(20)
            worker.stop()
        print(json.dumps(seen[:2]))
        """,
        activate=False,
    )
    assert found == [None, None]


@pytest.mark.parametrize("activate", [True, False], ids=["beside our finder", "alone"])
def test_libraries_that_are_imported_later(activate):
    found = run(
        """
        import json, sys, warnings
        warnings.simplefilter("ignore")
        from otel_bridge.instrumentation.threads import ThreadsInstrumentor
        names = ("concurrent.futures.thread", "futurist", "eventlet")
        for name in names:
            for loaded in [one for one in sys.modules if one == name or one.startswith(name + ".")]:
                del sys.modules[loaded]
        ThreadsInstrumentor().instrument()
        before = [name in sys.modules for name in names]
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry import trace as api
        import concurrent.futures.thread, futurist, eventlet
        name = lambda: api.get_current_span().name
        with TracerProvider().get_tracer("test").start_as_current_span("unit"):
            print(json.dumps([
                before,
                concurrent.futures.thread.ThreadPoolExecutor(1).submit(name).result(),
                futurist.ThreadPoolExecutor(1).submit(name).result(),
                eventlet.spawn(name).wait(),
            ]))
        """,
        activate=activate,
    )
    assert found == [[False] * 3, "unit", "unit", "unit"]
