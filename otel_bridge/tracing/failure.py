"""What a span keeps of an exception: plain text, taken on the caller's thread and masked when exported."""

from __future__ import annotations

from time import time_ns
from typing import Any

from opentelemetry.sdk.trace import Event

from otel_bridge.model.redaction import exception_message

#: Frames of a stack trace that are kept, from the innermost.
MAX_FRAMES = 64
#: File, line, function.
Frame = tuple[str, int, str]


def frames(exc: BaseException) -> tuple[Frame, ...]:
    """Where an exception came by, outermost first; at most :data:`MAX_FRAMES` of it."""
    found: list[Frame] = []
    try:
        tb = exc.__traceback__ if isinstance(exc, BaseException) else None  # whatever we are handed
    except Exception:  # a class that guards its attributes
        return ()
    while tb is not None:
        code = tb.tb_frame.f_code
        found.append((code.co_filename, tb.tb_lineno, code.co_qualname))
        tb = tb.tb_next
    return tuple(found[-MAX_FRAMES:])


def raised(exc: BaseException) -> BaseException:
    """The exception that counts: the one that ``exc`` only carries, or ``exc`` itself.

    ``ExpectedException`` of oslo.messaging takes an endpoint's exception to the caller, in ``exc_info``.
    """
    try:
        carried = getattr(exc, "exc_info", None)
    except Exception:  # a property of somebody's exception
        return exc
    if type(carried) is tuple and len(carried) == 3 and isinstance(carried[1], BaseException):
        return carried[1]
    return exc


class Failure:
    """An exception, without the exception: that would pin the frames of the whole stack."""

    __slots__ = ("_shown", "attributes", "frames", "message", "time", "type")

    def __init__(
        self, error_type: str, message: str | None, frames: tuple[Frame, ...] = (), time: int | None = None
    ) -> None:
        self.type = error_type
        self.message = message
        self.frames = frames
        self.time = time or time_ns()
        self.attributes: dict[str, Any] | None = None
        self._shown: str | None = None

    def shown(self) -> str:
        """The message as it may be shown; worked out once, for the event and for the status."""
        if self._shown is None:
            self._shown = exception_message(self.type, self.message) if self.message else ""
        return self._shown

    def event(self) -> Event:
        """The ``exception`` event of the semantic conventions."""
        attributes: dict[str, Any] = {"exception.type": self.type}
        text = self.shown()
        if text:
            attributes["exception.message"] = text
        if self.frames:
            attributes["exception.stacktrace"] = "Traceback (most recent call last):\n" + "".join(
                f'  File "{file}", line {line}, in {name}\n' for file, line, name in self.frames
            )
        if self.attributes:
            attributes.update(self.attributes)
        return Event("exception", attributes, self.time)


def type_name(cls: type) -> str:
    """The qualified name of an exception class, as ``error.type`` and ``exception.type`` want it."""
    module = getattr(cls, "__module__", None)
    return f"{module}.{cls.__qualname__}" if module and module != "builtins" else cls.__qualname__


def text_of(exc: BaseException, limit: int | None = None) -> str | None:
    """``str(exc)``, cut to ``limit`` characters; None where it cannot be had."""
    try:
        return str(exc)[:limit]
    except Exception:  # an exception whose __str__ fails is not our caller's problem
        return None
