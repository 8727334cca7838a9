"""Started trace points, and what becomes of those that are never stopped.

``start()`` and ``stop()`` are two calls, with anybody's code between them. The points that are open form a
chain in the context, so a unit of work that ends (a request, a message) takes its own with it and leaves
nothing to the next one on the same thread.
"""

from __future__ import annotations

from contextvars import Token
from typing import Any, cast

from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.context.context import Context

from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.spans import Span

#: Where the context keeps the point that was started last.
OPEN_KEY = context_api.create_key("otel_bridge-open-points")
#: Attribute of a point whose stop never came: it ends with the unit of work that it was started in.
INCOMPLETE = "osprofiler.incomplete"


_get, _reset = ctx.get, ctx.reset


class OpenPoint:
    """A started point; it knows what was current before it."""

    __slots__ = ("above", "before", "owner", "point", "span")

    def __init__(
        self, span: Any, point: Any, before: Context, above: OpenPoint | None, owner: object
    ) -> None:
        self.span = span
        self.point = point
        self.before = before
        self.above = above
        #: Who alone may stop it; None: the next ``stop()``.
        self.owner = owner


def last(context: Context) -> OpenPoint | None:
    """The point that was started last in ``context`` and is still open."""
    return cast("OpenPoint | None", context.get(OPEN_KEY))


def api_span(span: Any) -> api.Span:
    """The span to make current for what a fast entry gave, on our provider or on another one."""
    return cast("api.Span", span if span.__class__ is Span else span.span)


def end_open(node: OpenPoint | None, until: OpenPoint | None = None) -> None:
    """End ``node`` and what is open above it, up to but without ``until``, marked incomplete."""
    while node is not None and node is not until:
        api_span(node.span).set_attribute(INCOMPLETE, True)
        node.span.end()
        node = node.above


def leave(token: Token[Context], attached: Context) -> None:
    """End a unit of work: restore the context from before it, and end the points that it left open.

    Args:
        token: what ``set_`` gave when the unit began.
        attached: the context that was set then.
    """
    current = _get()
    if current is not attached:
        end_open(last(current), last(attached))
    try:
        _reset(token)
    except ValueError:  # see ctx.detach
        pass
