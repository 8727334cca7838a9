"""Functions: any point that is nothing more special, SpanKind.INTERNAL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from otel_bridge.model.translate.point import (
    OSPROFILER_NAME,
    Point,
    captured,
    detail,
    span_name,
    text_of,
)

FUNCTION_NAME: Final = "code.function.name"
_DETAILS: Final = ("args", "kwargs", "result")
_DETAIL_PREFIX: Final = "osprofiler.function."
#: Names of points in whose info OSProfiler's DOT graph looks for a function.
_SHOWN: Final = ("rpc", "driver")
#: What Python puts into the qualified name of something that is defined inside a function.
_LOCALS: Final = ".<locals>."


#: Names of classes that say nothing without their module: ``nova.compute.api.API``.
_ROLES: Final = frozenset(
    str.split("API Api Client Controller Driver Manager Plugin Proxy Server Service Wrapper Base")
)
#: Names of modules that say no more than those.
_ROLE_MODULES: Final = frozenset(
    str.split("api rpcapi base core client controller controllers driver drivers impl manager plugin service")
)


class FunctionName(NamedTuple):
    """A fully qualified function name, taken apart."""

    #: ``ComputeManager.reboot_instance``, ``compute.API.create``; None where there is no class.
    short: str | None
    #: Name of the class, None where there is none.
    owner: str | None
    #: Name of the function itself; None for a function inside another one, whose name says nothing.
    method: str | None


@lru_cache(maxsize=4096)
def function_name(qualified: str) -> FunctionName:
    """Take a name apart as ``oslo_utils.reflection.get_callable_name`` composes it.

    A class is recognised by its capital letter: the text does not say where the module ends.
    """
    if _LOCALS in qualified:
        return _inner(qualified)
    rest, _, method = qualified.rpartition(".")
    module, _, owner = rest.rpartition(".")
    if _is_class(owner):
        return FunctionName(span_name(f"{_told(module, owner)}.{method}"), owner, method)
    return FunctionName(None, None, method)


def _inner(qualified: str) -> FunctionName:
    """The name of something inside a function: of its class, or of the class whose method it is in.

    What is left are functions that decorators put around others
    (``expected_exceptions.<locals>.outer.<locals>.inner``): those have no name of their own.
    """
    around, _, inside = qualified.rpartition(_LOCALS)
    rest, _, method = inside.rpartition(".")
    owner = rest.rpartition(".")[2]
    if _is_class(owner):
        return FunctionName(span_name(f"{owner}.{method}"), owner, method)
    outer = function_name(around.partition(_LOCALS)[0])
    if outer.short is None or not inside:
        return FunctionName(None, None, None)
    return FunctionName(span_name(f"{outer.short}.{inside}"), outer.owner, None)


def _is_class(name: str) -> bool:
    return name.lstrip("_")[:1].isupper()


def _told(module: str, owner: str) -> str:
    """The class as it is told from others, with what it is for if its name is one of a role only."""
    if owner not in _ROLES:
        return owner
    for part in reversed(module.split(".")):
        if part and part not in _ROLE_MODULES:
            return f"{part}.{owner}"
    return owner


class CodePoint(Point):
    """A point that knows the function that ran. Arguments and result only where the operator opted in."""

    __slots__ = ("args", "function", "kwargs", "result")

    #: ``nova.compute.manager.ComputeManager.reboot_instance``
    function: str | None
    #: As printed by the capturing side; redacted and cut in the span.
    args: str | None
    kwargs: str | None
    result: str | None

    def add_details(self, attributes: dict[str, Any]) -> None:
        """The function's arguments and result, as far as they were captured."""
        for key in _DETAILS:
            value = text_of(getattr(self, key))
            if value:
                attributes[_DETAIL_PREFIX + key] = detail(value)


class FunctionCall(CodePoint):
    """A call of a traced function, or any other piece of work with a name."""

    __slots__ = ("name",)
    fallback = "function"

    #: The trace point's name.
    name: str | None

    def describe(self) -> tuple[str, dict[str, Any]]:
        attributes: dict[str, Any] = {}
        function = text_of(self.function)
        short = None
        if function:
            attributes[FUNCTION_NAME] = function
            short = function_name(function).short
        self.add_details(attributes)
        return short or span_name(text_of(self.name)) or self.fallback, attributes


def capture(point: CodePoint, function: Mapping[str, Any], capture_args: bool) -> None:
    """Take what OSProfiler's ``info["function"]`` says (``osprofiler.profiler.trace``)."""
    point.function = captured(function.get("name"))
    if capture_args:
        point.args = captured(function.get("args"))
        point.kwargs = captured(function.get("kwargs"))
    else:
        point.args = point.kwargs = None
    point.result = None


def finish(point: CodePoint, function: Mapping[str, Any]) -> None:
    """Take the result from the stop's ``info["function"]``; the caller says whether that is wanted."""
    point.result = captured(function.get("result"))


def to_info(name: str, attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """OSProfiler's start and stop info of a function, ``info["function"]``.

    A block of code that OSProfiler traced (``profiler.Trace``) has none. Those that its DOT graph asks for
    one are given the span's name all the same, as are the spans of other instrumentations.
    """
    get = attributes.get
    function: dict[str, str] = {}
    known = get(FUNCTION_NAME) or get("code.function")
    if known or get(OSPROFILER_NAME) in (*_SHOWN, None):
        function["name"] = str(known or name)
    for key in ("args", "kwargs"):
        value = get(_DETAIL_PREFIX + key)
        if value is not None:
            function[key] = str(value)
    result = get(_DETAIL_PREFIX + "result")
    stop = {} if result is None else {"function": {"result": str(result)}}
    return {"function": function} if function else {}, stop


def point_name(span: str) -> str:
    """The name of a point for a span that is none of OSProfiler's, made of the span's name.

    By what stands before its first dash the DOT graph knows requests and functions, in whose info it looks
    for more than such a span has.
    """
    return f"function.{span}" if span.partition("-")[0] in ("wsgi", *_SHOWN) else span
