"""adopt/queries.py: engines that osprofiler traces, or has traced before, give one span a statement."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from dataclasses import replace

import pytest
import sqlalchemy as sa
from adopting import adopted, handle_of, run, unit
from opentelemetry.trace import SpanKind, StatusCode
from osprofiler import notifier, profiler
from osprofiler import sqlalchemy as upstream
from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool, StaticPool

from otel_bridge.instrumentation.engines import trace_engine
from otel_bridge.runtime import Handle
from otel_bridge.settings import CaptureSettings
from otel_bridge.tracing.provider import TracerProvider

METADATA = sa.MetaData()
TABLE = sa.Table(
    "servers", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text)
)


@pytest.fixture
def make_engine(tmp_path):
    """Makes engines of databases that have a table."""
    made = []

    def make(**arguments):
        if arguments.pop("threads", False):
            url = f"sqlite:///{tmp_path}/{len(made)}.db"
            engine = sa.create_engine(url, poolclass=QueuePool, pool_size=16, **arguments)
        else:
            engine = sa.create_engine("sqlite://", poolclass=StaticPool, **arguments)
        METADATA.create_all(engine)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def engine(make_engine):
    return make_engine()


@pytest.fixture
def adopt(provider):
    """Adopts when it is called."""
    entered = []

    def adopt():
        entered.append(adopted(provider))
        entered[-1].__enter__()

    yield adopt
    for context in entered:
        context.__exit__(None, None, None)


@pytest.fixture(params=["before", "after"])
def traced_engine(request, make_engine, adopt):
    """An engine that is traced before the adoption, or after it."""

    def make(name="db", **arguments):
        engine = make_engine(**arguments)
        if request.param == "after":
            adopt()
        upstream.add_tracing(sa, engine, name)
        if request.param == "before":
            adopt()
        return engine

    return make


def execute(engine, statement="SELECT 1", parameters=None):
    with engine.connect() as connection:
        connection.execute(sa.text(statement) if isinstance(statement, str) else statement, parameters)


def texts(sink):
    return [span.attributes["db.query.text"] for span in sink.spans]


def test_a_statement_is_one_span(traced_engine, sink):
    engine = traced_engine()
    with unit(), profiler.Trace("above"):
        execute(engine, "SELECT name FROM servers")
    query, above = sink.spans
    assert query.kind is SpanKind.CLIENT
    assert query.parent.span_id == above.context.span_id
    assert query.attributes["db.query.text"] == "SELECT name FROM servers"
    assert query.attributes["db.system.name"] == "sqlite"
    assert query.attributes["osprofiler.name"] == "db"


def test_the_point_has_the_name_that_the_service_gave_it(traced_engine, sink):
    engine = traced_engine("neutron.db")
    with unit():
        execute(engine)
    assert sink.spans[0].attributes["osprofiler.name"] == "neutron.db"


def test_parameters_and_literals_are_in_no_span(traced_engine, sink):
    engine = traced_engine()
    with unit():
        execute(engine, "SELECT * FROM servers WHERE name = :name", {"name": "p4rameter"})
        execute(engine, "SELECT * FROM servers WHERE name = 'l1teral'")
    shown = str([dict(span.attributes) for span in sink.spans])
    assert len(sink.spans) == 2
    assert not [secret for secret in ("p4rameter", "l1teral") if secret in shown]


def test_a_batch_is_one_span(traced_engine, sink):
    engine = traced_engine()
    with unit(), engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO servers (name) VALUES (:name)"), [{"name": "a"}, {"name": "b"}]
        )
    assert len(sink.spans) == 1
    assert sink.spans[0].attributes["db.operation.batch.size"] == 2


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT * FROM absent", None),
        ("INSERT INTO servers (id) VALUES (:id)", [{"id": 1}, {"id": 1}]),
    ],
)
def test_a_statement_that_fails_is_one_span_with_the_error(traced_engine, sink, statement, parameters):
    """And ends nobody else's point."""
    engine = traced_engine()
    with unit():
        profiler.start("above")
        with pytest.raises(sa.exc.DBAPIError):
            execute(engine, statement, parameters)
        assert len(sink.spans) == 1
        profiler.stop()
    query, above = sink.spans
    assert query.status.status_code is StatusCode.ERROR
    assert above.status.status_code is StatusCode.UNSET
    assert query.parent.span_id == above.context.span_id


def test_of_two_engines_each_has_its_own_name(make_engine, adopt, sink):
    first, second, untraced = make_engine(), make_engine(), make_engine()
    upstream.add_tracing(sa, first, "first.db")
    upstream.add_tracing(sa, second, "second.db")
    adopt()
    with unit():
        for engine in (second, first, untraced):
            execute(engine)
    assert [span.attributes["osprofiler.name"] for span in sink.spans] == ["second.db", "first.db"]


def test_an_engine_that_was_traced_twice_gives_one_span(traced_engine, sink):
    engine = traced_engine()
    upstream.add_tracing(sa, engine, "db")
    upstream.add_tracing(sa, engine, "another")
    with unit():
        execute(engine)
    assert len(sink.spans) == 1


