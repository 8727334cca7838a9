"""profiler.py: osprofiler's API, without its defects."""

import contextvars
import inspect
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from osprofiler import profiler as theirs

from otel_bridge import gate, profiler, web
from otel_bridge.tracing import points
from otel_bridge.wire import ids
from otel_bridge.wire.signing import KeyRing

BASE, PARENT = "0af76519-16cd-43dd-8448-eb211c80319c", "11111111-2222-4333-8444-555555555555"

pytestmark = pytest.mark.usefixtures("own_profiler")


@pytest.fixture
def traced():
    """A traced unit of work, cleaned up after."""
    yield profiler.init("key", BASE, PARENT)
    profiler.clean()


@pytest.mark.parametrize("name", profiler.__all__)
def test_the_interface_is_osprofilers(name):
    ours, upstream = getattr(profiler, name), getattr(theirs, name)
    if isinstance(upstream, type):
        ours, upstream = ours.__init__, upstream.__init__
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(upstream).parameters)


def test_the_profilers_public_methods_are_osprofilers():
    wanted = {name for name in vars(theirs._Profiler) if not name.startswith("_")}
    assert wanted <= {name for name in vars(profiler._Profiler) if not name.startswith("_")}


def test_without_init_nothing_happens(sink):
    profiler.start("x")
    profiler.stop()
    with profiler.Trace("x"):
        pass
    assert profiler.get() is None
    assert sink.spans == []


def test_points_nest_below_the_given_parent(traced, sink):
    profiler.start("one")
    profiler.start("two")
    profiler.stop()
    profiler.stop()
    two, one = sink.spans
    assert one.context.trace_id == ids.trace_id(BASE)
    assert one.parent.span_id == ids.span_id(PARENT)
    assert two.parent.span_id == one.context.span_id
    assert (one.name, two.name) == ("one", "two")


def test_work_that_is_handed_on_with_its_trace_stays_below_the_very_span(traced, sink):
    """A service calls init() in a pool with what get() said at the submission; the context has come along."""
    with profiler.Trace("submitting"):
        told = profiler.get()
        arguments = told.hmac_key, told.get_base_id(), told.get_id()

        def work():
            profiler.init(*arguments)
            with profiler.Trace("rpc"):
                pass

        contextvars.copy_context().run(work)
    inner, outer = sink.spans
    assert inner.parent == outer.context
    assert not inner.parent.is_remote
    assert inner.kind is SpanKind.CLIENT  # not SERVER, as below a parent in another process


def test_a_root_has_no_parent(sink):
    profiler.init("key")
    profiler.start("x")
    profiler.stop()
    profiler.clean()
    assert sink.spans[0].parent is None


@pytest.mark.parametrize("parent", [None, PARENT])
def test_the_ids_are_those_that_osprofiler_would_give(parent):
    ours = profiler.init("key", BASE, parent)
    upstream = theirs._Profiler("key", BASE, parent)
    assert ours.get_base_id() == upstream.get_base_id()
    assert ours.get_id() == upstream.get_id()
    assert ours.get_parent_id() == upstream.get_parent_id()
    assert ours.hmac_key == upstream.hmac_key
    assert ours.get_shorten_id(PARENT) == upstream.get_shorten_id(PARENT)
    profiler.start("x")
    upstream.start("x")
    assert ours.get_parent_id() == (ids.point_id(ids.span_id(parent)) if parent else BASE)
    assert uuid.UUID(ours.get_id())
    profiler.stop()
    assert ours.get_id() == parent or BASE
    profiler.clean()


def test_get_gives_the_current_profiler(traced):
    profiler.start("x")
    assert profiler.get().get_id() == traced.get_id() != PARENT
    assert (profiler.get().hmac_key, profiler.get().get_base_id()) == ("key", BASE)
    profiler.stop()


def test_a_base_id_that_is_no_uuid_is_kept(sink):
    assert profiler.init("key", "my trace").get_base_id() == "my trace"
    profiler.start("x")
    profiler.stop()
    profiler.clean()
    assert sink.spans[0].context.trace_id == ids.trace_id("my trace")


def test_without_a_key_nothing_is_traced(sink):
    assert profiler.init("").hmac_key is None
    assert profiler.get() is None
    profiler.start("x")
    profiler.stop()
    assert sink.spans == []


@pytest.mark.parametrize(("keys", "traced"), [("key,other", 1), ("other", 0), ("", 1)])
def test_a_service_with_keys_traces_with_its_own_only(sink, keys, traced):
    gate.enable(KeyRing.parse(keys))
    profiler.init("key", BASE)
    profiler.start("x")
    profiler.stop()
    profiler.clean()
    assert len(sink.spans) == traced


