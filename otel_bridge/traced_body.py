"""The body of a traced WSGI response, whose chunks may be made long after the application has returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.context.context import Context

from otel_bridge.model.translate import ServerRequest
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import points
from otel_bridge.tracing.failure import type_name


class Body:
    """The application's iterable: the span is current while it runs, and ends when it is closed."""

    __slots__ = ("_body", "_context", "_current", "_next", "_point", "_span")

    def __init__(self, body: Iterable[bytes], span: Any, point: ServerRequest, context: Context) -> None:
        self._body = body
        self._span = span
        self._point = point
        self._context = context
        #: What was current at the end of the last step: a span may be open from one chunk to a later one.
        self._current = context
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = ctx.set_(self._current)
        try:
            advance = self._next
            if advance is None:
                advance = self._next = iter(self._body).__next__
            return advance()
        except StopIteration:
            raise
        except BaseException as exc:
            fail(self._span, self._point, exc)
            raise
        finally:
            self._current = ctx.get()
            ctx.detach(token)

    def close(self) -> None:
        token = ctx.set_(self._current)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as exc:
            fail(self._span, self._point, exc)
            raise
        finally:
            self._current = ctx.get()
            ctx.detach(token)
            self._end()

    def _end(self) -> None:
        points.end_open(points.last(self._current), points.last(self._context))
        self._current = self._context
        self._span.end()

    def __del__(self) -> None:
        # A server that never closes the body would leave its request out of the trace. To end a span
        # takes no lock, so it may be done here; ending it twice does nothing.
        self._end()


def fail(span: Any, point: ServerRequest, exc: BaseException) -> None:
    """Mark the span of a request as failed by ``exc``."""
    point.error = type_name(type(exc))
    span.fail(exc)
