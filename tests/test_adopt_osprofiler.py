"""adopt/osprofiler.py: osprofiler's core on ours, in place; and not a byte of it where others are chosen."""

from __future__ import annotations

import inspect
import json
import sys
import threading
import uuid

import osprofiler.notifier
import osprofiler.profiler as upstream
import osprofiler.requests
import osprofiler.sqlalchemy
import osprofiler.web
import pytest
from adopting import BASE, KEY, PARENT, adopted, attributes, changed, handle_of, run, signed, unit
from opentelemetry import context as context_api
from osprofiler import _utils

from otel_bridge import gate, profiler
from otel_bridge.adopt import osprofiler as adoption
from otel_bridge.adopt import requests as adopted_requests
from otel_bridge.wire import ids
from otel_bridge.wire.signing import KeyRing

MODULES = tuple(f"osprofiler.{name}" for name in ("profiler", "web", "sqlalchemy", "requests", "notifier"))

#: What every process prints of osprofiler: each attribute with what it is made of, as text.
_DESCRIBE = """
import sys, types

def describe():
    found = {}
    for name in sorted(name for name in sys.modules if name.partition(".")[0] == "osprofiler"):
        look(name, vars(sys.modules[name]), found, name)
    return found

def look(place, values, found, module):
    for key, value in sorted(values.items(), key=lambda item: str(item[0])):
        if key in ("__builtins__", "__cached__"):
            continue
        where = f"{place}.{key}"
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        if isinstance(value, types.FunctionType):
            found[where] = [value.__module__, value.__qualname__, code(value.__code__), sorted(vars(value))]
        elif isinstance(value, type):
            found[where] = f"{value.__module__}.{value.__qualname__}"
            if value.__module__ == module:
                look(where, vars(value), found, module)
        else:
            found[where] = type(value).__name__

def code(of):
    inner = [code(each) if isinstance(each, types.CodeType) else type(each).__name__ for each in of.co_consts]
    return [of.co_filename, of.co_firstlineno, of.co_code.hex(), of.co_names, of.co_freevars, inner]
"""

_OTHERS = {
    "a driver of somebody's own": """
from osprofiler.drivers import base
class Mine(base.Driver):
    seen = []
    @classmethod
    def get_name(cls):
        return "mine"
    def notify(self, info, **kwargs):
        self.seen.append(info["name"])
create = lambda: notifier.create("mine://somewhere", project="p", service="s", host="h")
""",
    "messaging": """
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf([], project="test", default_config_files=[])
create = lambda: notifier.create(
    "messaging://", project="p", service="s", host="h", context={}, conf=conf, transport_url="fake://"
)
""",
    "none": "create = lambda: notifier.create('no such driver://')\n",
}


@pytest.fixture
def adopted_here(provider):
    with adopted(provider) as handle:
        yield handle


# -- whether ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", _OTHERS)
def test_with_another_connection_string_osprofiler_stays_byte_for_byte(other):
    """The same attributes as in a process that knows nothing of us; the same objects as before the choice."""
    code = (
        _DESCRIBE
        + "import json, logging\nlogging.disable()\n"
        + "from osprofiler import initializer, notifier, opts, profiler, requests, sqlalchemy, web\n"
        + _OTHERS[other]
        + """
from adopting import attributes, changed
modules = [name for name in sys.modules if name.partition(".")[0] == "osprofiler"]
before = attributes(*modules)
chosen = create()
moved = changed(before, attributes(*modules))
notifier.set(chosen)
profiler.init("key")
with profiler.Trace("x"):
    profiler.get().get_id()
web.enable("key")
requests.enable()
ours = [name for name in sys.modules if name.startswith(("otel_bridge", "opentelemetry"))]
print(json.dumps([describe(), sorted(map(list, moved)), getattr(chosen, "__module__", None), ours]))
"""
    ).replace("from adopting import attributes, changed", inspect_source())
    there, moved, chosen, ours = run(code)
    plain, *_rest = run(code, activate=False)
    assert there == plain
    assert moved == []
    assert chosen in ("__main__", "osprofiler.drivers.messaging", "osprofiler.notifier")
    assert set(ours) <= {"otel_bridge", "otel_bridge.version", "otel_bridge.adopt"} | {
        f"otel_bridge.adopt.{name}" for name in ("activate", "driver")
    }


