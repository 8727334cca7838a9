"""OSProfiler's notifications as values: a trace point that started, a trace point that stopped.

A payload is what ``osprofiler.profiler._Profiler._notify`` makes and a driver adds to::

    {"name": "wsgi-start", "base_id": "…", "parent_id": "…", "trace_id": "…",
     "timestamp": "2026-11-22T14:06:00.123456", "project": "nova", "service": "osapi_compute",
     "host": "controller", "info": {"host": "controller", "request": {…}}}

Values are checked when they are made, so that whoever has one needs no further check. Keys that are not
known are ignored: releases of osprofiler differ in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from otel_bridge.wire import ids

_EPOCH: Final = datetime(1970, 1, 1)
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
#: OTLP's times are 64 bits without sign.
_LATEST_NS: Final = (1 << 64) - 1
#: Ids and names that are longer come from no osprofiler.
_LONGEST: Final = 1024
_SHOWN: Final = 60


class InvalidTracePoint(ValueError):
    """A payload that is no trace point event."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        """
        Args:
            field: the key of the payload that is wrong.
            value: what stands there.
            reason: what is wrong with it.
        """
        shown = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
        if len(shown) > _SHOWN:
            shown = f"{shown[:_SHOWN]}..."
        super().__init__(f"trace point event: {field} is {shown}: {reason}")
        self.field = field
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    #: Name of the point, without ``-start`` or ``-stop``.
    name: str
    base_id: str
    parent_id: str
    #: The point's own id; OSProfiler's word for it.
    trace_id: str
    #: Nanoseconds since the epoch.
    timestamp: int
    project: str | None = None
    service: str | None = None
    host: str | None = None
    info: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        _check_text("name", self.name)
        for key in ("base_id", "parent_id", "trace_id"):
            _check_text(key, getattr(self, key))
        if not ids.trace_id(self.base_id):
            raise InvalidTracePoint("base_id", self.base_id, "an id of zeros names no trace")
        if not ids.span_id(self.trace_id):
            raise InvalidTracePoint("trace_id", self.trace_id, "its low 64 bits are zero: no span id")
        if self.timestamp.__class__ is not int or not 0 <= self.timestamp <= _LATEST_NS:
            raise InvalidTracePoint("timestamp", self.timestamp, "no 64 bits of nanoseconds since 1970")
        for key in ("project", "service", "host"):
            value = getattr(self, key)
            if value is not None and not isinstance(value, str):
                raise InvalidTracePoint(key, value, "expected a text or nothing")
        if not isinstance(self.info, Mapping):
            raise InvalidTracePoint("info", self.info, "expected an object")

    @property
    def otel_trace_id(self) -> int:
        """OpenTelemetry's trace id."""
        return ids.trace_id(self.base_id)

    @property
    def otel_span_id(self) -> int:
        """OpenTelemetry's span id."""
        return ids.span_id(self.trace_id)

    @property
    def otel_parent_id(self) -> int:
        """OpenTelemetry's id of the parent span, 0 for a root."""
        return ids.parent_span_id(self.base_id, self.parent_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(_Event):
    """A trace point began; ``info`` is what ``profiler.start`` was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(_Event):
    """A trace point ended; ``info`` is what ``profiler.stop`` was told."""


#: Ends of a notification's name. The rest is the point's name, whatever it ends with itself:
#: ``l3-agent-start``, ``workflow-start-start``.
_PHASES: Final[tuple[tuple[str, type[Start] | type[Stop]], ...]] = (("-start", Start), ("-stop", Stop))


def parse(payload: object) -> Start | Stop:
    """The event in a notification's payload.

    Args:
        payload: the decoded payload itself, taken out of any ``oslo.message`` envelope.

    Raises:
        InvalidTracePoint: it is none; the error names the field and shows what stands there.
    """
    if not isinstance(payload, Mapping):
        raise InvalidTracePoint("payload", payload, "expected an object")
    get = payload.get
    full_name: Any = get("name")
    _check_text("name", full_name)
    info = get("info")
    if info is None:
        info = _NOTHING
    # Checked by the event itself.
    base_id: Any = get("base_id")
    parent_id: Any = get("parent_id")
    trace_id: Any = get("trace_id")
    host = get("host")
    if host is None and isinstance(info, Mapping):
        host = info.get("host")
    for suffix, event in _PHASES:
        if full_name.endswith(suffix):
            return event(
                name=full_name[: -len(suffix)],
                base_id=base_id,
                parent_id=base_id if parent_id is None else parent_id,
                trace_id=trace_id,
                timestamp=parse_timestamp(get("timestamp")),
                project=get("project"),
                service=get("service"),
                host=host if isinstance(host, str) else None,
                info=info,
            )
    raise InvalidTracePoint("name", full_name, "expected an end of -start or -stop")


def parse_timestamp(text: object) -> int:
    """Nanoseconds since the epoch of ``%Y-%m-%dT%H:%M:%S.%f``, which is UTC.

    Raises:
        InvalidTracePoint: it is no such time, or one before 1970.
    """
    if not isinstance(text, str) or text[10:11] != "T" or len(text) > 40:
        raise InvalidTracePoint("timestamp", text, "expected YYYY-MM-DDTHH:MM:SS.ffffff")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise InvalidTracePoint("timestamp", text, "expected YYYY-MM-DDTHH:MM:SS.ffffff") from None
    passed = moment - _EPOCH
    nanoseconds = (passed.days * 86400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1000
    if nanoseconds < 0:
        raise InvalidTracePoint("timestamp", text, "a time before 1970")
    return nanoseconds


def format_timestamp(nanoseconds: int) -> str:
    """The inverse of :func:`parse_timestamp`, to the microsecond that osprofiler's format has.

    Raises:
        OverflowError: the time is after the year 9999.
    """
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidTracePoint(field, value, "expected a text")
    if len(value) > _LONGEST:
        raise InvalidTracePoint(field, value, f"longer than {_LONGEST} characters")
