"""Statements on a real MariaDB: two-phase transactions, row counts, server-side cursors, errors."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from opentelemetry.trace import SpanKind, StatusCode
from oslo_db import exception as oslo_exception
from oslo_db.sqlalchemy.engines import create_engine as oslo_create_engine

from e2e.mariadb import MariaDB
from otel_bridge.instrumentation.engines import trace_engine
from otel_bridge.settings import CaptureSettings

pytestmark = pytest.mark.e2e

SECRET = "hunter2-is-a-parameter"
VOLUMES = sa.Table(
    "volumes",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), unique=True),
    sa.Column("password", sa.String(64)),
)


@pytest.fixture(scope="module")
def url(_sigterm_stops_the_servers):
    with MariaDB() as server:
        yield server.create_database("cinder")


@pytest.fixture(params=[sa.create_engine, oslo_create_engine], ids=["plain", "oslo.db"])
def engine(request, url, recorder):
    engine = request.param(url)
    VOLUMES.drop(engine, checkfirst=True)
    VOLUMES.create(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(VOLUMES), [{"id": n, "name": str(n)} for n in range(1, 6)])
    trace_engine(engine, recorder.provider, capture=CaptureSettings(sql_parameters=True, row_counts=True))
    yield engine
    engine.dispose()


def queries(recorder):
    return recorder.of_kind(SpanKind.CLIENT)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_phase(engine, recorder, end):
    """Each step of a two-phase transaction is a span, named by it; its xid is not in the text."""
    with recorder.request(), engine.connect() as connection:
        transaction = connection.begin_twophase("an-xid-of-it")
        connection.execute(sa.update(VOLUMES).values(password="p"))
        transaction.prepare()
        getattr(transaction, end)()
    names = [span.name for span in queries(recorder)]
    assert names == ["XA BEGIN", "UPDATE cinder.volumes", "XA END", "XA PREPARE", f"XA {end.upper()}"]
    assert not [s for s in queries(recorder) if "an-xid-of-it" in s.attributes["db.query.text"]]
    with engine.connect() as connection:
        changed = connection.scalar(sa.select(sa.func.count()).where(VOLUMES.c.password == "p"))
    assert changed == (5 if end == "commit" else 0)


def test_where_it_went(engine, recorder):
    with recorder.request(), engine.connect() as connection:
        connection.execute(sa.select(VOLUMES))
    attributes = queries(recorder)[0].attributes
    assert attributes["db.system.name"] == "mysql"
    assert attributes["db.namespace"] == "cinder"
    assert attributes["server.address"] == "127.0.0.1"
    assert attributes["server.port"] > 0


def test_row_counts(engine, recorder):
    """The driver knows at once how many rows there are, none at all included."""
    with recorder.request(), engine.begin() as connection:
        connection.execute(sa.select(VOLUMES))
        connection.execute(sa.select(VOLUMES).where(VOLUMES.c.id > 100))
        connection.execute(sa.update(VOLUMES).where(VOLUMES.c.id < 3).values(name=VOLUMES.c.name + "x"))
    found = [
        (s.attributes.get("db.response.returned_rows"), s.attributes.get("otel_bridge.db.affected_rows"))
        for s in queries(recorder)
    ]
    assert found == [(5, None), (0, None), (None, 2)]


def test_server_side_cursor(engine, recorder):
    """Its number of rows is not known; all of them arrive."""
    with recorder.request(), engine.connect() as connection:
        rows = connection.execution_options(stream_results=True).execute(sa.select(VOLUMES.c.id))
        assert len(rows.all()) == 5
    [span] = queries(recorder)
    assert "db.response.returned_rows" not in span.attributes


def test_parameters(engine, recorder):
    """Under their names, which judge."""
    with recorder.request(), engine.begin() as connection:
        connection.execute(sa.insert(VOLUMES), {"name": "n", "password": SECRET})
    [span] = queries(recorder)
    found = {name: value for name, value in span.attributes.items() if "parameter" in name}
    assert found == {"db.query.parameter.name": "n", "db.query.parameter.password": "***"}


def test_an_error(engine, recorder):
    """MariaDB's message quotes the value; the span has the code and the class."""
    with recorder.request(), engine.connect() as connection:
        insert = sa.insert(VOLUMES).values(name="n", password=SECRET)
        connection.execute(insert)
        with pytest.raises((sa.exc.IntegrityError, oslo_exception.DBDuplicateEntry)):
            connection.execute(insert)
    failed = queries(recorder)[1]
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["db.response.status_code"] == "1062"
    assert failed.attributes["error.type"] == "pymysql.err.IntegrityError"
    assert SECRET not in "".join(span.to_json() for span in recorder.spans)
