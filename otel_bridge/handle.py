"""The tracing of one process, as whoever has set it up holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from otel_bridge import gate
from otel_bridge.export.pipeline import Pipeline
from otel_bridge.settings import Settings
from otel_bridge.tracing.provider import TracerProvider


@dataclass(frozen=True, slots=True)
class Stats:
    """What became of the spans of this process. All are counts since it began, or was forked."""

    #: Spans that have ended and those that a limit did not let begin.
    made: int
    #: Accepted by the backend.
    exported: int
    #: Ended, and still on the way.
    waiting: int
    #: Lost, by reason: ``queue_full``, ``rejected``, ``refused``, ``unreachable``, ``shutdown``,
    #: ``failed``, ``trace_limit``, ``no_exporter``.
    dropped: Mapping[str, int] = field(default_factory=dict)
    #: Requests and messages with trace info that no key verified.
    unverified: int = 0


class Handle:
    """What :func:`otel_bridge.setup` gives: provider, settings, and what can be asked of them."""

    def __init__(
        self,
        provider: TracerProvider,
        settings: Settings,
        pipeline: Pipeline,
        shut_down: Callable[[Handle], None],
        unusable: bool = False,
    ) -> None:
        """
        Args:
            provider: makes the spans.
            settings: what it was built from.
            pipeline: where its spans go.
            shut_down: ends this handle, if it is the process's.
            unusable: see the attribute.
        """
        self.tracer_provider = provider
        self.settings = settings
        #: Whether the exporter that the settings ask for could not be made; it has been logged why.
        self.unusable = unusable
        self._pipeline = pipeline
        self._shut_down = shut_down

    def stats(self) -> Stats:
        """What became of the spans so far."""
        queue = self._pipeline.stats()
        refused = self.tracer_provider.refused.value()
        dropped = dict(queue.dropped)
        if refused:
            dropped["trace_limit"] = refused
        return Stats(
            made=queue.ended + refused,
            exported=queue.exported,
            waiting=queue.waiting,
            dropped=dropped,
            unverified=gate.refused.value(),
        )

    def flush_and_stop(self) -> None:
        """Flush within ``exit_timeout`` from a signal handler: nothing is undone, nothing is logged."""
        self._pipeline.shutdown(quiet=True)

    def shutdown(self) -> None:
        """Flush within ``exit_timeout``, undo the instrumentation, and record nothing more.

        What ``opentelemetry-instrument`` has switched on of ours is undone, too; osprofiler, where it was
        adopted, stays so. :func:`otel_bridge.setup` may be called again. A handle that is not the process's
        any more changes nothing.
        """
        self._shut_down(self)