def test_where_tracing_is_off_init_does_not_switch_it_on(sink):
    gate.disable()
    profiler.init("key", BASE)
    assert profiler.get() is None


@pytest.mark.parametrize("name", ["", None, 5, "x" * 10000, "\ud800"])
def test_no_name_raises(traced, sink, name):
    profiler.start(name)
    profiler.stop()
    assert len(sink.spans) == 1
    assert isinstance(sink.spans[0].name, str)


def test_init_always_begins_anew(traced, sink):
    profiler.start("left over")
    other = str(uuid.uuid4())
    profiler.init("key", other)
    profiler.start("x")
    profiler.stop()
    assert sink.named("x").context.trace_id == ids.trace_id(other)


def test_clean_leaves_nothing_and_ends_what_was_left_open(sink):
    profiler.init("key", BASE)
    profiler.start("a")
    profiler.start("b")
    profiler.clean()
    assert context_api.get_current() == {}
    assert {span.name: span.attributes[points.INCOMPLETE] for span in sink.spans} == {"a": True, "b": True}


def test_a_stop_without_a_start_is_nothing(traced, sink):
    profiler.stop()
    profiler.stop({"etype": "x", "message": "y"})
    assert sink.spans == []
    assert profiler.get() is not None


def test_a_stop_can_say_what_went_wrong(traced, sink):
    profiler.start("x")
    profiler.stop({"etype": "ValueError", "message": "no password='p4ss' here"})
    (span,) = sink.spans
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "ValueError"
    assert "p4ss" not in str(span.status.description) + str([dict(e.attributes) for e in span.events])


def test_native_spans_nest_below_points_and_points_below_native_spans(traced, sink, provider):
    tracer = provider.get_tracer("t")
    profiler.start("point")
    with tracer.start_as_current_span("native"):
        profiler.start("inner")
        profiler.stop()
    profiler.stop()
    assert sink.named("native").parent.span_id == sink.named("point").context.span_id
    assert sink.named("inner").parent.span_id == sink.named("native").context.span_id


def test_a_native_span_still_open_at_a_stop_stays_current(traced, sink, provider):
    profiler.start("point")
    span = provider.get_tracer("t").start_as_current_span("native")
    span.__enter__()
    profiler.stop()
    assert api.get_current_span() is span
    assert [s.name for s in sink.spans] == ["point"]
    span.__exit__(None, None, None)


def test_the_first_rpc_point_below_a_remote_parent_serves_and_the_next_calls(traced, sink):
    profiler.start("rpc")
    profiler.start("rpc")
    profiler.stop()
    profiler.stop()
    assert [span.kind for span in sink.spans] == [SpanKind.CLIENT, SpanKind.SERVER]


def test_with_trace_an_exception_is_recorded_and_goes_on(traced, sink):
    with pytest.raises(ValueError, match="no"), profiler.Trace("x"):
        raise ValueError("no")
    assert sink.spans[0].status.description == "ValueError: no"


def test_with_trace_ends_its_own_point_whatever_was_left_open_inside(traced, sink):
    with profiler.Trace("outer"):
        profiler.start("abandoned")
    profiler.start("next")
    profiler.stop()
    assert sink.named("abandoned").attributes[points.INCOMPLETE] is True
    assert sink.named("next").parent.span_id == ids.span_id(PARENT)


def test_one_trace_object_serves_many_threads(sink):
    shared = profiler.Trace("shared")

    def work(number):
        base = str(uuid.UUID(int=number + 1))
        profiler.init("key", base)
        for _ in range(50):
            with shared, profiler.Trace("inner"):
                pass
        profiler.clean()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_id = {span.context.span_id: span for span in sink.spans}
    for span in sink.spans:
        if span.name == "inner":
            assert by_id[span.parent.span_id].context.trace_id == span.context.trace_id
    assert len(sink.spans) == 800


def test_a_pooled_thread_keeps_nothing_of_a_unit_that_ran_in_a_context_of_its_own(sink):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, profiler.init, "key", BASE).result()
        assert pool.submit(profiler.get).result() is None


def test_requests_made_below_a_point_name_it_as_parent(traced, sink):
    profiler.start("x")
    headers = web.get_trace_id_headers()
    profiler.stop()
    from osprofiler import _utils

    found = _utils.signed_unpack(headers["X-Trace-Info"], headers["X-Trace-HMAC"], ["key"])
    assert found["base_id"] == BASE
    assert ids.span_id(found["parent_id"]) == sink.spans[0].context.span_id


def test_requests_made_before_any_point_go_on_with_what_init_was_told(traced):
    from osprofiler import _utils

    headers = web.get_trace_id_headers()
    found = _utils.signed_unpack(headers["X-Trace-Info"], headers["X-Trace-HMAC"], ["key"])
    assert ids.span_id(found["parent_id"]) == ids.span_id(PARENT)


