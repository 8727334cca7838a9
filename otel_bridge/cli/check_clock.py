"""How far the clock of another machine is from ours, by what its HTTP answers say."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from otel_bridge.cli.check_endpoint import Reply, exchange
from otel_bridge.cli.check_way import deadline
from otel_bridge.cli.findings import Finding, note, ok
from otel_bridge.export import native
from otel_bridge.export.stream import Stream, TlsStream
from otel_bridge.stores.address import Address
from otel_bridge.version import __version__

ABOUT: Final = "clock"
#: Seconds that a clock may be off without a word about it.
TOLERATED: Final = 2.0
#: Seconds for one question about the time.
TIMEOUT: Final = 5.0


class Skew(NamedTuple):
    """Between which limits a clock is ahead of ours, in seconds; behind it where they are negative."""

    least: float
    most: float


def skew(date: str | None, asked: float, answered: float) -> Skew | None:
    """What the ``Date`` header of an answer tells; it has whole seconds.

    Args:
        date: the header.
        asked: our Unix time when the request was sent.
        answered: our Unix time when the answer came.

    Returns:
        None: there is no such header, or it holds no date.
    """
    try:
        found = parsedate_to_datetime(date or "")
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        said = found.timestamp()
    except Exception:  # the parser promises nothing about what it raises for rubbish
        return None
    return Skew(said - answered, said + 1 - asked)


def finding(who: str, reply: Reply) -> Iterator[Finding]:
    """Compare our clock with that of whoever has answered; nothing where it does not tell the time."""
    found = skew(reply.headers.get("date"), reply.asked, reply.answered)
    if found is None:
        return
    data = {"least_seconds": round(found.least, 1), "most_seconds": round(found.most, 1)}
    if found.least > TOLERATED or found.most < -TOLERATED:
        off = min(abs(found.least), abs(found.most))
        side = "ahead of" if found.least > 0 else "behind"
        yield note(
            ABOUT,
            f"that of {who} is at least {_span(off)} {side} this host's: one of them is wrong, so that spans"
            " of several hosts do not stand where they belong in a trace: see NTP on both (chronyc tracking)",
            **data,
        )
    else:
        yield ok(ABOUT, f"that of {who} agrees with this host's, as far as whole seconds tell", **data)


def ask(address: Address, context: ssl.SSLContext | None = None) -> Reply | None:
    """An answer of a server, whatever it says; None where there is none, or none that can be trusted.

    Args:
        address: of the server.
        context: what to trust, where that is reached by TLS; the system's authorities by default.
    """
    remaining = deadline(TIMEOUT)
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = (
        f"HEAD {address.base or '/'} HTTP/1.1",
        f"Host: {host}:{address.port}",
        f"User-Agent: otel-bridge/{__version__}",
        "Connection: close",
    )
    try:
        request = "\r\n".join((*lines, "", "")).encode("latin-1")
        sock = native.create_connection(address.host, address.port, remaining)
        stream = Stream(sock, remaining)
        if address.tls:
            stream = TlsStream(sock, remaining, context or ssl.create_default_context(), address.host)
        with closing(stream):
            return exchange(stream, request)
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
