"""Work that is submitted to a pool of threads: what the caller pays, and what the worker does.

The pool's own queue and worker stand still: to wake another thread costs many times what is compared, and
never the same. The work items are run afterwards, as the worker runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Limit, Measure, Peer, Row, Setting
from benchmarks.timing import of_thread

_COUNT = 2000
_CALLS = range(_COUNT)
_CONTRIB = "contrib threading"


class _Items(list[Any]):
    """A queue that nobody waits at."""

    put = list.append


def _work(instance: str) -> None:
    """What is submitted."""


def _pool(cls: Any) -> tuple[Callable[[], None], Callable[[], None]]:
    """Blocks that submit to a pool of this class, and that run what was submitted."""
    pool = cls(1)
    items = pool._work_queue = _Items()
    pool._adjust_thread_count = lambda: None

    def submit() -> None:
        items.clear()
        for _ in _CALLS:
            pool.submit(_work, "instance")

    def run() -> None:
        for item in items:
            item.run()

    return submit, run


def _measure(instrument: Callable[[], object], opened: Callable[[], AbstractContextManager[Any]]) -> Measure:
    from concurrent.futures import ThreadPoolExecutor

    class Bare(ThreadPoolExecutor):
        submit = ThreadPoolExecutor.submit  # what it is before

    instrument()
    bare, traced = _pool(Bare), _pool(ThreadPoolExecutor)

    def measure() -> dict[str, float]:
        found = {}
        for sample, (submit, run) in (("bare", bare), ("closed", traced), ("open", traced)):
            submitted = ran = float("inf")
            for _ in range(5):  # an item can be run once only
                with opened() if sample == "open" else nullcontext():
                    submitted = min(submitted, of_thread(submit, _COUNT))
                ran = min(ran, of_thread(run, _COUNT))
            found[sample], found[f"{sample}, run"] = submitted, ran
        return found

    return measure


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge.instrumentation.threads import ThreadsInstrumentor

    tracer = ours.provider(setting).get_tracer("benchmarks")
    yield _measure(ThreadsInstrumentor().instrument, lambda: ours.signed_request(tracer))


@contextmanager
def _contrib(setting: Setting) -> Iterator[Measure]:
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor

    yield _measure(ThreadingInstrumentor().instrument, peers.remote_parent)


def _row(title: str, sample: str, minus: str, limit: Limit | None = None) -> Row:
    ours, theirs = (Figure(contender, sample, minus=minus) for contender in (OURS, _CONTRIB))
    return Row(title, "µs", ours, (Peer(_CONTRIB, theirs),), limit=limit)


CASE = Case(
    "threads",
    (
        Contender(OURS, _ours),
        Contender(_CONTRIB, _contrib, ("opentelemetry.instrumentation.threading",)),
    ),
    (
        _row("Submit to a pool, gate closed: added, caller", "closed", "bare", Limit(0.3)),
        _row("Submit to a pool, gate open: added, caller", "open", "bare"),
        _row("Work of a pool, gate closed: added, worker", "closed, run", "bare, run"),
        _row("Work of a pool, gate open: added, worker", "open, run", "bare, run"),
    ),
    launches=4,
)
