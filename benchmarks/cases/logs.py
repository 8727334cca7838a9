"""A log record: what the ids add to it, from the call of the logger to the handler.

To make a line of the record costs the same for all, and twice as much as everything before it.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Less, Measure, Peer, Row, Setting
from benchmarks.timing import at_each_gate, of_thread

_COUNT = 1000
_CALLS = range(_COUNT)
_CONTRIB = "contrib logging"


def _bare_logging() -> Any:
    """Another copy of the module, which nobody instruments."""
    spec = importlib.util.find_spec("logging")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _lines(module: Any) -> Callable[[], None]:
    class Reading(module.Handler):  # type: ignore[misc]
        def emit(self, record: Any) -> None:
            record.__dict__  # noqa: B018 - what every formatter reads

    logger = module.Logger("nova.compute.manager", module.INFO)
    logger.addHandler(Reading())

    def block() -> None:
        for _ in _CALLS:
            logger.info("Took %.2f seconds to spawn the instance", 1.25)

    return block


def _measure(opened: Callable[[], AbstractContextManager[Any]], flush: Callable[[], object]) -> Measure:
    bare, traced = _lines(_bare_logging()), _lines(logging)

    def measure() -> dict[str, float]:
        found = {"bare": of_thread(bare, _COUNT, times=30)}
        for sample in at_each_gate(("closed", "open"), opened, flush):
            found[sample] = of_thread(traced, _COUNT, times=30)
        return found

    return measure


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge.instrumentation.logs import LogsInstrumentor

    provider = ours.provider(setting)
    tracer = provider.get_tracer("benchmarks")
    LogsInstrumentor().instrument()
    yield _measure(lambda: ours.signed_request(tracer), provider.force_flush)


@contextmanager
def _contrib(setting: Setting) -> Iterator[Measure]:
    from opentelemetry.instrumentation.logging import LoggingInstrumentor

    provider = peers.sdk_provider(setting)
    tracer = provider.get_tracer("benchmarks")
    LoggingInstrumentor().instrument(
        inject_trace_context=True, enable_log_auto_instrumentation=False, tracer_provider=provider
    )
    yield _measure(lambda: tracer.start_as_current_span("GET /v2.1/servers"), provider.force_flush)


def _row(title: str, sample: str) -> Row:
    return Row(
        title,
        "µs",
        Figure(OURS, sample, minus="bare"),
        (Peer(_CONTRIB, Figure(_CONTRIB, sample, minus="bare"), Less(2)),),
    )


CASE = Case(
    "logs",
    (
        Contender(OURS, _ours),
        Contender(_CONTRIB, _contrib, ("opentelemetry.instrumentation.logging", *peers.NEEDS_SDK)),
    ),
    (
        _row("Ids of a log record, gate closed: added", "closed"),
        _row("Ids of a log record, gate open: added", "open"),
    ),
    launches=4,
)
