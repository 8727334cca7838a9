"""OTLP over HTTP, as its specification has it: ``POST /v1/traces``, binary protobuf or JSON.

Spans are acknowledged when they are committed. Whatever is refused leaves the store as it is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Final, cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from otel_bridge import log
from otel_bridge.collector import body, ingest
from otel_bridge.collector.body import Refusal
from otel_bridge.collector.handler import RequestHandler
from otel_bridge.collector.listener import Limits, Listener
from otel_bridge.collector.writer import Writer
from otel_bridge.stores.protocol import StoreError

PATH: Final = "/v1/traces"
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

#: Bodies from this size on, in bytes, and those of unknown size, are taken a few at a time.
_LARGE: Final = 1024 * 1024
_LARGE_AT_A_TIME: Final = 8
#: Bodies that are decompressed and parsed at a time: more would take memory and gain nothing.
_DECODED_AT_A_TIME: Final = 4
#: From this size on, in bytes, a body is parsed alone: hostile ones take 25 times their size in memory.
_PARSED_ALONE: Final = 8 * 1024 * 1024

# HTTP status -> google.rpc.Code, for the Status message that OTLP wants in the body of an error.
_RPC_CODES: Final = {404: 5, 405: 12, 408: 4, 500: 13, 501: 12, 503: 14}
_INVALID_ARGUMENT: Final = 3


class Receiver(Listener):
    """Listens for OTLP/HTTP and hands spans to the writer."""

    def __init__(self, host: str, port: int, limits: Limits) -> None:
        """See :class:`Listener`; :attr:`writer` is to be set before it is started."""
        super().__init__(host, port, _Handler, limits)
        self.writer: Writer
        self.large = threading.BoundedSemaphore(_LARGE_AT_A_TIME)
        self.decoding = threading.BoundedSemaphore(_DECODED_AT_A_TIME)
        self.parsing_alone = threading.Lock()


class _Handler(RequestHandler):
    def answer(self) -> None:
        if self.url.path != PATH:
            raise Refusal(404, f"spans are taken at {PATH} only")
        if self.command != "POST":
            raise Refusal(405, f"POST spans to {PATH}", {"Allow": "POST"})
        content_type = self._content_type()
        if content_type not in (PROTOBUF, JSON):
            raise Refusal(415, f"Content-Type: expected {PROTOBUF} or {JSON}")
        batch = self._batch(content_type)
        if batch.traces:
            self._store(batch)
        self._accepted(content_type, batch.rejected)

    def refuse(self, refusal: Refusal) -> None:
        """A ``google.rpc.Status`` in the encoding of the request."""
        code = _RPC_CODES.get(refusal.status, _INVALID_ARGUMENT)
        if self._content_type() == PROTOBUF:
            content_type, content = PROTOBUF, _rpc_status(code, refusal.reason)
        else:
            content_type, content = JSON, json.dumps({"code": code, "message": refusal.reason}).encode()
        self.respond(refusal.status, content_type, content, refusal.headers)

    def _content_type(self) -> str:
        return self.headers.get_content_type() if "Content-Type" in self.headers else ""

    def _batch(self, content_type: str) -> ingest.Batch:
        server = cast(Receiver, self.server)
        limit = self.limits.body
        length = body.declared_length(self.headers)
        if length is not None and length < _LARGE:
            raw = body.read(self.rfile, length, limit)
        elif server.large.acquire(timeout=self.limits.response):
            try:
                raw = body.read(self.rfile, length, limit)
            finally:
                server.large.release()
        else:
            raise Refusal(503, "too many large bodies at a time", {"Retry-After": "1"})
        with server.decoding:
            plain = body.decoded(raw, self.headers.get("Content-Encoding", ""), limit)
            parse = ingest.parse_protobuf if content_type == PROTOBUF else ingest.parse_json
            try:
                with server.parsing_alone if len(plain) >= _PARSED_ALONE else nullcontext():
                    return ingest.batch(parse(plain))
            except ingest.BodyError as error:
                raise Refusal(400, str(error)) from error

    def _store(self, batch: ingest.Batch) -> None:
        try:
            cast(Receiver, self.server).writer.write(batch, self.limits.response)
        except StoreError as error:
            log.warn(f"spans were not stored: {error}")
            raise Refusal(503, f"not stored: {error}", {"Retry-After": "5"}) from error
        except TimeoutError as error:
            raise Refusal(503, "the store is too slow", {"Retry-After": "5"}) from error

    def _accepted(self, content_type: str, rejected: Mapping[str, int]) -> None:
        count = sum(rejected.values())
        reason = "; ".join(f"{number} x {reason}" for reason, number in rejected.items())
        if content_type == JSON:
            partial = {"partialSuccess": {"rejectedSpans": str(count), "errorMessage": reason}}
            self.respond_json(200, partial if count else {})
            return
        response = ExportTraceServiceResponse()
        if count:
            response.partial_success.CopyFrom(
                ExportTracePartialSuccess(rejected_spans=count, error_message=reason)
            )
        self.respond(200, PROTOBUF, response.SerializeToString())


def _rpc_status(code: int, message: str) -> bytes:
    """A ``google.rpc.Status``, written by hand: its class is in a package that we do not need otherwise."""
    text = message.encode("utf-8", "replace")[:2000].decode("utf-8", "ignore").encode()
    length = bytes([len(text)]) if len(text) < 0x80 else bytes([len(text) & 0x7F | 0x80, len(text) >> 7])
    return bytes([0x08, code, 0x12]) + length + text
