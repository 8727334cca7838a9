"""``osprofiler.profiler``, on the OpenTelemetry context.

A drop-in: the same functions, the same signatures. Trace points are spans of our tracer, so they nest
with every other OpenTelemetry span. What osprofiler gets wrong is right here: state lives in the context
and not on the thread, so a pooled thread keeps nothing; ``init`` always begins anew; nothing is shared
between calls of a decorated function; arguments and results are looked at only when the operator opted in.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry import trace as api
from opentelemetry.context.context import Context

from otel_bridge import gate
from otel_bridge.model import translate
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import points
from otel_bridge.tracing.points import OPEN_KEY, OpenPoint, api_span, end_open
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.provider import Tracer
from otel_bridge.tracing.spans import Span
from otel_bridge.version import __version__
from otel_bridge.wire import ids
from otel_bridge.wire.signing import TraceInfo

__all__ = [
    "Trace",
    "TracedMeta",
    "clean",
    "get",
    "init",
    "start",
    "stop",
    "trace",
    "trace_cls",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Info = Mapping[str, Any] | None


_get = ctx.get
_set = ctx.set_
_put = dict.__setitem__
_drop = dict.pop


_tracer: api.Tracer | None = None


def use(tracer_provider: api.TracerProvider | None) -> None:
    """Make spans with this provider; with the process's own when None, which is the default."""
    global _tracer
    _tracer = (
        None if tracer_provider is None else tracer_provider.get_tracer("otel_bridge.profiler", __version__)
    )


def _own_tracer() -> api.Tracer:
    from otel_bridge.runtime import get_tracer_provider

    use(get_tracer_provider())
    return cast("api.Tracer", _tracer)


# -- the current profiler -----------------------------------------------------------------------------


def init(hmac_key: str, base_id: str | None = None, parent_id: str | None = None) -> _Profiler:
    """Begin (or go on with) a trace in the current context; what was there before is left.

    Args:
        hmac_key: signs what this unit of work sends on. Nothing is traced without one, or with one that
            this process does not accept (:func:`otel_bridge.gate.key_for`).
        base_id: id of the trace; a new one by default.
        parent_id: id of the point above; by default there is none.

    Returns:
        The profiler; :func:`get` gives it as well from now on.
    """
    profiler = _Profiler(hmac_key, base_id, parent_id)
    if profiler._remote is None:
        _leave()
    else:
        context = Context(_get())
        _drop(context, OPEN_KEY, None)
        _put(context, ctx.SPAN_KEY, profiler._remote)
        _put(context, ctx.TRACE_INFO_KEY, profiler._remote.info)
        _set(context)
    return profiler


def get() -> _Profiler | None:
    """The profiler of the current context, or None when it is not traced."""
    info = ctx.trace_info()
    return None if info is None else _Profiler._of(info)


def clean() -> None:
    """Leave the trace. Points that were started and not stopped end here, marked incomplete."""
    end_open(points.last(_get()))
    _leave()


def _leave() -> None:
    context = _get()
    if ctx.TRACE_INFO_KEY in context or OPEN_KEY in context:
        context = Context(context)
        for key in (OPEN_KEY, ctx.TRACE_INFO_KEY, ctx.SPAN_KEY):
            _drop(context, key, None)
        _set(context)


def start(name: str, info: Info = None) -> None:
    """Start a point below the current one; does nothing where nothing is traced.

    Args:
        name: name of the point: ``wsgi``, ``rpc``, ``db`` …
        info: what is known of it; only plain values are taken, and what is secret is masked.
    """
    context = _get()
    if context:
        _start(context, name, info, None)


def stop(info: Info = None) -> None:
    """End the point that was started last; does nothing where there is none.

    Args:
        info: what became of it; ``etype`` and ``message`` make it an error.
    """
    context = _get()
    if context:
        opened: Any = context.get(OPEN_KEY)
        if opened is not None and opened.owner is None:
            _stop(opened, info)


def _start(context: Context, name: str, info: Info, owner: object) -> OpenPoint | None:
    parent: Any = context.get(ctx.SPAN_KEY)
    serving = parent.__class__ is Remote
    # Below a span of ours also when it has ended: work may outlive the request that it belongs to.
    if not serving and parent.__class__ is not Span and not _records(parent):
        return None
    if not isinstance(name, str):
        name = str(name)
    try:
        point, kind = translate.begin(name, info, serving=serving)
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


def _stop(opened: OpenPoint, info: Info, exc: BaseException | None = None) -> None:
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
            failed = translate.finish(opened.point, info) if info else None
        except Exception:  # as in _start()
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


# -- with statement and decorators --------------------------------------------------------------------


