"""Tells an observer how far reading has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType

from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores.options import Observer

#: Spans between two reports.
_STEP = 500


class Watch:
    """While it is entered, what passes through it is counted; with no observer it costs nothing."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer
        self._received = 0
        self._spans = 0

    def __enter__(self) -> Watch:
        if self._observer is not None:
            self._observer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._observer is not None:
            self._observer.finish()

    def pieces(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        """The same pieces, their bytes counted."""
        return pieces if self._observer is None else self._counted_pieces(pieces, self._observer)

    def spans(self, spans: Iterable[SpanRecord]) -> Iterable[SpanRecord]:
        """The same spans, counted."""
        return spans if self._observer is None else self._counted_spans(spans, self._observer)

    def note(self, text: str) -> None:
        """Something to know about what was read, besides."""
        if self._observer is not None:
            self._observer.note(text)

    def _counted_pieces(self, pieces: Iterable[bytes], observer: Observer) -> Iterator[bytes]:
        for piece in pieces:
            self._received += len(piece)
            observer.update(self._received, self._spans)
            yield piece

    def _counted_spans(self, spans: Iterable[SpanRecord], observer: Observer) -> Iterator[SpanRecord]:
        for span in spans:
            self._spans += 1
            if self._spans % _STEP == 0:
                observer.update(self._received, self._spans)
            yield span
