"""What every store of traces offers, and how it fails."""

from __future__ import annotations

from typing import Protocol, TypeAlias

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

    def list(
        self,
        *,
        limit: int = 20,
        since_ns: int | None = None,
        service: str | None = None,
        errors_only: bool = False,
        min_duration_ns: int | None = None,
    ) -> Summaries:
        """The newest traces first.

        Args:
            limit: at most so many.
            since_ns: only traces that started at or after this time (ns since the epoch).
            service: only traces in which this ``service.name`` takes part.
            errors_only: only traces with at least one span whose status is ERROR.
            min_duration_ns: only traces that lasted at least so long, first start to last end.

        Raises:
            StoreError: as for :meth:`get`.
        """
