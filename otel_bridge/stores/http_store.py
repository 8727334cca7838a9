"""What the stores that are reached by HTTP have alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores.address import Address
from otel_bridge.stores.documents import Documents
from otel_bridge.stores.fetching import Answer, Fetcher
from otel_bridge.stores.json_stream import Reader
from otel_bridge.stores.options import USUAL, StoreOptions
from otel_bridge.stores.protocol import StoreError, TraceNotFound
from otel_bridge.stores.watching import Watch
from otel_bridge.wire import ids

T = TypeVar("T")


class HttpStore:
    """Sends the requests and reads the spans of the answers as they come."""

    #: Who is expected to answer, for messages.
    WANTED = ""

    def __init__(self, url: str, options: StoreOptions = USUAL) -> None:
        """
        Args:
            url: of the store, with ``USER:PASSWORD@`` before the host and a path behind it if need be.
            options: headers, certificates, how long to wait, who watches.

        Raises:
            StoreError: the URL is malformed, or a file of certificates cannot be used.
        """
        self._fetcher = Fetcher(Address.parse(url), options)
        self._observer = options.observer

    @property
    def url(self) -> str:
        return self._fetcher.address.shown

    def _watch(self) -> Watch:
        return Watch(self._observer)

    def _spans(
        self,
        watch: Watch,
        use: Callable[[Iterable[SpanRecord]], T],
        path: str,
        query: Mapping[str, str] | None = None,
    ) -> T | Answer:
        """What ``use`` makes of the spans that a request is answered with; the answer itself where it is a
        web page or its status is not 200.

        Raises:
            StoreError: no answer, or one that holds no spans or cannot be read.
        """
        with self._fetcher.open(path, query) as arriving:
            if arriving.status != 200 or arriving.content_type == "text/html":
                return arriving.whole()
            reader = Reader(watch.pieces(arriving.pieces))
            try:
                if not reader.more() or reader.kind() == "v":
                    raise self._unexpected(Answer(arriving.status, arriving.content_type, b""))
                documents = Documents(reader)
                made = use(watch.spans(documents.spans()))
            except ValueError as error:
                raise self._fetcher.unreadable(error) from error
            if not documents.places:
                raise self._unexpected(Answer(arriving.status, arriving.content_type, b""))
            if documents.error or documents.partial:
                said = f" ({documents.error})" if documents.error else ""
                watch.note(f"{self.url}: these may not be all spans, it says{said or ' so'}")
            return made

    def _not_found(self, trace_id: int) -> TraceNotFound:
        return TraceNotFound(f"no trace {ids.format_trace_id(trace_id)} in {self.url}")

    def _unexpected(self, answer: Answer) -> StoreError:
        return self._fetcher.unexpected(answer, self.WANTED)
