"""``[profiler] connection_string``, where it chooses us: the receiver, the protocol, and where to read.

Pure. What is wrong is a ``ValueError`` with a reason that may be shown: credentials are never part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from otel_bridge.config import endpoint
from otel_bridge.config.endpoint import Endpoint
from otel_bridge.settings import Protocol

#: Where the connection string stands, as the operator writes it.
ORIGIN = "[profiler] connection_string"


class _Way(NamedTuple):
    protocol: Protocol
    #: Scheme of the endpoint's URL.
    scheme: str
    #: Where OTLP listens unless something else is said (OTLP specification, "Default port").
    port: int


#: What each scheme stands for.
SCHEMES: Mapping[str, _Way] = MappingProxyType(
    {
        "otel": _Way("http/protobuf", "http", 4318),
        "otel+https": _Way("http/protobuf", "https", 4318),
        "otel+grpc": _Way("grpc", "http", 4317),
        "otel+grpcs": _Way("grpc", "https", 4317),
    }
)
#: What ``osprofiler.drivers.base.get_driver`` appends to a connection string that has none.
_APPENDED = "://"


@dataclass(frozen=True, slots=True)
class Connection:
    """What a connection string says; what it leaves open the other settings decide."""

    #: How to send; None together with ``target``.
    protocol: Protocol | None = None
    #: Where to send; None for a bare ``otel:``.
    target: Endpoint | None = field(default=None, repr=False)
    #: URL of the store to read from, if no other setting names one.
    store: str | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str | None:
        """The URL to send to, without credentials. ``http/protobuf``: the full URL for traces."""
        return None if self.target is None else self.target.url


def parse(text: str) -> Connection:
    """A connection string of ours.

    ``otel://[USER:PASSWORD@]HOST[:PORT][/PATH][?store=URL]``, likewise ``otel+https://``, and without a path
    ``otel+grpc://`` and ``otel+grpcs://``. ``v1/traces`` is added where there is no path, as it is to
    ``[otel_bridge] endpoint``. ``otel``, ``otel:`` and ``otel://``, with or without ``?store=URL``, name no
    receiver.

    Raises:
        ValueError: it is none, or not well formed. Neither credentials nor the query are in the message.
    """
    text = text.strip()
    shorter = text.removesuffix(_APPENDED)
    if _APPENDED not in shorter:
        text = shorter if ":" in shorter else f"{shorter}:"
    endpoint.check_characters(text)
    if "#" in text:
        raise ValueError(f"{endpoint.mask(text)} has a #, which has to be written %23")
    address, _, query = text.partition("?")
    if address.lower() in ("otel:", "otel://"):
        return Connection(store=_store(query))
    parts = endpoint.split_url(text, tuple(SCHEMES))
    way = SCHEMES[parts.scheme]
    authority = endpoint.authority(parts)
    if parts.port is None:
        authority = f"{authority}:{way.port}"
    path = "" if parts.path == "/" else parts.path
    if path and way.protocol == "grpc":
        raise ValueError(f"{endpoint.mask(text)} has a path, which gRPC has no use for")
    if way.protocol == "http/protobuf":
        path = path or f"/{endpoint.TRACES_PATH}"
    target = Endpoint(
        f"{way.scheme}://{authority}{path}", endpoint.authorization(parts), way.scheme == "https"
    )
    return Connection(way.protocol, target, _store(parts.query))


def is_ours(text: str) -> bool:
    """Whether a connection string has one of our schemes, well formed or not."""
    return text.strip().partition(":")[0].lower() in SCHEMES


def _store(query: str) -> str | None:
    name, equals, value = query.partition("=")
    if query and (name != "store" or not equals or "&" in value):
        raise ValueError("after the ? only store=URL is understood, with an & in the URL written %26")
    try:
        store = unquote(value, errors="strict").strip()
    except UnicodeError:
        store = "\0"
    if not store.isprintable():
        raise ValueError("the store after the ? holds characters that no URL can have")
    return store or None
