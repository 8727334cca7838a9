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
from otel_bridge.tracing.propagation import HEADER_NAMES, TRACEPARENT, headers, headers_below, outgoing
from otel_bridge.tracing.spans import Span
from otel_bridge.wire.destinations import Destinations
from otel_bridge.wire.signing import TraceInfo

#: The other name under which opentelemetry-instrumentation suppresses everything.
_SUPPRESS_PLAIN: Final = "suppress_instrumentation"
#: Keys of a context in which somebody may have something against a span. Most contexts have none of them.
SUPPRESSIONS: Final = frozenset(
    (_SUPPRESS_INSTRUMENTATION_KEY, _SUPPRESS_PLAIN, _SUPPRESS_HTTP_INSTRUMENTATION_KEY)
)
_SPAN_KEY = ctx.SPAN_KEY
_INFO_KEY = ctx.TRACE_INFO_KEY
_CLIENT = SpanKind.CLIENT


#: What becomes of a request's headers: what is put in, and the names in lower case, as text and as bytes, of
#: what is taken out before.
Carried = tuple[Mapping[str, str], frozenset[str | bytes]]


def _names(names: Iterable[str]) -> frozenset[str | bytes]:
    return frozenset(form for name in names for form in (name, name.encode("ascii")))


_SIGNED: Final = _names(HEADER_NAMES)
_PARENT_ONLY: Final = _names((TRACEPARENT,))
_NOTHING: Final[Carried] = ({}, _names({*HEADER_NAMES, "tracestate"}))

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

    __slots__ = ("_allow", "_others", "_told", "active", "leaf", "unsuppressed")

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
                if other.module in sys.modules and (_made_by(context, other) or self.look_at_others()):
                    stand_back(other.library, other.distribution)
                    return ANOTHER
        return found

    def carried(self, context: Context, span: Any, host: str, elsewhere: bool) -> Carried | None:
        """What a request carries; None: the trace has nothing to do with its headers.

        Args:
            context: the current one.
            span: of the request; None: what is current is what the receiver's spans hang below.
            host: where it goes.
            elsewhere: it has been redirected away from the origin that its caller had named.
        """
        found = None
        if span is None:
            found = outgoing(context)
            if found is None:
                return None
        if elsewhere or (self._allow is not None and not self._allow(host)):
            return _NOTHING
        if found is not None:
            return headers(*found), _SIGNED
        if span.__class__ is Span:  # what its span context says, which is made when it is asked for
            trace_id, span_id = span._trace.id, span._span_id
        else:
            above = span.get_span_context()
            trace_id, span_id = above.trace_id, above.span_id
        info: Any = context.get(_INFO_KEY)
        if info.__class__ is TraceInfo and info.trace_id == trace_id:
            return headers_below(trace_id, span_id, info), _SIGNED
        # No signed request stands behind this trace: it is for those who trust a traceparent.
        return {TRACEPARENT: f"00-{trace_id:032x}-{span_id:016x}-01"}, _PARENT_ONLY


def _made_by(context: Context, other: Other) -> bool:
    """Whether the current span is one of another instrumentation, of a single client of the library maybe."""
    scope = getattr(context.get(_SPAN_KEY), "instrumentation_scope", None)
    return getattr(scope, "name", None) == other.module
