"""SQLAlchemy engines traced through their dialects."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymysql.err
import pytest
import sqlalchemy as sa
from engines import memory_engine
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind, StatusCode
from recorders import PATIENCE, Recorder, everything
from sqlalchemy import create_engine as create_engine_imported_early
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from otel_bridge.instrumentation.sqlalchemy import SQLAlchemyInstrumentor, trace_engine, untrace_engine
from otel_bridge.instrumentation.statements import status_code
from otel_bridge.model.sql import MAX_STATEMENT
from otel_bridge.tracing import context as ctx

SECRET = "hunter2-is-a-parameter"


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    """An untraced engine on one SQLite database in memory, with its schema."""
    with memory_engine(Base.metadata) as engine:
        yield engine


@pytest.fixture
def instrumentor() -> Iterator[SQLAlchemyInstrumentor]:
    instrumentor = SQLAlchemyInstrumentor()
    yield instrumentor
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def texts(recorder: Recorder) -> list[str]:
    return [str((span.attributes or {})["db.query.text"]) for span in recorder.of_kind(SpanKind.CLIENT)]


class TestStatements:
    def test_core(self, engine: sa.Engine, any_recorder: Recorder) -> None:
        """A statement is one CLIENT span below the current one, named by what it does."""
        trace_engine(engine, any_recorder.provider)
        with any_recorder.request() as request, engine.connect() as connection:
            connection.execute(sa.select(User.id)).all()
            above = request.get_span_context()
        span, _request = any_recorder.wait(2)
        assert span.kind is SpanKind.CLIENT
        assert span.name == "SELECT users"
        assert span.context.trace_id == above.trace_id
        assert span.parent.span_id == above.span_id
        assert span.attributes["db.system.name"] == "sqlite"
        assert span.attributes["db.query.summary"] == "SELECT users"
        assert "FROM users" in span.attributes["db.query.text"]
        assert span.status.status_code is StatusCode.UNSET

    def test_untraced(self, engine: sa.Engine, any_recorder: Recorder) -> None:
        """Outside a traced request nothing is recorded."""
        trace_engine(engine, any_recorder.provider)
        with engine.connect() as connection:
            connection.execute(sa.select(User.id))
        assert any_recorder.spans == []

    def test_executemany(self, engine: sa.Engine, any_recorder: Recorder) -> None:
        """Several parameter sets are one span, which says how many there were."""
        trace_engine(engine, any_recorder.provider)
        with any_recorder.request(), engine.begin() as connection:
            connection.execute(sa.insert(User), [{"name": str(number)} for number in range(7)])
        span, _request = any_recorder.wait(2)
        assert span.attributes["db.operation.batch.size"] == 7

    def test_insertmanyvalues(self, engine: sa.Engine, recorder: Recorder) -> None:
        """Each statement into which SQLAlchemy splits an INSERT … RETURNING is a span."""
        trace_engine(engine, recorder.provider)
        rows = [{"name": str(number)} for number in range(2500)]
        with recorder.request(), engine.begin() as connection:
            connection.execute(sa.insert(User).returning(User.id), rows).all()
        assert len(recorder.wait(4)) == 4  # 1000 rows a statement, and the request
        assert all(text.startswith("INSERT INTO users") for text in texts(recorder))

    def test_no_parameters(self, engine: sa.Engine, any_recorder: Recorder) -> None:
        """A statement that is executed without any parameters is traced too."""
        trace_engine(engine, any_recorder.provider)
        with any_recorder.request(), engine.connect() as connection:
            result = connection.execution_options(no_parameters=True).exec_driver_sql("SELECT id FROM users")
            assert result.all() == []
        span, _request = any_recorder.wait(2)
        assert span.attributes["db.query.text"] == "SELECT id FROM users"

    def test_orm(self, engine: sa.Engine, recorder: Recorder) -> None:
        """What a session flushes and loads is traced."""
        trace_engine(engine, recorder.provider)
        with recorder.request(), Session(engine) as session:
            session.add(User(name="a"))
            session.flush()
            session.scalars(sa.select(User)).all()
        insert, select, _request = recorder.wait(3)
        assert (insert.name, select.name) == ("INSERT users", "SELECT users")

    def test_fetching_is_not_included(self, engine: sa.Engine, recorder: Recorder) -> None:
        """The span has ended when the rows are fetched."""
        trace_engine(engine, recorder.provider)
        with recorder.request(), Session(engine) as session:
            rows = session.execute(sa.select(User).execution_options(yield_per=1))
            assert len(recorder.spans) == 1
            rows.all()

    def test_option_engine(self, engine: sa.Engine, recorder: Recorder) -> None:
        """An engine with execution options of its own shares the dialect, and so the tracing."""
        trace_engine(engine, recorder.provider)
        options = engine.execution_options(isolation_level="AUTOCOMMIT")
        with recorder.request(), options.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert len(recorder.wait(2)) == 2

    def test_other_listeners(self, engine: sa.Engine, recorder: Recorder) -> None:
        """The statement is the one that reaches the cursor, after all event listeners."""
        seen: list[str] = []
        sa.event.listen(engine, "do_execute", lambda cur, text, par, context: seen.append(text) or None)

        @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
        def comment(conn: Any, cur: Any, text: str, par: Any, context: Any, many: bool) -> Any:
            return text + " -- commented", par

        trace_engine(engine, recorder.provider)
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT id FROM users"))
        assert seen == ["SELECT id FROM users -- commented"]
        assert len(recorder.wait(2)) == 2

    def test_two_phase(self, recorder: Recorder) -> None:
        """Statements of a two-phase commit are traced where the dialect executes them."""
        log: list[str] = []

        class Cursor:
            description = None
            rowcount = lastrowid = 0

            def execute(self, text: str, parameters: Any = ()) -> None:
                log.append(text)

            def close(self) -> None: ...

        class Connection:
            def cursor(self, *arguments: Any) -> Cursor:
                return Cursor()

            def commit(self) -> None: ...
            def rollback(self) -> None: ...
            def close(self) -> None: ...

        engine = sa.create_engine("mysql+pymysql://db:3306/nova", creator=Connection, _initialize=False)
        trace_engine(engine, recorder.provider)
        with recorder.request(), engine.connect() as connection:
            transaction = connection.begin_twophase("xid")
            connection.exec_driver_sql("UPDATE instances SET deleted = 1")
            transaction.prepare()
            transaction.commit()
        spans = recorder.wait(len(log) + 1)
        assert [text.split()[:2] for text in log] == [text.split()[:2] for text in texts(recorder)]
        assert ["XA", "PREPARE"] in [text.split()[:2] for text in log]
        assert spans[0].attributes["db.system.name"] == "mysql"
        assert spans[0].attributes["db.namespace"] == "nova"
        assert (spans[0].attributes["server.address"], spans[0].attributes["server.port"]) == ("db", 3306)
        engine.dispose()

    def test_long_statement(self, engine: sa.Engine, recorder: Recorder) -> None:
        """Of a very long statement only what can be exported waits in the queue."""
        trace_engine(engine, recorder.provider)
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1 --" + "x" * 3 * MAX_STATEMENT))
        span, _request = recorder.wait(2)
        assert len(span._attributes.statement) == MAX_STATEMENT

    def test_statement_object(self, engine: sa.Engine, any_recorder: Recorder) -> None:
        """A statement that is no text, but an object of the driver's, is executed and shown without text."""

        class Cursor:
            def execute(self, statement: object, parameters: object) -> None:
                self.executed = statement

        trace_engine(engine, any_recorder.provider)
        cursor, statement = Cursor(), object()
        with any_recorder.request():
            engine.dialect.do_execute(cursor, statement, ())  # type: ignore[arg-type]
        span, _request = any_recorder.wait(2)
        assert cursor.executed is statement
        assert "db.query.text" not in span.attributes

    def test_suppression(self, engine: sa.Engine, recorder: Recorder) -> None:
        """Nothing is recorded where OpenTelemetry's suppression key is set."""
        trace_engine(engine, recorder.provider)
        with recorder.request(), suppress_instrumentation(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert len(recorder.wait(1)) == 1


class TestErrors:
    def test_database_error(self, engine: sa.Engine, any_recorder: Recorder) -> None:
        """A failed statement is an error with its type and the database's code; the caller gets its own."""
        trace_engine(engine, any_recorder.provider)
        with any_recorder.request(), engine.connect() as connection:
            connection.execute(sa.insert(User), {"name": "a"})
            with pytest.raises(sa.exc.IntegrityError) as caught:
                connection.execute(sa.insert(User), {"name": "a"})
        assert isinstance(caught.value.orig, sqlite3.IntegrityError)
        _first, span, _request = any_recorder.wait(3)
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "sqlite3.IntegrityError"
        assert span.attributes["db.response.status_code"] == "SQLITE_CONSTRAINT_UNIQUE"

    def test_parameters_stay_out(self, engine: sa.Engine, any_recorder: Recorder) -> None:
        """No parameter is recorded, not even when the database's error message quotes it."""
        trace_engine(engine, any_recorder.provider)
        wrong = sa.text("INSERT INTO users (name) VALUES (:name)")
        with any_recorder.request(), engine.connect() as connection:
            connection.execute(sa.insert(User), {"name": SECRET})
            connection.execute(sa.insert(User), [{"name": SECRET + "1"}, {"name": SECRET + "2"}])
            with pytest.raises(sa.exc.IntegrityError):
                connection.execute(wrong, {"name": SECRET})
            raw = engine.dialect.do_execute
            with pytest.raises(_QuotingError):
                raw(_FailingCursor(_QuotingError(1062, f"Duplicate entry '{SECRET}'")), "SELECT 1", (SECRET,))
        any_recorder.wait(5)
        assert SECRET not in everything(any_recorder)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError(), SystemExit(3)])
    def test_interrupted(self, engine: sa.Engine, recorder: Recorder, error: BaseException) -> None:
        """What is no Exception ends the span as well, and passes unchanged."""
        trace_engine(engine, recorder.provider)
        with recorder.request(), pytest.raises(type(error)) as caught:
            engine.dialect.do_execute(_FailingCursor(error), "SELECT 1", ())
        assert caught.value is error
        span, _request = recorder.wait(2)
        assert span.status.status_code is StatusCode.ERROR

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (pymysql.err.IntegrityError(1062, "Duplicate entry"), "1062"),
            (type("IntegrityError", (Exception,), {"sqlstate": "23000"})(1062, "Duplicate entry"), "1062"),
            (pymysql.err.OperationalError("text"), None),
            (type("UniqueViolation", (Exception,), {"sqlstate": "23505"})("text"), "23505"),
            (type("UniqueViolation", (Exception,), {"pgcode": "23505", "sqlstate": None})("text"), "23505"),
            (type("Error", (Exception,), {})("23000", "[23000] duplicate"), "23000"),
            (type("Error", (Exception,), {})("a secret", "text"), None),
            (type("Error", (Exception,), {})(type("E", (), {"full_code": "ORA-00001"})()), "ORA-00001"),
            (type("Error", (Exception,), {})(), None),
            (KeyError(7), None),
            (ConnectionResetError(104, "reset by peer"), None),
        ],
    )
    def test_status_code(self, error: BaseException, code: str | None) -> None:
        """The code is found where each DBAPI puts it, and nothing else is taken for one."""
        assert status_code(error) == code


