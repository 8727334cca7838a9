"""Our span: the OpenTelemetry API's ``Span`` and the SDK's ``ReadableSpan`` in one slotted object.

A span is made in the middle of somebody else's work, so it stores and nothing else: what can be derived
(span context, events, status, name and attributes of a captured point) is built when it is read, which is
on the export thread. The attributes are either a dict or a *point*: an object with
``translate(name) -> (name, attributes)`` that holds what an instrumentation saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Token
from time import time_ns
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast

from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from otel_bridge.model.redaction import is_secret_key
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.counter import Counter
from otel_bridge.tracing.failure import Failure, Frame, frames, raised, text_of, type_name
from otel_bridge.tracing.values import Limits, clean_attributes, clean_value

if TYPE_CHECKING:
    from otel_bridge.tracing.tracer import Tracer

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
NO_STATE = TraceState()
UNSET = Status(StatusCode.UNSET)
MASK = "***"
#: Attribute of a local root that tells how many spans below it were refused by ``max_spans_per_trace``.
REFUSED_SPANS = "otel_bridge.refused_spans"
#: Attribute of a span whose point could not be translated: the class of the exception.
TRANSLATION_ERROR = "otel_bridge.translation_error"

_tuple = tuple.__new__
_put = dict.__setitem__
_get, _set, _reset, _SPAN_KEY = ctx.get, ctx.set_, ctx.reset, ctx.SPAN_KEY


class Point(Protocol):
    """What an instrumentation captured: plain values, turned into a span's text on the export thread."""

    def translate(self, name: str | None) -> tuple[str, dict[str, Any]]:
        """Span name and attributes, a new dict at each call. Must not raise."""
        ...


class Trace:
    """What the spans of one trace share below one entry into this process."""

    __slots__ = ("flags", "id", "refused", "remote", "room", "state", "wire")

    def __init__(
        self,
        trace_id: int,
        remote: int = 0,
        room: int = 1 << 62,
        state: TraceState | None = None,
        flags: TraceFlags = SAMPLED,
    ) -> None:
        self.id = trace_id
        #: The ``trace_id`` field of an OTLP span, encoded once.
        self.wire = b"\x0a\x10" + trace_id.to_bytes(16, "big")
        #: Span id of the parent in another process; 0: none.
        self.remote = remote
        #: Spans that may still be made.
        self.room = room
        self.state = state or None
        self.flags = flags
        #: Spans that were not made for want of room; None until there is one.
        self.refused: Counter | None = None


class _Extras:
    """What few spans have."""

    __slots__ = (
        "again",
        "attributes",
        "dropped_attributes",
        "dropped_events",
        "dropped_links",
        "end_on_exit",
        "error_type",
        "events",
        "failure",
        "links",
        "name",
        "record_exception",
        "set_status_on_exception",
        "status",
    )

    def __init__(self) -> None:
        self.events: list[Event | Failure] = []
        #: Name and attributes that were set on a span which holds a point. The point goes on collecting
        #: until the span ends, so they are kept apart and joined when it is translated.
        self.name: str | None = None
        self.attributes: dict[str, Any] = {}
        self.links: list[Link] = []
        self.status = UNSET
        #: What the status description is made of, when an exception set it.
        self.failure: Failure | None = None
        self.error_type: str | None = None
        self.record_exception = True
        self.set_status_on_exception = True
        self.end_on_exit = True
        self.dropped_attributes = self.dropped_events = self.dropped_links = 0
        #: Arguments of ``start_as_current_span``, for its use as a decorator.
        self.again: tuple[Any, ...] | None = None


