"""The table that joins the kinds: OSProfiler's trace points into Points, and spans back into trace points.

| a point with          | is a    | span kind                                                     |
|-----------------------|---------|---------------------------------------------------------------|
| ``info["request"]``   | request | SERVER                                                        |
| ``info["db"]``        | query   | CLIENT                                                        |
| ``info["requests"]``  | request | CLIENT                                                        |
| the name ``rpc``      | message | SERVER (CONSUMER for a cast) where it is the first below a    |
|                       |         | remote parent, else CLIENT; INTERNAL for a serving class that |
|                       |         | is called in its own process, or below a message's span       |
| any other name        | function | INTERNAL                                                     |

Where the info says nothing, the name decides (``wsgi``, ``db``, ``http``, ``https``, ``requests``), whole
or behind a dot (``neutron.db``). A name that merely contains such a word (``compute_api``) says nothing. A
function is a message as well where it is known to be the method that a message calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.trace import SpanKind

from otel_bridge.model.translate import db, function, http, rpc, wsgi
from otel_bridge.model.translate.point import (
    CAPTURE_LIMIT,
    ERROR_TYPE,
    INFO_PREFIX,
    OSPROFILER_NAME,
    SCALARS,
    Extras,
    Point,
    Scalar,
)

ToInfo = Callable[[str, Mapping[str, Any]], tuple[dict[str, Any], dict[str, Any]]]

WSGI: Final = "wsgi"
DB: Final = "db"
HTTP: Final = "http"
RPC: Final = "rpc"
FUNCTION: Final = "function"

#: Key of the info -> kind. The order decides where several are there.
_BY_INFO: Final = {"request": WSGI, "db": DB, "requests": HTTP}
#: Name of the point -> kind.
_BY_NAME: Final = {"wsgi": WSGI, "db": DB, "http": HTTP, "https": HTTP, "requests": HTTP, "rpc": RPC}
_SPAN_KINDS: Final = {WSGI: SpanKind.SERVER, DB: SpanKind.CLIENT, HTTP: SpanKind.CLIENT}
_TO_INFO: Final[dict[str, ToInfo]] = {
    WSGI: wsgi.to_info,
    DB: db.to_info,
    HTTP: http.to_info,
    RPC: rpc.to_info,
    FUNCTION: function.to_info,
}

#: Keys of the info that the kinds understand. ``host`` is the resource's, ``etype`` and ``message`` are the
#: error's.
_KNOWN_INFO: Final = frozenset(str.split("request db requests function host etype message"))

#: Ends of the names of classes by which services call others, and of those that serve.
_CALLING: Final = ("API", "Api", "Client", "Proxy")
_SERVING: Final = ("Manager", "Endpoint", "Callback", "Callbacks", "Agent", "Service", "Server")
_SERVING_MODULE: Final = "oslo_messaging.rpc.server."  # of decorators that hide the name of an endpoint
_OTLP_SERVER: Final = 2  # SpanKind.SERVER, in SpanRecord.kind

_EMPTY: Final[Mapping[str, Any]] = {}


def kind_of(name: str, info: Any) -> str:
    """Which kind of point OSProfiler's ``name`` and ``info`` are: a key of the table above."""
    if isinstance(info, dict):
        for key, kind in _BY_INFO.items():
            if key in info:
                return kind
    return _BY_NAME.get(name) or _BY_NAME.get(name.rpartition(".")[2]) or FUNCTION


def span_kind(name: str, info: Any, serving: bool, served: rpc.Served | None = None) -> SpanKind:
    """The kind of the span for a trace point.

    Args:
        name: name of the point, without ``-start``.
        info: whatever was passed as info.
        serving: the point is the first one below a remote parent.
        served: the message that is served, as of :func:`begin`.
    """
    kind = kind_of(name, info)
    return _role(kind, info, serving, _concerning(served, kind, info) if serving else None)


