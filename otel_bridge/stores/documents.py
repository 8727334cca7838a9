"""A document that holds spans, in any of the forms in which stores answer and files are written.

====================================  ==================================================================
``{"resourceSpans": [...]}``          OTLP/JSON: the embedded viewer, the collector's file exporter
``{"result": {"resourceSpans": ...}}``  Jaeger's API v3, several of them one after the other when it streams
``{"trace": {"resourceSpans": ...}}``  Tempo's API v2
``{"batches": [...]}``                OTLP/JSON as Tempo's older API calls it
``{"data": [{"spans": ...}]}``        Jaeger's own JSON: its older API, and what its page downloads
====================================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import jaeger_json, otlp_json
from otel_bridge.stores.json_stream import Ended, Reader

_OTLP: Final = frozenset(("resourceSpans", "batches"))
_WRAPPERS: Final = frozenset(("result", "trace"))


class Documents:
    """Reads spans as they come, and keeps what was said besides."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        #: Places for spans that were met, empty ones included: none means that this is no such document.
        self.places: set[str] = set()
        #: What it says instead of spans, or to say that they are not all of them; "" where it says nothing.
        self.error = ""
        self.partial = False
        #: Documents that were read to their end.
        self.whole = 0

    def spans(self, *, may_end: bool = False) -> Iterator[SpanRecord]:
        """The spans of all documents, in their order.

        Args:
            may_end: the last of several documents may be incomplete, as in a file that is being written.

        Raises:
            ValueError: something in it is not what such a document may have; the message names the field.
        """
        try:
            while self._reader.more():
                yield from self._document()
                self.whole += 1
        except Ended:
            if not (may_end and self.whole):
                raise

    def _document(self) -> Iterator[SpanRecord]:
        match self._reader.kind():
            case "{":
                yield from self._object("the document", _WRAPPERS)
            case "[":
                for _ in self._reader.elements():
                    yield from self._object("the document", _WRAPPERS)
            case _:
                raise ValueError("the document is not an object")

    def _object(self, what: str, wrappers: frozenset[str] = frozenset()) -> Iterator[SpanRecord]:
        if self._reader.kind() != "{":
            if self._reader.value() is None:
                return
            raise ValueError(f"{what} is not an object")
        for name in self._reader.names():
            if name in _OTLP:
                self.places.add(name)
                yield from otlp_json.read(self._reader)
            elif name in wrappers:
                self.places.add(name)
                yield from self._object(name)
            elif name == "data":
                self.places.add(name)
                yield from jaeger_json.read(self._reader)
            elif name in ("error", "errors", "message"):
                self.error = _message(self._reader.value()) or self.error
            elif name == "status":
                self.partial = self._reader.value() in ("PARTIAL", 1)


def _message(value: Any) -> str:
    """The text of an error: plain, of API v3, or the first of Jaeger's older API."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("message") or value.get("msg")
    return value if isinstance(value, str) else ""
