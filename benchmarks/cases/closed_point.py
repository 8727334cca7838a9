"""A trace point where nothing is traced.

The unit is a Python function that is called as the trace point is, with a single ``ContextVar.get`` for a
body: whoever asks a context whether it is traced cannot do with less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry.trace import SpanKind

from benchmarks import ours, peers
from benchmarks.case import OURS, AtMost, Case, Contender, Figure, Measure, Peer, Row, Setting
from benchmarks.timing import of_thread

_COUNT = 5000
_CALLS = range(_COUNT)
_INTERNAL = SpanKind.INTERNAL
_INFO = {"function": {"name": "nova.compute.manager.ComputeManager.reboot_instance"}}

_variable: ContextVar[dict[str, Any]] = ContextVar("context", default={})  # noqa: B039 - as OpenTelemetry's


def _empty() -> None:
    for _ in _CALLS:
        pass


def _unit() -> Callable[[], None]:
    get = _variable.get

    def look(name: str, kind: SpanKind = _INTERNAL, attributes: Any = None) -> None:
        get()

    def block() -> None:
        for _ in _CALLS:
            look("reboot", _INTERNAL)

    return block


def _leaf(tracer: Any) -> Callable[[], None]:
    leaf = tracer.leaf

    def block() -> None:
        for _ in _CALLS:
            leaf("reboot", _INTERNAL)

    return block


def _span(start: Any) -> Callable[[], None]:
    """``start`` is ``tracer.span`` or ``tracer.start_as_current_span``."""

    def block() -> None:
        for _ in _CALLS:
            with start("reboot"):
                pass

    return block


def _start_stop(profiler: Any) -> Callable[[], None]:
    start, stop = profiler.start, profiler.stop

    def block() -> None:
        for _ in _CALLS:
            start("compute", _INFO)
            stop()

    return block


def _call(function: Any) -> Callable[[], None]:
    def block() -> None:
        for _ in _CALLS:
            function("context", "instance")

    return block


def _plain(context: str, instance: str) -> None:
    """What is decorated."""


def _measure(blocks: dict[str, Callable[[], None]]) -> Measure:
    return lambda: {name: of_thread(block, _COUNT, times=5) * 1000 for name, block in blocks.items()}


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge import profiler

    tracer = ours.provider(setting).get_tracer("benchmarks")
    yield _measure(
        {
            "loop": _empty,
            "unit": _unit(),
            "leaf": _leaf(tracer),
            "span": _span(tracer.span),
            "start/stop": _start_stop(profiler),
            "plain": _call(_plain),
            "decorated": _call(profiler.trace("compute", info=_INFO)(_plain)),
            "api": _span(tracer.start_as_current_span),
        }
    )


@contextmanager
def _sdk(setting: Setting) -> Iterator[Measure]:
    tracer = peers.sdk_provider(setting, on=False).get_tracer("benchmarks")
    yield _measure(
        {
            "loop": _empty,
            "api": _span(tracer.start_as_current_span),
            "plain": _call(_plain),
            "decorated": _call(tracer.start_as_current_span("compute")(_plain)),
        }
    )


@contextmanager
def _osprofiler(setting: Setting) -> Iterator[Measure]:
    from osprofiler import profiler

    yield _measure(
        {
            "loop": _empty,
            "start/stop": _start_stop(profiler),
            "plain": _call(_plain),
            "decorated": _call(profiler.trace("compute", info=_INFO)(_plain)),
        }
    )


def _figure(contender: str, sample: str) -> Figure:
    return Figure(contender, sample, minus="plain" if sample == "decorated" else "loop")


def _row(title: str, sample: str, units: float | None, *theirs: tuple[str, str]) -> Row:
    unit = _figure(OURS, "unit")
    return Row(
        title,
        "ns",
        _figure(OURS, sample),
        (
            *(() if units is None else (Peer("one ContextVar.get", unit, AtMost(units)),)),
            *(Peer(name, _figure(name, sample_)) for name, sample_ in theirs),
        ),
        floor=unit,
    )


CASE = Case(
    "closed",
    (
        Contender(OURS, _ours),
        Contender(peers.SDK_OFF, _sdk, peers.NEEDS_SDK),
        Contender(peers.OSPROFILER, _osprofiler, peers.NEEDS_OSPROFILER),
    ),
    (
        _row("Closed: tracer.leaf", "leaf", 2),
        _row("Closed: with tracer.span", "span", 2, (peers.SDK_OFF, "api")),
        _row("Closed: profiler.start and stop, two calls", "start/stop", 2, (peers.OSPROFILER, "start/stop")),
        _row(
            "Closed: decorated function, added",
            "decorated",
            3,
            (peers.OSPROFILER, "decorated"),
            (peers.SDK_OFF, "decorated"),
        ),
        _row("Closed: with start_as_current_span", "api", None, (peers.SDK_OFF, "api")),
    ),
    repetitions=30,
    launches=4,
)
