"""Any value as text: bounded, and without what is secret by its name.

Containers, named tuples and versioned objects (oslo.versionedobjects: all of Nova's) are taken apart here, so
that each value is judged by its name and nothing is printed that would be cut off again. Other objects are
asked for their ``repr`` if their class has one of its own; nothing is called of those that have none.

What is secret by its looks, or stands in somebody's ``repr``, is still in the text: :func:`redact_text` takes
it out, which costs more than all of this and can be done later, on another thread.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from itertools import islice
from time import monotonic
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final

from otel_bridge.model.redaction.errors import exception_message
from otel_bridge.model.redaction.filters import truncate
from otel_bridge.model.redaction.keys import is_secret_key
from otel_bridge.model.redaction.text import MASK, redact_text

#: Characters after which no further value is added. The one that is being added then is finished.
ROOM: Final = 5120
#: A single text or ``repr`` is cut to that many characters.
VALUE_LIMIT: Final = 1024
#: So much of a longer one is redacted before it is cut: half a secret would not be recognised.
_WINDOW: Final = 4096
#: Longer bytes are the contents of something, and not shown.
_BYTES: Final = 64
#: Characters of a name that are looked at, from its end.
_NAME: Final = 256
#: Values of one container.
_ITEMS: Final = 256
#: Containers within containers.
_DEPTH: Final = 8
#: Seconds after which no further object is asked for its ``repr``.
_PATIENCE: Final = 0.05

_CUT: Final = "..."
_PLAIN: Final = frozenset((bool, int, float, type(None)))
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)
#: Whose objects print what the database holds, without names.
_ROWS: Final = "sqlalchemy."
#: What SQLAlchemy leaves on each class that it maps. The ``repr`` of such an object reads its columns, which
#: may send a query, write what waits in the session first, or fail the session's transaction.
_MAPPED: Final = "_sa_class_manager"
_FUNCTIONS: Final = (FunctionType, MethodType, BuiltinFunctionType, type)

#: What stands before a value, its name (empty: it has none), and the value.
Entry = tuple[str, str, Any]


def printed(value: Any) -> str:
    """``value`` as text, for :func:`redact_text`. Never raises."""
    printer = Printer()
    printer.write(value)
    return printer.text()


def described(value: Any) -> str:
    """What a value is, where what it holds is not shown."""
    try:
        cls = type(value)
        return f"<{cls.__module__}.{cls.__qualname__} object>"
    except Exception:  # a metaclass may do anything
        return "<object>"


class Printer:
    """A text in the making, which takes no more when it is long enough."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._room = ROOM
        self._until = monotonic() + _PATIENCE
        #: A versioned object is being written: those in it are only named, as they name each other.
        self._within = False

    def text(self) -> str:
        """What was written."""
        return "".join(self._pieces)

    def add(self, piece: str) -> None:
        """Add a piece of text as it is."""
        self._pieces.append(piece)
        self._room -= len(piece)

    def write(self, value: Any, depth: int = _DEPTH) -> None:
        """Add a value.

        Args:
            value: anything; it may raise when it is looked at.
            depth: containers that may still be opened.
        """
        try:
            self._write(value, type(value), depth)
        except Exception:
            self.add(described(value))

    def write_group(self, brackets: str, entries: Iterable[Entry], depth: int = _DEPTH) -> None:
        """Add what belongs together, in brackets; values of secret names are masked.

        Args:
            brackets: the opening and the closing one.
            entries: what to write before each value, its name, and the value.
            depth: containers that may still be opened.
        """
        self.add(brackets[0])
        for index, (label, name, value) in enumerate(entries):
            if index:
                self.add(", ")
            if self._room <= 0 or index == _ITEMS:
                self.add(_CUT)
                break
            self.add(label)
            if is_secret_key(name):
                self.add(MASK)
            else:
                self.write(value, depth)
        self.add(brackets[1])

    def _write(self, value: Any, cls: type, depth: int) -> None:
        # type() all along, and not __class__: proxies and mocks say what they like there.
        if cls in _PLAIN:
            self.add(repr(value))
        elif issubclass(cls, str):
            self.add(repr(_bounded(str.__str__(value))))
        elif issubclass(cls, (bytes, bytearray)):
            self.add(repr(bytes(value)) if len(value) <= _BYTES else f"<{len(value)} bytes>")
        elif issubclass(cls, _CONTAINERS) or _is_versioned(cls):
            if depth:
                self._write_container(value, cls, depth - 1)
            else:
                self.add(_CUT)
        else:
            self.add(self._object(value, cls))

    def _write_container(self, value: Any, cls: type, depth: int) -> None:
        if issubclass(cls, dict):
            self.write_group("{}", _items(value), depth)
        elif issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
            self.add(cls.__name__)
            self.write_group("()", _fields(zip(cls._fields, value, strict=False)), depth)  # type: ignore[attr-defined]
        elif issubclass(cls, _CONTAINERS):
            brackets = "[]" if issubclass(cls, list) else "()" if issubclass(cls, tuple) else "{}"
            self.write_group(brackets, _members(list(islice(value, _ITEMS + 1))), depth)
        elif self._within:
            self.add(_identified(value, cls))
        else:
            self.add(cls.__name__)
            self._within = True
            try:
                self.write_group("()", _fields(_known_fields(value, cls)), depth)
            finally:
                self._within = False

    def _object(self, value: Any, cls: type) -> str:
        if issubclass(cls, BaseException):
            name = f"{cls.__module__}.{cls.__qualname__}"
            return f"{cls.__name__}({exception_message(name, str(value))!r})"
        if issubclass(cls, _FUNCTIONS):  # the repr of a method has that of its object in it
            return f"<{value.__module__}.{value.__qualname__}>"
        if cls.__repr__ is object.__repr__ or issubclass(cls, functools.partial):
            return described(value)
        if cls.__module__.startswith(_ROWS) or hasattr(cls, _MAPPED) or monotonic() > self._until:
            return described(value)
        return _bounded(repr(value))


