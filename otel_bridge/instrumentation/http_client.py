"""What the instrumentations of HTTP clients have in common: who records a request, and what it carries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from opentelemetry import trace as trace_api
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanKind

from otel_bridge.instrumentation.conflicts import instrumented_by, stand_back
from otel_bridge.settings import Settings
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import entries
from otel_bridge.tracing.propagation import HEADER_NAMES, TRACE_HEADERS, TRACEPARENT, headers_below
from otel_bridge.wire.destinations import Destinations
from otel_bridge.wire.ids import traceparent_begin

#: The other name under which opentelemetry-instrumentation suppresses everything.
_SUPPRESS_PLAIN: Final = "suppress_instrumentation"
#: Keys of a context in which somebody may have something against a span. Most contexts have none of them.
SUPPRESSIONS: Final = frozenset(
    (_SUPPRESS_INSTRUMENTATION_KEY, _SUPPRESS_PLAIN, _SUPPRESS_HTTP_INSTRUMENTATION_KEY)
)
_SPAN_KEY = ctx.SPAN_KEY
_CLIENT = SpanKind.CLIENT


#: What becomes of a request's headers: what is put in, and the names in lower case, as text and as bytes, of
#: what is taken out before.
Carried = tuple[Mapping[str, str], frozenset[str | bytes]]


def _names(names: Iterable[str]) -> frozenset[str | bytes]:
    return frozenset(form for name in names for form in (name, name.encode("ascii")))


_SIGNED: Final = _names(HEADER_NAMES)
_PARENT_ONLY: Final = _names((TRACEPARENT,))
_NOTHING: Final[Carried] = ({}, _names(TRACE_HEADERS))

#: Who records a request: nobody; another instrumentation, whose span is current; ourselves.
NOBODY: Final = 0
ANOTHER: Final = 1
OURSELVES: Final = 2


class Other(NamedTuple):
    """Another instrumentation of the same library."""

    library: str
    module: str
    cls: str
    distribution: str


class Client:
    """One HTTP library's instrumentation, for as long as it is on."""

    __slots__ = ("_allow", "_others", "_told", "active", "late_leaf", "leaf", "unsuppressed")

    def __init__(
        self,
        tracer: trace_api.Tracer,
        others: tuple[Other, ...],
        settings: Settings | None,
        propagate_to: Iterable[str] | None,
        spans: bool = True,
    ) -> None:
        """
        Args:
            tracer: makes the spans.
            others: who else may instrument this library.
            settings: say where the trace may be carried, unless ``propagate_to`` does.
            propagate_to: see :class:`~otel_bridge.wire.destinations.Destinations`; None: everywhere.
            spans: make spans; if not, only see to what the requests of the others carry.

        Raises:
            ValueError: an entry of ``propagate_to`` is no host.
        """
        if propagate_to is None and settings is not None:
            propagate_to = settings.propagate_to
        self.leaf = entries.leaf(tracer)
        self.late_leaf = entries.late_leaf(tracer)
        #: False after ``uninstrument()``: where another library has wrapped our function it stays in use.
        self.active = True
        self._allow: Callable[[str], bool] | None = (
            None if propagate_to is None else Destinations(propagate_to).allow
        )
        self._others = others
        #: Who records where nobody has anything against it.
        self.unsuppressed = OURSELVES if spans else NOBODY
        self._told = not spans
        if spans:
            self.look_at_others()

    def stop(self) -> None:
        """Record nothing more."""
        self.active = False

    def look_at_others(self) -> bool:
        """Whether another instrumentation is at work; the operator is told."""
        found = [other for other in self._others if instrumented_by(other.module, other.cls)]
        for other in found:
            self._told = True
            stand_back(other.library, other.distribution)
        return bool(found)

    def recorder(self, context: Context) -> int:
        """Who records a request that is sent now."""
        if not self.active or context.get(_SUPPRESS_INSTRUMENTATION_KEY) or context.get(_SUPPRESS_PLAIN):
            return NOBODY
        if not context.get(_SUPPRESS_HTTP_INSTRUMENTATION_KEY):
            return self.unsuppressed
        # Instrumentations do that to the ones below them, with their span current; anybody else does it for
        # a request that shall have no part in the trace.
        if getattr(context.get(_SPAN_KEY), "kind", None) is not _CLIENT:
            return NOBODY
        if not self._told:
            self.look_at_others()
        return ANOTHER

    def recorder_without_suppression(self, context: Context) -> int:
        """:meth:`recorder` where the others do not suppress what is below them."""
        found = self.recorder(context)
        if found is OURSELVES:
            for other in self._others:
                if other.module not in sys.modules:
                    continue
                if self.look_at_others():
                    return ANOTHER
                if _made_by(context, other):
                    stand_back(other.library, other.distribution)
                    return ANOTHER
        return found

    def carried(
        self, recorder: int, context: Context, span: Any, host: str, elsewhere: bool
    ) -> Carried | None:
        """What a request carries; None: the trace has nothing to do with its headers.

        Args:
            recorder: who records the request. What nobody records is not signed; what its caller has put
                there goes no further than what is.
            context: the current one.
            span: of the request; None: what is current is what the receiver's spans hang below.
            host: where it goes.
            elsewhere: it has been redirected away from the origin that its caller had named.
        """
        found = entries.sending(context, span)
        if found is None and span is None:
            return None
        if elsewhere or (self._allow is not None and not self._allow(host)):
            return _NOTHING
        if recorder is NOBODY:
            return None
        if found is not None:
            return headers_below(*found), _SIGNED
        # No signed request stands behind this trace: it is for those who trust a traceparent.
        trace_id, span_id = entries.ids_of(span)
        return {TRACEPARENT: f"{traceparent_begin(trace_id)}{span_id:016x}-01"}, _PARENT_ONLY


class Guard(Client):
    """Records and signs nothing: sees to it that the trace goes only where it may, whoever sends it."""

    __slots__ = ()

    def __init__(self, settings: Settings | None) -> None:
        """
        Args:
            settings: say where the trace may be carried.
        """
        super().__init__(trace_api.NoOpTracer(), (), settings, None, spans=False)

    def recorder(self, context: Context) -> int:
        return NOBODY


def _made_by(context: Context, other: Other) -> bool:
    """Whether the current span is one of another instrumentation, of a single client of the library maybe."""
    scope = getattr(context.get(_SPAN_KEY), "instrumentation_scope", None)
    return getattr(scope, "name", None) == other.module
