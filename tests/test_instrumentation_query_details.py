"""Parameters and row counts of queries: only where they are wanted, and never a secret."""

from __future__ import annotations

import asyncio
import decimal
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from engines import memory_engine
from opentelemetry.trace import SpanKind
from recorders import Recorder, everything
from sqlalchemy.ext.asyncio import create_async_engine

from otel_bridge.instrumentation import query_details
from otel_bridge.instrumentation.engines import trace_engine
from otel_bridge.instrumentation.query_details import MAX_PARAMETERS, QueryDetails
from otel_bridge.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from otel_bridge.model.redaction import MASK
from otel_bridge.model.translate import Details
from otel_bridge.settings import CaptureSettings, Settings

SECRET = "hunter2-is-a-parameter"
PARAMETERS = CaptureSettings(sql_parameters=True)
ROWS = CaptureSettings(row_counts=True)
USERS = sa.Table(
    "users",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("password", sa.String),
)


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    with memory_engine(USERS.metadata) as engine:
        yield engine


def attributes(recorder: Recorder, prefix: str) -> dict[str, Any]:
    """Those of the last query whose names begin so, without that beginning."""
    found = recorder.of_kind(SpanKind.CLIENT)[-1].attributes or {}
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def parameters(recorder: Recorder) -> dict[str, Any]:
    return attributes(recorder, "db.query.parameter.")


class TestOff:
    @pytest.mark.parametrize("capture", [None, CaptureSettings(), ROWS])
    def test_no_parameter_anywhere(
        self, engine: sa.Engine, recorder: Recorder, capture: CaptureSettings | None
    ) -> None:
        trace_engine(engine, recorder.provider, capture=capture)
        with recorder.request(), engine.begin() as connection:
            connection.execute(sa.insert(USERS), {"name": SECRET})
            connection.execute(sa.insert(USERS), [{"name": SECRET}, {"name": SECRET}])
            connection.execute(sa.select(USERS).where(USERS.c.name.in_([SECRET, "b"])))
            connection.exec_driver_sql("SELECT ?", (SECRET,))
        recorder.wait(5)
        assert SECRET not in everything(recorder)

    def test_nothing_is_looked_at(self) -> None:
        assert query_details.wanted(None) is None
        assert query_details.wanted(CaptureSettings(args=True, thread=True)) is None


