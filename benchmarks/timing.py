"""CPU time per iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from time import process_time_ns, thread_time_ns
from typing import Any


def of_thread(work: Callable[[], object], iterations: int, times: int = 1) -> float:
    """CPU time of this thread in µs per iteration.

    Args:
        work: does ``iterations`` iterations.
        iterations: see there.
        times: how often ``work`` is called; the fastest call counts.
    """
    best = 1 << 62
    for _ in range(times):
        begin = thread_time_ns()
        work()
        best = min(best, thread_time_ns() - begin)
    return best / iterations / 1000


def of_process(work: Callable[[], object], iterations: int) -> float:
    """CPU time of all threads of this process in µs per iteration."""
    begin = process_time_ns()
    work()
    return (process_time_ns() - begin) / iterations / 1000


def at_each_gate(
    samples: Iterable[str], opened: Callable[[], Any], flush: Callable[[], object]
) -> Iterator[str]:
    """Yield each of ``closed`` and ``open`` that is asked for, while the gate is so; ``flush`` after each.

    Args:
        samples: which, in this order.
        opened: a context manager with the gate open.
        flush: exports what was recorded.
    """
    for sample in samples:
        with opened() if sample == "open" else nullcontext():
            yield sample
        flush()
