"""The embedded store with a million spans: lists by every filter, and what it costs to fill it."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import combinations, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.case import OURS, Case, Contender, Figure, Limit, Measure, Row, Setting

if TYPE_CHECKING:
    from otel_bridge.collector.ingest import Batch
    from otel_bridge.collector.retention import Retention
    from otel_bridge.stores.sqlite import SqliteStore

_SPANS: Final = 1_000_000
_QUICK_SPANS: Final = 100_000
#: Spans of a trace: few traces that are long, and many that are short.
_LONG, _SHORT = 100, 5
#: Spans of a request.
_BATCH: Final = 500
_WRITTEN: Final = 50_000

_START: Final = 1_790_000_000_000_000_000
_SECOND: Final = 10**9
_MS: Final = 10**6
_SERVICES: Final = ("nova-api", "nova-conductor", "nova-compute", "keystone", "neutron-server", "placement")
#: As large as a query's span with six attributes.
_BODY: Final = bytes(350)


def _batches(traces: int, spans: int) -> Iterator[Batch]:
    """Requests of services: a trace starts each second; what is rare is in the oldest ones.

    Their first half lasts 200 ms and has the operation ``old``, the second lasts 50 ms and has ``new``.
    """
    from otel_bridge.collector.ingest import Batch, ResourceRow, SpanRow

    chance = random.Random(7)
    resources = [ResourceRow(name, name.encode()) for name in (*_SERVICES, "rare")]

    def trace(number: int) -> list[Any]:
        start, is_old = _START + number * _SECOND, number < traces // 2
        end = start + (100_000 * _MS if number < 10 else 200 * _MS if is_old else 50 * _MS)
        rows = []
        for index in range(spans):
            name = f"SELECT nova.table_{(number * 7 + index * 3) % 150}"
            name = {0: "POST /v2.1/servers", 1: "old" if is_old else "new"}.get(index, name)
            if index == 2 and number == traces // 3:
                name = "once"
            failed = 2 if number < 50 and index == 3 else 0
            service = len(_SERVICES) if number == 3 and index == 4 else (number + index) % len(_SERVICES)
            parent = 0 if index == 0 else 1
            rows.append(SpanRow(index + 1, parent, name, start, end, failed, service, 0, _BODY))
        return rows

    numbers = iter(range(traces))
    while some := list(islice(numbers, max(1, _BATCH // spans))):
        yield Batch({chance.randbytes(16): trace(number) for number in some}, resources, [b""])


def _queries(traces: int) -> list[dict[str, Any]]:
    """What a list can be filtered by, alone and together, with matches near, far and nowhere."""
    middle = _START + traces // 2 * _SECOND
    alone: list[dict[str, Any]] = [
        {"service": "keystone"},
        {"service": "rare"},
        {"operation": "POST /v2.1/servers"},
        {"operation": "once"},
        {"operation": "old"},
        {"errors_only": True},
        {"min_duration_ns": 99 * _SECOND},
        {"max_duration_ns": _MS},
        {"until_ns": _START + 100 * _SECOND},
        {"since_ns": middle, "until_ns": middle + 100 * _SECOND},
        {"id_prefix": "abc"},
        {"id_prefix": "a"},
    ]
    together = [{**one, **other} for one, other in combinations(alone, 2) if not one.keys() & other]
    return [{}, *alone, *together]


def _fill(path: Path, batches: Iterable[Batch], retention: Retention | None = None) -> tuple[float, float]:
    """CPU time in µs a span, and the longest time between two requests in ms."""
    from otel_bridge.collector.rows import Rows
    from otel_bridge.collector.schema import open_for_writing
    from otel_bridge.collector.transaction import transaction
    from otel_bridge.collector.upkeep import Upkeep

    spent, longest, spans = 0.0, 0.0, 0
    with closing(open_for_writing(path)) as connection:
        rows = Rows(connection)
        upkeep = Upkeep(connection, rows, retention, path) if retention else None
        for batch in batches:
            begin, cpu = perf_counter(), process_time()
            with transaction(connection, rows):
                stored = rows.insert(batch)
            if upkeep:
                upkeep.run(stored)
            spent += process_time() - cpu
            longest = max(longest, perf_counter() - begin)
            spans += stored
    return spent / spans * 1e6, longest * 1000


@contextmanager
def _store(setting: Setting) -> Iterator[Measure]:
    from otel_bridge.collector.retention import Retention
    from otel_bridge.stores.sqlite import SqliteStore

    total = _QUICK_SPANS if setting.quick else _SPANS
    with tempfile.TemporaryDirectory() as directory:
        for spans in (_LONG, _SHORT):
            _fill(Path(directory, f"{spans}"), _batches(total // spans, spans))

        def slowest(spans: int) -> float:
            store = SqliteStore(Path(directory, f"{spans}"))
            return max(_fastest(store, options) for options in _queries(total // spans))

        def measure() -> dict[str, float]:
            found = {f"list, {spans}": slowest(spans) for spans in (_LONG, _SHORT)}
            for spans in (_LONG, _SHORT):
                path = Path(directory, "new")
                found[f"write, {spans}"], _ = _fill(path, _batches(_WRITTEN // spans, spans))
                _remove(path)
            found["removing"], found["longest"] = _fill(
                path, _batches(_WRITTEN // _LONG, _LONG), Retention(max_size=8 << 20)
            )
            _remove(path)
            return found

        yield measure


def _fastest(store: SqliteStore, options: dict[str, Any]) -> float:
    """Of three times, in ms: what else the machine does is not the query's doing."""
    from otel_bridge.stores.protocol import TraceQuery

    times = []
    for _ in range(3):
        begin = perf_counter()
        store.list(TraceQuery(**options))
        times.append(perf_counter() - begin)
    return min(times) * 1000


def _remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def _list(spans: int) -> Row:
    traces = _SPANS // spans
    return Row(
        f"List of traces, slowest filters, {_SPANS:,} spans in {traces:,} traces",
        "ms",
        Figure(OURS, f"list, {spans}"),
        limit=Limit(100),
    )


def _write(title: str, sample: str, limit: float) -> Row:
    return Row(f"Store: write a span, {title}", "µs", Figure(OURS, sample), limit=Limit(limit))


CASE = Case(
    "store",
    (Contender(OURS, _store),),
    (
        _list(_LONG),
        _list(_SHORT),
        _write(f"in traces of {_LONG}", f"write, {_LONG}", 15),
        _write(f"in traces of {_SHORT}", f"write, {_SHORT}", 25),
        _write("and remove an old one", "removing", 30),
        Row(
            f"Store: longest wait for {_BATCH} spans while old ones are removed",
            "ms",
            Figure(OURS, "longest"),
            worst=True,
        ),
    ),
    repetitions=5,
    quick_repetitions=2,
)
