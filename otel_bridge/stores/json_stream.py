"""JSON that comes in pieces, taken apart as it comes.

``json.loads`` wants the whole text, and makes a tree of it that is several times as large. Here whoever reads
walks along the text instead: :meth:`Reader.names` and :meth:`Reader.elements` go into an object or an array,
and :meth:`Reader.value` decodes what stands there, a span for instance, by the standard library's decoder.
Only the text of one such value has to be there at a time.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

#: Longest text of one decoded value, in characters.
MAX_VALUE: Final = 64 * 1024 * 1024

_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# What may stand at the end of a text that is cut off is at most this long: \ud83d\ude00, -Infinity.
_NEAR_END: Final = 16
_SCALAR_ENDS: Final = frozenset('"}]')


class Reader:
    """Walks along one or several JSON texts that follow each other. Everything raises ``ValueError`` for what
    is no JSON, and :class:`Ended` where it ends too early."""

    def __init__(self, pieces: Iterable[bytes], *, max_value: int = MAX_VALUE) -> None:
        """
        Args:
            pieces: the text, UTF-8 with or without a byte order mark, cut anywhere. What is not valid in it
                becomes U+FFFD.
            max_value: longest text of one value, in characters.
        """
        self._pieces = iter(pieces)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._decoder = json.JSONDecoder()
        self._max_value = max_value
        self._text = ""
        self._at = 0
        self._whole = False  # all of the text has come
        self._started = False
        self._taken = 0  # values that were read, to see whether the caller has read one

    def more(self) -> bool:
        """Whether another text follows, or a first one."""
        return bool(self._peek())

    def kind(self) -> str:
        """What stands here: ``{``, ``[``, or else ``v`` for a plain value.

        Raises:
            ValueError: nothing stands here.
        """
        char = self._peek()
        if not char:
            raise Ended
        return char if char in "{[" else "v"

    def value(self) -> Any:
        """What stands here, decoded as a whole; lone surrogates, which no output can encode, become
        question marks."""
        self._taken += 1
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                self._check_cut_off(error)
            except RecursionError:
                raise ValueError("nested too deeply") from None
            else:
                if self._whole or not self._may_go_on(end):
                    break
                self._require_more()
        raw = _SURROGATE_ESCAPE.search(self._text, self._at, end)
        self._at = end
        return value if raw is None else _encodable(value)

    def names(self) -> Iterator[str]:
        """The names in the object that stands here. The value of each is to be read before the next name is
        asked for, or is passed over."""
        self._taken += 1
        self._take("{")
        if self._taken_if("}"):
            return
        while True:
            if self._peek() != '"':
                raise self._wrong('"')
            name = self.value()
            self._take(":")
            taken = self._taken
            yield name
            if self._taken == taken:
                self.value()
            if not self._taken_if(","):
                break
        self._take("}")

    def elements(self) -> Iterator[None]:
        """Stops at each value in the array that stands here, which is to be read, or is passed over."""
        self._taken += 1
        self._take("[")
        if self._taken_if("]"):
            return
        while True:
            taken = self._taken
            yield
            if self._taken == taken:
                self.value()
            if not self._taken_if(","):
                break
        self._take("]")

    def _peek(self) -> str:
        """The next character that is no white space; "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._whole:
                return ""
            self._read()

    def _taken_if(self, char: str) -> bool:
        if self._peek() != char:
            return False
        self._at += 1
        return True

    def _take(self, char: str) -> None:
        if not self._taken_if(char):
            raise self._wrong(char)

    def _wrong(self, wanted: str) -> ValueError:
        found = self._peek()
        return ValueError(f"{found!r} where {wanted!r} was expected") if found else Ended()

    def _may_go_on(self, end: int) -> bool:
        """Whether what was decoded is the beginning of a number that is cut off: of ``-1.5e-3`` also ``-1.``
        and ``-1.5e-`` may be there, which were decoded up to the point and the e."""
        if end == len(self._text):
            return self._text[end - 1] not in _SCALAR_ENDS
        return len(self._text) - end <= 2 and self._text[end] in ".eE"

    def _check_cut_off(self, error: json.JSONDecodeError) -> None:
        """Read on if the value may only not be whole yet."""
        at_end = error.pos >= len(self._text) - _NEAR_END or error.msg.startswith("Unterminated string")
        if not at_end:
            raise ValueError(error.msg) from None
        if self._whole:
            raise Ended from None
        self._require_more()

    def _require_more(self) -> None:
        """Have more of the text; as much again as the value has already, so that long values stay linear."""
        length = len(self._text) - self._at
        if length > self._max_value:
            raise ValueError(f"a value longer than {self._max_value} characters")
        self._read(max(1, length))

    def _read(self, wanted: int = 1) -> None:
        """Have at least so many characters more, if there are as many. Forgets what is behind."""
        texts = [self._text[self._at :]]
        while wanted > 0 and not self._whole:
            piece = next(self._pieces, None)
            self._whole = piece is None
            text = self._decode(piece or b"", self._whole)
            if text and not self._started:
                self._started = True
                text = text.removeprefix("\ufeff")
            texts.append(text)
            wanted -= len(text)
        self._text = "".join(texts)
        self._at = 0


class Ended(ValueError):
    """The text ends before it is whole."""

    def __init__(self) -> None:
        super().__init__("it ends in the middle")


def _encodable(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
