"""osprofiler's ``trace``, ``trace_cls`` and ``TracedMeta``: a point around each call of a function.

The info of a decorated function is shared by all its calls, on all threads, and never written to. What
belongs to one call, its arguments and its result, goes into the point of that call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry.context.context import Context

from otel_bridge import profiler_points
from otel_bridge.model.redaction import arguments
from otel_bridge.model.translate.function import CodePoint
from otel_bridge.profiler_points import Info, start_point, stop_point
from otel_bridge.tracing import context as ctx

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_get, _set = ctx.get, ctx.set_
#: In force while values are printed: what somebody's ``__repr__`` calls is not the service's work, and a
#: traced method in it would print its object, whose ``__repr__`` calls it again.
_UNTRACED = Context()


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
        hide_args: do not record the arguments, not even where the operator wants arguments
            (``[otel_bridge] capture_args``).
        hide_result: do not record what it returns, likewise.
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
        call_info = {**given, "function": {"name": callable_name(f)}}

        if inspect.iscoroutinefunction(f):

            @functools.wraps(f)
            async def asynchronous(*args: P.args, **kwargs: P.kwargs) -> Any:
                context = _get()
                opened = start_point(context, name, call_info, f) if context else None
                if opened is None:
                    return await f(*args, **kwargs)
                try:
                    if profiler_points.capture_args:
                        _note_arguments(opened.point, f, call_info, hide_args, args, kwargs)
                    result = await f(*args, **kwargs)
                    if profiler_points.capture_args and not hide_result:
                        _note_result(opened.point, f, result)
                except BaseException as exc:
                    stop_point(opened, None, exc)
                    raise
                stop_point(opened, None)
                return result

            return cast("Callable[P, R]", asynchronous)

        @functools.wraps(f)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            if not _get():
                if kwargs:
                    return f(*args, **kwargs)
                return f(*args)  # type: ignore[call-arg]  # a dictionary less
            return traced_call(f, name, call_info, hide_args, hide_result, args, kwargs)

        return wrapper

    return decorator


def traced_call(
    f: Callable[..., R],
    name: str,
    info: Info,
    hide_args: bool,
    hide_result: bool,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> R:
    """Call a decorated function where something is current. Apart, so that the wrappers stay small.

    Args:
        f: the function.
        name: name of the point.
        info: what to record; its ``function`` has the ``name`` of the function. It is not written to.
        hide_args: as of :func:`trace`.
        hide_result: as of :func:`trace`.
        args: positional arguments.
        kwargs: keyword arguments.
    """
    opened = start_point(_get(), name, info, f)
    if opened is None:
        return f(*args, **kwargs)
    try:
        if profiler_points.capture_args:
            _note_arguments(opened.point, f, info, hide_args, args, kwargs)
        result = f(*args, **kwargs)
        if profiler_points.capture_args and not hide_result:
            _note_result(opened.point, f, result)
    except BaseException as exc:
        stop_point(opened, None, exc)
        raise
    stop_point(opened, None)
    return result


def _note_arguments(
    point: Any,
    f: Callable[..., Any],
    info: Info,
    hide: bool,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    """Keep the arguments of this call, as text: they may change while it runs."""
    if not isinstance(point, CodePoint):
        return
    # Nova's own trace_cls hands hide_args on as info.
    if hide or (info is not None and info.get("hide_args") is True):
        point.args = point.kwargs = None
        return
    before = _get()
    _set(_UNTRACED)
    try:
        point.args = arguments.positional(f, args)
        point.kwargs = arguments.named(kwargs)
    finally:
        _set(before)


def _note_result(point: Any, f: Callable[..., Any], result: Any) -> None:
    if isinstance(point, CodePoint):
        before = _get()
        _set(_UNTRACED)
        try:
            point.result = arguments.returned(f, result)
        finally:
            _set(before)


def _count_trace(f: Any, times: int) -> None:
    try:
        f.__traced__ = times
    except AttributeError:  # a bound method keeps its attributes on the function
        function = getattr(f, "__func__", None)
        if function is not None:
            function.__traced__ = times


def callable_name(f: Any) -> str:
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
