"""Endpoint URLs and headers, as the OTLP exporter specification has them written in a configuration.

Pure functions. They raise ``ValueError`` with a reason that may be shown: credentials are never part of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from otel_bridge.config.sources import show

TRACES_PATH = "v1/traces"

_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,20}://", re.ASCII | re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
#: They describe the message, which is the exporter's to do.
_RESERVED = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class Endpoint(NamedTuple):
    """Where to send."""

    url: str
    #: Value of an ``authorization`` header, if the URL had credentials in it.
    authorization: str | None
    #: The connection is encrypted; None: the endpoint does not say (a gRPC target that is no URL).
    secure: bool | None


def base_url(text: str) -> Endpoint:
    """``OTEL_EXPORTER_OTLP_ENDPOINT``: v1/traces goes below whatever path there is."""
    parts = split_url(text)
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    return _http(parts, path + TRACES_PATH)


def traces_url(text: str) -> Endpoint:
    """``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``: as it is, with the root path where there is none."""
    parts = split_url(text)
    return _http(parts, parts.path or "/")


def any_url(text: str) -> Endpoint:
    """``[otel_bridge] endpoint``: a base URL where it has no path, else the URL for traces."""
    return base_url(text) if split_url(text).path in ("", "/") else traces_url(text)


def grpc_target(text: str) -> Endpoint:
    """An endpoint for gRPC: a URL, or any target that gRPC's resolvers understand.

    Raises:
        ValueError: see the module.
    """
    if text.lower().startswith(("http://", "https://")):
        parts = split_url(text)
        return Endpoint(f"{parts.scheme}://{authority(parts)}", authorization(parts), parts.scheme == "https")
    if not _URL.fullmatch(text):
        raise ValueError(f"{mask(text)} holds characters that a gRPC target cannot have")
    if "@" in text:
        raise ValueError(f"{mask(text)} has credentials in it: put them into headers")
    return Endpoint(text, None, None)


def mask(text: str) -> str:
    """An endpoint for a message: neither what could be credentials nor a query, quoted, of bounded length."""
    scheme = _SCHEME.match(text)
    prefix = scheme[0] if scheme else ""
    shown, *query = re.split(r"[?#]", text[len(prefix) :], maxsplit=1)
    if query and "@" in query[0]:  # or was the ? part of a password?
        shown = "***"
    elif "@" in shown:
        shown = f"***@{shown.rpartition('@')[2]}"
    return show(prefix + shown)


def split_url(text: str, schemes: Sequence[str] = ("http", "https")) -> SplitResult:
    """A URL that begins with one of these schemes and names a host, taken apart.

    Raises:
        ValueError: see the module.
    """
    check_characters(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"{mask(text)} is not a valid URL: check its host and port") from None
    if parts.scheme not in schemes:
        known = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"{mask(text)} is no URL that begins with {known}")
    if not parts.hostname:
        raise ValueError(f"{mask(text)} names no host")
    if port == 0:
        raise ValueError(f"{mask(text)} has port 0, which nothing listens on")
    return parts


def check_characters(text: str) -> None:
    """Raises ``ValueError`` if ``text`` holds what no URL can."""
    if not _URL.fullmatch(text):
        raise ValueError(f"{mask(text)} holds characters that a URL cannot have: percent-encode them")


def _http(parts: SplitResult, path: str) -> Endpoint:
    query = f"?{parts.query}" if parts.query else ""
    return Endpoint(
        f"{parts.scheme}://{authority(parts)}{path}{query}",
        authorization(parts),
        parts.scheme == "https",
    )


def authority(parts: SplitResult) -> str:
    """Host and port, without credentials."""
    return parts.netloc.rpartition("@")[2].removesuffix(":")


def authorization(parts: SplitResult) -> str | None:
    """Value of an ``authorization`` header, if the URL has credentials in it."""
    if not parts.username and not parts.password:
        return None
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(credentials.encode()).decode("ascii")


def parse_headers(text: str) -> tuple[dict[str, str], list[str]]:
    """Headers from ``name=value,name=value``, and what was wrong with the entries that were left out.

    The format is W3C Baggage's without properties; values are percent-encoded. Blanks inside a value are
    taken as they are, since many write ``authorization=Bearer abc``. Names come back in lower case. No
    complaint shows any part of an entry.
    """
    headers: dict[str, str] = {}
    complaints: list[str] = []
    for position, entry in enumerate(text.split(","), start=1):
        if not entry.strip():
            continue
        name, equals, value = entry.partition("=")
        try:
            name = unquote(name.strip(), errors="strict").lower()
            value = unquote(value.strip(), errors="strict").strip()
        except UnicodeError:
            name = ""
        if not equals or not _HEADER_NAME.fullmatch(name):
            complaints.append(f"entry {position} is not name=value with a valid header name")
        elif not _HEADER_VALUE.fullmatch(value):
            complaints.append(f"entry {position} has a value with characters that a header cannot carry")
        elif name in _RESERVED:
            complaints.append(f"entry {position} is a header that the exporter sets itself")
        else:
            headers[name] = value
    return headers, complaints
