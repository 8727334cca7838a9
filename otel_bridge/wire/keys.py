"""HMAC keys (RFC 2104): what signs trace headers, and shows itself nowhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from hmac import compare_digest
from typing import Any, Final

#: Digits of a hexadecimal HMAC, by which the two hashes are told apart.
SHA1_HEX: Final = 40
SHA256_HEX: Final = 64
_BLOCK = 64
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))


class _KeyedHash:
    """HMAC (RFC 2104) with the key already hashed in; a digest costs two copied states."""

    __slots__ = ("_copy_inner", "_copy_outer")

    def __init__(self, key: bytes, new: Callable[[bytes], Any]) -> None:
        block = (new(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._copy_inner = new(block.translate(_INNER_PAD)).copy
        self._copy_outer = new(block.translate(_OUTER_PAD)).copy

    def hexdigest(self, data: bytes) -> str:
        inner = self._copy_inner()
        inner.update(data)
        outer = self._copy_outer()
        outer.update(inner.digest())
        digest: str = outer.hexdigest()
        return digest


class Key:
    """One HMAC key. It shows itself nowhere: neither ``repr`` nor ``str`` nor a pickle gives it away."""

    __slots__ = ("_raw", "_sha1", "_sha256", "_text", "algorithm", "carriers")

    def __init__(self, text: str, algorithm: str = "sha1") -> None:
        """
        Args:
            text: the secret, as it stands in the configuration.
            algorithm: what :meth:`sign` signs with, ``sha1`` or ``sha256``. Both are verified.

        Raises:
            ValueError: the key is empty or the algorithm unknown.
        """
        if not text:
            raise ValueError("an HMAC key cannot be empty")
        if algorithm not in ("sha1", "sha256"):
            raise ValueError(f"unknown HMAC algorithm {algorithm!r}: sha1 or sha256")
        raw = text.encode("utf-8", "surrogateescape")
        self._text = text
        self._raw = raw
        self.algorithm = algorithm
        #: What was signed for messages' contexts; :mod:`otel_bridge.wire.carrier`'s.
        self.carriers: dict[int, Any] = {}
        self._sha1 = _KeyedHash(raw, hashlib.sha1)
        self._sha256 = _KeyedHash(raw, hashlib.sha256)

    def reveal(self) -> str:
        """The secret itself, for the interfaces that are defined to hand it on (``profiler.hmac_key``)."""
        return self._text

    def sign(self, data: bytes) -> str:
        """The hexadecimal HMAC of ``data``."""
        return (self._sha1 if self.algorithm == "sha1" else self._sha256).hexdigest(data)

    def verifies(self, data: bytes, mac: str) -> bool:
        """Whether ``mac`` is the hexadecimal HMAC of ``data``, SHA-1 or SHA-256; in constant time."""
        if len(mac) not in (SHA1_HEX, SHA256_HEX) or not mac.isascii():
            return False
        keyed = self._sha1 if len(mac) == SHA1_HEX else self._sha256
        return compare_digest(keyed.hexdigest(data), mac)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and compare_digest(self._raw, other._raw)

    def __hash__(self) -> int:
        return hash((Key, self._text))

    def __repr__(self) -> str:
        return "Key(***)"

    def __reduce__(self) -> Any:
        raise TypeError("an HMAC key is not pickled")


class _NoKey(Key):
    """Stands for a key where there is none; false."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("none")
        self._text, self._raw = "", b""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NO_KEY"


#: The key of a trace that began in a service without one: what it sends on is not signed.
NO_KEY: Final[Key] = _NoKey()