def test_requests_of_a_trace_without_a_parent_or_point_begin_at_its_root(sink, provider):
    profiler.init("key", BASE)
    headers = web.get_trace_id_headers()
    profiler.clean()
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    assert "HTTP_TRACEPARENT" in environ
    served = web.WsgiMiddleware(lambda environ, start_response: [], "key", True, provider)
    served({**environ, "REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *arguments: None)
    assert sink.spans[0].context.trace_id == ids.trace_id(BASE)
    assert sink.spans[0].parent is None


def test_below_a_root_on_the_sdks_provider_the_parent_is_the_trace():
    profiler.use(SdkProvider(shutdown_on_exit=False))
    found = profiler.init("key", BASE)
    with profiler.Trace("x"):
        seen = found.get_base_id(), found.get_parent_id(), found.get_id()
    profiler.clean()
    assert seen[:2] == (BASE, BASE)
    assert seen[2] != BASE


@pytest.mark.parametrize(
    "info", [None, True, 5, "x", [], {"a": object()}, {"function": None}, {"db": 1}, {5: 6}]
)
def test_no_info_raises(traced, sink, info):
    for name in ("x", "db", "rpc", "wsgi", "http"):
        profiler.start(name, info)
        profiler.stop(info)
    assert len(sink.spans) == 5
    assert all(span.name for span in sink.spans)


def test_it_runs_on_the_sdks_provider_too():
    memory = InMemorySpanExporter()
    sdk = SdkProvider(shutdown_on_exit=False)
    sdk.add_span_processor(SimpleSpanProcessor(memory))
    profiler.use(sdk)
    profiler.init("key", BASE, PARENT)
    profiler.start("one")
    with profiler.Trace("two"):
        pass
    profiler.stop({"etype": "ValueError", "message": "no"})
    profiler.clean()
    two, one = memory.get_finished_spans()
    assert (one.context.trace_id, one.parent.span_id) == (ids.trace_id(BASE), ids.span_id(PARENT))
    assert two.parent.span_id == one.context.span_id
    assert one.status.status_code is StatusCode.ERROR


def test_the_key_does_not_show(traced):
    assert "'key'" not in repr(traced) + repr(context_api.get_current())


@pytest.mark.parametrize("keys", [None, "key"])
@pytest.mark.parametrize(
    "arguments",
    [("\ud800",), (b"key",), (5,), (["key"],), ("key", 5), ("key", b"x"), ("key", ["x"]), ("key", "x", 5)],
)
def test_init_takes_whatever_a_message_says(keys, arguments):
    """osprofiler's serialisers hand on what was on the bus: it may not fail the service's work."""
    if keys:
        gate.enable(KeyRing.parse(keys))
    profiler.init(*arguments)
    profiler.clean()


def test_init_with_a_key_that_is_refused_leaves_the_trace_before(sink):
    """A pooled thread that was never cleaned must not add one unit's points to another one's trace."""
    gate.enable(KeyRing.parse("key"))
    profiler.init("key", BASE)
    profiler.start("mine")
    profiler.stop()
    profiler.init("another")
    assert profiler.get() is None
    profiler.start("not mine")
    profiler.stop()
    assert [span.name for span in sink.spans] == ["mine"]


def test_who_has_no_key_costs_no_work(monkeypatch):
    """Ids are looked at behind the gate, not before it."""
    gate.enable(KeyRing.parse("key"))
    monkeypatch.setattr(profiler.ids, "trace_id", mock.Mock(side_effect=AssertionError("looked at")))
    profiler.init("another", "x" * 1000)


def test_a_stray_stop_does_not_end_a_point_that_has_an_owner(sink):
    """Only its own ``with`` or decorator ends such a point."""
    profiler.init("key", BASE)

    def work():
        with profiler.Trace("owned"):
            profiler.stop()
            raise ValueError("v")

    with pytest.raises(ValueError, match="v"):
        work()
    profiler.clean()
    assert sink.named("owned").status.status_code is StatusCode.ERROR


def test_info_that_cannot_be_read_does_not_reach_the_host(sink):
    """info comes from the service's own objects."""

    class Hostile(dict):
        def _raise(self, *args):
            raise RuntimeError("hostile")

        items = keys = __iter__ = __len__ = __bool__ = _raise

    hostile = Hostile()
    dict.__setitem__(hostile, "db", {"statement": "select"})
    profiler.init("key", BASE)
    for name in ("wsgi", "rpc", "db", "x"):
        profiler.start(name, hostile)
        profiler.stop(hostile)
    profiler.clean()
    assert len(sink.spans) == 4
