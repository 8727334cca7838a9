"""Functions that ``osprofiler.profiler.trace`` decorated before the adoption.

Services decorate their classes when they are imported, and choose the driver later. Upstream's wrapper
prints the arguments of every call, traced or not, into a dict that all calls share. All wrappers run one code
object, so giving them another one heals them where they are, whoever holds them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakSet

from otel_bridge import profiler
from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx

# Names that the new code reads from osprofiler.profiler, whose globals the wrappers keep. They stay for good:
# a call may have begun with the new code when it is taken back.
_CONTEXT = "__otel_bridge_context__"
_CALL = "__otel_bridge_call__"


def heal(upstream: ModuleType, trace: Any, replacements: Replacements) -> int:
    """Have every wrapper that was made so far work on :mod:`otel_bridge.profiler`.

    Args:
        upstream: ``osprofiler.profiler``.
        trace: its ``trace`` as it was found.
        replacements: takes back what is changed here.

    Returns:
        The number of functions; -1 if this osprofiler makes its wrappers in another way, so that they are
        left alone: they still call ``start`` and ``stop``, which are ours.
    """
    old, new = inner_code(trace, "wrapper"), inner_code(_pattern, "wrapper")
    if old is None or new is None or old.co_freevars != new.co_freevars:
        return -1
    infos: dict[tuple[int, int], dict[str, Any]] = {}
    setattr(upstream, _CONTEXT, ctx.get)
    setattr(upstream, _CALL, _caller(infos))
    place_of_f, place_of_info = old.co_freevars.index("f"), old.co_freevars.index("info")
    healed: WeakSet[FunctionType] = WeakSet()  # what dies in the meantime is not kept for release()
    for wrapper in functions_of(old):
        cells = wrapper.__closure__ or ()
        f, info = cells[place_of_f].cell_contents, cells[place_of_info].cell_contents
        infos[id(f), id(info)] = _info_of(f, info)
        wrapper.__code__ = new
        healed.add(wrapper)

    def release() -> None:
        for wrapper in healed:
            if wrapper.__code__ is new:
                wrapper.__code__ = old

    replacements.at_undo(release)
    return len(healed)


def _info_of(f: Any, info: Any) -> dict[str, Any]:
    """What is recorded of each call; a dict of our own, since functions may share theirs."""
    try:
        for key in ("args", "kwargs"):  # printed by whoever called it last
            info["function"].pop(key, None)
        return {**info, "function": {"name": profiler.callable_name(f)}}
    except Exception:  # odd objects: the point says less
        return {"function": {}}


def inner_code(function: Any, name: str) -> CodeType | None:
    """The code of a function that is defined inside another one; None where there is none of that name."""
    code = function.__code__ if isinstance(function, FunctionType) else None
    return None if code is None else next(_inner(code, name), None)


def _inner(code: CodeType, name: str) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_name == name:
                yield constant
            yield from _inner(constant, name)


def functions_of(code: CodeType) -> list[FunctionType]:
    """The functions that run this code, wherever they are."""
    return [
        found for found in gc.get_referrers(code) if type(found) is FunctionType and found.__code__ is code
    ]


def _pattern(f: Any, hide_args: Any, hide_result: Any, info: Any, name: Any) -> Any:
    """Never called: its inner function has the code for the wrappers, with the free variables of theirs."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not __otel_bridge_context__():  # type: ignore[name-defined] # noqa: F821
            return f(*args, **kwargs)
        return __otel_bridge_call__(  # type: ignore[name-defined] # noqa: F821
            f, name, info, hide_args, hide_result, args, kwargs
        )

    return wrapper


def _caller(infos: dict[tuple[int, int], dict[str, Any]]) -> Callable[..., Any]:
    """What the wrappers call where something is current.

    Args:
        infos: by the ids of a wrapper's function and of its info, which live as long as the wrapper does.
    """

    def call(f: Any, name: str, info: Any, hide_args: bool, hide_result: bool, args: Any, kwargs: Any) -> Any:
        known = infos.get((id(f), id(info)))
        return profiler.traced_call(f, name, known, hide_args, hide_result, args, kwargs)

    return call
