"""A query through SQLAlchemy on an SQLite database in memory: what tracing adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Less, Measure, Peer, Row, Setting
from benchmarks.timing import at_each_gate, of_process, of_thread

_COUNT = 400
#: Blocks between two flushes: less than the queue of the SDK's span processor holds (2,048).
_BLOCKS = 4
_OSPROFILER = "osprofiler.sqlalchemy"
_CONTRIB = "contrib sqlalchemy"
_OTHER = "contrib sqlalchemy, off"


def _queries(instrument: Callable[[Any], object] = lambda engine: None) -> Callable[[], None]:
    """A block of queries on an engine of its own, instrumented."""
    import sqlalchemy
    from sqlalchemy.pool import StaticPool

    engine = sqlalchemy.create_engine("sqlite://", poolclass=StaticPool)
    instrument(engine)
    connection = engine.connect()
    statement = sqlalchemy.text("SELECT 1 AS one WHERE 1 = :one")
    parameters = {"one": 1}

    def block() -> None:
        for _ in range(_COUNT):
            connection.execute(statement, parameters).close()

    return block


def _measure(
    instrument: Callable[[Any], object],
    opened: Callable[[], Any],
    flush: Callable[[], object],
    samples: tuple[str, ...] = ("closed", "open"),
) -> Measure:
    bare = _queries()  # first: some instrument every engine from then on
    traced = _queries(instrument)

    def batches(block: Callable[[], None]) -> None:
        for _ in range(_BLOCKS):
            block()
        flush()

    def measure() -> dict[str, float]:
        found = {"bare": of_thread(bare, _COUNT, times=10)}
        for sample in at_each_gate(samples, opened, flush):
            found[sample] = of_thread(traced, _COUNT, times=10)
        if "open" in samples:
            found["bare, total"] = of_process(lambda: batches(bare), _COUNT * _BLOCKS)
            with opened():
                found["total"] = of_process(lambda: batches(traced), _COUNT * _BLOCKS)
        return found

    return measure


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge.instrumentation.sqlalchemy import trace_engine

    provider = ours.provider(setting)
    tracer = provider.get_tracer("benchmarks")
    yield _measure(
        lambda engine: trace_engine(engine, provider),
        lambda: ours.signed_request(tracer),
        provider.force_flush,
    )


@contextmanager
def _osprofiler(setting: Setting) -> Iterator[Measure]:
    import sqlalchemy
    from osprofiler.sqlalchemy import add_tracing

    provider = peers.osprofiler_driver(setting)

    yield _measure(
        lambda engine: add_tracing(sqlalchemy, engine, "db"), peers.osprofiler_request, provider.force_flush
    )


@contextmanager
def _contrib(setting: Setting) -> Iterator[Measure]:
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    provider = peers.sdk_provider(setting)
    yield _measure(
        lambda engine: SQLAlchemyInstrumentor().instrument(engine=engine, tracer_provider=provider),
        peers.remote_parent,
        provider.force_flush,
        ("open",),
    )


@contextmanager
def _contrib_off(setting: Setting) -> Iterator[Measure]:
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    provider = peers.sdk_provider(setting, on=False)
    yield _measure(
        lambda engine: SQLAlchemyInstrumentor().instrument(engine=engine, tracer_provider=provider),
        nullcontext,
        provider.force_flush,
        ("closed",),
    )


def _figure(contender: str, sample: str) -> Figure:
    return Figure(contender, sample, minus="bare, total" if sample == "total" else "bare")


def _open_row(title: str, sample: str) -> Row:
    return Row(
        title,
        "µs",
        _figure(OURS, sample),
        (
            Peer(f"{_OSPROFILER}, otlp driver", _figure(_OSPROFILER, sample)),
            Peer(f"{_CONTRIB}, SDK", _figure(_CONTRIB, sample), Less(15)),
        ),
    )


_NEEDS = ("sqlalchemy",)
_NEEDS_CONTRIB = ("opentelemetry.instrumentation.sqlalchemy", *_NEEDS, *peers.NEEDS_SDK)

CASE = Case(
    "database",
    (
        Contender(OURS, _ours, _NEEDS),
        Contender(_OSPROFILER, _osprofiler, (*_NEEDS, *peers.NEEDS_DRIVER)),
        Contender(_CONTRIB, _contrib, _NEEDS_CONTRIB),
        Contender(_OTHER, _contrib_off, _NEEDS_CONTRIB),
    ),
    (
        Row(
            "Database query, gate closed: added",
            "µs",
            _figure(OURS, "closed"),
            (
                Peer(_OSPROFILER, _figure(_OSPROFILER, "closed"), Less(20)),
                Peer(_OTHER, _figure(_OTHER, "closed"), Less(20)),
            ),
        ),
        _open_row("Database query, gate open: added, caller", "open"),
        _open_row("Database query, gate open: added, total with export", "total"),
    ),
    launches=4,
)
