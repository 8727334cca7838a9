"""Protocol Buffers on the wire: what a writer of messages needs, and no more.

A message is a sequence of fields; a field is a tag (``field number << 3 | wire type``) and a value. Callers
write their tags as literal bytes: the numbers of a published schema never change.
"""

from __future__ import annotations

import re
from typing import Final

_MASK64 = (1 << 64) - 1
_SURROGATES = re.compile("[\ud800-\udfff]")


def varint(value: int) -> bytes:
    """Base 128 varint of a 64-bit integer; a negative one as two's complement, as ``int64`` is written."""
    value &= _MASK64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


#: Varints of the lengths that nearly every field has.
LENGTHS: Final = tuple(varint(size) for size in range(1024))


def length(size: int) -> bytes:
    """Varint of the length of a field's body."""
    return LENGTHS[size] if size < 1024 else varint(size)


def field(tag: bytes, body: bytes) -> bytes:
    """A length-delimited field (wire type 2): a string, bytes or a message."""
    return tag + length(len(body)) + body


def utf8(text: str) -> bytes:
    """``text`` in UTF-8, which a protobuf string has to be.

    Lone surrogates, which file names and headers of unknown encoding bring along, have no UTF-8; each
    becomes U+FFFD, so that the rest of the text is kept.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()
