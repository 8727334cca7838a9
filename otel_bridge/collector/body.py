"""The body of a request, within bounds: its length, its chunks, its compression."""

from __future__ import annotations

import re
import zlib
from email.message import Message
from io import BufferedIOBase
from typing import Final

_PIECE: Final = 1024 * 1024
_MAX_LINE: Final = 1024
_MAX_TRAILERS: Final = 100
_HEXADECIMAL: Final = re.compile(rb"[0-9a-fA-F]{1,15}").fullmatch
_GZIP: Final = 31  # zlib's wbits: a gzip header is wanted, and the largest window allowed


class Refusal(Exception):
    """A request that is answered by an error.

    Attributes:
        status: the HTTP status.
        reason: one line for the sender, which says what is wrong.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


def declared_length(headers: Message) -> int | None:
    """What ``Content-Length`` says; None: the body comes in chunks.

    Raises:
        Refusal: 411 neither is announced; 400 both are, or malformed; 501 an unknown transfer encoding.
    """
    lengths = headers.get_all("Content-Length") or []
    encodings = headers.get_all("Transfer-Encoding") or []
    if encodings:
        if lengths:  # RFC 9112, 6.3: whoever sends both may want them read differently on the way
            raise Refusal(400, "both Content-Length and Transfer-Encoding: send one of them")
        if [encoding.strip().lower() for encoding in encodings] != ["chunked"]:
            raise Refusal(501, "Transfer-Encoding: only chunked is known")
        return None
    if not lengths:
        raise Refusal(411, "neither Content-Length nor Transfer-Encoding: chunked")
    if len(set(lengths)) > 1 or not (lengths[0].isascii() and lengths[0].isdigit()) or len(lengths[0]) > 18:
        raise Refusal(400, "Content-Length is not a number")
    return int(lengths[0])


def read(stream: BufferedIOBase, length: int | None, limit: int) -> bytes:
    """The body as it was sent.

    Args:
        stream: positioned at the body.
        length: from :func:`declared_length`.
        limit: bytes that are read at most.

    Raises:
        Refusal: 413 it is longer than ``limit``; 400 it ends early, or its chunks are malformed.
        TimeoutError: from the stream.
    """
    if length is None:
        return _read_chunks(stream, limit)
    if length > limit:
        raise _too_long(limit)
    return b"".join(_read_exactly(stream, length))


def _read_exactly(stream: BufferedIOBase, length: int) -> list[bytes]:
    pieces = []
    while length:
        piece = stream.read(min(length, _PIECE))
        if not piece:
            raise Refusal(400, "the body ends early")
        length -= len(piece)
        pieces.append(piece)
    return pieces


def _read_chunks(stream: BufferedIOBase, limit: int) -> bytes:
    pieces: list[bytes] = []
    left = limit
    while size := _chunk_size(_line(stream)):
        left -= size
        if left < 0:
            raise _too_long(limit)
        pieces += _read_exactly(stream, size)
        if _line(stream):
            raise Refusal(400, "malformed chunk: it is longer than announced")
    for _ in range(_MAX_TRAILERS):
        if not _line(stream):
            return b"".join(pieces)
    raise Refusal(400, "too many trailers")


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise Refusal(400, "the body ends early, or a chunk is malformed")
    return line.rstrip(b"\r\n")


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not _HEXADECIMAL(digits):
        raise Refusal(400, "malformed chunk: its size is not a hexadecimal number")
    return int(digits, 16)


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its compression.

    Args:
        body: as it was sent.
        encoding: the ``Content-Encoding``; "" or ``identity``: none.
        limit: bytes of the result at most. No more than that is ever made of a body.

    Raises:
        Refusal: 415 an unknown encoding; 413 the result is longer; 400 malformed or truncated.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise Refusal(415, f"Content-Encoding {encoding[:50]!r} is not known: send gzip or none")
    pieces = []
    left = limit
    try:
        while body:  # a gzip file may have several members
            inflater = zlib.decompressobj(_GZIP)
            while not inflater.eof:
                piece = inflater.decompress(body, min(left + 1, _PIECE))
                body = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                left -= len(piece)
                if left < 0:
                    raise _too_long(limit)
                if not piece and not body and not inflater.eof:
                    raise Refusal(400, "truncated gzip")
                pieces.append(piece)
    except zlib.error as error:
        raise Refusal(400, "malformed gzip") from error
    return b"".join(pieces)


def _too_long(limit: int) -> Refusal:
    return Refusal(413, f"the body is longer than {limit:,} bytes: send smaller batches")
