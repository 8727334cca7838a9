"""From a store's URL to the store."""

from __future__ import annotations

from pathlib import Path

from otel_bridge.stores.address import masked
from otel_bridge.stores.options import USUAL, StoreOptions
from otel_bridge.stores.protocol import StoreError, TraceStore

FORMS = (
    "sqlite:PATH, jaeger+http://HOST:16686, tempo+http://HOST:3200, http://HOST:16687 of otel-bridge serve, "
    "or file:PATH of OTLP or Jaeger JSON"
)


def open_store(url: str, options: StoreOptions = USUAL) -> TraceStore:
    """The store that a URL names; nothing is read or connected to yet.

    ==================================  =======================================================
    ``sqlite:PATH``                     the file that ``otel-bridge serve`` writes
    ``jaeger+http://HOST:16686[/BASE]`` Jaeger's query service (also ``jaeger+https``)
    ``tempo+http://HOST:3200[/BASE]``   Grafana Tempo (also ``tempo+https``)
    ``http://HOST:16687[/BASE]``        the viewer of ``otel-bridge serve`` (also ``https``)
    ``file:PATH``                       traces as OTLP or Jaeger JSON, plain or gzip
    ``PATH``                            of a file that is there: one of these two kinds
    ``-``                               the same, from standard input
    ==================================  =======================================================

    ``user:password@`` before the host is sent as basic authentication.

    Raises:
        StoreError: the URL is of none of these forms, or the options cannot be used.
    """
    url = url.strip()
    # Each kind is imported when asked for: who reads Jaeger needs neither sqlite3 nor protobuf.
    scheme, _, rest = url.partition(":")
    match scheme.lower():
        case "sqlite" if rest:
            from otel_bridge.stores.sqlite import SqliteStore

            return SqliteStore(rest, observer=options.observer)
        case "jaeger+http" | "jaeger+https":
            from otel_bridge.stores.jaeger import JaegerStore

            return JaegerStore(url, options)
        case "tempo+http" | "tempo+https":
            from otel_bridge.stores.tempo import TempoStore

            return TempoStore(url, options)
        case "http" | "https":
            from otel_bridge.stores.embedded import EmbeddedStore

            return EmbeddedStore(url, options)
        case "file" if rest:
            from otel_bridge.stores.file import FileStore

            return FileStore(rest, options)
    if url == "-" or _is_there(url):
        from otel_bridge.stores.file import FileStore, is_sqlite

        return open_store(f"sqlite:{url}", options) if is_sqlite(url) else FileStore(url, options)
    raise StoreError(f"cannot read traces from {masked(url)!r}: expected {FORMS}")


def _is_there(path: str) -> bool:
    try:
        return bool(path) and Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # a name with a NUL in it, a home that nobody has
        return False
