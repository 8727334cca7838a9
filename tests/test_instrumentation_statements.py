"""The traced methods of a dialect: they stay correct whatever else is done to it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from engines import memory_engine
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor as ContribInstrumentor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.trace import SpanKind, StatusCode
from recorders import Recorder
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import StaticPool

from otel_bridge.instrumentation import conflicts, statements
from otel_bridge.instrumentation.engines import trace_engine, untrace_engine
from otel_bridge.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

NAMES = ("do_execute", "do_executemany", "do_execute_no_params")


class Cursor:
    """Notes what it is given."""

    description = None
    rowcount = -1

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def execute(self, *arguments: Any) -> str:
        self.calls.append(arguments)
        return "not for the caller"

    executemany = execute


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    with memory_engine() as engine:
        yield engine


def use(engine: sa.Engine, name: str, statement: Any = "SELECT 1") -> tuple[Cursor, Any]:
    """Call a method as SQLAlchemy does; the cursor, and what the method gave."""
    cursor = Cursor()
    arguments = {"do_execute": ((1,),), "do_executemany": ([(1,), (2,)],), "do_execute_no_params": ()}[name]
    return cursor, getattr(engine.dialect, name)(cursor, statement, *arguments, None)


class TestTheDialectsOwnMethod:
    def test_what_is_left_out_does_what_ours_does(self, engine: sa.Engine) -> None:
        """SQLAlchemy's methods are those that the direct way stands for; else it is not taken."""
        for name in NAMES:
            known = getattr(statements._Known, name)
            assert statements._own(engine.dialect, name, known) is DefaultDialect.__dict__[name]

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("traced", [False, True])
    def test_the_cursor_gets_the_same(
        self, engine: sa.Engine, recorder: Recorder, name: str, traced: bool
    ) -> None:
        """The same arguments and result as without tracing, in a traced request and outside."""
        plain = use(engine, name)
        trace_engine(engine, recorder.provider)
        if traced:
            with recorder.request():
                found = use(engine, name)
        else:
            found = use(engine, name)
        assert (found[0].calls, found[1]) == (plain[0].calls, plain[1])
        assert len(recorder.spans) == 2 * traced

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("replace", ["before", "after"])
    @pytest.mark.parametrize("owner", ["DefaultDialect", "its own class"])
    def test_a_method_that_somebody_gives_the_class(
        self,
        engine: sa.Engine,
        recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        replace: str,
        owner: str,
    ) -> None:
        """It is called for traced engines as well, from when it is there until it is gone."""
        cls = DefaultDialect if owner == "DefaultDialect" else type(engine.dialect)
        found = getattr(DefaultDialect, name)
        seen: list[Any] = []

        def foreign(self: Any, cursor: Any, *arguments: Any) -> str:
            seen.append(self)
            found(self, cursor, *arguments)
            return "foreign"

        with monkeypatch.context() as patch:
            if replace == "before":
                patch.setattr(cls, name, foreign)
            trace_engine(engine, recorder.provider)
            patch.setattr(cls, name, foreign)
            for _ in range(2):
                with recorder.request():
                    cursor, result = use(engine, name)
                assert result == "foreign"
            assert seen == [engine.dialect] * 2
            assert len(cursor.calls) == 1
            assert use(engine, name)[1] == "foreign"
        with recorder.request():
            assert use(engine, name)[1] is None
        assert len(seen) == 3
        assert len(recorder.of_kind(SpanKind.CLIENT)) == 3

    def test_a_static_method_is_called_as_one(
        self, engine: sa.Engine, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What stands in the class is bound as Python binds it."""
        seen: list[Any] = []
        trace_engine(engine, recorder.provider)
        monkeypatch.setattr(
            DefaultDialect, "do_execute", staticmethod(lambda *found: seen.append(len(found)))
        )
        use(engine, "do_execute")
        assert seen == [4]

    def test_an_override_of_the_dialects(self, recorder: Recorder) -> None:
        """A dialect with a method of its own goes on using it."""
        from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

        class Dialect(SQLiteDialect_pysqlite):
            supports_statement_cache = True

            def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
                cursor.execute(statement.replace("OVERRIDE", "SELECT"), parameters)

        engine = sa.create_engine("sqlite://")
        engine.dialect.__class__ = Dialect
        trace_engine(engine, recorder.provider)
        with recorder.request(), engine.connect() as connection:
            assert connection.exec_driver_sql("OVERRIDE 7").scalar() == 7
        assert [span.attributes["db.query.text"] for span in recorder.of_kind(SpanKind.CLIENT)] == [
            "OVERRIDE ?"
        ]
        engine.dispose()

    @pytest.mark.parametrize("name", NAMES)
    def test_untraced_it_is_as_found(self, engine: sa.Engine, recorder: Recorder, name: str) -> None:
        """Also where somebody replaced the method of the instance before, and of the class meanwhile."""
        found = copy.copy(getattr(engine.dialect, name))
        setattr(engine.dialect, name, found)
        before = dict(engine.dialect.__dict__)
        trace_engine(engine, recorder.provider)
        untrace_engine(engine)
        assert engine.dialect.__dict__ == before


class TestKnownStatements:
    def test_an_error_belongs_to_one_execution(self, engine: sa.Engine, recorder: Recorder) -> None:
        """Executions of one statement share what they have in common, and nothing else."""
        trace_engine(engine, recorder.provider)
        with recorder.request(), engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
            insert = sa.text("INSERT INTO t VALUES (:id)")
            connection.execute(insert, {"id": 1})
            with pytest.raises(sa.exc.IntegrityError):
                connection.execute(insert, {"id": 1})
            connection.execute(insert, {"id": 2})
        _create, first, failed, second, _request = recorder.wait(5)
        assert failed.status.status_code is StatusCode.ERROR
        assert failed.attributes["db.response.status_code"] == "SQLITE_CONSTRAINT_PRIMARYKEY"
        for span in (first, second):
            assert dict(span.attributes) == {
                name: failed.attributes[name] for name in span.attributes if name.startswith("db.")
            }
            assert span.status.status_code is StatusCode.UNSET

    def test_few_are_kept(
        self, engine: sa.Engine, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Statements that never come again do not add up, and long ones are not kept."""
        monkeypatch.setattr(statements, "_KEPT", 3)
        trace_engine(engine, recorder.provider)
        known = engine.dialect.__dict__["_otel_bridge_statements"].known
        with recorder.request():
            for number in range(10):
                use(engine, "do_execute", f"SELECT a{number}")
                assert len(known) <= 3
            known.clear()
            use(engine, "do_execute", "SELECT " + "a" * statements._KEPT_LENGTH)
            use(engine, "do_executemany", "SELECT b")
        assert known == {}
        assert len(recorder.of_kind(SpanKind.CLIENT)) == 12

    def test_known_ones_are_suppressed_as_well(self, engine: sa.Engine, recorder: Recorder) -> None:
        """OpenTelemetry's key counts for a statement that was recorded before, and only where it is true."""
        trace_engine(engine, recorder.provider)
        with recorder.request():
            use(engine, "do_execute")
            for value, expected in ((True, 1), (False, 2)):
                token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value))
                use(engine, "do_execute")
                detach(token)
                assert len(recorder.of_kind(SpanKind.CLIENT)) == expected

    def test_what_is_no_text(self, engine: sa.Engine, recorder: Recorder) -> None:
        """A driver's own statement object, which need not be hashable, reaches the cursor."""
        trace_engine(engine, recorder.provider)
        statement: list[str] = []
        with recorder.request():
            cursor, _result = use(engine, "do_execute", statement)
        assert cursor.calls[0][0] is statement
        assert "db.query.text" not in recorder.of_kind(SpanKind.CLIENT)[0].attributes


