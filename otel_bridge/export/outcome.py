"""What the pipeline and its exporters say to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from otel_bridge.tracing.spans import Span

#: The backend took the request and refused some of its spans (``partial_success``).
REJECTED: Final = "rejected"
#: The backend answered with a status that is not to be retried.
REFUSED: Final = "refused"
#: No usable answer before the time-out, retries included.
UNREACHABLE: Final = "unreachable"
#: The process ended before the spans could be sent.
SHUTDOWN: Final = "shutdown"
#: A defect of ours.
FAILED: Final = "failed"

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


class Outcome(NamedTuple):
    """What became of the spans of one export; ``exported`` and ``dropped`` add up to all of them."""

    exported: int
    #: Reason -> number of spans that are lost.
    dropped: Mapping[str, int] = _NOTHING
    #: One line for the operator, without secrets; empty when there is nothing to say. It is the same for
    #: the same trouble, so that repetitions can be told.
    detail: str = ""


class Exporter(Protocol):
    """Encodes spans and sends them. All of it runs on the export thread, one call at a time."""

    def encode(self, spans: Sequence[Span]) -> Any:
        """A chunk: these spans in the form that :meth:`send` takes."""
        ...

    def send(self, chunks: Sequence[Any], count: int, give_up: Callable[[], float]) -> Outcome:
        """Send the chunks as one export and say what became of it. Never raises, never logs.

        Args:
            chunks: results of :meth:`encode`, in order.
            count: how many spans they hold together.
            give_up: the time of ``time.monotonic()`` after which nothing may be tried or waited for any
                more; it moves nearer when the process shuts down, so it is asked again and again.
        """
        ...

    def close(self) -> None:
        """Let go of connections. A later :meth:`send` opens them again."""
        ...