class _QuotingError(Exception):
    """What a driver raises: it repeats the values that it was given."""


class _FailingCursor:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def execute(self, statement: str, parameters: Any) -> None:
        raise self._error


class TestConcurrency:
    def test_threads(self, tmp_path: Path, any_recorder: Recorder) -> None:
        """Statements of ten requests at once, on pooled threads, each go to their own request."""
        engine = sa.create_engine(f"sqlite:///{tmp_path}/db")
        trace_engine(engine, any_recorder.provider)
        barrier = threading.Barrier(10)

        def work(number: int) -> int:
            with any_recorder.request(trace_id=number), engine.connect() as connection:
                barrier.wait(PATIENCE)
                for _ in range(3):
                    connection.execute(sa.text(f"SELECT 1 AS column_{number}"))
            return len(ctx.get())

        with ThreadPoolExecutor(10) as pool:
            left_behind = list(pool.map(work, range(1, 11)))
        any_recorder.wait(40)
        assert left_behind == [0] * 10
        for span in any_recorder.of_kind(SpanKind.CLIENT):
            assert span.attributes["db.query.text"].endswith(f"column_{span.context.trace_id}")
        engine.dispose()

    def test_asyncio(self, tmp_path: Path, any_recorder: Recorder) -> None:
        """An asyncio engine's statements go to the request of their task."""

        async def work(engine: Any, number: int) -> None:
            with any_recorder.request(trace_id=number):
                async with engine.connect() as connection:
                    await connection.execute(sa.text(f"SELECT 1 AS column_{number}"))
                    await asyncio.sleep(0)
                    await connection.execute(sa.text(f"SELECT 2 AS column_{number}"))

        async def main() -> None:
            engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/db")
            trace_engine(engine, any_recorder.provider)
            await asyncio.gather(*(work(engine, number) for number in range(1, 6)))
            await engine.dispose()

        asyncio.run(main())
        any_recorder.wait(15)
        for span in any_recorder.of_kind(SpanKind.CLIENT):
            assert span.attributes["db.query.text"].endswith(f"column_{span.context.trace_id}")


