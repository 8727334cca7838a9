"""What every store of traces offers, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from otel_bridge.model.trace import Trace, TraceSummary

#: Newest first. (A name of its own, because ``list`` is a method below.)
Summaries: TypeAlias = list[TraceSummary]

#: Longest message of a :class:`StoreError`, in characters: part of it may come from a server.
MAX_MESSAGE = 500


class StoreError(Exception):
    """The store cannot answer. The message is one line, shows no secret, and says what to do."""

    def __init__(self, message: str) -> None:
        # Servers speak in it too: a line end or an escape sequence of theirs must not reach a terminal.
        text = " ".join("".join(char if char.isprintable() else " " for char in message).split())
        super().__init__(text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…")


class TraceNotFound(StoreError):
    """The store answers, but has no trace of that id. The message says where it looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """Which traces to list: those for which all that is said here holds. Times are ns since the epoch."""

    #: At most so many.
    limit: int = 20
    #: Only traces that started at or after this time.
    since_ns: int | None = None
    #: Only traces that started before this time.
    until_ns: int | None = None
    #: Only traces in which this ``service.name`` takes part.
    service: str | None = None
    #: Only traces with a span of exactly this name; of ``service``, where that is given, too.
    operation: str | None = None
    #: Only traces with at least one span whose status is ERROR.
    errors_only: bool = False
    #: Only traces that lasted at least so long, first start to last end.
    min_duration_ns: int | None = None
    #: Only traces that lasted at most so long.
    max_duration_ns: int | None = None
    #: Only traces whose id, as 32 lower-case hexadecimal digits, begins with this.
    id_prefix: str | None = None


EVERYTHING: Final = TraceQuery()


class TraceStore(Protocol):
    """Traces that can be read back. Safe to use from several threads."""

    @property
    def url(self) -> str:
        """Where this store is, for people to read: credentials are masked."""

    def get(self, trace_id: int) -> Trace:
        """The whole trace.

        Raises:
            TraceNotFound: there is no span of that trace.
            StoreError: the store does not answer, or answers something else than traces.
        """

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """The newest traces first.

        Args:
            query: which of them, and how many.

        Raises:
            StoreError: as for :meth:`get`.
        """

    def ui_link(self, trace_id: int) -> str | None:
        """Where people can look at the trace in a browser, as far as the URL tells: the trace need not be
        there. None: this store has no pages. Never holds credentials.
        """
