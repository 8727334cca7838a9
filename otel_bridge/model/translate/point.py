"""What an instrumentation captured of one piece of work, to be translated later.

On the caller's thread a Point is made and filled: a few stores. On the export thread :meth:`Point.translate`
turns it into the span's name and attributes. Until then it holds nothing but texts, numbers and tuples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from otel_bridge.model.redaction import MASK, is_secret_key, redact_text, truncate

Scalar = str | int | float | bool
#: Values of an ``info`` dict that belong to no kind, flat: ``(key, value)``.
Extras = tuple[tuple[str, Scalar], ...]

SCALARS: Final = frozenset((str, int, float, bool))
#: Texts are cut to that many characters on the caller's thread: a queued span must not hold megabytes.
CAPTURE_LIMIT: Final = 16384
#: Arguments, results and additional info are cut to that many characters in the span.
DETAIL_LIMIT: Final = 4096
NAME_LIMIT: Final = 255

ERROR_TYPE: Final = "error.type"
OSPROFILER_NAME: Final = "osprofiler.name"
INFO_PREFIX: Final = "osprofiler.info."


class Point:
    """Base of the captured points.

    The constructor takes any slot by keyword. Hot paths use ``object.__new__`` and store what they know: a
    slot that was never set reads as None (slowly: what is set to None costs the export thread less).
    """

    __slots__ = ("error", "origin")

    #: What the span is called when nothing better can be made out.
    fallback: ClassVar[str] = "unknown"

    #: ``error.type``: class of the exception, or another code of low cardinality; None when all went well.
    error: str | None
    #: Name of the OSProfiler trace point that this is, and what its info said besides; None for our own.
    origin: tuple[str, Extras] | None

    #: Names of the slots, those of the base classes included.
    _slots: ClassVar[frozenset[str]] = frozenset(("error", "origin"))

    def __init_subclass__(cls) -> None:
        cls._slots = cls._slots.union(cls.__dict__.get("__slots__", ()))

    def __init__(self, **slots: Any) -> None:
        for name, value in slots.items():
            setattr(self, name, value)

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            # Only reached for what is not there: a slot without a value, or no slot at all.
            if name in type(self)._slots:
                return
            raise AttributeError(f"{type(self).__name__!r} has no slot {name!r}")

    def __repr__(self) -> str:
        # The class only: what was captured is not redacted yet.
        return f"<{type(self).__name__}>"

    def describe(self) -> tuple[str, dict[str, Any]]:
        """The span's name and the attributes of its kind."""
        raise NotImplementedError

    def translate(self, name: str | None = None) -> tuple[str, dict[str, Any]]:
        """The span's name and its attributes, in a dict of its own. Never raises.

        ``error.type`` is among them exactly when the span is an error.

        Args:
            name: a name given to the span by somebody; it wins.
        """
        try:
            made, attributes = self.describe()
        except Exception:  # a value of a type that nobody passes: the span is worth more than it
            made, attributes = self.fallback, {}
        error = self.error
        if error:
            attributes[ERROR_TYPE] = str(error)
        origin = self.origin
        if origin:
            attributes[OSPROFILER_NAME] = origin[0]
            for key, value in origin[1]:
                attributes[INFO_PREFIX + key] = _shown(key, value)
        return name or made, attributes


def _shown(key: str, value: Scalar) -> Scalar:
    if value.__class__ is bool:
        return value
    if is_secret_key(key):
        return MASK
    return detail(value) if isinstance(value, str) else value


def detail(text: str) -> str:
    """Free text of an argument, a result or additional info, as it may be shown."""
    if len(text) >= CAPTURE_LIMIT:  # its last word was cut: half a secret is not recognised
        text = text[: text.rfind(" ") + 1] or text
    return truncate(redact_text(text), DETAIL_LIMIT)


def span_name(text: str) -> str:
    """``text`` as a span's name: bounded, and without a mark of its length that would make names many."""
    return text[:NAME_LIMIT]


def captured(value: Any) -> str | None:
    """A text that may be kept until the span is exported: bounded, and None for what is no text."""
    if value.__class__ is str:
        return value if len(value) <= CAPTURE_LIMIT else value[:CAPTURE_LIMIT]
    return None


def text_of(value: Any) -> str:
    """``value`` where it is a text, else the empty one: what stands in a slot is what somebody passed."""
    return value if isinstance(value, str) else ""


def number_of(value: Any) -> int | None:
    """The whole number in ``value`` (``8774``, ``"8774"``), if there is one."""
    if value.__class__ is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return None
