"""The address of a store that is reached by HTTP: taken apart, and shown without its credentials."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from otel_bridge.stores.protocol import StoreError


def masked(url: str) -> str:
    """``url`` with whatever stands before its last ``@`` hidden, well formed or not."""
    before, at, after = url.rpartition("@")
    if not at:
        return url
    scheme, separator, _ = before.partition("://")
    return f"{scheme}://***@{after}" if separator else f"***@{after}"


def is_of_another_origin(url: str, first: str) -> bool:
    """Whether ``first`` names a server, and ``url`` something else than the same host and port by the same
    scheme: what was given for the one is none of the other's business."""
    try:
        server = Address.parse(first)
    except StoreError:  # a file
        return False
    try:
        other = Address.parse(url)
    except StoreError:
        return True
    return (server.tls, server.host, server.port) != (other.tls, other.host, other.port)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect to and what to say there."""

    tls: bool
    host: str
    port: int
    #: Path before every request's path, without a slash at its end.
    base: str
    #: The URL for people: no credentials in it.
    shown: str
    #: Value of the ``Authorization`` header; None: none is sent.
    authorization: str | None = field(default=None, repr=False)

    def link(self, path: str) -> str:
        """The URL of a page below the base path, for a browser: without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.tls else 80
        port = "" if self.port == usual else f":{self.port}"
        return f"{'https' if self.tls else 'http'}://{host}{port}{self.base}{path}"

    @classmethod
    def parse(cls, url: str) -> Address:
        """An ``http`` or ``https`` URL, with or without a ``jaeger+`` before it.

        Raises:
            StoreError: it is not well formed; the message shows it masked.
        """
        text = url.strip()
        shown = masked(text)
        if not text.isascii() or not text.isprintable() or " " in text:
            raise StoreError(f"{shown!r} is no URL: it holds characters that have to be percent-encoded")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise StoreError(f"{shown!r} is no URL: its host or port is malformed") from None
        scheme = parts.scheme.rpartition("+")[2]
        if scheme not in ("http", "https") or not parts.hostname:
            raise StoreError(f"{shown!r} is no URL: expected {parts.scheme or 'http'}://HOST:PORT")
        if parts.query or parts.fragment:
            raise StoreError(f"{shown.partition('?')[0]!r} is followed by ? or #: leave that out")
        tls = scheme == "https"
        authorization = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        return cls(
            tls=tls,
            host=parts.hostname,
            port=port if port is not None else 443 if tls else 80,
            base=parts.path.rstrip("/"),
            shown=shown,
            authorization=authorization,
        )
