"""Functions: any point that is nothing more special, SpanKind.INTERNAL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from otel_bridge.model.translate.point import Point, captured, detail, span_name, text_of

FUNCTION_NAME: Final = "code.function.name"
_DETAILS: Final = ("args", "kwargs", "result")
_DETAIL_PREFIX: Final = "osprofiler.function."


class FunctionName(NamedTuple):
    """A fully qualified function name, taken apart."""

    #: ``ComputeManager.reboot_instance``; None where the function belongs to no class.
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
    if "<locals>" in qualified:  # a decorator's inner function
        return FunctionName(None, None, None)
    rest, _, method = qualified.rpartition(".")
    owner = rest.rpartition(".")[2]
    if owner.lstrip("_")[:1].isupper():
        return FunctionName(span_name(f"{owner}.{method}"), owner, method)
    return FunctionName(None, None, method)


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
    """OSProfiler's start and stop info of a function: its readers want ``info.function.name``."""
    get = attributes.get
    function = {"name": str(get(FUNCTION_NAME) or get("code.function") or name)}
    for key in ("args", "kwargs"):
        value = get(_DETAIL_PREFIX + key)
        if value is not None:
            function[key] = str(value)
    result = get(_DETAIL_PREFIX + "result")
    return {"function": function}, {} if result is None else {"function": {"result": str(result)}}