def test_an_engine_that_was_traced_twice_before_gives_one_span(engine, adopt, sink):
    for name in ("db", "db", "another"):
        upstream.add_tracing(sa, engine, name)
    adopt()
    with unit():
        execute(engine)
    assert len(sink.spans) == 1


def test_an_engine_that_is_ours_already_stays_so(engine, adopt, provider, sink):
    trace_engine(engine, provider, name="mine")
    upstream.add_tracing(sa, engine, "db")
    adopt()
    with unit():
        execute(engine)
    assert [span.attributes["osprofiler.name"] for span in sink.spans] == ["mine"]


def test_a_disposed_engine_is_traced_on(traced_engine, sink):
    engine = traced_engine(threads=True)
    engine.dispose()
    with unit():
        execute(engine)
    assert len(sink.spans) == 1


def test_option_engines_are_traced_with_theirs(traced_engine, sink):
    engine = traced_engine()
    with unit():
        execute(engine.execution_options(isolation_level="AUTOCOMMIT"))
    assert len(sink.spans) == 1


def test_an_engine_that_is_gone_is_not_kept(make_engine, adopt):
    engine = sa.create_engine("sqlite://")
    upstream.add_tracing(sa, engine, "db")
    adopt()
    held = weakref.ref(engine)
    engine.dispose()
    del engine
    gc.collect()
    assert held() is None


def test_where_nothing_is_traced_there_is_no_span(traced_engine, sink):
    execute(traced_engine())
    assert sink.spans == []


def test_other_listeners_stay(engine, adopt, sink):
    seen = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: seen.append("before"))
    upstream.add_tracing(sa, engine, "db")
    event.listen(engine, "handle_error", lambda context: seen.append("error"))
    adopt()
    with unit(), pytest.raises(sa.exc.OperationalError):
        execute(engine, "SELECT * FROM absent")
    assert seen == ["before", "error"]
    assert len(sink.spans) == 1


# -- sessions -----------------------------------------------------------------------------------------


def query(session):
    with upstream.wrap_session(sa, session) as wrapped:
        assert wrapped.execute(sa.text("SELECT 1")).scalar() == 1


def test_a_wrapped_session_traces_its_engine(engine, adopt, sink):
    adopt()
    with unit():
        query(Session(engine))
        query(Session(engine))
    assert len(sink.spans) == 2


def test_a_session_that_was_wrapped_before_is_traced(engine, adopt, sink):
    query(Session(engine))
    adopt()
    with unit():
        query(Session(engine))
    assert len(sink.spans) == 1


def test_a_session_may_be_bound_to_a_connection(engine, adopt, sink):
    """Upstream cannot trace those; its engine is traced."""
    adopt()
    with unit(), engine.connect() as connection:
        query(Session(connection))
        query(Session(connection))
    assert len(sink.spans) == 2


@pytest.mark.parametrize("odd", [None, 5, object(), "sqlite://"])
def test_what_is_no_engine_is_not_worth_the_services_work(adopt, odd):
    adopt()
    upstream.add_tracing(sa, odd, "db")


# -- the switch ---------------------------------------------------------------------------------------


def test_disabled_no_engine_is_traced_from_now_on(make_engine, adopt, sink, monkeypatch):
    monkeypatch.setattr(upstream, "_DISABLED", False)
    first, second, third = make_engine(), make_engine(), make_engine()
    adopt()
    upstream.add_tracing(sa, first, "db")
    upstream.disable()
    upstream.add_tracing(sa, second, "db")
    upstream.enable()
    upstream.add_tracing(sa, third, "db")
    with unit():
        for engine in (first, second, third):
            execute(engine)
    assert len(sink.spans) == 2


# -- threads ------------------------------------------------------------------------------------------


def test_threads_that_trace_one_engine_at_once_trace_it_once(make_engine, adopt, sink):
    engine = make_engine(threads=True)
    adopt()
    barrier = threading.Barrier(8)

    def work():
        barrier.wait(10)
        upstream.add_tracing(sa, engine, "db")
        with unit():
            execute(engine)

    together(work, 8)
    assert len(sink.spans) == 8


def test_a_statement_under_way_comes_to_its_end(make_engine, provider):
    """To remove a listener while it is called makes the statement fail, so none is removed."""
    engine = make_engine(threads=True)
    upstream.add_tracing(sa, engine, "db")
    called, go_on, failed = threading.Event(), threading.Event(), []

    def notify(info):
        called.set()
        assert go_on.wait(20)

    def work():
        profiler.init("key")
        try:
            execute(engine)
        except BaseException as error:
            failed.append(error)

    before = notifier.get()
    notifier.set(notify)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert called.wait(20)
        with adopted(provider):
            go_on.set()
            thread.join(20)
    finally:
        go_on.set()
        thread.join(20)
        notifier.set(before)
    assert failed == []


def together(work, count):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


