"""A span sent as the service sends its own, and read back from where people look for traces."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from dataclasses import replace
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry.sdk.resources import Resource

from otel_bridge import resource
from otel_bridge.cli.check_service import UNNAMED
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.config.sources import show
from otel_bridge.export.exporters import make_exporter
from otel_bridge.export.outcome import Outcome
from otel_bridge.stores.protocol import StoreError, TraceNotFound
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.version import __version__
from otel_bridge.wire import ids

if TYPE_CHECKING:
    from otel_bridge.model.trace import Trace
    from otel_bridge.settings import Settings
    from otel_bridge.stores.protocol import TraceStore
    from otel_bridge.tracing.spans import Span

ABOUT: Final = "probe"
READ_BACK: Final = "read back"
#: By which the span is told from a service's own.
NAME: Final = "otel-bridge check"
ATTRIBUTE: Final = "otel_bridge.probe"
#: Seconds that sending it may take.
TIMEOUT: Final = 5.0
#: Seconds between the first two looks into the store, and most between two.
_WAITS: Final = (0.1, 1.0)
#: Errors of a store, one after the other, after which it is given up.
_MOST_FAILURES: Final = 3


class Sent(NamedTuple):
    """A span that an endpoint has accepted."""

    trace_id: int
    #: ``service.name`` that it bears.
    service: str
    #: ``time.monotonic()`` when it was accepted.
    at: float


def send(settings: Settings) -> Generator[Finding, None, Sent | None]:
    """Send the span through the exporter that the service has.

    Args:
        settings: of the service; its resource is the span's.
    """
    span = _make(settings)
    trace_id = span.get_span_context().trace_id
    shown = ids.format_trace_id(trace_id)
    described = span.resource.attributes
    service = str(described.get("service.name"))
    outcome = _export(settings, span)
    data = {"trace_id": shown, "service": service, "host": str(described.get("host.name"))}
    if not outcome.exported:
        yield problem(ABOUT, f"a span could not be sent: {outcome.detail or 'see above'}", **data)
        return None
    text = f"span {show(NAME)} was accepted, of service {service} on {data['host']}, trace {shown}"
    yield ok(ABOUT, f"{text} (--service names it)" if service == UNNAMED else text, **data)
    return Sent(trace_id, service, monotonic())


def read_back(
    sent: Sent, store: TraceStore, named_by: str, seconds: float, *, sure: bool = True
) -> Iterator[Finding]:
    """Wait until the span can be read.

    Args:
        sent: the span.
        store: where to look.
        named_by: what names the store.
        seconds: how long to wait at most.
        sure: the store is the one where the endpoint's spans go, by the configuration; else that they are not
            there is no problem.
    """
    where = f"{store.url} ({named_by})"
    shown = ids.format_trace_id(sent.trace_id)
    try:
        trace = _wait_for(sent, store, seconds)
    except StoreError as error:
        yield problem(READ_BACK, f"the store cannot be read: {error} ({named_by})", trace_id=shown)
        return
    if trace is not None:
        yield from _arrived(trace, sent, where)
        return
    text = (
        f"{where} answers, and has no trace {shown} after {seconds:g} s: it belongs to another collector, or"
        " to another tenant ([otel_bridge] headers); or the collector samples, or waits longer before it"
        " passes spans on (--timeout), or cannot pass them on: its log tells"
    )
    yield (problem if sure else note)(READ_BACK, text, trace_id=shown)


def _wait_for(sent: Sent, store: TraceStore, seconds: float) -> Trace | None:
    """The trace, or None when the time is up.

    Raises:
        StoreError: the store does not answer, again and again.
    """
    wait, longest = _WAITS
    failures = 0
    while True:
        try:
            trace = store.get(sent.trace_id)
            if trace.spans:
                return trace
        except TraceNotFound:
            failures = 0
        except StoreError:
            failures += 1
            if failures == _MOST_FAILURES:
                raise
        left = seconds - (monotonic() - sent.at)
        if left <= 0:
            return None
        sleep(min(wait, left))
        wait = min(1.5 * wait, longest)


def _arrived(trace: Trace, sent: Sent, where: str) -> Iterator[Finding]:
    took = monotonic() - sent.at
    span = trace.spans[0]
    yield ok(
        READ_BACK,
        f"it could be read from {where} after {took:.2f} s, as service {show(span.service)}",
        seconds=round(took, 2),
        service=span.service,
    )
    if span.service != sent.service:
        yield note(
            READ_BACK,
            f"the collector has made service {show(span.service)} of {sent.service}: search for that",
        )


def _make(settings: Settings) -> Span:
    kept = _Kept()
    described = Resource({**resource.process_attributes(), **settings.resource})
    provider = TracerProvider(kept, described, record_unsigned=True)
    provider.get_tracer("otel_bridge.cli.check", __version__).start_span(
        NAME, attributes={ATTRIBUTE: True}
    ).end()
    return kept.spans[0]


def _export(settings: Settings, span: Span) -> Outcome:
    said = _Said()
    logger = logging.getLogger("opentelemetry")  # where the gRPC exporter complains
    logger.addHandler(said)
    before, logger.propagate = logger.propagate, False
    end = monotonic() + TIMEOUT
    try:
        limited = replace(settings.export, timeout=min(settings.export.timeout, TIMEOUT))
        exporter = make_exporter(replace(settings, export=limited))
        try:
            outcome = exporter.send([exporter.encode([span])], 1, lambda: end)
        finally:
            exporter.close()
    except Exception as error:
        return Outcome(0, detail=f"the exporter cannot be made: {type(error).__name__}: {error}")
    finally:
        logger.removeHandler(said)
        logger.propagate = before
    detail = "; ".join(part for part in (outcome.detail, said.last) if part)
    return outcome._replace(detail=detail)


class _Kept:
    """A pipeline that keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def put(self, span: Span) -> None:
        self.spans.append(span)

    def force_flush(self, timeout: float) -> bool:
        return True

    def shutdown(self) -> None:
        pass

    def after_fork(self) -> None:
        pass


class _Said(logging.Handler):
    """The last line that a stock exporter logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = " ".join(record.getMessage().split())[:200]
