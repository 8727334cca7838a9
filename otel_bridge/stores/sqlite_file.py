"""The file of the embedded store: what both its writer and its readers have to know.

=================  =================================================================================
``traces``         one row a trace, kept up to date with each write: what a list of traces shows
``spans``          one row a span; ``body`` is the whole OTLP ``Span`` message, nothing is lost
``resources``      ``body`` is an OTLP ``Resource`` message; stored once, whoever sends it
``scopes``         ``body`` is an OTLP ``InstrumentationScope`` message
``terms``          what traces are searched for: services, and operations of services
``postings``       which traces have a term: a bit each, in blocks of :data:`BLOCK` traces; the blocks of
                   the newest traces are not there yet, and their rows in ``traces`` have to be looked at
``removed``        traces that are being removed: their row is gone, their spans are not yet
=================  =================================================================================

Ids of spans are stored as SQLite has integers, signed: see :func:`signed` and :func:`unsigned`.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from otel_bridge.stores.protocol import StoreError

#: "OTBR": says in the file's header that it is ours.
APPLICATION_ID = 0x4F544252
#: Raised with every change that an older version could not read.
SCHEMA_VERSION = 2

#: Traces of a row of ``postings``. The trace with the key ``n`` is bit ``n % BLOCK`` of block ``n // BLOCK``;
#: the bits of a block are one little-endian number without the zero bytes at its end.
BLOCK = 1024

#: Characters of an operation's name that are kept as they are in ``terms``.
_LONGEST_TERM = 500

_TWO_64 = 1 << 64
_SIGN = 1 << 63


def signed(span_id: int) -> int:
    """A 64-bit id as SQLite stores it."""
    return span_id - _TWO_64 if span_id >= _SIGN else span_id


def unsigned(stored: int) -> int:
    """The id that :func:`signed` made ``stored`` of."""
    return stored + _TWO_64 if stored < 0 else stored


def term(text: str) -> str:
    """A service or the name of an operation, as ``terms`` has it: a long one is cut, and a digest added."""
    if len(text) <= _LONGEST_TERM:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[:_LONGEST_TERM]}… {digest}"


def packed(terms: Iterable[int]) -> bytes:
    """The keys of a trace's terms as its row has them: 32-bit numbers, little-endian."""
    ordered = sorted(terms)
    return struct.pack(f"<{len(ordered)}I", *ordered)


def unpacked(blob: bytes) -> tuple[int, ...]:
    """What :func:`packed` was given."""
    return struct.unpack(f"<{len(blob) // 4}I", blob)


def to_blob(bits: int) -> bytes:
    """The bits of a block as ``postings`` has them."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def from_blob(blob: bytes) -> int:
    """What :func:`to_blob` was given."""
    return int.from_bytes(blob, "little")


def connect(path: Path, mode: str, busy_timeout: float, *, at_rest: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode; it may be used from any thread, by one at a time.

    Args:
        path: the file.
        mode: SQLite's URI mode, ``ro``, ``rw`` or ``rwc``.
        busy_timeout: seconds to wait for another process' lock.
        at_rest: nobody writes the file, and no log of writes lies beside it: it is read without locks.

    Raises:
        sqlite3.Error: see :func:`explained`.
    """
    # A URI, always: a file that is called ":memory:" is a file.
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}{'&immutable=1' if at_rest else ''}"
    return sqlite3.connect(uri, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False)


def version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of the store in the file; 0: it is new and empty.

    Raises:
        StoreError: it is another program's, or was written by a newer version.
        sqlite3.Error: see :func:`explained`.
    """
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application != APPLICATION_ID:
        if found or application or connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            raise StoreError(f"{path} is another program's SQLite database: name another file")
        return 0
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema {found}, written by a newer otel-bridge; this one knows "
            f"{SCHEMA_VERSION}: upgrade otel-bridge, or name another file"
        )
    return found


def explained(error: sqlite3.Error, path: Path) -> StoreError:
    """What an error of SQLite means for the person who named the file."""
    text = str(error)
    if "not a database" in text:
        return StoreError(f"{path} is not an SQLite database: name the file of otel-bridge serve --db")
    if "locked" in text or "busy" in text:
        return StoreError(f"{path} is locked by another process: stop that one, or try again later")
    if "malformed" in text or "corrupt" in text:
        return StoreError(f"{path} is damaged ({text}): move it away, or restore a copy of it")
    if "full" in text:
        return StoreError(f"{path} cannot grow ({text}): free space on that file system")
    if "readonly" in text or "read-only" in text:
        return StoreError(f"{path} cannot be written ({text}): give this user write access to it")
    if "unable to open" in text:
        return StoreError(f"{path} cannot be opened: this user needs access to it and to its directory")
    return StoreError(f"{path} cannot be used: {text}")
