"""Traces in a file: OTLP/JSON, as the collector's file exporter writes it, or Jaeger's JSON, as its page
downloads it (:mod:`otel_bridge.stores.documents`). Plain or gzip, whatever the file is called.

The file is read from the beginning for each question and never as a whole, so that it may be large. A pipe,
standard input for instance, is copied to a temporary file first.
"""

from __future__ import annotations

import gzip
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Final, TypeVar

from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.stores import selecting
from otel_bridge.stores.documents import Documents
from otel_bridge.stores.json_stream import Reader
from otel_bridge.stores.options import USUAL, StoreOptions
from otel_bridge.stores.protocol import EVERYTHING, StoreError, Summaries, TraceNotFound, TraceQuery
from otel_bridge.stores.watching import Watch
from otel_bridge.wire import ids

#: Bytes that are taken from a pipe.
MAX_PIPE: Final = 1024 * 1024 * 1024

_GZIP: Final = b"\x1f\x8b"
_SQLITE: Final = b"SQLite format 3\0"
_PIECE: Final = 256 * 1024
_STDIN: Final = "-"

T = TypeVar("T")


class FileStore:
    """A :class:`~otel_bridge.stores.TraceStore` in one file."""

    def __init__(self, path: str, options: StoreOptions = USUAL) -> None:
        """
        Args:
            path: of the file; ``~`` is the home directory, ``-`` is standard input. ``//`` and
                ``//localhost/`` before an absolute path, as in a URL, are passed over.
            options: who watches.
        """
        for prefix in ("//localhost/", "///"):
            if path.startswith(prefix):
                path = "/" + path.removeprefix(prefix)
        self._path = path
        self._observer = options.observer
        self._copying = Lock()
        self._copy: str | None = None

    @property
    def url(self) -> str:
        return f"file:{self._path}"

    def get(self, trace_id: int) -> Trace:
        """See :meth:`TraceStore.get <otel_bridge.stores.TraceStore.get>`."""
        trace = self._read(lambda spans: Trace.from_spans(trace_id, spans))
        if not trace.spans:
            raise TraceNotFound(f"no trace {ids.format_trace_id(trace_id)} in {self.url}")
        return trace

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        """See :meth:`TraceStore.list <otel_bridge.stores.TraceStore.list>`."""
        return self._read(lambda spans: selecting.summaries(spans, query))

    def ui_link(self, trace_id: int) -> str | None:
        """None: a file has no pages."""
        return None

    def _read(self, use: Callable[[Iterable[SpanRecord]], T]) -> T:
        with Watch(self._observer) as watch, self._opened() as file:
            try:
                documents = Documents(Reader(watch.pieces(_pieces(file))))
                made = use(watch.spans(documents.spans(may_end=True)))
            except ValueError as error:
                raise StoreError(
                    f"{self.url} cannot be read ({error}): expected OTLP/JSON or Jaeger's JSON"
                ) from error
            if not documents.places:
                raise StoreError(f"{self.url} holds no spans: expected OTLP/JSON or Jaeger's JSON")
            return made

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes] | gzip.GzipFile]:
        try:
            with self._plain() as file:
                is_gzip = file.read(2) == _GZIP
                file.seek(0)
                if not is_gzip:
                    yield file
                else:
                    with gzip.open(file) as unzipped:
                        yield unzipped
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise StoreError(f"{self.url} is no whole gzip file: copy it again") from error
        except OSError as error:
            raise StoreError(f"{self.url} cannot be read ({error.strerror or error})") from error

    def _plain(self) -> IO[bytes]:
        """What can be read more than once.

        Raises:
            OSError: it cannot be read.
            StoreError: it is no file.
        """
        with self._copying:
            if self._copy is None and self._path == _STDIN:
                self._copy = self._copied(sys.stdin.buffer)
            elif self._copy is None:
                path = self._found()
                mode = path.stat().st_mode
                if stat.S_ISREG(mode):
                    return path.open("rb")
                if not stat.S_ISFIFO(mode):
                    raise StoreError(f"{self.url} is not a file")
                with path.open("rb", buffering=0) as pipe:
                    self._copy = self._copied(pipe)
        return open(self._copy, "rb")

    def _found(self) -> Path:
        try:
            if "\0" not in self._path:
                return Path(self._path).expanduser()
        except RuntimeError:  # a home that nobody has
            pass
        raise StoreError(f"{self.url} is no path")

    def _copied(self, pipe: IO[bytes]) -> str:
        """The path of a file with what comes out of a pipe, which can be read only once; the file is there
        until the store is no longer used."""
        copy = tempfile.NamedTemporaryFile(prefix="otel-bridge-")  # noqa: SIM115 - closed below
        weakref.finalize(self, copy.close)
        room = MAX_PIPE
        while piece := pipe.read(min(_PIECE, room + 1)):
            room -= len(piece)
            if room < 0:
                raise StoreError(f"{self.url} is longer than {MAX_PIPE >> 30} GiB: write it to a file")
            copy.write(piece)
        copy.flush()
        return copy.name


def _pieces(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def is_sqlite(path: str) -> bool:
    """Whether a file is an SQLite database; one that cannot be read is none."""
    try:
        file = Path(path).expanduser()
        if not file.is_file():
            return False
        with file.open("rb") as opened:
            return opened.read(len(_SQLITE)) == _SQLITE
    except (OSError, ValueError, RuntimeError):
        return False
