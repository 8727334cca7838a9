"""Attributes as OTLP ``KeyValue`` fields, remembered by value.

The same few keys and values come back in span after span, so an attribute is encoded when it is first
seen and copied from then on: two dictionary look-ups. What is remembered is bounded by one
:class:`Budget`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import getsizeof
from typing import Any, Final

from otel_bridge.wire.protobuf import LENGTHS, field, length, utf8
from otel_bridge.wire.values import REDACTED, ValueEncoder, as_text, double

#: Bytes of all that one encoder remembers.
CACHE_BYTES: Final = 2 << 20
#: Longer keys, values and names (in characters) are not remembered: they seldom come back.
LONGEST_REMEMBERED: Final = 512
#: What an entry costs besides its key and its value: object headers, its share of a growing dictionary.
ENTRY_BYTES: Final = 200
# The same for a key, which has a dictionary of its own.
_KEY_BYTES = 700
# Values of one key. A key that has more is a measurement or an id: they never come back. What is not kept is
# charged all the same, so that everything is forgotten, and learned anew, from time to time. The bound also
# keeps numbers that were chosen to have one hash from making a dictionary slow.
_MOST_VALUES = 512
_MOST_MISSES = 16 * _MOST_VALUES

# Strings up to so many bytes have lengths of one byte, those of what is around them included: length of the
# AnyValue, tag and length of its string_value.
_SHORT = 125
_SHORT_STRINGS = tuple(LENGTHS[size + 2] + b"\x0a" + LENGTHS[size] for size in range(_SHORT + 1))
_MIN_INT64, _MAX_INT64 = -(1 << 63), (1 << 63) - 1


class Budget:
    """Bytes that several caches share; when they are spent, all of them are emptied."""

    __slots__ = ("_caches", "_room", "_size")

    def __init__(self, size: int = CACHE_BYTES) -> None:
        self._size = self._room = size
        self._caches: list[dict[Any, Any]] = []

    def share(self, *caches: dict[Any, Any]) -> None:
        """Have ``caches`` emptied when the budget is spent."""
        self._caches.extend(caches)

    def spend(self, size: int) -> bool:
        """Whether an entry of ``size`` bytes may be stored now."""
        self._room -= size
        if self._room >= 0:
            return True
        for cache in self._caches:
            cache.clear()
        self._room = self._size
        return False


def _attribute(key: bytes, value: bytes) -> bytes:
    """The ``attributes`` field of a span.

    Args:
        key: the key's field, and the tag of the value's.
        value: body of the ``AnyValue``.
    """
    size = length(len(value))
    return b"".join((b"\x4a", length(len(key) + len(size) + len(value)), key, size, value))


class _Strings(dict[str, bytes]):
    """The attributes of one key whose values are of type ``str`` and nothing derived from it."""

    __slots__ = ("_budget", "_heads", "_key", "_key_size", "_missed", "_short", "_values")

    def __init__(self, encoder: AttributeEncoder, key: bytes) -> None:
        self._budget = encoder.budget
        self._values = encoder.values
        self._key = key
        self._key_size = len(key)
        self._short = encoder.short
        #: What stands before a short value, by its length.
        self._heads: dict[int, bytes] = {}
        #: Misses since the dictionary was full.
        self._missed = 0

    def __missing__(self, value: str) -> bytes:
        size = len(value)
        if size <= self._short and value.isascii():
            head = self._heads.get(size)
            if head is None:
                head = self._head(size)
            found = head + value.encode()
        else:
            found = _attribute(self._key, self._values.string(value))
        if len(self) < _MOST_VALUES:
            if size <= LONGEST_REMEMBERED and self._budget.spend(getsizeof(value) + len(found) + ENTRY_BYTES):
                self[value] = found
        else:
            self._missed += 1
            if self._missed > _MOST_MISSES:  # what filled it comes no more, or nothing ever comes back
                self._missed = 0
                self.clear()
        return found

    def _head(self, size: int) -> bytes:
        head = b"".join((b"\x4a", length(self._key_size + size + 3), self._key, _SHORT_STRINGS[size]))
        if self._budget.spend(len(head) + ENTRY_BYTES):
            self._heads[size] = head
        return head


class _Integers(dict[int, bytes]):
    """The attributes of one key and of one class, ``int`` or ``bool``: 1 and True are equal as keys."""

    __slots__ = ("_budget", "_key", "_values")

    def __init__(self, encoder: AttributeEncoder, key: bytes) -> None:
        self._budget = encoder.budget
        self._values = encoder.values
        self._key = key

    def __missing__(self, value: int) -> bytes:
        found = _attribute(self._key, self._values.encode(value))
        if (
            _MIN_INT64 <= value <= _MAX_INT64
            and self._budget.spend(len(found) + ENTRY_BYTES)
            and len(self) < _MOST_VALUES
        ):
            self[value] = found
        return found


class _Floats:
    """The attributes of one key that are floats. Nothing is remembered: 0.0 and -0.0 are equal."""

    __slots__ = ("_head",)

    def __init__(self, encoder: AttributeEncoder, key: bytes) -> None:
        value = double(0.0)
        self._head = _attribute(key, value)[: -len(value)]

    def __getitem__(self, value: float) -> bytes:
        return self._head + double(value)


class _Others:
    """The attributes of one key that are of any other class."""

    __slots__ = ("_key", "_values")

    def __init__(self, encoder: AttributeEncoder, key: bytes) -> None:
        self._values = encoder.values
        self._key = key

    def __getitem__(self, value: Any) -> bytes:
        return _attribute(self._key, self._values.encode(value))


class _Redacted:
    """The attributes of a redacted key: always the same."""

    __slots__ = ("_attribute",)

    def __init__(self, key: bytes) -> None:
        self._attribute = _attribute(key, REDACTED)

    def __getitem__(self, value: Any) -> bytes:
        return self._attribute


class _Keys(dict[Any, Any]):
    """What encodes the values of a class, by key."""

    __slots__ = ("_encoder", "_values")

    def __init__(self, encoder: AttributeEncoder, values: Callable[[AttributeEncoder, bytes], Any]) -> None:
        self._encoder = encoder
        self._values = values
        encoder.budget.share(self)

    def __missing__(self, key: Any) -> Any:
        encoder = self._encoder
        prefix, redacted = encoder.key(key)
        found = _Redacted(prefix) if redacted else self._values(encoder, prefix)
        if type(key) is str and len(key) <= LONGEST_REMEMBERED and encoder.budget.spend(_KEY_BYTES):
            self[key] = found
        return found


class _Classes(dict[type, _Keys]):
    """What encodes the attributes of a class of values. Classes are not added: that would keep them alive."""

    __slots__ = ("_others",)

    def __init__(self, encoder: AttributeEncoder) -> None:
        others = self._others = _Keys(encoder, _Others)
        self[str] = _Keys(encoder, _Strings)
        self[int] = _Keys(encoder, _Integers)
        self[bool] = _Keys(encoder, _Integers)
        self[float] = _Keys(encoder, _Floats)
        self[tuple] = self[list] = self[dict] = self[bytes] = self[type(None)] = others

    def __missing__(self, kind: type) -> _Keys:
        return self._others


class AttributeEncoder:
    """Keys and values to ``KeyValue`` fields. Nothing here raises for any key or value.

    ``classes[type(value)][key][value]`` is the ``attributes`` field of a span, for the hot path;
    :meth:`encode` is for everything else.
    """

    __slots__ = ("_keys", "_redact_key", "budget", "classes", "short", "values")

    def __init__(
        self,
        budget: Budget,
        attribute_length: int | None = None,
        redact_key: Callable[[str], bool] | None = None,
    ) -> None:
        """
        Args:
            budget: what bounds the memory of this encoder.
            attribute_length: longest string (characters) and bytes value; the rest is cut off.
            redact_key: keys for which it is true have their values replaced by ``***``, also in maps.
                Asked once per key that is remembered. If it raises, the value is not shown.
        """
        self.budget = budget
        self.values = ValueEncoder(attribute_length, self.key)
        #: Longest string that needs no cutting and has lengths of one byte.
        self.short = _SHORT if attribute_length is None else min(_SHORT, attribute_length)
        self._redact_key = redact_key
        self._keys: dict[str, tuple[bytes, bool]] = {}
        budget.share(self._keys)
        self.classes = _Classes(self)

    def encode(self, attributes: Mapping[str, Any] | None, tag: bytes) -> bytes:
        """All of ``attributes`` as fields of the one-byte ``tag``.

        A mapping that fails while it is read is written as far as it could be read.
        """
        classes = self.classes
        parts: list[bytes] = []
        try:
            for key, value in attributes.items() if attributes else ():
                try:
                    parts += (tag, classes[type(value)][key][value][1:])
                except Exception:  # a key or a class that cannot be hashed
                    prefix, redacted = self.key(key)
                    body = REDACTED if redacted else self.values.encode(value)
                    parts += (tag, _attribute(prefix, body)[1:])
        except Exception:
            return b"".join(parts)
        return b"".join(parts)

    def key(self, key: object) -> tuple[bytes, bool]:
        """The key's field with the tag of the value's behind it, and whether the value is redacted."""
        exact = type(key) is str
        if exact:
            known = self._keys.get(key)  # type: ignore[call-overload]
            if known is not None:
                return known  # type: ignore[no-any-return]
        text = as_text(key)
        redact, redacted = self._redact_key, False
        if redact is not None:
            try:
                redacted = bool(redact(text))
            except Exception:
                redacted = True
        found = ((field(b"\x0a", utf8(text)) if text else b"") + b"\x12", redacted)
        if exact and (
            len(text) <= LONGEST_REMEMBERED
            and self.budget.spend(getsizeof(text) + len(found[0]) + ENTRY_BYTES)
        ):
            self._keys[text] = found
        return found
