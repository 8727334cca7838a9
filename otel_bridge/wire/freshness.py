"""A third header beside the signed pair, which makes it good for a short time, and for one use.

``X-Trace-Freshness`` is ``MILLISECONDS.NONCE.HMAC``: the sender's Unix time, 32 random hexadecimal digits,
and the HMAC of both together with the other two headers, by the key that signed these. Services that do not
know it ignore it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from otel_bridge.wire.keys import Key

FRESHNESS_HEADER: Final = "X-Trace-Freshness"
#: Bytes of randomness in a nonce.
NONCE_BYTES: Final = 16
#: Headers that one process remembers, of about 150 bytes each.
MAX_REMEMBERED: Final = 65536

_FORM = re.compile(r"([0-9]{1,15})\.([0-9a-f]{32})\.([0-9a-f]{40}|[0-9a-f]{64})", re.ASCII)
_MAX_LENGTH = 15 + 1 + 32 + 1 + 64
#: What begins with this can never be mistaken for trace info, whatever follows: it is base64 of bytes that
#: are no UTF-8. So the HMAC below is of no use as X-Trace-HMAC.
_DOMAIN = b"____freshness\n"
_TOO_EARLY = "it was signed before the time that this process remembers"


class Stamp(NamedTuple):
    """A freshness header in its parts; nothing of it has been verified."""

    #: Unix time in milliseconds.
    time: int
    nonce: str
    mac: str


def stamp(info: str, mac: str, key: Key, now: float, nonce: bytes) -> str:
    """The header for a signed request.

    Args:
        info: its ``X-Trace-Info``.
        mac: its ``X-Trace-HMAC``.
        key: what that was made with.
        now: Unix time in seconds.
        nonce: 16 random bytes, never used before.
    """
    time, text = int(now * 1000), nonce.hex()
    return f"{time}.{text}.{key.sign(_signed(info, mac, time, text))}"


def read(header: str) -> Stamp | None:
    """The parts of a header; None when it is none. Never raises."""
    if not isinstance(header, str) or len(header) > _MAX_LENGTH + 2:
        return None
    found = _FORM.fullmatch(header.strip(" "))
    return None if found is None else Stamp(int(found[1]), found[2], found[3])


def _signed(info: str, mac: str, time: int, nonce: str) -> bytes:
    return _DOMAIN + f"{info}\n{mac.strip()}\n{time}\n{nonce}".encode("latin-1")


class Window:
    """Which headers are fresh, in one process: recent, and not seen before."""

    def __init__(self, seconds: int, began: float, capacity: int = MAX_REMEMBERED) -> None:
        """
        Args:
            seconds: how far the sender's clock may be from ours, either way; at least 1.
            began: Unix time now. What was signed before is refused: nobody remembers whether it was seen.
            capacity: headers that are remembered. When there are more, new ones are refused.
        """
        self.seconds = seconds
        self._width = seconds * 1000
        self._began = int(began * 1000)
        self._capacity = capacity
        #: Nonces by the time of their sender, one window's in one batch, so that old ones go at once. Threads
        #: share it without a lock: each step on a dict is one that CPython lets nobody into.
        self._seen: dict[int, dict[str, object]] = {}

    def refusal(self, info: str, mac: str, header: str, key: Key, now: float) -> str | None:
        """Why a signed request is not fresh, in words for the operator; None when it is, for this once.

        Args:
            info: its ``X-Trace-Info``, verified.
            mac: its ``X-Trace-HMAC``.
            header: its ``X-Trace-Freshness``, empty where there is none.
            key: what verified it.
            now: Unix time.
        """
        found = read(header)
        if found is None:
            return (
                "it has no X-Trace-Freshness header" if not header else "its X-Trace-Freshness is malformed"
            )
        time = int(now * 1000)
        if abs(time - found.time) > self._width:
            return "it is older or newer than freshness_window (or clocks differ)"
        if found.time < self._began:
            return _TOO_EARLY
        if not key.verifies(_signed(info, mac, found.time, found.nonce), found.mac):
            return "its X-Trace-Freshness belongs to other headers"
        return self._seen_before(found, time)

    def _seen_before(self, found: Stamp, time: int) -> str | None:
        width = self._width
        seen = self._seen
        for batch in list(seen):  # four at most: three that are good, and one that is not any more
            if (batch + 2) * width <= time:
                # Should the clock be set back: what is forgotten stays refused.
                self._began = max(self._began, (batch + 1) * width)
                seen.pop(batch, None)
        if sum(map(len, list(seen.values()))) >= self._capacity:
            return "more requests are signed within freshness_window than are remembered"
        mark = object()
        nonces = seen.setdefault(found.time // width, {})
        if nonces.setdefault(found.nonce, mark) is not mark:
            return "its headers have been used before"
        # Another thread, a little later, may have forgotten the batch since we were told that it is good.
        return _TOO_EARLY if found.time < self._began else None