def _bounded(text: str) -> str:
    """``text``, if it is long, redacted and cut."""
    if len(text) <= VALUE_LIMIT:
        return text
    window = text[:_WINDOW]
    if len(window) < len(text):  # the last word may be half a secret
        window = window.rpartition(" ")[0] or window
    return truncate(redact_text(window), VALUE_LIMIT)


def _name(key: Any) -> str:
    """A key as far as it may say that its value is secret."""
    if isinstance(key, str):
        return str.__str__(key)[-_NAME:]
    return key[-_NAME:].decode("latin-1") if type(key) is bytes else ""


def _items(value: dict[Any, Any]) -> Iterator[Entry]:
    # Taken at once: another thread may change it.
    for key, item in list(islice(dict.items(value), _ITEMS + 1)):
        if isinstance(key, (str, bytes)):
            shown = repr(key[:_NAME])
        else:
            shown = repr(key) if type(key) in _PLAIN else described(key)
        yield f"{shown}: ", _name(key), item


def _fields(pairs: Iterable[tuple[str, Any]]) -> Iterator[Entry]:
    return ((f"{name}=", name, item) for name, item in pairs)


def _members(items: list[Any]) -> list[Entry]:
    # Of two things the first may be the other one's name: a header, an option, an item of a dict.
    name = _name(items[0]) if len(items) == 2 else ""
    return [("", name if index else "", item) for index, item in enumerate(items)]


def _is_versioned(cls: type) -> bool:
    """Whether it is a class of oslo.versionedobjects, or one that looks like that."""
    return isinstance(getattr(cls, "fields", None), dict) and callable(getattr(cls, "obj_attr_is_set", None))


def _known_fields(value: Any, cls: Any) -> Iterator[tuple[str, Any]]:
    """The fields that have a value; others would be loaded from the database when they are read."""
    return ((name, getattr(value, name)) for name in sorted(cls.fields) if value.obj_attr_is_set(name))


def _identified(value: Any, cls: Any) -> str:
    """``Instance(9f0c…)``: a versioned object by its class and what it is known by."""
    for name in ("uuid", "id"):
        if name in cls.fields and value.obj_attr_is_set(name):
            return f"{cls.__name__}({getattr(value, name)})"
    return str(cls.__name__)