class TestParameters:
    @pytest.mark.parametrize("flavour", ["ours", "sdk"])
    def test_by_position(self, engine: sa.Engine, flavour: str) -> None:
        """SQLite's placeholders have no names; what judges a value is the name that SQLAlchemy has for it."""
        recorder = Recorder(flavour)
        trace_engine(engine, recorder.provider, capture=PARAMETERS)
        with recorder.request(), engine.begin() as connection:
            connection.execute(sa.insert(USERS), {"name": "ann", "password": SECRET})
        assert parameters(recorder) == {"0": "ann", "1": MASK}
        assert SECRET not in everything(recorder)

    @pytest.mark.parametrize(
        ("execute", "expected"),
        [
            pytest.param(
                lambda c: c.execute(sa.select(USERS.c.id).where(USERS.c.password == SECRET)),
                {"0": MASK},
                id="where",
            ),
            pytest.param(
                lambda c: c.execute(sa.select(USERS.c.id).where(USERS.c.id.in_([7, 8]))),
                {"0": "7", "1": "8"},
                id="in",
            ),
            pytest.param(
                lambda c: c.execute(
                    sa.select(USERS.c.id).where(USERS.c.password.in_([SECRET, SECRET]), USERS.c.id == 1)
                ),
                {"0": MASK, "1": MASK, "2": MASK},
                id="secrets in a list",
            ),
            pytest.param(
                lambda c: c.exec_driver_sql("UPDATE users SET password = ? WHERE id = ?", (SECRET, 1)),
                {"0": MASK, "1": MASK},
                id="a driver's statement that names a secret",
            ),
            pytest.param(
                lambda c: c.exec_driver_sql("SELECT ?, ?", ("a", None)), {"0": "a", "1": "None"}, id="driver"
            ),
            pytest.param(
                lambda c: c.execute(sa.text("SELECT :blob, :text"), {"blob": b"\0" * 9, "text": "a" * 3000}),
                {"0": "<9 bytes>", "1": "a" * 1004 + "...[3000 characters]"},
                id="long and binary",
            ),
            pytest.param(
                lambda c: c.execute(sa.insert(USERS), [{"name": "a"}, {"name": "b"}]), {}, id="a batch"
            ),
            pytest.param(
                lambda c: c.execute(sa.insert(USERS).returning(USERS.c.id), [{"name": "a"}, {"name": "b"}]),
                {},
                id="a batch in one statement",
            ),
        ],
    )
    def test_what_is_shown(
        self, engine: sa.Engine, recorder: Recorder, execute: Callable[[Any], Any], expected: dict[str, str]
    ) -> None:
        trace_engine(engine, recorder.provider, capture=PARAMETERS)
        with recorder.request(), engine.begin() as connection:
            execute(connection)
        assert parameters(recorder) == expected
        assert SECRET not in everything(recorder)

    def test_looks_of_a_secret(self, engine: sa.Engine, recorder: Recorder) -> None:
        """A value that looks like a token is hidden although its name says nothing."""
        token = "gAAAAAB" + "lx9wB2kq" * 12
        trace_engine(engine, recorder.provider, capture=PARAMETERS)
        with recorder.request(), engine.connect() as connection:
            connection.execute(sa.text("SELECT :value"), {"value": token})
        assert token not in everything(recorder)

    def test_by_name(self) -> None:
        """Where placeholders have names these are shown, and judge."""
        found = QueryDetails(True, False).before("SELECT", {"a": 1, "db_passwd": SECRET}, None)
        assert found.parameters == (("a", "1"), ("db_passwd", MASK))

    def test_not_too_many(self) -> None:
        found = QueryDetails(True, False).before("SELECT", tuple(range(1000)), None)
        assert [name for name, _ in found.parameters] == [str(number) for number in range(MAX_PARAMETERS)]

    @pytest.mark.parametrize("value", ["a" * 100_000, 10**4200], ids=["text", "number"])
    def test_a_queued_span_holds_little_of_a_long_one(self, value: Any) -> None:
        """A query has many parameters, and a queue has thousands of spans."""
        ((_, text),) = QueryDetails(True, False).before("SELECT", (value,), None).parameters
        assert text == str(value)[: 4 * 1024]

    def test_a_failed_statement_has_them(self, engine: sa.Engine, recorder: Recorder) -> None:
        """Which values a statement failed with is what they are wanted for."""
        trace_engine(engine, recorder.provider, capture=PARAMETERS)
        with recorder.request(), engine.connect() as connection, pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("SELECT absent + :n"), {"n": 5})
        assert parameters(recorder) == {"0": "5"}

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (None, "None"),
            (True, "True"),
            (decimal.Decimal("1.50"), "1.50"),
            (uuid.UUID(int=5), str(uuid.UUID(int=5))),
            (memoryview(b"abc"), "<3 bytes>"),
            (type("Odd", (), {"__module__": "m", "__str__": lambda self: SECRET})(), "<m.Odd object>"),
        ],
    )
    def test_values_as_text(self, value: Any, shown: str) -> None:
        """Objects of other classes than a database knows are not asked for their text."""
        assert QueryDetails(True, False).before("SELECT", (value,), None).parameters == (("0", shown),)

    @pytest.mark.parametrize(
        "odd",
        [
            5,
            "text",
            b"bytes",
            object(),
            {1: 2},
            (type("I", (int,), {"__str__": lambda self: 1 / 0})(),),
            iter(()),
            {"a": [1]},
        ],
    )
    def test_whatever_is_passed(self, odd: Any) -> None:
        """A cursor takes what it likes; nothing here raises."""
        assert isinstance(QueryDetails(True, True).before("SELECT", odd, SimpleNamespace()), Details)


