"""Engines as services have them: oslo.db's, streaming ones, and what their transactions execute."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from engines import memory_engine
from opentelemetry.trace import SpanKind, StatusCode
from oslo_config import cfg
from oslo_db import exception as oslo_exception
from oslo_db import options as oslo_options
from oslo_db.sqlalchemy import enginefacade
from oslo_db.sqlalchemy.engines import create_engine as oslo_create_engine
from recorders import Recorder
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

from otel_bridge.instrumentation.engines import trace_engine
from otel_bridge.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

SECRET = "hunter2-is-a-parameter"


class Base(DeclarativeBase):
    pass


class Volume(Base):
    __tablename__ = "volumes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


@enginefacade.transaction_context_provider
class RequestContext:
    """What a service hands to its database functions."""


@pytest.fixture
def instrumented(recorder: Recorder) -> Iterator[None]:
    instrumentor = SQLAlchemyInstrumentor()
    instrumentor.instrument(tracer_provider=recorder.provider)
    yield
    instrumentor.uninstrument()


@pytest.fixture
def engine(recorder: Recorder) -> Iterator[sa.Engine]:
    with memory_engine(Base.metadata) as engine:
        trace_engine(engine, recorder.provider)
        yield engine


def names(recorder: Recorder) -> list[str]:
    return [span.name for span in recorder.of_kind(SpanKind.CLIENT)]


@pytest.mark.usefixtures("instrumented")
class TestOsloDb:
    @pytest.fixture
    def facade(self, tmp_path: Path) -> Any:
        """A service's own transaction factory on a file of SQLite."""
        conf = cfg.ConfigOpts()
        conf.register_opts(oslo_options.database_opts, group="database")
        conf([])
        facade = enginefacade.transaction_context()
        facade.configure(connection=f"sqlite:///{tmp_path}/db", sqlite_fk=True)
        engine = facade.writer.get_engine()
        Base.metadata.create_all(engine)
        yield facade
        engine.dispose()

    def test_enginefacade(self, facade: Any, recorder: Recorder) -> None:
        """What readers and writers of a transaction factory execute is traced, its listeners in place."""

        @facade.writer
        def create(context: Any, name: str) -> None:
            context.session.add(Volume(name=name))

        @facade.reader
        def load(context: Any) -> list[str]:
            return [volume.name for volume in context.session.query(Volume)]

        with recorder.request():
            create(RequestContext(), "a")
            assert load(RequestContext()) == ["a"]
        # On SQLite oslo.db begins its transactions itself.
        assert names(recorder) == ["BEGIN", "INSERT volumes", "BEGIN", "SELECT volumes"]

    def test_errors_are_translated_as_ever(self, facade: Any, recorder: Recorder) -> None:
        """oslo.db's filters make of a failure what they always do; the span has the driver's class."""
        insert = sa.insert(Volume).values(name=SECRET)
        with recorder.request(), facade.writer.get_engine().connect() as connection:
            connection.execute(insert)
            with pytest.raises(oslo_exception.DBDuplicateEntry):
                connection.execute(insert)
        failed = recorder.of_kind(SpanKind.CLIENT)[-1]
        assert failed.status.status_code is StatusCode.ERROR
        assert failed.attributes["error.type"] == "sqlite3.IntegrityError"
        assert SECRET not in "".join(span.to_json() for span in recorder.spans)

    def test_create_engine(self, recorder: Recorder) -> None:
        """oslo.db's own function makes traced engines, and its first test of the connection is no span."""
        engine = oslo_create_engine("sqlite://")
        assert recorder.spans == []
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert "SELECT" in names(recorder)
        engine.dispose()


class TestTransactions:
    def test_savepoints(self, engine: sa.Engine, recorder: Recorder) -> None:
        """They are statements; the names that SQLAlchemy counts through are not in those of the spans."""
        with recorder.request(), Session(engine) as session:
            with session.begin_nested():
                session.add(Volume(name="a"))
            with session.begin_nested() as nested:
                session.execute(sa.delete(Volume))
                nested.rollback()
        assert names(recorder) == [
            "SAVEPOINT",
            "INSERT volumes",
            "RELEASE SAVEPOINT",
            "SAVEPOINT",
            "DELETE volumes",
            "ROLLBACK",
        ]


class TestResults:
    @pytest.mark.parametrize("options", [{"stream_results": True}, {"yield_per": 2}, {}])
    def test_streaming(self, engine: sa.Engine, recorder: Recorder, options: dict[str, Any]) -> None:
        """A result that is fetched little by little is one span, and all of its rows arrive."""
        with Session(engine) as session:
            session.add_all(Volume(id=number, name=str(number)) for number in range(7))
            session.commit()
        with recorder.request(), engine.connect() as connection:
            found = connection.execute(sa.select(Volume.id), execution_options=options)
            assert sorted(row.id for row in found) == list(range(7))
        assert names(recorder) == ["SELECT volumes"]

    def test_asyncio_session_that_streams(self, recorder: Recorder) -> None:
        """An asyncio session's stream is a statement of its task's request."""

        async def main() -> list[int]:
            engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
            trace_engine(engine, recorder.provider)
            async with engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
            with recorder.request():
                async with AsyncSession(engine) as session:
                    session.add_all([Volume(id=1, name="a"), Volume(id=2, name="b")])
                    await session.flush()
                    rows = await session.stream_scalars(sa.select(Volume.id).order_by(Volume.id))
                    found = [row async for row in rows]
            await engine.dispose()
            return found

        assert asyncio.run(main()) == [1, 2]
        assert names(recorder) == ["BATCH INSERT volumes", "SELECT volumes"]