class TestBesideContrib:
    """opentelemetry-instrumentation-sqlalchemy is at work, too."""

    @pytest.fixture(autouse=True)
    def _anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conflicts, "_told", set())

    @pytest.fixture
    def switches(self) -> Iterator[list[Any]]:
        both = [SQLAlchemyInstrumentor(), ContribInstrumentor()]
        yield both
        for instrumentor in both:
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()

    @pytest.mark.parametrize("first", [0, 1], ids=["ours first", "contrib first"])
    @pytest.mark.parametrize("engine_is", ["made before", "made later"])
    def test_one_span_and_one_warning(
        self,
        switches: list[Any],
        recorder: Recorder,
        caplog: pytest.LogCaptureFixture,
        first: int,
        engine_is: str,
    ) -> None:
        """Its spans stay, in either order; the operator is told once."""
        early = sa.create_engine("sqlite://", poolclass=StaticPool)
        engines = [early] if engine_is == "made before" else []
        for instrumentor in (switches[first], switches[1 - first]):
            instrumentor.instrument(tracer_provider=recorder.provider, engines=engines)
        engine = early if engines else sa.create_engine("sqlite://", poolclass=StaticPool)
        with recorder.request(), engine.connect() as connection:
            for _ in range(3):
                connection.execute(sa.text("SELECT 1"))
                connection.execute(sa.text("SELECT :one"), {"one": 1})
        scopes = [
            span.instrumentation_scope.name
            for span in recorder.of_kind(SpanKind.CLIENT)
            if span.name != "connect"
        ]
        assert scopes == ["opentelemetry.instrumentation.sqlalchemy"] * 6
        assert [record.getMessage().count("sqlalchemy is instrumented by") for record in caplog.records] == [
            1
        ]
        engine.dispose()

    def test_where_contrib_is_switched_off_ours_goes_on(
        self, switches: list[Any], engine: sa.Engine, recorder: Recorder
    ) -> None:
        for instrumentor in switches:
            instrumentor.instrument(tracer_provider=recorder.provider, engines=[engine])
        switches[1].uninstrument()
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        span, _request = recorder.wait(2)
        assert span.instrumentation_scope.name == "otel_bridge.instrumentation.sqlalchemy"

    def test_where_contrib_records_nothing_ours_does(
        self, switches: list[Any], engine: sa.Engine, recorder: Recorder
    ) -> None:
        """Its provider may be switched off: a query is one span even then."""
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

        off = SdkTracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
        switches[0].instrument(tracer_provider=recorder.provider, engines=[engine])
        switches[1].instrument(tracer_provider=off, engines=[engine])
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert len(recorder.wait(2)) == 2