class TestRowCounts:
    def test_affected(self, engine: sa.Engine, recorder: Recorder) -> None:
        """Of a statement that changes rows, how many."""
        trace_engine(engine, recorder.provider, capture=ROWS)
        with recorder.request(), engine.begin() as connection:
            connection.execute(sa.insert(USERS), [{"name": "a"}, {"name": "b"}])
            connection.execute(sa.update(USERS).values(name="c"))
            connection.exec_driver_sql("SAVEPOINT a")
        insert, update, savepoint = recorder.of_kind(SpanKind.CLIENT)
        for span in (insert, update):
            assert span.attributes["otel_bridge.db.affected_rows"] == 2
            assert "db.response.returned_rows" not in span.attributes
        assert "otel_bridge.db.affected_rows" not in savepoint.attributes

    @pytest.mark.parametrize(
        ("system", "rowcount", "expected"),
        [
            ("mysql", 3, 3),
            ("mysql", 0, 0),
            ("postgresql", 0, 0),
            ("oracle", 0, None),
            ("sqlite", -1, None),
            ("mysql", 2**64 - 1, None),
            ("mysql", None, None),
        ],
    )
    def test_returned(self, system: str, rowcount: Any, expected: int | None) -> None:
        """Of a query the rows that it returned, where the driver knows before they are fetched."""
        cursor = SimpleNamespace(rowcount=rowcount, description=(("a",),))
        context = SimpleNamespace(dialect=SimpleNamespace(name=system))
        assert QueryDetails(False, True).after(Details(), cursor, context, False).returned == expected

    def test_server_side_cursors_do_not_know(self) -> None:
        cursor = SimpleNamespace(rowcount=5, description=(("a",),))
        context = SimpleNamespace(dialect=SimpleNamespace(name="mysql"), _is_server_side=True)
        assert QueryDetails(False, True).after(Details(), cursor, context, False) == Details()

    @pytest.mark.parametrize(("sane", "expected"), [(True, 5), (False, None)])
    def test_batches_where_the_driver_adds_up(self, sane: bool, expected: int | None) -> None:
        cursor = SimpleNamespace(rowcount=5, description=None)
        context = SimpleNamespace(dialect=SimpleNamespace(supports_sane_multi_rowcount=sane))
        assert QueryDetails(False, True).after(Details(), cursor, context, True).affected == expected

    def test_a_cursor_that_raises(self) -> None:
        """The statement has been executed: what the driver says of it afterwards must not fail it."""

        class Cursor:
            @property
            def rowcount(self) -> int:
                raise RuntimeError

        assert QueryDetails(False, True).after(Details(), Cursor(), None, False) == Details()

    def test_off(self) -> None:
        cursor = SimpleNamespace(rowcount=5, description=None)
        assert QueryDetails(True, False).after(Details(), cursor, None, False) == Details()


class TestWaysIn:
    def test_the_instrumentor_reads_the_settings(self, recorder: Recorder) -> None:
        instrumentor = SQLAlchemyInstrumentor()
        instrumentor.instrument(tracer_provider=recorder.provider, settings=Settings(capture=PARAMETERS))
        try:
            engine = sa.create_engine("sqlite://")
            with recorder.request(), engine.connect() as connection:
                connection.execute(sa.text("SELECT :a"), {"a": 5})
        finally:
            instrumentor.uninstrument()
        assert parameters(recorder) == {"0": "5"}
        engine.dispose()

    def test_asyncio_engine(self, recorder: Recorder) -> None:
        """aiosqlite's adapter is a cursor like others."""
        both = CaptureSettings(sql_parameters=True, row_counts=True)

        async def main() -> None:
            engine = create_async_engine("sqlite+aiosqlite://")
            trace_engine(engine, recorder.provider, capture=both)
            async with engine.begin() as connection:
                await connection.run_sync(USERS.create)
                with recorder.request():
                    await connection.execute(sa.insert(USERS), {"name": "a"})
            await engine.dispose()

        asyncio.run(main())
        assert parameters(recorder) == {"0": "a"}
        assert attributes(recorder, "otel_bridge.db.") == {"affected_rows": 1}