def _role(kind: str, info: Any, serving: bool, message: rpc.Served | None) -> SpanKind:
    """As :func:`span_kind`; ``message`` is the one that the point is known to serve."""
    if message is not None:
        return SpanKind.SERVER if message.kind in (None, rpc.CALL) else SpanKind.CONSUMER
    if kind != RPC:
        return _SPAN_KINDS.get(kind, SpanKind.INTERNAL)
    owner = _called(info).owner
    if owner and owner.endswith(_CALLING):
        return SpanKind.CLIENT
    if serving:
        return SpanKind.SERVER
    name = _part(info, "function").get("name")
    serves = owner.endswith(_SERVING) if owner else _text(name).startswith(_SERVING_MODULE)
    return SpanKind.INTERNAL if serves else SpanKind.CLIENT


def _concerning(served: rpc.Served | None, kind: str, info: Any) -> rpc.Served | None:
    """The message, if the point is the method that it calls: of the same name.

    A function whose name is not known is believed to be it where the point is called ``rpc``.
    """
    if served is None or kind not in (RPC, FUNCTION):
        return None
    _short, owner, method = _called(info)
    if owner and owner.endswith(_CALLING):
        return None
    same = method == served.method if method else kind == RPC
    return served if same else None


def _called(info: Any) -> function.FunctionName:
    qualified = _part(info, "function").get("name")
    return function.function_name(qualified if isinstance(qualified, str) else "")


def begin(
    name: str,
    info: Any,
    *,
    capture_args: bool = False,
    serving: bool = False,
    served: rpc.Served | None = None,
) -> tuple[Point, SpanKind]:
    """The Point of ``profiler.start(name, info)``, and the kind of its span. Cheap, and never raises.

    Nothing of ``info`` is kept but texts and numbers, so that the caller may change or share it.

    Args:
        name: name of the point.
        info: whatever was passed as info: None, True and odd shapes have been seen.
        capture_args: the operator wants arguments and results, and info that is nested.
        serving: the point is the first one below a remote parent.
        served: the message that is being served; ignored unless ``serving``, and where the function is known
            to be another one than the message calls.
    """
    kind = kind_of(name, info)
    message = None if served is None or not serving else _concerning(served, kind, info)
    role = _SPAN_KINDS.get(kind) or _role(kind, info, serving, message)
    point: Point
    if kind == DB:
        point = db.from_info(_part(info, "db"))
    elif kind == WSGI:
        point = wsgi.from_info(_part(info, "request"))
    elif kind == HTTP:
        point = http.from_info(_part(info, "requests"))
    else:
        called = _part(info, "function")
        # nova passes hide_args this way; osprofiler takes it for info and hides nothing.
        wanted = capture_args and not (isinstance(info, dict) and info.get("hide_args") is True)
        if role is not SpanKind.INTERNAL:
            point = rpc.from_info(called, wanted, role is not SpanKind.CLIENT, message)
        else:
            point = call = object.__new__(function.FunctionCall)
            call.name = name
            function.capture(call, called, wanted)
    point.error = None
    point.origin = (name, _extras(info, capture_args) if isinstance(info, dict) else ())
    return point, role


def point_from_info(name: str, info: Any, **known: Any) -> Point:
    """The Point that :func:`begin` makes; ``known`` are its other arguments."""
    return begin(name, info, **known)[0]


def finish(point: Point, stop_info: Any, *, capture_args: bool = False) -> tuple[str, str] | None:
    """Take what ``profiler.stop(stop_info)`` says. Cheap, and never raises.

    Returns:
        ``(etype, message)`` where the work failed, else None. The message is raw: it has to pass
        ``redaction.exception_message`` before anybody sees it.
    """
    if not isinstance(stop_info, dict) or not stop_info:
        return None
    if isinstance(point, http.ClientRequest):
        http.finish(point, _part(stop_info, "requests"))
    elif isinstance(point, function.CodePoint) and capture_args:
        function.finish(point, _part(stop_info, "function"))
    extras = _extras(stop_info, capture_args)
    if extras:
        name, before = point.origin or ("", ())
        point.origin = (name, before + extras)
    etype = stop_info.get("etype")
    if not etype:
        return None
    point.error = _text(etype)
    message = stop_info.get("message")
    said = "" if message is None else _text(message)
    if isinstance(point, db.Query):
        db.finish(point, said)
    return point.error, said


