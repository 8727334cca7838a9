"""A batch of finished spans to the bytes of an OTLP request."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind, StatusCode

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Less, Measure, Peer, Row, Setting
from benchmarks.timing import of_thread
from benchmarks.workload import QUERIES, environ, request

#: The SDK's batch.
_BATCH = 512
_QUERIES_PER_REQUEST = 7

_RESOURCE = Resource({"service.name": "nova-api", "host.name": "controller", "service.namespace": "nova"})

_Work = tuple[str, SpanKind, dict[str, Any]]


def _work() -> list[_Work]:
    """Name, kind and attributes of a batch: requests, each with ids of its own, and their queries."""
    from otel_bridge.model.translate import Query, ServerRequest, query_target

    target = query_target("mysql", "nova", "db.example", 3306)
    found: list[_Work] = []
    while len(found) < _BATCH:
        point = ServerRequest()
        about = environ(request())
        for slot, key in (
            ("method", "REQUEST_METHOD"),
            ("script", "SCRIPT_NAME"),
            ("path", "PATH_INFO"),
            ("query", "QUERY_STRING"),
            ("scheme", "wsgi.url_scheme"),
            ("host", "HTTP_HOST"),
            ("client", "REMOTE_ADDR"),
            ("agent", "HTTP_USER_AGENT"),
            ("protocol", "SERVER_PROTOCOL"),
            ("request_id", "openstack.request_id"),
            ("project_id", "HTTP_X_PROJECT_ID"),
        ):
            setattr(point, slot, about[key])
        point.status = "200 OK"
        name, attributes = point.translate()
        found.append((name, SpanKind.SERVER, attributes))
        for text, _summary in QUERIES[:_QUERIES_PER_REQUEST]:
            query = Query()
            query.target, query.statement = target, text
            name, attributes = query.translate()
            found.append((name, SpanKind.CLIENT, attributes))
    return found[:_BATCH]


def _error() -> ValueError:
    try:
        raise ValueError(f"Instance {uuid.uuid4()} could not be found.")
    except ValueError as exc:
        return exc


class _Kept:
    """A pipeline, or a span processor, that keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.put = self.spans.append

    def on_start(self, span: Any, parent_context: Any = None) -> None: ...

    def _on_ending(self, span: Any) -> None: ...

    def on_end(self, span: Any) -> None:
        self.spans.append(span)

    def after_fork(self) -> None: ...

    def shutdown(self) -> None: ...

    def force_flush(self, timeout: float = 0) -> bool:
        return True


def _plain(span: Any) -> None:
    """A span with attributes and nothing else."""


def _with_event(span: Any) -> None:
    """An exception event as whoever speaks the API only may add it, and a status."""
    text = f"Instance {uuid.uuid4()} could not be found."
    span.add_event(
        "exception",
        {"exception.type": "ValueError", "exception.message": text, "exception.escaped": False},
    )
    span.set_status(StatusCode.ERROR, text)


def _failed(span: Any) -> None:
    """As an instrumentation does it that catches an exception: ours redacts the message, too."""
    error = _error()
    if hasattr(span, "fail"):
        span.fail(error)
    else:
        span.record_exception(error)
        span.set_attribute("error.type", "ValueError")
        span.set_status(StatusCode.ERROR, f"ValueError: {error}")


#: What is done to how many of the spans.
_VARIANTS: dict[str, tuple[Callable[[Any], None], int]] = {
    "plain": (_plain, 1),
    "some failed": (_failed, 10),
    "event": (_with_event, 1),
    "failed": (_failed, 1),
}


def _measure(start: Callable[..., Any], kept: _Kept, encode: Callable[[Any], bytes]) -> Measure:
    """Encodes new spans each time: values that do not repeat in a service must not repeat here."""

    def batch(finish: Callable[[Any], None], every: int) -> list[Any]:
        kept.spans.clear()
        for number, (name, kind, attributes) in enumerate(_work()):
            span = start(name, kind=kind, attributes=attributes)
            if number % every == 0:
                finish(span)
            span.end()
        return list(kept.spans)

    def measure() -> dict[str, float]:
        return {
            name: min(of_thread(partial(encode, batch(finish, every)), _BATCH) for _ in range(3))
            for name, (finish, every) in _VARIANTS.items()
        }

    return measure


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge.model.redaction import is_secret_key
    from otel_bridge.tracing.provider import TracerProvider
    from otel_bridge.wire.otlp import Encoder

    kept = _Kept()
    tracer = TracerProvider(kept, _RESOURCE).get_tracer("benchmarks")
    encoder = Encoder(attribute_length=16384, redact_key=is_secret_key)  # as in a service
    with ours.signed_request(tracer):
        yield _measure(tracer.leaf, kept, encoder.encode)


@contextmanager
def _stock(setting: Setting) -> Iterator[Measure]:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import TracerProvider

    kept = _Kept()
    provider = TracerProvider(resource=_RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(kept)  # type: ignore[arg-type]
    tracer = provider.get_tracer("benchmarks")
    with peers.remote_parent():
        yield _measure(tracer.start_span, kept, lambda spans: encode_spans(spans).SerializeToString())


_STOCK = "stock OTLP encoder"


def _row(title: str, sample: str, goal: Less | None = None) -> Row:
    return Row(title, "µs", Figure(OURS, sample), (Peer(_STOCK, Figure(_STOCK, sample), goal),))


CASE = Case(
    "encoder",
    (Contender(OURS, _ours), Contender(_STOCK, _stock, peers.NEEDS_SDK)),
    (
        _row("Encoder: a span", "plain", Less(10)),
        _row("Encoder: a span, one in ten failed by an exception", "some failed", Less(10)),
        _row("Encoder: a span with an event and a status", "event"),
        _row("Encoder: a span failed by an exception, message redacted", "failed"),
    ),
    launches=4,
)