class Trace:
    """``with Trace("rpc", info={…}):`` — a point around a block. One object may be used many times."""

    def __init__(self, name: str, info: Info = None) -> None:
        self._name = name
        self._info = info

    def __enter__(self) -> None:
        context = _get()
        if context:
            _start(context, self._name, self._info, self)

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
            _stop(opened, None, value)


def trace(
    name: str,
    info: Info = None,
    hide_args: bool = False,
    hide_result: bool = True,
    allow_multiple_trace: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: a point around each call of a function or coroutine function.

    Args:
        name: name of the point.
        info: what to record with each call.
        hide_args: accepted for compatibility. Arguments are not recorded.
        hide_result: accepted for compatibility. Results are not recorded.
        allow_multiple_trace: whether a function that is traced already may be traced once more.

    Raises:
        ValueError: (when decorating) it is traced already, and that is not allowed.
    """
    given = dict(info) if isinstance(info, Mapping) else {}

    def decorator(f: Callable[P, R]) -> Callable[P, R]:
        times = getattr(f, "__traced__", 0)
        if not allow_multiple_trace and times:
            raise ValueError(f"Function '{f}' has already been traced {times} times")
        _count_trace(f, times + 1)
        call_info = {**given, "function": {"name": _callable_name(f)}}

        if inspect.iscoroutinefunction(f):

            @functools.wraps(f)
            async def asynchronous(*args: P.args, **kwargs: P.kwargs) -> Any:
                context = _get()
                opened = _start(context, name, call_info, f) if context else None
                if opened is None:
                    return await f(*args, **kwargs)
                try:
                    result = await f(*args, **kwargs)
                except BaseException as exc:
                    _stop(opened, None, exc)
                    raise
                _stop(opened, None)
                return result

            return cast("Callable[P, R]", asynchronous)

        @functools.wraps(f)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            if not _get():
                if kwargs:
                    return f(*args, **kwargs)
                return f(*args)  # type: ignore[call-arg]  # a dictionary less
            return _traced_call(f, name, call_info, args, kwargs)

        return wrapper

    return decorator


def _traced_call(f: Callable[..., R], name: str, info: Info, args: Any, kwargs: Any) -> R:
    """A call of a decorated function where something is current. Apart, so that the wrapper stays small."""
    opened = _start(_get(), name, info, f)
    if opened is None:
        return f(*args, **kwargs)
    try:
        result = f(*args, **kwargs)
    except BaseException as exc:
        _stop(opened, None, exc)
        raise
    _stop(opened, None)
    return result


def _count_trace(f: Any, times: int) -> None:
    try:
        f.__traced__ = times
    except AttributeError:  # a bound method keeps its attributes on the function
        function = getattr(f, "__func__", None)
        if function is not None:
            function.__traced__ = times


def _callable_name(f: Any) -> str:
    """``module.Class.method``, as ``oslo_utils.reflection.get_callable_name`` has it."""
    owner = getattr(f, "__self__", None)
    if owner is not None:
        cls = owner if isinstance(owner, type) else type(owner)
        return f"{cls.__module__}.{cls.__qualname__}.{f.__name__}"
    module = getattr(f, "__module__", None)
    name = getattr(f, "__qualname__", None) or type(f).__qualname__
    return f"{module}.{name}" if module else str(name)


def trace_cls(
    name: str,
    info: Info = None,
    hide_args: bool = False,
    hide_result: bool = True,
    trace_private: bool = False,
    allow_multiple_trace: bool = True,
    trace_class_methods: bool = False,
    trace_static_methods: bool = False,
) -> Callable[[T], T]:
    """Class decorator (also for an instance): a point around each call of its methods.

    Args:
        name: name of the points.
        info: what to record with each call.
        hide_args: as of :func:`trace`.
        hide_result: as of :func:`trace`.
        trace_private: methods that begin with one underscore too. Those with two never.
        allow_multiple_trace: whether methods may be traced once more.
        trace_class_methods: class methods too.
        trace_static_methods: static methods too.

    Raises:
        ValueError: (when decorating) a method is traced already, and that is not allowed; nothing has
            been changed then.
    """
    wanted = {staticmethod: trace_static_methods, classmethod: trace_class_methods}

    def decorator(cls: T) -> T:
        owner = cls if inspect.isclass(cls) else type(cls)
        found: list[tuple[str, Any, Any]] = []
        for attr_name, attr in inspect.getmembers(cls):
            if not (inspect.ismethod(attr) or inspect.isfunction(attr)):
                continue
            if attr_name.startswith("__") or (attr_name.startswith("_") and not trace_private):
                continue
            kind = type(inspect.getattr_static(owner, attr_name, attr))
            if not wanted.get(kind, True):
                continue
            found.append((attr_name, attr, kind if kind in wanted else None))
        _refuse_traced(found, allow_multiple_trace)
        wrap = trace(name, info, hide_args, hide_result)
        for attr_name, attr, kind in found:
            wrapped = wrap(attr)
            setattr(cls, attr_name, kind(wrapped) if kind is not None else wrapped)
        return cls

    return decorator


def _refuse_traced(found: list[tuple[str, Any, Any]], allow_multiple_trace: bool) -> None:
    if allow_multiple_trace:
        return
    for attr_name, attr, _kind in found:
        times = getattr(attr, "__traced__", 0)
        if times:
            raise ValueError(
                f"Can not apply new trace on top of previously traced attribute '{attr_name}' since"
                f" it has been traced {times} times previously"
            )


class TracedMeta(type):
    """Metaclass that traces the methods of each class below.

    The class says how in ``__trace_args__``: a dict with ``name`` and the other arguments of
    :func:`trace_cls` that concern methods.

    Raises:
        TypeError: ``__trace_args__`` has no ``name``.
    """

    def __init__(cls, cls_name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
        super().__init__(cls_name, bases, attrs)
        arguments = dict(getattr(cls, "__trace_args__", {}))
        trace_private = arguments.pop("trace_private", False)
        allow_multiple_trace = arguments.pop("allow_multiple_trace", True)
        if "name" not in arguments:
            raise TypeError(
                "Please specify __trace_args__ class level dictionary attribute with mandatory 'name' key"
                " - e.g. __trace_args__ = {'name': 'rpc'}"
            )
        found = [
            (attr_name, attr, None)
            for attr_name, attr in attrs.items()
            if inspect.isfunction(attr)
            and not attr_name.startswith("__")
            and (trace_private or not attr_name.startswith("_"))
        ]
        _refuse_traced(found, allow_multiple_trace)
        wrap = trace(**arguments)
        for attr_name, _attr, _kind in found:
            setattr(cls, attr_name, wrap(getattr(cls, attr_name)))


# -- what get() gives ---------------------------------------------------------------------------------


class _Profiler:
    """The current trace, as osprofiler's callers know it. Ids are UUID strings."""

    __slots__ = ("_info", "_remote")

    def __init__(self, hmac_key: str, base_id: str | None = None, parent_id: str | None = None) -> None:
        self._remote: Remote | None = None
        self._info: TraceInfo | None = None
        key = gate.key_for(hmac_key)
        if key is None:
            return
        # What a message said is handed on to us as it is.
        base: Any = base_id or ids.new_base_id()
        if not isinstance(parent_id, str):
            parent_id = None
        trace_id = ids.trace_id(base) if isinstance(base, str) else 0
        if trace_id:
            info = TraceInfo(
                trace_id,
                ids.parent_span_id(base, parent_id),
                key,
                None if ids.base_id(trace_id) == base else base,
            )
            self._info = info
            self._remote = Remote(info, point_id=parent_id)

    @classmethod
    def _of(cls, info: TraceInfo) -> _Profiler:
        profiler = object.__new__(cls)
        profiler._info = info
        profiler._remote = None
        return profiler

    @property
    def hmac_key(self) -> str | None:
        """The secret itself; services put it into their RPC context."""
        return None if self._info is None else self._info.key.reveal()

    def get_shorten_id(self, uuid_id: str | int) -> str:
        """The span id of a trace point's UUID, in hexadecimal digits."""
        if isinstance(uuid_id, int):
            return format(uuid_id & ids.SPAN_ID_MASK, "x")
        return format(ids.span_id(uuid_id), "x")

    def get_base_id(self) -> str:
        """The id of the trace."""
        info = self._info
        return "" if info is None else info.base_id or ids.base_id(info.trace_id)

    def get_id(self) -> str:
        """The id of the current point; that of the parent, or of the trace, when none is started."""
        current = self._current()
        if current.__class__ is Remote:
            return current.point_id or self._point(current.parent_id)
        return self._point(0 if current is None else current.get_span_context().span_id)

    def get_parent_id(self) -> str:
        """The id of the point above the current one; that of the trace when there is none."""
        current = self._current()
        if current is None or current.__class__ is Remote:
            return self.get_base_id()
        parent = getattr(current, "parent", None)
        return self._point(0 if parent is None else parent.span_id)

    def start(self, name: str, info: Info = None) -> None:
        """:func:`start`."""
        start(name, info)

    def stop(self, info: Info = None) -> None:
        """:func:`stop`."""
        stop(info)

    def _current(self) -> Any:
        """The current span, if it belongs to this trace; else the parent that ``init`` was told."""
        found: Any = _get().get(ctx.SPAN_KEY)
        info = self._info
        if found is not None and info is not None and found.get_span_context().trace_id == info.trace_id:
            return found
        return self._remote

    def _point(self, span_id: int) -> str:
        return ids.point_id(span_id) if span_id else self.get_base_id()

    def __repr__(self) -> str:
        return f"_Profiler(base_id={self.get_base_id()!r})"
