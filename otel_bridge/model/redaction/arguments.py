"""Arguments and results of traced functions as text, without what is secret by its name.

Made on the caller's thread, since objects change, and therefore bounded (:mod:`.printing`). What is secret by
its looks is taken out on the export thread, which also cuts the text to its final length
(``translate.point.detail``). Nothing here raises.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from otel_bridge.model.redaction.keys import is_secret_key
from otel_bridge.model.redaction.printing import Entry, Printer, printed
from otel_bridge.model.redaction.text import MASK


def positional(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """The positional arguments of a call, each with its parameter's name: ``(self=<…>, new_pass=REDACTED)``.

    Args:
        function: what is called.
        args: what is passed.
    """
    printer = Printer()
    printer.write_group("()", _entries(_parameters(function), args))
    return printer.text()


def named(kwargs: Mapping[str, Any]) -> str:
    """The keyword arguments of a call, as a dict is printed: ``{'admin_pass': REDACTED, 'min_count': 1}``."""
    return printed(kwargs)


def returned(function: Callable[..., Any], value: Any) -> str:
    """What a call gave. Hidden where the function's name says that this is a secret: ``get_password``."""
    name = getattr(function, "__name__", None)
    return MASK if isinstance(name, str) and is_secret_key(name) else printed(value)


class _Parameters(NamedTuple):
    #: Of those that can be given by position, in their order.
    names: tuple[str, ...]
    #: Of the one that takes all further ones (``*args``); empty where there is none.
    rest: str


_known: WeakKeyDictionary[Callable[..., Any], _Parameters] = WeakKeyDictionary()
_BY_POSITION: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _parameters(function: Callable[..., Any]) -> _Parameters:
    """The function's parameters, looked up once: that takes longer than to print most arguments."""
    try:
        found = _known.get(function)
        if found is None:
            found = _known[function] = _inspected(function)
    except Exception:  # a callable that cannot be hashed or weakly referred to
        return _inspected(function)
    return found


def _inspected(function: Callable[..., Any]) -> _Parameters:
    try:
        parameters = inspect.signature(function).parameters.values()
    except Exception:  # builtins have none, and a decorator may have left anything
        return _Parameters((), "")
    rest = [found.name for found in parameters if found.kind is inspect.Parameter.VAR_POSITIONAL]
    names = tuple(found.name for found in parameters if found.kind in _BY_POSITION)
    return _Parameters(names, rest[0] if rest else "")


def _entries(parameters: _Parameters, args: tuple[Any, ...]) -> Iterator[Entry]:
    names, rest = parameters
    for index, value in enumerate(args):
        if index >= len(names):
            yield "", rest, value
        else:
            name = names[index]
            yield f"{name}=", name, value