class Span(api.Span, ReadableSpan):
    """A recorded span. Made by :class:`~otel_bridge.tracing.tracer.Tracer` only."""

    __slots__ = (
        "_attributes",
        "_end_time",
        "_kind",
        "_more",
        "_name",
        "_parent_id",
        "_span_id",
        "_start_time",
        "_token",
        "_trace",
        "_tracer",
    )

    _name: str | None  # type: ignore[assignment]
    _trace: Trace
    _span_id: int
    _parent_id: int
    _attributes: Any
    _tracer: Tracer
    _more: _Extras | None
    #: None: becomes current when entered; a token: is current; False: is not made current.
    _token: Token[Context] | bool | None

    # -- what ReadableSpan's readers read -------------------------------------------------------------

    @property
    def _context(self) -> SpanContext:  # type: ignore[override]
        trace = self._trace
        return _tuple(
            SpanContext, (trace.id, self._span_id, False, trace.flags, trace.state or NO_STATE, True)
        )

    @property
    def _parent(self) -> SpanContext | None:  # type: ignore[override]
        trace, parent = self._trace, self._parent_id
        if not parent:
            return None
        return _tuple(
            SpanContext,
            (trace.id, parent, parent == trace.remote, trace.flags, trace.state or NO_STATE, True),
        )

    @property
    def _resource(self) -> Resource:  # type: ignore[override]
        return self._tracer.resource

    @property
    def _instrumentation_scope(self) -> InstrumentationScope:  # type: ignore[override]
        return self._tracer.scope

    _instrumentation_info = None

    @property
    def _events(self) -> Sequence[Event]:  # type: ignore[override]
        return [
            Event(event.name, _shown(event.attributes), event.timestamp) if event.attributes else event
            for event in self._recorded_events()
        ]

    def _recorded_events(self) -> Sequence[Event]:
        """The events with nothing masked: for the encoder, which masks by key itself."""
        if self._more is None:
            return ()
        return [event.event() if isinstance(event, Failure) else event for event in self._more.events]

    @property
    def _links(self) -> Sequence[Link]:  # type: ignore[override]
        if self._more is None:
            return ()
        return [
            Link(link.context, _shown(link.attributes)) if link.attributes else link
            for link in self._more.links
        ]

    @property
    def _status(self) -> Status:  # type: ignore[override]
        more = self._more
        if more is None:
            return UNSET
        failure = more.failure
        if failure is None:
            return more.status
        short = failure.type.rpartition(".")[2]
        text = failure.shown()
        return Status(StatusCode.ERROR, f"{short}: {text}" if text else short)

    @property
    def dropped_attributes(self) -> int:
        return self._more.dropped_attributes if self._more is not None else 0

    @property
    def dropped_events(self) -> int:
        return self._more.dropped_events if self._more is not None else 0

    @property
    def dropped_links(self) -> int:
        return self._more.dropped_links if self._more is not None else 0

    @property
    def name(self) -> str:
        if self._attributes.__class__ is dict:
            return self._name or ""
        return self._translated()[0]

    @property
    def attributes(self) -> Mapping[str, Any]:
        attributes = self._attributes
        if attributes.__class__ is not dict:
            attributes = self._translated()[1]
        return MappingProxyType(_shown(attributes))

    def to_json(self, indent: int | None = 4) -> str:
        readable = ReadableSpan(
            self.name,
            self._context,
            self._parent,
            self._resource,
            dict(self.attributes),
            self._events,
            self._links,
            self._kind,
            None,
            self._status,
            self._start_time,
            self._end_time,
            self._instrumentation_scope,
        )
        return cast("str", readable.to_json(indent))

    def _translated(self) -> tuple[str, dict[str, Any]]:
        """Name and attributes of a span that holds a point, as they are by now."""
        point, more = self._attributes, self._more
        name, attributes = self._name or "", {}
        if point is not None:
            try:
                name, attributes = point.translate(self._name)
            except Exception as exc:  # a defect of a translation must not cost the span
                name, attributes = (
                    self._name or type(point).__name__,
                    {TRANSLATION_ERROR: type_name(type(exc))},
                )
        if more is not None:
            if more.name is not None:
                name = more.name
            attributes.update(more.attributes)
            if more.error_type is not None:
                attributes.setdefault("error.type", more.error_type)
        return name, attributes

    def _render(self) -> dict[str, Any]:
        """Replace the point of an ended span by what it means; for exporters, on the export thread.

        A translation says by ``error.type`` that what it saw was an error (a 500, for example); the
        status then follows, unless something has set it.
        """
        if self._attributes.__class__ is not dict:
            self._name, attributes = self._translated()
            self._attributes = attributes
            if "error.type" in attributes:
                more = self._extras()
                if more.status is UNSET:
                    more.status = _ERROR
        return cast("dict[str, Any]", self._attributes)

    # -- the API --------------------------------------------------------------------------------------

    def get_span_context(self) -> SpanContext:
        return self._context

    def is_recording(self) -> bool:
        return self._end_time is None

    def set_attribute(self, key: str, value: Any) -> None:
        if self._end_time is not None:
            return
        attributes = self._attributes
        if attributes.__class__ is not dict:
            attributes = self._extras().attributes
        limits = self._tracer.limits
        if type(key) is not str or not key:
            self._extras().dropped_attributes += 1
            return
        if key in attributes or len(attributes) < limits.attribute_count:
            if type(value) is str:
                attributes[key] = value if len(value) <= limits.attribute_length else limits.cut(value)
                return
            kept = clean_value(value, limits)
            if kept is not None:
                attributes[key] = kept
                return
        self._extras().dropped_attributes += 1

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        try:
            for key, value in attributes.items():
                self.set_attribute(key, value)
        except Exception:  # no mapping, or one that cannot be read: not worth its caller's work
            if self._end_time is None:
                self._extras().dropped_attributes += 1

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self._end_time is None:
            limits = self._tracer.limits
            kept, dropped = clean_attributes(attributes, limits)
            event = Event(name, kept, timestamp)
            if dropped:
                self._extras().dropped_attributes += dropped
            self._add_event(event, limits)

    def _add_event(self, event: Event | Failure, limits: Limits) -> None:
        more = self._extras()
        if len(more.events) < limits.event_count:
            more.events.append(event)
        else:
            more.dropped_events += 1

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self._end_time is None:
            self._add_links((Link(context, attributes),))

    def _add_links(self, links: Iterable[Link]) -> None:
        try:
            for link in links:
                self._add_link(link)
        except TypeError:  # not iterable
            return

    def _add_link(self, link: Any) -> None:
        context = getattr(link, "context", None)
        if not isinstance(link, Link) or not isinstance(context, SpanContext):
            return
        limits = self._tracer.limits
        kept, _dropped = clean_attributes(link.attributes, limits)
        # Specification, "Link": without valid ids it is kept if it says something all the same.
        if not (context.is_valid or kept or context.trace_state):
            return
        more = self._extras()
        if len(more.links) < limits.link_count:
            more.links.append(Link(context, kept))
        else:
            more.dropped_links += 1

    def update_name(self, name: str) -> None:
        if self._end_time is None:
            if self._attributes.__class__ is dict:
                self._name = name
            else:
                self._extras().name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        if self._end_time is not None:
            return
        if not isinstance(status, Status):
            if not isinstance(status, StatusCode):
                return
            status = Status(status, description)
        more = self._more
        # Specification, "Set Status": OK is final, and UNSET changes nothing.
        if status.is_unset or (more is not None and more.status.status_code is StatusCode.OK):
            return
        more = self._extras()
        more.status = status
        more.failure = None

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        if self._end_time is None:
            limits = self._tracer.limits
            failure = Failure(
                type_name(type(exception)),
                text_of(exception, limits.attribute_length),
                frames(exception),
                timestamp,
            )
            if attributes is not None:
                failure.attributes, _dropped = clean_attributes(attributes, limits)
            self._add_event(failure, limits)

    def end(self, end_time: int | None = None) -> None:
        if self._end_time is None:
            now = end_time or time_ns()
            # Asked once more: another thread, a signal handler or a finalizer may have ended it during
            # the call. Between this test and the assignment CPython lets nobody in.
            if self._end_time is None:
                self._end_time = now
                if not self._trace.room:
                    self._note_refused()
                self._tracer.sink(self)

    def __enter__(self) -> Span:
        if self._token is None:
            changed = Context(_get())  # ctx.with_span(), without the call
            _put(changed, _SPAN_KEY, self)
            self._token = _set(changed)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        token = self._token
        if token:
            self._token = False
            try:
                _reset(token)  # type: ignore[arg-type]
            except ValueError:  # left in another context than entered: nothing to restore there
                pass
        if exc is not None and exc_type is not GeneratorExit and self._end_time is None:
            self._left_by(exc)
        more = self._more
        if more is None or more.end_on_exit:
            self.end()

    def _left_by(self, exc: BaseException) -> None:
        """Record the exception that left the block, as far as that is wanted."""
        exc = raised(exc)
        more = self._more
        if more is None or (more.record_exception and more.set_status_on_exception):
            self.fail(exc)
        elif more.record_exception:
            self.record_exception(exc)
        elif more.set_status_on_exception:
            self._mark(Failure(type_name(type(exc)), text_of(exc, self._tracer.limits.attribute_length)))

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """``start_as_current_span`` used as a decorator: each call gets a span; this one is not used."""
        from otel_bridge.tracing.decorator import traced

        again = self._more.again if self._more is not None else None
        return traced(func, self._tracer, again or (self._name, None, self._kind, self._attributes))

    # -- ours -----------------------------------------------------------------------------------------

    def fail(self, exc: BaseException, *, message: str | None = "") -> None:
        """Mark the span as failed by ``exc``: status ERROR, ``error.type``, an ``exception`` event.

        Args:
            exc: what was raised; it is not kept.
            message: what to say instead of ``str(exc)``; None to say nothing, where the text is known
                to hold values (a database driver quotes what it was given).
        """
        if self._end_time is not None:
            return
        exc = raised(exc)
        text = text_of(exc, self._tracer.limits.attribute_length) if message == "" else message
        self.fail_as(type_name(type(exc)), text, frames(exc))

    def fail_as(self, error_type: str, message: str | None, frames: tuple[Frame, ...] = ()) -> None:
        """:meth:`fail` where all that is known of the exception is its class name and its text."""
        if self._end_time is None:
            if message is not None:
                message = self._tracer.limits.cut(message)
            failure = Failure(error_type, message, frames)
            self._add_event(failure, self._tracer.limits)
            self._mark(failure)

    def _mark(self, failure: Failure) -> None:
        more = self._extras()
        if more.status.status_code is StatusCode.OK:
            return
        more.status = _ERROR
        more.failure = failure
        more.error_type = failure.type
        if self._attributes.__class__ is dict:
            self._attributes.setdefault("error.type", failure.type)

    def _note_refused(self) -> None:
        """On the local root of a trace that reached its limit: say how many spans are missing."""
        refused = self._trace.refused
        if refused is not None and self._parent_id == self._trace.remote:
            kept = self._attributes
            if kept.__class__ is not dict:
                kept = self._extras().attributes
            kept[REFUSED_SPANS] = refused.value()

    def _extras(self) -> _Extras:
        more = self._more
        if more is None:
            more = self._more = _Extras()
        return more

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self._name!r}, context={self._context!r})"


_ERROR = Status(StatusCode.ERROR)


def _shown(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as anybody may see them: what has a secret's name is masked, also in maps and lists."""
    return {
        key: MASK if is_secret_key(key) else _shown_value(value)
        for key, value in attributes.items()
        if isinstance(key, str) and key
    }


def _shown_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _shown(value)
    if isinstance(value, tuple) and any(isinstance(item, (dict, tuple)) for item in value):
        return tuple([_shown_value(item) for item in value])
    return value