def inspect_source():
    """What the processes compare with; to import the tests' helpers there would import us."""
    import adopting

    parts = [inspect.getsource(getattr(adopting, name)) for name in ("attributes", "_inside", "changed")]
    return "from typing import Any\n" + "\n".join(parts)


def test_release_leaves_everything_as_it_was_found(provider):
    @upstream.trace("x")
    def decorated():
        pass

    before = attributes(*MODULES), decorated.__code__
    with adopted(provider):
        assert len(changed(before[0], attributes(*MODULES))) > 10
        assert decorated.__code__ is not before[1]
    assert changed(before[0], attributes(*MODULES)) == set()
    assert decorated.__code__ is before[1]


def test_release_where_nothing_was_adopted_does_nothing():
    before = attributes(*MODULES)
    adoption.release()
    assert changed(before, attributes(*MODULES)) == set()


def test_it_can_be_adopted_again(provider, sink):
    for _ in range(2):
        with adopted(provider), unit(), upstream.Trace("x"):
            pass
    assert [span.name for span in sink.spans] == ["x", "x"]


def test_adopting_twice_changes_nothing(provider, adopted_here):
    before = attributes(*MODULES)
    assert not adoption.adopt(handle_of(provider))
    assert changed(before, attributes(*MODULES)) == set()