class TestOneEngine:
    def test_once(self, engine: sa.Engine, recorder: Recorder) -> None:
        """An engine that is traced already is left as it is: a statement stays one span."""
        assert trace_engine(engine, recorder.provider)
        assert not trace_engine(engine, recorder.provider)
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert len(recorder.wait(2)) == 2

    def test_untrace(self, engine: sa.Engine, recorder: Recorder) -> None:
        """An engine that is not traced any more has the dialect that it had."""
        before = dict(engine.dialect.__dict__)
        trace_engine(engine, recorder.provider)
        assert engine.dialect.__dict__ != before
        untrace_engine(engine)
        assert engine.dialect.__dict__ == before
        untrace_engine(engine)

    def test_wrapped_by_another(self, engine: sa.Engine, recorder: Recorder) -> None:
        """A wrapper that somebody put around ours is left alone, and what was found comes back below it."""
        trace_engine(engine, recorder.provider)
        ours, calls = engine.dialect.do_execute, []

        def foreign(*arguments: Any) -> None:
            calls.append(arguments)
            ours(*arguments)

        engine.dialect.do_execute = foreign  # type: ignore[method-assign]
        untrace_engine(engine)
        assert engine.dialect.do_execute is foreign
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert len(calls) == 1
        assert len(recorder.wait(1)) == 1

    def test_replaced_before(self, engine: sa.Engine, recorder: Recorder) -> None:
        """A method that another library had replaced on the dialect goes on working, and comes back."""
        own, calls = engine.dialect.do_execute, []

        def foreign(*arguments: Any) -> None:
            calls.append(arguments)
            own(*arguments)

        engine.dialect.do_execute = foreign  # type: ignore[method-assign]
        trace_engine(engine, recorder.provider)
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert len(calls) == 1
        untrace_engine(engine)
        assert engine.dialect.do_execute is foreign

    def test_collected(self, recorder: Recorder) -> None:
        """Tracing does not keep an engine alive."""
        engine = sa.create_engine("sqlite://")
        trace_engine(engine, recorder.provider)
        gone = weakref.ref(engine.dialect)
        del engine
        gc.collect()
        assert gone() is None


