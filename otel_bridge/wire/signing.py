"""Trace info: packed, signed with an HMAC key, and verified with a ring of keys.

The format is OSProfiler's (``osprofiler._utils.signed_pack`` and ``signed_unpack``): ``X-Trace-Info`` is
URL-safe base64 of a JSON object with ``base_id`` and ``parent_id``; ``X-Trace-HMAC`` is the hexadecimal
HMAC of the base64 text. SHA-1 is what every deployed service speaks; SHA-256 is accepted as well, told
apart by its length.
"""

from __future__ import annotations

import base64
import json
from binascii import a2b_base64, b2a_base64, unhexlify
from collections.abc import Callable, Iterable
from functools import lru_cache
from hmac import compare_digest
from typing import Any, Final, NamedTuple

from otel_bridge.wire import ids
from otel_bridge.wire.keys import NO_KEY, SHA1_HEX, SHA256_HEX, Key

__all__ = [
    "DEFAULT_KEY",
    "MAX_HEADER_LENGTH",
    "NO_KEY",
    "TRACE_HMAC_HEADER",
    "TRACE_INFO_HEADER",
    "Key",
    "KeyRing",
    "TraceInfo",
    "explain",
    "pack",
    "pack_ids",
]

TRACE_INFO_HEADER: Final = "X-Trace-Info"
TRACE_HMAC_HEADER: Final = "X-Trace-HMAC"

#: Longest header that is looked at, in characters. Genuine trace info has about 150.
MAX_HEADER_LENGTH: Final = 4096
#: What osprofiler's configuration has as default. Everybody knows it.
DEFAULT_KEY: Final = "SECRET_KEY"

_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
_URL_ALPHABET = bytes.maketrans(b"+/", b"-_")
#: What osprofiler and we write around two UUIDs, and the length of the whole in base64.
_HEAD, _MIDDLE, _END = b'{"base_id": "', b'", "parent_id": "', b'"}'
_CANONICAL_LENGTH = 140
#: What comes before the parent's UUID, in base64.
_BEGIN_LENGTH = 88
#: How the UUID of a span id begins; with what comes before it, a multiple of three bytes.
_POINT_HEAD = b"00000000-0000-0000"
#: Traces whose beginnings are remembered, as they were signed and as they were verified.
_TRACES = 256
#: The dashes of a UUID stand five characters apart.
_DASHES = b"----"
_tuple = tuple.__new__
_integer = int.from_bytes
#: The C scanner under json.loads, at a quarter of its cost.
_scan_json: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class TraceInfo(NamedTuple):
    """What verified trace info says."""

    trace_id: int
    #: Span id of the parent in the sender's process; 0: the sender has no span, this one is a root.
    parent_span_id: int
    #: The key that verified; it signs whatever this request sends on. :data:`NO_KEY` signs nothing.
    key: Key
    #: The ``base_id`` as received, where it is not the canonical UUID of ``trace_id``; else None.
    base_id: str | None = None

    @classmethod
    def of(cls, base_id: str, parent_id: str | None, key: Key) -> TraceInfo | None:
        """What OSProfiler's ids say.

        Args:
            base_id: of the trace.
            parent_id: of the point above; the ``base_id`` or None: there is none.
            key: signs whatever is sent on.

        Returns:
            None for a ``base_id`` that names no trace, the nil UUID.
        """
        trace_id = ids.trace_id(base_id)
        if not trace_id:
            return None
        odd = None if ids.base_id(trace_id) == base_id else base_id
        return cls(trace_id, ids.parent_span_id(base_id, parent_id), key, odd)