def test_of_several_threads_one_adopts(provider):
    before = attributes(*MODULES)
    barrier, adopters = threading.Barrier(8), []
    handle = handle_of(provider)

    def adopt():
        barrier.wait(10)
        adopters.append(adoption.adopt(handle))

    threads = [threading.Thread(target=adopt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    adoption.release()
    assert sorted(adopters) == [False] * 7 + [True]
    assert changed(before, attributes(*MODULES)) == set()


def test_an_adoption_that_fails_half_way_is_taken_back(provider, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("no")

    before = attributes(*MODULES)
    monkeypatch.setattr(adopted_requests, "adopt", fail)
    with pytest.raises(RuntimeError):
        adoption.adopt(handle_of(provider))
    assert changed(before, attributes(*MODULES)) == set()
    monkeypatch.undo()
    with adopted(provider):
        assert upstream.get is profiler.get


def test_a_client_gets_the_core_and_serves_nothing():
    before = attributes(*MODULES)
    assert adoption.adopt()
    try:
        places = changed(before, attributes(*MODULES))
        assert upstream.init is profiler.init
        assert {place[0] for place in places} == {"osprofiler.profiler", "osprofiler.web"}
        assert {place[1] for place in places if place[0] == "osprofiler.web"} == {"get_trace_id_headers"}
    finally:
        adoption.release()


def test_an_osprofiler_without_requests_is_adopted(provider, monkeypatch):
    """4.0 has none."""
    monkeypatch.setitem(sys.modules, "osprofiler.requests", None)
    with adopted(provider):
        assert upstream.get is profiler.get


# -- as services use it -------------------------------------------------------------------------------


def test_nothing_is_traced_without_init(adopted_here, sink):
    upstream.start("x")
    upstream.stop()
    with upstream.Trace("x"):
        pass
    assert upstream.get() is None
    assert sink.spans == []


def test_a_unit_of_work_is_spans_below_what_init_was_told(adopted_here, sink):
    with unit():
        upstream.start("one", {"any": "values"})
        upstream.start("two")
        upstream.stop({"etype": "ValueError", "message": "no"})
        upstream.stop()
    two, one = sink.spans
    assert one.context.trace_id == two.context.trace_id == ids.trace_id(BASE)
    assert one.parent.span_id == ids.span_id(PARENT)
    assert two.parent.span_id == one.context.span_id
    assert two.attributes["error.type"] == "ValueError"
    assert context_api.get_current() == {}


def test_the_context_of_a_message_is_made_from_the_profiler(adopted_here, sink):
    """As the serializers of nova, cinder and neutron do; the receiver initialises itself with it."""
    with unit():
        upstream.start("x")
        prof = upstream.get()
        sent = {"hmac_key": prof.hmac_key, "base_id": prof.get_base_id(), "parent_id": prof.get_id()}
        upstream.stop()
    assert {key: type(value) for key, value in sent.items()} == dict.fromkeys(sent, str)
    assert str(uuid.UUID(sent["parent_id"])) == sent["parent_id"]
    upstream.init(**sent)
    upstream.start("there")
    upstream.stop()
    upstream.clean()
    assert sent["base_id"] == BASE
    assert sink.named("there").parent.span_id == sink.named("x").context.span_id
    assert sink.named("there").context.trace_id == ids.trace_id(BASE)


def test_a_plain_osprofiler_understands_the_context_of_a_message(adopted_here, sink):
    """Services with another driver stand beside ours, in both directions."""
    with unit():
        upstream.start("x")
        prof = upstream.get()
        theirs = run(
            """
            import json, sys
            from osprofiler import _utils, profiler
            prof = profiler.init(*json.loads(sys.argv[1]))
            prof.start("there")
            print(json.dumps([prof.get_parent_id(), _utils.shorten_id(prof.get_parent_id()), prof.get_id()]))
            """,
            json.dumps([prof.hmac_key, prof.get_base_id(), prof.get_id()]),
            activate=False,
        )
        assert theirs[0] == prof.get_id()
        upstream.stop()
        assert theirs[1] == sink.spans[0].context.span_id
        assert prof.get_shorten_id(theirs[0]) == format(theirs[1], "x")
    upstream.init(KEY, BASE, theirs[2])
    upstream.start("back")
    upstream.stop()
    upstream.clean()
    assert sink.named("back").parent.span_id == _utils.shorten_id(theirs[2])


def test_a_key_that_is_none_of_the_services_own_traces_nothing(adopted_here, sink):
    upstream.init("another", BASE)
    upstream.start("x")
    upstream.stop()
    assert upstream.get() is None
    assert sink.spans == []


def test_clean_leaves_nothing(adopted_here, sink):
    upstream.init(KEY)
    upstream.start("left open")
    upstream.clean()
    assert upstream.get() is None
    assert context_api.get_current() == {}
    assert sink.spans[0].attributes["osprofiler.incomplete"] is True


def test_native_spans_nest_in_points_and_points_in_native_spans(adopted_here, sink, provider):
    tracer = provider.get_tracer("native")
    with unit(), upstream.Trace("point"), tracer.start_as_current_span("native"):
        upstream.start("inner")
        with tracer.start_as_current_span("innermost"):
            pass
        upstream.stop()
    parents = {span.name: span.parent.span_id for span in sink.spans}
    by_name = {span.name: span.context.span_id for span in sink.spans}
    assert parents == {
        "point": ids.span_id(PARENT),
        "native": by_name["point"],
        "inner": by_name["native"],
        "innermost": by_name["inner"],
    }


def test_what_somebody_holds_of_upstreams_classes_works_on(sink, provider):
    """A Trace object, and a subclass of it, from before the adoption."""

    class Mine(upstream.Trace):
        pass

    before = [upstream.Trace("held"), Mine("mine", {"any": "values"})]
    with adopted(provider), unit():
        for trace in before:
            with trace:
                pass
        with pytest.raises(KeyError), before[0]:
            raise KeyError("k")
    assert [span.name for span in sink.spans] == ["held", "mine", "held"]
    assert "KeyError" in sink.spans[2].attributes["error.type"]


@pytest.mark.parametrize("info", [None, True, 5, "x", [], {"a": object()}, {"function": None}, {"db": 1}])
def test_no_info_raises(adopted_here, sink, info):
    """Services pass what they like: nova's own decorator hands a dict of options over."""
    with unit():
        for name in ("x", "rpc", "db", "wsgi"):
            upstream.start(name, info)
            upstream.stop(info)
            with upstream.Trace(name, info):
                pass
    assert len(sink.spans) == 8


def test_one_info_for_all_threads_is_left_alone(adopted_here, sink):
    """Upstream writes into it."""
    info = {"any": "values"}

    def work(number):
        with unit(str(uuid.UUID(int=number + 1))):
            for _ in range(50):
                with upstream.Trace("x", info):
                    upstream.start("y", info)
                    upstream.stop(info)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert info == {"any": "values"}
    assert len(sink.spans) == 400


def test_it_never_calls_the_notifier(adopted_here, sink):
    """A point would be exported twice."""
    seen = []
    before = osprofiler.notifier.get()
    osprofiler.notifier.set(seen.append)
    try:
        with unit(), upstream.Trace("x"):
            upstream.get().start("y")
            upstream.get().stop()
    finally:
        osprofiler.notifier.set(before)
    assert seen == []
    assert len(sink.spans) == 2


# -- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["disabled", "unusable"])
def test_settings_that_forbid_tracing_keep_the_gate_closed(provider, sink, kind):
    """``init_from_conf`` calls ``osprofiler.web.enable`` after the adoption, whatever we have found."""
    handle = handle_of(provider, enabled=kind != "disabled", unusable=kind == "unusable")
    with adopted(provider, handle):
        osprofiler.web.enable(KEY)
        upstream.init(KEY, BASE)
        upstream.start("x")
        upstream.stop()

        def application(environ, start_response):
            assert upstream.get() is None
            return []

        osprofiler.web.WsgiMiddleware(application, KEY, True)(signed(), lambda *_: None)
        assert gate.keys(KeyRing.parse(KEY)) is None
    assert sink.spans == []


def test_a_service_by_its_own_configuration():
    """As nova does: ``init_from_conf``, a signed request, a point, all of it read by the collector."""
    found = run(
        """
        import json
        from adopting import receiving, signed
        from oslo_config import cfg
        from osprofiler import initializer, opts, profiler, web

        def application(environ, start_response):
            with profiler.Trace("inside"):
                start_response("200 OK", [])
                return [b"ok"]

        with receiving() as server:
            conf = cfg.ConfigOpts()
            opts.set_defaults(conf, enabled=True, hmac_keys="other,key", connection_string=f"otel://{server.netloc}")
            conf([], project="nova", default_config_files=[])
            middleware = web.WsgiMiddleware.factory({}, hmac_keys="from paste", enabled="yes")(application)
            initializer.init_from_conf(conf, None, "nova", "osapi_compute", "h")
            body = middleware(signed(), lambda *_: None)
            list(body)
            getattr(body, "close", list)()
            from otel_bridge import runtime
            runtime.setup().tracer_provider.force_flush()
            made = runtime.stats()
            print(json.dumps([made.made, made.exported, server.named()]))
        """
    )
    assert found == [2, 2, ["GET /", "inside"]]


def test_a_worker_that_was_forked_after_the_adoption_traces_as_its_master():
    """Conductor and scheduler adopt in the master; the worker's first request comes after the fork."""
    found = run(
        """
        import json, os
        from adopting import receiving, signed
        from osprofiler import notifier, profiler, web

        def application(environ, start_response):
            with profiler.Trace("inside"):
                return [b"ok"]

        with receiving() as server:
            middleware = web.WsgiMiddleware(application, "key", True)
            notifier.set(notifier.create(f"otel://{server.netloc}", project="nova", service="s", host="h"))
            web.enable("key")
            seen = []
            for _ in range(2):
                read, write = os.pipe()
                if not os.fork():
                    from otel_bridge import runtime
                    middleware(signed(), lambda *_: None)
                    runtime.setup().tracer_provider.force_flush()
                    made = runtime.stats()
                    os.write(write, json.dumps([made.made, made.exported]).encode())
                    os._exit(0)
                os.close(write)
                seen.append(json.loads(os.read(read, 100)))
                os.wait()
            print(json.dumps([seen, server.named()]))
        """
    )
    assert found == [[[2, 2], [2, 2]], ["GET /", "GET /", "inside", "inside"]]
