"""tracing.threads: spans that say on which thread they started."""

import subprocess
import sys
import textwrap
import threading

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind

from otel_bridge.model.translate import FunctionCall
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.tracing.values import Limits
from otel_bridge.wire.signing import Key, TraceInfo

INFO = TraceInfo(1, 2, Key("key"))


def below_remote(tracer, make):
    token = ctx.attach(Remote(INFO), INFO)
    try:
        return make()
    finally:
        ctx.detach(token)


def below_span(tracer, make):
    with tracer.start_as_current_span("above"):
        return make()


MAKERS = {
    "start_span": lambda tracer: tracer.start_span("s"),
    "start_span with attributes": lambda tracer: tracer.start_span("s", attributes={"a": 1}),
    "start_as_current_span": lambda tracer: tracer.start_as_current_span("s"),
    "span": lambda tracer: below_span(tracer, lambda: tracer.span("s", attributes={"a": 1})),
    "span below remote": lambda tracer: below_remote(tracer, lambda: tracer.span("s")),
    "leaf": lambda tracer: below_span(tracer, lambda: tracer.leaf(None, attributes=FunctionCall(name="s"))),
    "leaf without attributes": lambda tracer: below_span(tracer, lambda: tracer.leaf("s")),
    "leaf below remote": lambda tracer: below_remote(tracer, lambda: tracer.leaf("s")),
    "entry": lambda tracer: tracer.entry(INFO, "s", SpanKind.SERVER, {}),
}


def provider(sink, **arguments):
    return TracerProvider(sink, Resource({}), record_unsigned=True, **arguments)


def thread_of(span):
    found = {key: value for key, value in span.attributes.items() if key.startswith("thread.")}
    return found and (found.pop("thread.id"), found.pop("thread.name"), *found)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_way_of_making_a_span_notes_the_thread_it_started_on(sink, make):
    tracer = provider(sink, capture_thread=True).get_tracer("t")
    found = []

    def work():
        found.append((threading.get_native_id(), threading.current_thread().name, make(tracer)))

    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join(10)
    native_id, name, span = found[0]
    span.end()
    assert thread_of(span) == (native_id, "worker-7") == (native_id, name)
    assert native_id != threading.get_native_id()
    assert (span.name, span.attributes.get("a", 1)) == ("s", 1)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_it_is_not_noted_unless_it_is_wanted(sink, make):
    assert thread_of(make(provider(sink).get_tracer("t"))) == {}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_tracers_that_are_held_follow_the_provider(sink, make):
    """Also their methods: instrumentations keep those."""
    ours = provider(sink)
    tracer = ours.get_tracer("t")
    held = type("Held", (), {name: getattr(tracer, name) for name in ("span", "leaf", "entry", "start_span")})
    held.start_as_current_span = tracer.start_as_current_span
    for wanted in (True, False):
        ours.reconfigure(sink, Resource({}), Limits(), 1000, [], wanted)
        assert bool(thread_of(make(held))) is wanted
        assert bool(thread_of(make(ours.get_tracer("new")))) is wanted


def test_a_function_that_is_decorated_gets_the_thread_of_each_call(sink):
    tracer = provider(sink, capture_thread=True).get_tracer("t")
    work = tracer.start_as_current_span("s", attributes={"a": 1})(lambda: None)
    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join(10)
    assert sink.spans[0].attributes["thread.name"] == "worker-7"


def test_the_limit_of_attributes_holds(sink):
    tracer = provider(sink, capture_thread=True, limits=Limits(attribute_count=1)).get_tracer("t")
    span = tracer.start_span("s", attributes={"a": 1})
    assert dict(span.attributes) == {"a": 1}
    assert span.dropped_attributes == 2


GREEN = """
import sys, warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, at import
    if sys.argv[1] == "after":
        import otel_bridge.tracing.provider
    import eventlet
    eventlet.monkey_patch()
import os, threading
from eventlet import tpool
from opentelemetry.sdk.resources import Resource
from otel_bridge.tracing.provider import TracerProvider

class Sink:
    put = staticmethod(lambda span: None)

tracer = TracerProvider(Sink(), Resource({}), record_unsigned=True, capture_thread=True).get_tracer("t")

def work():
    eventlet.sleep(0)
    attributes = tracer.start_span("s").attributes
    return attributes["thread.id"], attributes["thread.name"]

before = len(threading._active)
green = [eventlet.spawn(work) for _ in range(50)]
found = [thread.wait() for thread in green]
assert {number for number, _ in found} == {os.getpid()}, found
assert len({name for _, name in found}) == 50, found
native, _ = tpool.execute(lambda: (tracer.start_span("s").attributes["thread.id"], 0))
assert native != os.getpid()
del green
eventlet.sleep(0)
assert len(threading._active) <= before + 2, threading._active
"""


@pytest.mark.parametrize("patched", ["before", "after"])
def test_under_eventlet_the_id_is_the_native_threads_and_the_name_the_greenlets(patched):
    pytest.importorskip("eventlet")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(GREEN), patched], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