# -- afterwards ---------------------------------------------------------------------------------------


def test_afterwards_upstream_traces_as_before(engine, provider, sink):
    seen = []
    upstream.add_tracing(sa, engine, "db")
    with adopted(provider):
        pass
    before = notifier.get()
    notifier.set(lambda info: seen.append(info["name"]))
    try:
        profiler.init("key")
        execute(engine)
        execute(engine)
    finally:
        profiler.clean()
        notifier.set(before)
    assert seen == ["db-start", "db-stop"] * 2
    assert sink.spans == []


def test_listeners_of_another_osprofiler_are_left_alone(engine, adopt, sink, monkeypatch):
    """Their points come by ``start`` and ``stop``, which are ours."""
    upstream.add_tracing(sa, engine, "db")
    monkeypatch.setattr(upstream, "_before_cursor_execute", lambda name: None)
    adopt()
    with unit():
        execute(engine)
    assert len(sink.spans) == 1


def test_a_service_without_sqlalchemy_gets_none():
    found = run(
        """
        import json, sys
        from osprofiler import notifier
        notifier.create("otel://127.0.0.1:9", project="p", service="s", host="h")
        print(json.dumps([name for name in sys.modules if name.partition(".")[0] == "sqlalchemy"]))
        """
    )
    assert found == []


def test_nothing_of_opentelemetrys_instrumentation_is_needed():
    """``pip install otel-bridge[osprofiler]`` does not bring it."""
    found = run(
        """
        import json, sys
        sys.modules["opentelemetry.instrumentation"] = None
        import sqlalchemy
        from osprofiler import notifier, profiler, sqlalchemy as traced
        before, after = (sqlalchemy.create_engine("sqlite://") for _ in range(2))
        traced.add_tracing(sqlalchemy, before, "db")
        notifier.create("otel:", project="p", service="s", host="h")
        traced.add_tracing(sqlalchemy, after, "db")
        from otel_bridge import gate, runtime
        from otel_bridge.wire.signing import KeyRing
        gate.enable(KeyRing.parse("key"))
        profiler.init("key")
        for engine in (before, after):
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text("SELECT 1"))
        profiler.clean()
        print(json.dumps(runtime.stats().made))
        """,
        OTEL_TRACES_EXPORTER="none",
    )
    assert found == 2


def test_what_the_garbage_collector_does_not_show_works_by_start_and_stop():
    """``gc.freeze()``, by which servers keep memory shared with their workers, hides everything from us."""
    found = run(
        """
        import gc, json, sys
        import sqlalchemy
        from osprofiler import notifier, profiler, sqlalchemy as traced
        engine = sqlalchemy.create_engine("sqlite://")
        traced.add_tracing(sqlalchemy, engine, "db")

        @profiler.trace("decorated")
        def execute(text):
            with engine.connect() as connection:
                try:
                    connection.execute(sqlalchemy.text(text))
                except sqlalchemy.exc.OperationalError:
                    pass

        gc.freeze()
        notifier.create("otel:", project="p", service="s", host="h")
        from otel_bridge import gate, runtime
        from otel_bridge.wire.signing import KeyRing
        gate.enable(KeyRing.parse("key"))
        spans = []
        profiler.init("key")
        profiler.start("above")
        for tracer in runtime.setup().tracer_provider._tracers.values():
            tracer.sink = spans.append
        execute("SELECT * FROM absent")
        execute("SELECT 1")
        profiler.stop()
        print(json.dumps([
            (span.attributes["osprofiler.name"], span.status.status_code.name) for span in spans
        ]))
        """,
        OTEL_TRACES_EXPORTER="none",
    )
    assert found == [
        ["db", "ERROR"],
        ["decorated", "UNSET"],
        ["db", "UNSET"],
        ["decorated", "UNSET"],
        ["above", "UNSET"],
    ]


def test_the_warning_is_for_the_operator(adopt, caplog, monkeypatch):
    from otel_bridge import log

    monkeypatch.setattr(log, "_last", {})
    adopt()
    with warnings.catch_warnings():
        upstream.add_tracing(sa, object(), "db")
    assert "not traced: AttributeError" in caplog.text


def test_the_engines_spans_go_to_the_adopting_provider(engine, sink):
    other = type(sink)()
    with adopted(TracerProvider(other)):
        upstream.add_tracing(sa, engine, "db")
        with unit():
            execute(engine)
    assert (len(sink.spans), len(other.spans)) == (0, 1)


def test_the_operator_may_want_parameters(engine, provider, sink):
    """``[otel_bridge] capture_sql_parameters`` holds for OSProfiler's points as well."""
    plain = handle_of(provider)
    wanted = replace(plain.settings, capture=CaptureSettings(sql_parameters=True))
    with adopted(provider, Handle(provider, wanted, plain._pipeline, lambda _: None)):
        upstream.add_tracing(sa, engine, "db")
        with unit():
            execute(engine, "SELECT :number", {"number": 5})
    assert sink.spans[0].attributes["db.query.parameter.0"] == "5"