def to_osprofiler(
    name: str, kind: int, attributes: Mapping[str, Any]
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The trace point that a span is: its name, the info of its start, and the info of its stop.

    ``info["host"]`` and an error's ``message`` are no attributes of spans: who makes the report adds them.
    Spans of others are understood by the attributes of the semantic conventions, older ones included.

    Args:
        name: the span's name.
        kind: OTLP's number of the span kind (``SpanRecord.kind``).
        attributes: the span's attributes.
    """
    shape = _shape(kind, attributes)
    start, stop = _TO_INFO[shape](name, attributes)
    point = attributes.get(OSPROFILER_NAME)
    if not isinstance(point, str) or not point:
        scheme = start.get("requests", {}).get("scheme")
        point = function.point_name(name) if shape == FUNCTION else scheme or shape
    for key, value in attributes.items():
        if key.startswith(INFO_PREFIX):
            _put(start, key[len(INFO_PREFIX) :], value)
    error = attributes.get(ERROR_TYPE)
    # A status code is no exception: OSProfiler knows exceptions only.
    if error and error != str(attributes.get("http.response.status_code")):
        stop["etype"] = str(error)
    return point, start, stop


def _shape(kind: int, attributes: Mapping[str, Any]) -> str:
    """The kind of point that a span is, by its attributes."""
    if "http.request.method" in attributes or "http.method" in attributes:
        return WSGI if kind == _OTLP_SERVER else HTTP
    for key in ("db.system.name", "db.system", "db.query.text", "db.statement"):
        if key in attributes:
            return DB
    for key in ("rpc.system.name", "rpc.system", "messaging.system"):
        if key in attributes:
            return RPC
    return FUNCTION


def _put(info: dict[str, Any], key: str, value: Any) -> None:
    """Put a value of flat info back where it was: ``a.b`` into ``info["a"]["b"]``."""
    outer, dot, inner = key.partition(".")
    if not dot:
        info.setdefault(key, value)
        return
    nested = info.setdefault(outer, {})
    if isinstance(nested, dict):
        nested.setdefault(inner, value)


def _part(info: Any, key: str) -> Mapping[str, Any]:
    """A part of the info that is a dict itself; an empty one in place of anything else."""
    if isinstance(info, dict):
        part = info.get(key)
        if isinstance(part, dict):
            return part
    return _EMPTY


def _extras(info: dict[Any, Any], nested: bool) -> Extras:
    """What the info says besides: scalars, and those one level further down where that is wanted."""
    if info.keys() <= _KNOWN_INFO:  # as nearly always
        return ()
    found: list[tuple[str, Scalar]] = []
    try:
        for key, value in info.items():
            if key in _KNOWN_INFO or key.__class__ is not str:
                continue
            if value.__class__ in SCALARS:
                found.append((key, _bounded(value)))
            elif nested and isinstance(value, dict):
                found += [
                    (f"{key}.{inner}", _bounded(scalar))
                    for inner, scalar in value.items()
                    if inner.__class__ is str and scalar.__class__ in SCALARS
                ]
    except (RuntimeError, TypeError):  # changed by another thread meanwhile; a key without a hash
        pass
    return tuple(found)


def _bounded(value: Any) -> Scalar:
    return value[:CAPTURE_LIMIT] if isinstance(value, str) else value


def _text(value: Any) -> str:
    """``str(value)`` for what somebody else's code passes: it may fail, and may be long."""
    try:
        return str(value)[:65536]
    except Exception:
        return type(value).__name__
