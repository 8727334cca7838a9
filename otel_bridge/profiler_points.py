"""Trace points, from their start to their stop: the spans behind :mod:`otel_bridge.profiler`."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

from opentelemetry import trace as api
from opentelemetry.context.context import Context

from otel_bridge.model import translate
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import points
from otel_bridge.tracing.points import OPEN_KEY, OpenPoint, api_span, end_open
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.spans import Span
from otel_bridge.tracing.tracer import Tracer
from otel_bridge.version import __version__

Info = Mapping[str, Any] | None

_get, _set = ctx.get, ctx.set_
_put, _drop = dict.__setitem__, dict.pop

#: Whether arguments and results of functions are recorded, and nested info: the operator's choice.
capture_args = False
_tracer: api.Tracer | None = None


def use(tracer_provider: api.TracerProvider | None) -> None:
    """Make spans with this provider; with the process's own when None, which is the default."""
    global _tracer
    _tracer = (
        None if tracer_provider is None else tracer_provider.get_tracer("otel_bridge.profiler", __version__)
    )


def capture(args: bool) -> None:
    """Record arguments and results of traced functions from now on, or no longer."""
    global capture_args
    capture_args = args


def _own_tracer() -> api.Tracer:
    from otel_bridge.runtime import get_tracer_provider

    use(get_tracer_provider())
    return cast("api.Tracer", _tracer)


def start(name: str, info: Info = None) -> None:
    """Start a point below the current one; does nothing where nothing is traced.

    Args:
        name: name of the point: ``wsgi``, ``rpc``, ``db`` …
        info: what is known of it; only plain values are taken, and what is secret is masked.
    """
    context = _get()
    if context:
        start_point(context, name, info, None)


def stop(info: Info = None) -> None:
    """End the point that was started last; does nothing where there is none.

    Args:
        info: what became of it; ``etype`` and ``message`` make it an error.
    """
    context = _get()
    if context:
        opened: Any = context.get(OPEN_KEY)
        if opened is not None and opened.owner is None:
            stop_point(opened, info)


def start_point(context: Context, name: str, info: Info, owner: object) -> OpenPoint | None:
    """Start a point and make it current.

    Args:
        context: the current context, not empty.
        name: name of the point.
        info: as of :func:`start`.
        owner: who alone may stop it; None: the next :func:`stop`.

    Returns:
        None where nothing is recorded.
    """
    parent: Any = context.get(ctx.SPAN_KEY)
    serving = parent.__class__ is Remote
    served: Any = context.get(ctx.SERVED_KEY) if serving else None
    # Below a span of ours also when it has ended: work may outlive the request that it belongs to.
    if not serving and parent.__class__ is not Span and not _records(parent):
        return None
    if not isinstance(name, str):
        name = str(name)
    try:
        point, kind = translate.begin(name, info, capture_args=capture_args, serving=serving, served=served)
    except Exception:  # info that cannot be read costs itself only
        point = translate.point_from_info(name, None, capture_args=False, serving=serving)
        kind = translate.span_kind(name, None, serving)
    span = _leaf(_tracer or _own_tracer(), context, kind, point)
    if span is None:
        return None
    opened = OpenPoint(span, point, context, points.last(context), owner)
    changed = Context(context)
    _put(changed, ctx.SPAN_KEY, span if span.__class__ is Span else span.span)
    _put(changed, OPEN_KEY, opened)
    _set(changed)
    return opened


def _records(parent: Any) -> bool:
    return isinstance(parent, api.Span) and parent.is_recording()


def _leaf(tracer: api.Tracer, context: Context, kind: api.SpanKind, point: translate.Point) -> Any:
    """A started span below what is current, on our provider or on any other."""
    if tracer.__class__ is Tracer:
        return tracer.leaf(None, kind, point)
    from otel_bridge.tracing.entries import ApiRecording

    parent: Any = context[ctx.SPAN_KEY]
    if parent.__class__ is Remote or parent.is_recording():
        return ApiRecording(tracer.start_span("", context=context, kind=kind), None, point)
    return None


def stop_point(opened: OpenPoint, info: Info, exc: BaseException | None = None) -> None:
    """End ``opened``, and with it whatever was started below it and not stopped."""
    context = _get()
    newest = points.last(context)
    span = opened.span
    if newest is opened:
        if context.get(ctx.SPAN_KEY) is api_span(span):
            _set(opened.before)
        else:  # a native span inside is still current: it keeps its place, the point is gone
            _remove(context, opened.above)
    elif _is_below(newest, opened):
        end_open(newest, opened)
        _set(opened.before)
    # else: stopped in another context than started, where there is nothing of it to restore
    if info is not None:
        try:
            failed = translate.finish(opened.point, info, capture_args=capture_args) if info else None
        except Exception:  # as in start_point()
            failed = None
        if failed is not None:
            span.fail_as(*failed)
    if exc is not None:
        span.fail(exc)
    span.end()


def _remove(context: Context, above: OpenPoint | None) -> None:
    changed = Context(context)
    if above is None:
        _drop(changed, OPEN_KEY, None)
    else:
        _put(changed, OPEN_KEY, above)
    _set(changed)


def _is_below(node: OpenPoint | None, opened: OpenPoint) -> bool:
    while node is not None and node is not opened:
        node = node.above
    return node is opened


class Trace:
    """``with Trace("rpc", info={…}):`` — a point around a block. One object may be used many times."""

    def __init__(self, name: str, info: Info = None) -> None:
        self._name = name
        self._info = info

    def __enter__(self) -> None:
        context = _get()
        if context:
            start_point(context, self._name, self._info, self)

    def __exit__(
        self,
        etype: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened: Any = _get().get(OPEN_KEY)
        while opened is not None and opened.owner is not self:
            opened = opened.above
        if opened is not None:
            stop_point(opened, None, value)