class TestInstrumentor:
    @pytest.mark.parametrize(
        "create",
        [
            pytest.param(sa.create_engine, id="create_engine"),
            pytest.param(create_engine_imported_early, id="imported before"),
            pytest.param(lambda url: sa.engine_from_config({"sqlalchemy.url": url}), id="from config"),
            pytest.param(lambda url: sa.create_engine(url, echo=False, query_cache_size=9), id="arguments"),
        ],
    )
    def test_engines_created_later(
        self, instrumentor: SQLAlchemyInstrumentor, any_recorder: Recorder, create: Any
    ) -> None:
        """Engines are traced in whatever way they are created."""
        instrumentor.instrument(tracer_provider=any_recorder.provider)
        engine = create("sqlite://")
        with any_recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert "SELECT ?" in texts(any_recorder)
        engine.dispose()

    def test_asyncio_engine_created_later(
        self, instrumentor: SQLAlchemyInstrumentor, recorder: Recorder
    ) -> None:
        """An asyncio engine that is created later is traced."""

        async def main() -> None:
            engine = create_async_engine("sqlite+aiosqlite://")
            with recorder.request():
                async with engine.connect() as connection:
                    await connection.execute(sa.text("SELECT 1"))
            await engine.dispose()

        instrumentor.instrument(tracer_provider=recorder.provider)
        asyncio.run(main())
        assert "SELECT ?" in texts(recorder)

    def test_named_engines(
        self, instrumentor: SQLAlchemyInstrumentor, engine: sa.Engine, recorder: Recorder
    ) -> None:
        """Engines that exist already are traced when they are named."""
        instrumentor.instrument(tracer_provider=recorder.provider, engines=[engine])
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert len(recorder.wait(2)) == 2

    def test_uninstrument(
        self, instrumentor: SQLAlchemyInstrumentor, engine: sa.Engine, recorder: Recorder
    ) -> None:
        """SQLAlchemy, and each engine, is as it was found."""
        hook, before = Dialect.__dict__["engine_created"], dict(engine.dialect.__dict__)
        instrumentor.instrument(tracer_provider=recorder.provider, engines=[engine])
        later = sa.create_engine("sqlite://")
        assert Dialect.__dict__["engine_created"] is not hook
        instrumentor.uninstrument()
        assert Dialect.__dict__["engine_created"] is hook
        assert engine.dialect.__dict__ == before
        assert "do_execute" not in later.dialect.__dict__
        assert "do_execute" not in sa.create_engine("sqlite://").dialect.__dict__

    def test_uninstrument_leaves_others(
        self, instrumentor: SQLAlchemyInstrumentor, engine: sa.Engine, recorder: Recorder
    ) -> None:
        """An engine that was traced by hand stays traced."""
        trace_engine(engine, recorder.provider)
        instrumentor.instrument(tracer_provider=recorder.provider, engines=[engine])
        instrumentor.uninstrument()
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert len(recorder.wait(2)) == 2

    def test_hook_of_another(
        self,
        instrumentor: SQLAlchemyInstrumentor,
        recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A hook that is there already goes on working, with the class that it was called on."""
        calls: list[Any] = []
        monkeypatch.setattr(
            Dialect, "engine_created", classmethod(lambda cls, engine: calls.append((cls, engine)))
        )
        instrumentor.instrument(tracer_provider=recorder.provider)
        engine = sa.create_engine("sqlite://")
        instrumentor.uninstrument()
        assert calls == [(type(engine.dialect), engine)]

    def test_hook_wrapped_by_another(
        self,
        instrumentor: SQLAlchemyInstrumentor,
        recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Where somebody wrapped our hook it stays, and traces no engine any more."""
        found = Dialect.__dict__["engine_created"]
        instrumentor.instrument(tracer_provider=recorder.provider)
        ours = Dialect.__dict__["engine_created"]
        foreign = classmethod(lambda cls, engine: ours.__get__(None, cls)(engine))
        monkeypatch.setattr(Dialect, "engine_created", foreign)
        instrumentor.uninstrument()
        assert Dialect.__dict__["engine_created"] is foreign
        assert "do_execute" not in sa.create_engine("sqlite://").dialect.__dict__
        monkeypatch.undo()
        Dialect.engine_created = found  # type: ignore[method-assign]
