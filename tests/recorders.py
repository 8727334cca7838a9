"""Tracer providers, ours and the SDK's, whose finished spans a test can wait for and look at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.trace import SpanKind

from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire.signing import Key, TraceInfo

KEY = Key("the key of this test")
#: How long a test waits for what has to happen, in seconds.
PATIENCE = 10.0


class Recorder:
    """Collects finished spans, as the pipeline of our provider or a span processor of the SDK's."""

    def __init__(self, flavour: str = "ours") -> None:
        self.spans: list[ReadableSpan] = []
        self._changed = threading.Condition()
        if flavour == "ours":
            self.provider: Any = TracerProvider(self)
        else:
            self.provider = SdkTracerProvider(resource=Resource({}), shutdown_on_exit=False)
            self.provider.add_span_processor(_Processor(self))

    def put(self, span: ReadableSpan) -> None:
        with self._changed:
            self.spans.append(span)
            self._changed.notify_all()

    def force_flush(self, timeout: float) -> bool:
        return True

    def shutdown(self) -> None:
        return None

    def after_fork(self) -> None:
        return None

    def wait(self, count: int) -> list[ReadableSpan]:
        """The finished spans, once there are ``count`` of them; fails if there are more, or never so many."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.spans) >= count, PATIENCE)
            assert len(self.spans) == count, [span.name for span in self.spans]
            return list(self.spans)

    def of_kind(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in list(self.spans) if span.kind is kind]

    @contextmanager
    def request(self, trace_id: int = 0x1234, key: Key = KEY, base_id: str | None = None) -> Iterator[Any]:
        """Be within a signed request; its span is not among the finished ones until it is left."""
        info = TraceInfo(trace_id, 0, key, base_id)
        entry = entries.entry(self.provider.get_tracer("test"))
        span = entry(info, "request", SpanKind.SERVER, {})
        token = ctx.attach(entries.span_of(span), info)
        try:
            yield span
        finally:
            ctx.detach(token)
            span.end()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def span_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


def everything(recorder: Recorder) -> str:
    """All that has been recorded, to look for secrets in it."""
    return "".join(span.to_json() for span in recorder.spans)


class _Processor(SpanProcessor):
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def on_end(self, span: ReadableSpan) -> None:
        self._recorder.put(span)
