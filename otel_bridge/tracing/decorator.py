"""``start_as_current_span`` as a decorator, on plain functions and coroutine functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_bridge.tracing.tracer import Tracer


def traced(func: Callable[..., Any], tracer: Tracer, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """``func`` with a span of its own around each call.

    Args:
        func: what to wrap.
        tracer: makes the spans.
        arguments: positional arguments of ``start_as_current_span``.
    """
    if inspect.iscoroutinefunction(func):

        @functools.wraps(func)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(*arguments):
                return await func(*args, **kwargs)

        return asynchronous

    @functools.wraps(func)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span(*arguments):
            return func(*args, **kwargs)

    return synchronous
