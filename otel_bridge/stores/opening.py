"""From a store's URL to the store."""

from __future__ import annotations

from otel_bridge.stores.address import masked
from otel_bridge.stores.protocol import StoreError, TraceStore

FORMS = "sqlite:PATH, jaeger+http://HOST:16686 or http://HOST:16687"


def open_store(url: str) -> TraceStore:
    """The store that a URL names; nothing is read or connected to yet.

    ==================================  =======================================================
    ``sqlite:PATH``                     the file that ``otel-bridge serve`` writes
    ``jaeger+http://HOST:16686[/BASE]`` Jaeger's query service (also ``jaeger+https``)
    ``http://HOST:16687``               the viewer of ``otel-bridge serve`` (also ``https``)
    ==================================  =======================================================

    ``user:password@`` before the host is sent as basic authentication.

    Raises:
        StoreError: the URL is of none of these forms.
    """
    # Each kind is imported when asked for: who reads Jaeger needs neither sqlite3 nor protobuf.
    scheme, _, rest = url.strip().partition(":")
    match scheme.lower():
        case "sqlite" if rest:
            from otel_bridge.stores.sqlite import SqliteStore

            return SqliteStore(rest)
        case "jaeger+http" | "jaeger+https":
            from otel_bridge.stores.jaeger import JaegerStore

            return JaegerStore(url)
        case "http" | "https":
            from otel_bridge.stores.embedded import EmbeddedStore

            return EmbeddedStore(url)
    raise StoreError(f"cannot read traces from {masked(url)!r}: expected {FORMS}")