class KeyRing:
    """The keys that a service accepts, in the order in which they are tried; the first one signs."""

    __slots__ = ("carriers", "keys")

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.keys = tuple(keys)
        #: What was verified in messages' contexts; :mod:`otel_bridge.wire.carrier`'s.
        self.carriers: dict[str, Any] = {}

    @classmethod
    def parse(cls, text: str | Iterable[str] | None, algorithm: str = "sha1") -> KeyRing:
        """Keys from a comma separated text (``hmac_keys``); blanks are stripped, empty ones dropped."""
        parts = text.split(",") if isinstance(text, str) else list(text or ())
        return cls(Key(part.strip(), algorithm) for part in parts if part.strip())

    def __bool__(self) -> bool:
        return bool(self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"KeyRing({len(self.keys)} keys)"

    def joined(self, other: KeyRing) -> KeyRing:
        """The keys of this ring, and those of ``other`` that are not in it."""
        further = [key for key in other.keys if key not in self.keys]
        return KeyRing([*self.keys, *further]) if further else self

    def find(self, text: object) -> Key | None:
        """The key of this ring with that text, compared in constant time; None when there is none."""
        if not isinstance(text, str):
            return None
        try:
            wanted = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # half of a surrogate pair: no key can be made of it
            return None
        found = None
        for key in self.keys:
            if compare_digest(key._raw, wanted):
                found = key
        return found

    def verify(self, info: str, mac: str) -> TraceInfo | None:
        """What the two headers say, or None when they are not signed by one of these keys.

        Never raises: whatever a client can put into a header ends as None.
        """
        try:
            size = len(mac)
            if size == SHA1_HEX:
                sha1 = True
            elif size == SHA256_HEX:
                sha1 = False
            else:
                mac = mac.strip()
                size = len(mac)
                if size != SHA1_HEX and size != SHA256_HEX:
                    return None
                sha1 = size == SHA1_HEX
            if len(info) > MAX_HEADER_LENGTH:
                return None
            raw = info.encode("latin-1")
            for key in self.keys:
                keyed = key._sha1 if sha1 else key._sha256
                inner = keyed._copy_inner()  # keyed.hexdigest(raw), without the call
                inner.update(raw)
                outer = keyed._copy_outer()
                outer.update(inner.digest())
                if compare_digest(outer.hexdigest(), mac):
                    return _unpack(raw, key)
        except Exception:  # hostile input, of any kind, is an unsigned request
            return None
        return None


def _unpack(raw: bytes, key: Key) -> TraceInfo | None:
    """The trace info in verified base64 text. Raises or returns None when it is not well formed."""
    if len(raw) == _CANONICAL_LENGTH:  # to take apart what services write costs a third of reading JSON
        found = _unpack_canonical(raw, key)
        if found is not None:
            return found
    text = a2b_base64(raw.translate(_STANDARD_ALPHABET)).decode()
    content, end = _scan_json(text, 0)
    base_id = content.pop("base_id")
    parent_id = content.pop("parent_id", None)
    if content or end != len(text) or not isinstance(base_id, str) or not base_id:
        return None
    if parent_id is not None and not isinstance(parent_id, str):
        return None
    return TraceInfo.of(base_id, parent_id, key)


def _unpack_canonical(raw: bytes, key: Key) -> TraceInfo | None:
    """:func:`_unpack` of what ``json.dumps`` makes of two UUIDs in lower case; None for anything else.

    That has no byte for which base64 needs one of the two characters in which its alphabets differ. A trace's
    messages begin alike, up to the parent's UUID.
    """
    trace_id = _trace_id_in(raw[:_BEGIN_LENGTH])
    try:
        text = a2b_base64(raw[_BEGIN_LENGTH:])
        digits = text[:36].replace(b"-", b"")
        # 32: no dash but those
        if not trace_id or text[36:] != _END or text[8:24:5] != _DASHES or len(digits) != 32:
            return None
        parent = _integer(unhexlify(digits), "big") if digits.islower() else -1
    except ValueError:
        return None
    if parent < 0:
        return None
    return _tuple(TraceInfo, (trace_id, 0 if parent == trace_id else parent & ids.SPAN_ID_MASK, key, None))


@lru_cache(maxsize=_TRACES)
def _trace_id_in(begin: bytes) -> int:
    """The trace id in what :func:`_begin` gives; 0 for anything else. Asked of verified text only."""
    try:
        text = a2b_base64(begin)
        digits = text[13:49].replace(b"-", b"")
        if text[:13] != _HEAD or text[49:] != _MIDDLE or text[21:37:5] != _DASHES or len(digits) != 32:
            return 0
        return _integer(unhexlify(digits), "big") if digits.islower() else 0
    except ValueError:
        return 0


@lru_cache(maxsize=_TRACES)
def _begin(trace_id: int) -> bytes:
    """How the trace info of a trace begins, in base64: up to the parent's UUID, which begins with zeros."""
    text = _HEAD + ids.base_id(trace_id).encode("ascii") + _MIDDLE + _POINT_HEAD
    return b2a_base64(text, newline=False)


def pack(base_id: str, parent_id: str, key: Key) -> tuple[str, str]:
    """The values of ``X-Trace-Info`` and ``X-Trace-HMAC``, byte for byte as osprofiler writes them."""
    raw = b2a_base64(
        json.dumps({"base_id": base_id, "parent_id": parent_id}).encode(), newline=False
    ).translate(_URL_ALPHABET)
    return raw.decode("ascii"), key.sign(raw)


def pack_ids(trace_id: int, span_id: int, key: Key, base_id: str | None = None) -> tuple[str, str]:
    """:func:`pack` for OpenTelemetry ids: the hot path of everything that sends a request on.

    Args:
        trace_id: of the trace.
        span_id: of the span below which the receiver is to record; 0, or what stands in for it
            (:func:`..ids.stand_in`): there is none, which OSProfiler says by ``parent_id == base_id``.
        key: signs.
        base_id: how the trace was named to us, where that is not the UUID of ``trace_id``.
    """
    if not span_id or span_id == (trace_id & ids.SPAN_ID_MASK or 1):  # ids.stand_in(), without the call
        base = ids.base_id(trace_id) if base_id is None else base_id
        return pack(base, base, key)
    if base_id is not None:
        return pack(base_id, ids.point_id(span_id), key)
    digits = b"%016x" % span_id
    raw = _begin(trace_id) + b2a_base64(b'-%b-%b"}' % (digits[:4], digits[4:]), newline=False)
    keyed = key._sha1 if key.algorithm == "sha1" else key._sha256
    inner = keyed._copy_inner()  # key.sign(raw), without the two calls
    inner.update(raw)
    outer = keyed._copy_outer()
    outer.update(inner.digest())
    return raw.decode("ascii"), outer.hexdigest()


def explain(info: str | None, mac: str | None, keys: KeyRing) -> str:
    """Why :meth:`KeyRing.verify` refuses, in a sentence for the person who asks; no secret in it."""
    if not info or not mac:
        return f"{TRACE_INFO_HEADER} or {TRACE_HMAC_HEADER} is missing"
    if not keys:
        return "this service has no HMAC key: set [profiler] hmac_keys"
    if len(info) > MAX_HEADER_LENGTH:
        return f"{TRACE_INFO_HEADER} is longer than {MAX_HEADER_LENGTH} characters"
    if len(mac.strip()) not in (SHA1_HEX, SHA256_HEX):
        return f"{TRACE_HMAC_HEADER} is no hexadecimal SHA-1 (40 digits) or SHA-256 (64 digits)"
    if keys.verify(info, mac) is not None:
        return "valid"
    try:
        content = json.loads(base64.urlsafe_b64decode(info))
    except (ValueError, RecursionError):
        return f"{TRACE_INFO_HEADER} is not base64 of JSON"
    if not isinstance(content, dict) or not isinstance(content.get("base_id"), str):
        return f"{TRACE_INFO_HEADER} has no base_id"
    unknown = sorted(set(content) - {"base_id", "parent_id"})
    if unknown:
        return f"{TRACE_INFO_HEADER} has keys that do not belong there: {', '.join(map(repr, unknown))}"
    return "signed with a key that this service does not have, or changed on the way"
