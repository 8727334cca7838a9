"""Which key an ``X-Trace-HMAC`` header was made with, or what kept it from being valid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

from otel_bridge.wire.keys import SHA1_HEX, SHA256_HEX, Key
from otel_bridge.wire.signing import DEFAULT_KEY, KeyRing

#: What there is to say of a signature of which nothing is known.
STRANGER: Final = "signed with a key that this service does not have, or changed on the way"
_HEX = re.compile(r"[0-9A-Fa-f]+")
#: Hexadecimal digits of hashes that nobody here understands.
_OTHER_HASHES: Final = {32: "MD5", 56: "SHA-224", 96: "SHA-384", 128: "SHA-512"}
#: Fewest digits by which a signature that was cut off is recognised.
_FEWEST: Final = 8


class Signature(NamedTuple):
    """What is to be said about a signature."""

    #: Place of the key among the service's, from 0; None: it is none of these, or the signature is broken.
    key: int | None
    #: Why it is not valid; empty where it is.
    complaint: str = ""
    #: ``SHA-1`` or ``SHA-256``, where it is valid.
    algorithm: str = ""


def examine(info: str, mac: str, keys: KeyRing) -> Signature:
    """Look at a signature.

    Args:
        info: value of ``X-Trace-Info``.
        mac: value of ``X-Trace-HMAC``.
        keys: of the service.
    """
    reason = _unreadable(info, mac)
    if reason:
        return Signature(None, reason)
    number = _verifying(info, mac, keys.keys)
    if number is not None:
        return Signature(number, algorithm="SHA-1" if len(mac) == SHA1_HEX else "SHA-256")
    number = _verifying(info, mac.lower(), keys.keys)
    if number is not None:
        return Signature(None, "its letters are capitals, and services compare it with small ones")
    reason = _cut_off(info, mac, keys.keys) if len(mac) not in (SHA1_HEX, SHA256_HEX) else ""
    return Signature(None, reason or _length(mac) or _stranger(info, mac, keys))


def _unreadable(info: str, mac: str) -> str:
    if not mac:
        return "it is empty"
    if "," in mac:
        return (
            "it has several values, separated by commas: it was sent more than once, or a proxy has added one"
        )
    if not _HEX.fullmatch(mac):
        if _HEX.fullmatch(info) and len(info) in (SHA1_HEX, SHA256_HEX):
            return "the values of X-Trace-Info and X-Trace-HMAC have been exchanged"
        if any(char.isspace() for char in mac):
            return "it has white space in it: broken where it was pasted?"
        return "it is not hexadecimal: services write an HMAC with the digits 0-9 and a-f"
    return ""


def _length(mac: str) -> str:
    size = len(mac)
    if size in (SHA1_HEX, SHA256_HEX):
        return ""
    known = f" ({_OTHER_HASHES[size]})" if size in _OTHER_HASHES else ""
    kept = ": cut off?" if not known and size < SHA256_HEX else ""
    return f"it has {size} digits{known}, and an HMAC has 40 (SHA-1) or 64 (SHA-256){kept}"


def _cut_off(info: str, mac: str, keys: Sequence[Key]) -> str:
    """Whether it is the beginning of a good one."""
    if len(mac) < _FEWEST or len(mac) >= SHA256_HEX:
        return ""
    for number, key in enumerate(keys):
        for algorithm in ("sha1", "sha256"):
            try:
                whole = Key(key.reveal(), algorithm).sign(info.encode("latin-1"))
            except UnicodeEncodeError:
                return ""
            if whole.startswith(mac.lower()):
                return (
                    f"it is cut off: its {len(mac)} digits are the first of {len(whole)}, by key {number + 1}"
                )
    return ""


def _stranger(info: str, mac: str, keys: KeyRing) -> str:
    """A signature by none of the keys. Is it one that they should have been, or of what the header was?"""
    for text, said in _other_keys(keys):
        if _verifying(info, mac.lower(), [Key(text)]) is not None:
            return said
    if not keys:
        return "this service has no HMAC key: set [profiler] hmac_keys"
    for other, said in _other_values(info):
        number = _verifying(other, mac.lower(), keys.keys)
        if number is not None:
            return (
                f"signed with key {number + 1} of {len(keys)}, but X-Trace-Info was changed on the way:"
                f" {said}"
            )
    return STRANGER


def _other_keys(keys: KeyRing) -> Iterator[tuple[str, str]]:
    """Keys that people use by mistake, and what to say of them."""
    yield (
        DEFAULT_KEY,
        f"signed with {DEFAULT_KEY}, OSProfiler's default, which is none of this service's keys: give the"
        " caller one of them",
    )
    texts = [key.reveal() for key in keys.keys]
    for number, text in enumerate(texts):
        which = f"key {number + 1} of {len(texts)}"
        bare = text.strip("\"'")
        if bare and bare != text:
            yield (
                bare,
                f"signed with {which} without its quotation marks, which are part of it in this service",
            )
        for quoted in (f'"{text}"', f"'{text}'"):
            yield quoted, f"signed with {which} in quotation marks, which are part of the caller's key"
        yield f"{text}\n", f"signed with {which} and a line end behind it, which is part of the caller's key"
    for joined in (",".join(texts), ", ".join(texts)):
        if len(texts) > 1:
            yield (
                joined,
                "signed with the whole list of keys as if it were one: the caller has to use one of them",
            )


def _other_values(info: str) -> Iterator[tuple[str, str]]:
    """What the header may have been when it was signed."""
    bare = "".join(info.split())
    if bare != info:
        yield bare, "it has white space in it"
    padded = bare.rstrip("=") + "=" * (-len(bare.rstrip("=")) % 4)
    if padded != info:
        yield padded, "the = at its end are others"
    if "%" in info:
        yield unquote(info), "it has been percent-encoded"
    yield bare.replace("+", "-").replace("/", "_"), "its + and / were - and _"


def _verifying(info: str, mac: str, keys: Sequence[Key]) -> int | None:
    try:
        raw = info.encode("latin-1")
    except UnicodeEncodeError:  # no header can be that
        return None
    return next((number for number, key in enumerate(keys) if key.verifies(raw, mac)), None)
