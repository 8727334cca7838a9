"""Which endpoint of an RPC server serves a message."""

from __future__ import annotations

import inspect
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

#: Method names come off the wire: what is remembered of them is limited, for each dispatcher.
MAX_REMEMBERED: Final = 1024
#: Characters of a name, a namespace and a version together; no endpoint has longer ones.
MAX_LENGTH: Final = 1024


class Endpoint(NamedTuple):
    """The class of an endpoint, by name."""

    module: str
    qualname: str


_UNKNOWN = Endpoint("", "")


class Endpoints:
    """Finds the endpoint as ``RPCDispatcher.dispatch`` does, and remembers it."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: WeakKeyDictionary[Any, dict[Any, Endpoint | None]] = WeakKeyDictionary()

    def find(
        self, dispatcher: Any, namespace: str | None, version: str | None, method: str | None
    ) -> Endpoint | None:
        """The endpoint that will serve a message; None if none will, or the dispatcher is of another make.

        Never raises.

        Args:
            dispatcher: ``RPCServer.dispatcher``.
            namespace: ``namespace`` of the message.
            version: ``version`` of the message; oslo.messaging takes none for 1.0.
            method: ``method`` of the message.
        """
        if method is None:
            return None
        try:
            if len(method) + len(namespace or "") + len(version or "") > MAX_LENGTH:
                return None
            known = self._found.get(dispatcher)
            if known is None:
                known = self._found.setdefault(dispatcher, {})
            wanted = namespace, version, method
            found = known.get(wanted, _UNKNOWN)
            if found is _UNKNOWN:
                if len(known) >= MAX_REMEMBERED:
                    known.clear()
                found = known[wanted] = _serving(dispatcher, namespace, version or "1.0", method)
        except Exception:  # no RPCDispatcher, a version that is none, a property of an endpoint that fails
            return None
        return found


def _serving(dispatcher: Any, namespace: str | None, version: str, method: str) -> Endpoint | None:
    for endpoint in dispatcher.endpoints:
        target = getattr(endpoint, "target", None) or dispatcher._default_target
        if (
            dispatcher._is_namespace(target, namespace)
            and dispatcher._is_compatible(target, version)
            and hasattr(endpoint, method)
            and dispatcher.access_policy.is_allowed(endpoint, method)
        ):
            cls = _class_of(getattr(endpoint, method), endpoint)
            return Endpoint(cls.__module__, cls.__qualname__)
    return None


def _class_of(function: Any, endpoint: Any) -> type:
    """The class whose method it is: a service may have something stand before its endpoint, as Nova does.

    ``functools.wraps`` leaves a way back, which is followed up to the bound method.
    """
    method = inspect.unwrap(function, stop=lambda found: hasattr(found, "__self__"))
    owner = getattr(method, "__self__", endpoint)
    return owner if isinstance(owner, type) else type(owner)
