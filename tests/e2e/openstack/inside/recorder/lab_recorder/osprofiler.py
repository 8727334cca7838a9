"""What services do with osprofiler's modules, whoever has replaced what is in them.

Functions of these modules are replaced by stand-ins, and so is what is put in their place later.
"""

from __future__ import annotations

import base64
import contextlib
import contextvars
import functools
import hashlib
import hmac
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from lab_recorder.truth import Point, Unit, begin_trace
from lab_recorder.writing import write

_TRACERS = ("osprofiler.", "otel_bridge.", "lab_recorder.")


class _StandIn:
    """Called instead of a function; looks like it otherwise, to those who take its code apart, too."""

    __slots__ = ("_call", "_real")

    def __init__(self, real: Any, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_real", real)
        object.__setattr__(self, "_call", call)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        # What tracers do among themselves is not a service's doing, but for what they are given.
        if caller.startswith(_TRACERS) and self._call not in (_trace, _trace_cls, _add_tracing):
            return self._real(*args, **kwargs)
        return self._call(self._real, *args, **kwargs)

    @property
    def __class__(self) -> type:  # for isinstance()
        return type(self._real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


def _stand_in(module: ModuleType, calls: dict[str, Callable[..., Any]]) -> None:
    class Recorded(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            if name in calls and type(value) is not _StandIn:
                value = _StandIn(value, calls[name])
            super().__setattr__(name, value)

    module.__class__ = Recorded
    for name in calls:
        setattr(module, name, getattr(module, name))


# osprofiler.profiler


def _init(real: Any, hmac_key: str, base_id: str | None = None, parent_id: str | None = None) -> Any:
    profiler = real(hmac_key, base_id, parent_id)
    begin_trace(base_id or profiler.get_base_id())
    return profiler


def _clean(real: Any) -> None:
    real()
    begin_trace(None)


def _direct(real: Any, *args: Any, **kwargs: Any) -> Any:
    write("problem", problem=f"a service calls {real.__name__} itself, which is not recorded")
    return real(*args, **kwargs)


def _counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that is to be traced, with a point around it."""
    detail = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', '?')}"

    @functools.wraps(function)
    def counted(*args: Any, **kwargs: Any) -> Any:
        point = Point.begin("function", name, detail)
        if point is None:
            return function(*args, **kwargs)
        point.enter()
        error: BaseException | None = None
        try:
            return function(*args, **kwargs)
        except BaseException as raised:
            error = raised
            raise
        finally:
            point.leave()
            point.end(error)

    return counted


#: Set while a class is decorated whose functions are counted already.
_is_counted = contextvars.ContextVar("lab_recorder_class", default=False)


def _trace(real: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    decorate = real(name, *args, **kwargs)
    return decorate if _is_counted.get() else lambda function: decorate(_counted(name, function))


def _trace_cls(real: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    decorate, count = real(name, *args, **kwargs), _upstream_trace_cls(name, *args, **kwargs)

    def both(cls: Any) -> Any:
        token = _is_counted.set(True)
        try:
            return decorate(count(cls))
        finally:
            _is_counted.reset(token)

    return both


def _upstream_trace_cls(name: str, *args: Any, **kwargs: Any) -> Any:
    """Upstream's own choice of what is traced of a class, with nothing but points around it."""
    their = dict(_upstream_globals, trace=lambda name, **_: lambda function: _counted(name, function))
    return FunctionType(_upstream_trace_cls_code, their, argdefs=_upstream_defaults)(name, *args, **kwargs)


def _profiler(module: ModuleType) -> None:
    global _upstream_globals, _upstream_trace_cls_code, _upstream_defaults
    upstream = inspect.unwrap(module.trace_cls)
    _upstream_globals, _upstream_trace_cls_code = dict(vars(module)), upstream.__code__
    _upstream_defaults = upstream.__defaults__
    assert upstream.__module__ == "osprofiler.profiler", upstream
    _stand_in(
        module,
        {
            "init": _init,
            "clean": _clean,
            "start": _direct,
            "stop": _direct,
            "Trace": _direct,
            "trace": _trace,
            "trace_cls": _trace_cls,
        },
    )


# osprofiler.sqlalchemy


def _add_tracing(real: Any, sqlalchemy: Any, engine: Any, *args: Any, **kwargs: Any) -> Any:
    _record_engine(sqlalchemy, engine)
    return real(sqlalchemy, engine, *args, **kwargs)


@contextlib.contextmanager
def _wrap_session(real: Any, sqlalchemy: Any, session: Any) -> Iterator[Any]:
    with real(sqlalchemy, session) as entered:
        _record_engine(sqlalchemy, entered.bind)
        yield entered


def _record_engine(sqlalchemy: Any, engine: Any) -> None:
    if getattr(engine, "lab_recorded", False):
        return
    engine.lab_recorded = True
    sqlalchemy.event.listen(engine, "before_cursor_execute", _statement_begins)
    sqlalchemy.event.listen(engine, "after_cursor_execute", _statement_ends)
    sqlalchemy.event.listen(engine, "handle_error", _statement_fails)


def _statement_begins(
    _conn: Any, _cursor: Any, statement: str, _params: Any, context: Any, _many: Any
) -> None:
    context.lab_point = Point.begin("db", "db", statement)


def _statement_ends(
    _conn: Any, _cursor: Any, _statement: Any, _params: Any, context: Any, _many: Any
) -> None:
    _end_statement(context, None)


def _statement_fails(failure: Any) -> None:
    _end_statement(failure.execution_context, failure.original_exception)


def _end_statement(context: Any, error: Any) -> None:
    point = getattr(context, "lab_point", None)
    if point is not None:
        context.lab_point = None
        point.end(error)


def _sqlalchemy(module: ModuleType) -> None:
    _stand_in(module, {"add_tracing": _add_tracing, "wrap_session": _wrap_session})


# requests


def _requests(module: ModuleType) -> None:
    send = module.HTTPAdapter.send

    @functools.wraps(send)
    def recorded(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        # Where nobody has put himself before this, requests are not traced.
        if module.HTTPAdapter.send is recorded:
            return send(self, request, *args, **kwargs)
        point = Point.begin("http", request.url.partition(":")[0], f"{request.method} {request.url}")
        if point is None:
            return send(self, request, *args, **kwargs)
        error: object = None
        try:
            response = send(self, request, *args, **kwargs)
            if response.status_code >= 400:
                error = str(response.status_code)
            return response
        except BaseException as raised:
            error = raised
            raise
        finally:
            point.end(error)

    module.HTTPAdapter.send = recorded


# osprofiler.web


def _web(module: ModuleType) -> None:
    make = module.WsgiMiddleware.__init__

    @functools.wraps(make)
    def recorded(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self.application = _Application(self.application)

    module.WsgiMiddleware.__init__ = recorded


class _Application:
    """The application behind the middleware."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        base_id, parent_id = _signed_for(environ)
        method = f"{environ['REQUEST_METHOD']} {environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        for header in ("HTTP_X_AUTH_TOKEN", "HTTP_X_SUBJECT_TOKEN", "HTTP_X_SERVICE_TOKEN"):
            if environ.get(header):
                write("token", token=environ[header])
        status: list[str] = []

        def started(code: str, headers: Any, *args: Any) -> Any:
            status.append(code)
            for name, value in headers:
                if name.lower() == "x-subject-token":
                    write("token", token=value)
            return start_response(code, headers, *args)

        unit = Unit("wsgi", base_id=base_id, parent_id=parent_id, method=method)
        point = Point.begin("wsgi", "wsgi", method)
        if point is not None:
            point.enter()
        error: object = None
        try:
            return self._application(environ, started)
        except BaseException as raised:
            error = raised
            raise
        finally:
            if point is not None:
                point.leave()
                if status and status[-1] >= "500":
                    error = error or status[-1][:3]
                point.end(error)
            unit.end(request_id=environ.get("openstack.request_id"))


def _signed_for(environ: dict[str, Any]) -> tuple[str | None, str | None]:
    """The trace and the point for which the request is signed with the lab's key, if it is."""
    info, mac = environ.get("HTTP_X_TRACE_INFO", ""), environ.get("HTTP_X_TRACE_HMAC", "")
    key = os.environ["LAB_HMAC_KEY"].encode()
    right = [hmac.new(key, info.encode(), how).hexdigest() for how in (hashlib.sha1, hashlib.sha256)]
    if not info or mac not in right:
        return None, None
    found = json.loads(base64.urlsafe_b64decode(info))
    return found["base_id"], found.get("parent_id")


HOOKS: dict[str, Callable[[ModuleType], None]] = {
    "osprofiler.profiler": _profiler,
    "osprofiler.sqlalchemy": _sqlalchemy,
    "osprofiler.web": _web,
    "requests.adapters": _requests,
}
