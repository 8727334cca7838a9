"""What tests of oslo.messaging share: the instrumentation switched on, and a serializer like Nova's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from osprofiler import profiler
from recorders import Recorder

from otel_bridge.wire.signing import KeyRing

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import oslo_messaging

    from otel_bridge.instrumentation.messaging import MessagingInstrumentor

#: Instruments with a recorder's provider; may be given other keys or settings.
Instrument = Callable[..., MessagingInstrumentor]


@contextmanager
def instrumenting(default_keys: KeyRing) -> Iterator[Instrument]:
    """What switches the instrumentation on, until the end of the block at the latest."""
    instrumentor = MessagingInstrumentor()

    def switch_on(recorder: Recorder, keys: KeyRing = default_keys, **more: Any) -> MessagingInstrumentor:
        instrumentor.instrument(tracer_provider=recorder.provider, keys=keys, **more)
        return instrumentor

    yield switch_on
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


class ProfilerSerializer(oslo_messaging.NoOpSerializer):  # type: ignore[misc]
    """What services that use osprofiler have between their context and the bus, Nova for one."""

    def serialize_context(self, context: Any) -> Any:
        found = dict(context)
        current = profiler.get()
        if current:
            found["trace_info"] = {
                "hmac_key": current.hmac_key,
                "base_id": current.get_base_id(),
                "parent_id": current.get_id(),
            }
        return found

    def deserialize_context(self, context: Any) -> Any:
        trace_info = context.pop("trace_info", None)
        if trace_info:
            profiler.init(**trace_info)
        return context
