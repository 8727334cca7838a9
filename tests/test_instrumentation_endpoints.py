"""Finding the endpoint of a message, as oslo.messaging's own dispatcher does."""

from __future__ import annotations

import functools
import gc
import warnings
import weakref
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import oslo_messaging

from otel_bridge.instrumentation import endpoints
from otel_bridge.instrumentation.endpoints import Endpoints


class Old:
    target = oslo_messaging.Target(version="1.5")

    def boot(self, ctxt: Any) -> str:
        return "Old"

    def only_old(self, ctxt: Any) -> str:
        return "Old"


class New:
    target = oslo_messaging.Target(version="2.3")

    def boot(self, ctxt: Any) -> str:
        return "New"


class Spaced:
    target = oslo_messaging.Target(namespace="admin", version="1.0")

    def boot(self, ctxt: Any) -> str:
        return "Spaced"

    def _private(self, ctxt: Any) -> str:
        return "Spaced"


class Untargeted:
    def ping(self, ctxt: Any) -> str:
        return "Untargeted"


class _Message:
    client_timeout = None

    def __init__(self, message: dict[str, Any]) -> None:
        self.ctxt: dict[str, Any] = {}
        self.message = message


CALLS = [
    (None, "1.0", "boot"),
    (None, "1.9", "boot"),
    (None, "2.1", "boot"),
    (None, None, "boot"),
    (None, "1.2", "only_old"),
    (None, "2.1", "only_old"),
    ("admin", "1.0", "boot"),
    ("admin", "1.0", "_private"),
    ("nobody", "1.0", "boot"),
    (None, "1.0", "ping"),
    (None, "1.0", "missing"),
]


@pytest.mark.parametrize(("namespace", "version", "method"), CALLS)
def test_as_the_dispatcher(namespace: str | None, version: str | None, method: str) -> None:
    """The endpoint that is named is the one that oslo.messaging calls, or none where it calls none."""
    dispatcher = oslo_messaging.RPCDispatcher([Old(), New(), Spaced(), Untargeted()], None)
    message = {"method": method, "namespace": namespace, "args": {}}
    if version is not None:
        message["version"] = version
    try:
        called = dispatcher.dispatch(_Message(message))
    except (oslo_messaging.NoSuchMethod, oslo_messaging.UnsupportedVersion):
        called = None
    names = Endpoints()
    for _ in range(2):  # the second time from memory
        found = names.find(dispatcher, namespace, version, method)
        assert (found and found.qualname) == called
        assert found is None or found.module == __name__


class _Tracking:
    """Stands between an endpoint and the dispatcher, as Nova's services have it."""

    def __init__(self, endpoint: Any) -> None:
        self.target, self._endpoint = endpoint.target, endpoint

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._endpoint, name)

        @functools.wraps(method)
        def tracked(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        return tracked


def test_endpoint_behind_another_object() -> None:
    """The class is that of the method, not of what passes calls on to it."""
    dispatcher = oslo_messaging.RPCDispatcher([_Tracking(Old())], None)
    found = Endpoints().find(dispatcher, None, "1.0", "boot")
    assert found is not None
    assert found.qualname == "Old"


def test_two_dispatchers() -> None:
    """What is remembered of one dispatcher is not taken for another's."""
    names = Endpoints()
    for endpoint in (Old(), New()):
        dispatcher = oslo_messaging.RPCDispatcher([endpoint], None)
        found = names.find(dispatcher, None, endpoint.target.version, "boot")
        assert found is not None
        assert found.qualname == type(endpoint).__name__


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Method names come off the wire: only so many are remembered."""
    monkeypatch.setattr(endpoints, "MAX_REMEMBERED", 10)
    dispatcher = oslo_messaging.RPCDispatcher([Old()], None)
    names = Endpoints()
    for number in range(1000):
        assert names.find(dispatcher, None, "1.0", f"method_{number}") is None
    (known,) = names._found.values()
    assert len(known) <= 10
    assert names.find(dispatcher, None, "1.0", "boot") is not None


@pytest.mark.parametrize("place", range(3))
def test_names_too_long_for_any_endpoint_are_not_remembered(place: int) -> None:
    dispatcher = oslo_messaging.RPCDispatcher([Old()], None)
    names = Endpoints()
    wanted = ["", "1.0", "boot"]
    wanted[place] += "x" * endpoints.MAX_LENGTH
    assert names.find(dispatcher, *wanted) is None
    assert not [known for known in names._found.values() if known]


def test_dispatcher_is_not_kept() -> None:
    """A dispatcher that nobody else uses is not kept alive."""
    dispatcher = oslo_messaging.RPCDispatcher([Old()], None)
    names = Endpoints()
    names.find(dispatcher, None, "1.0", "boot")
    gone = weakref.ref(dispatcher)
    del dispatcher
    gc.collect()
    assert gone() is None


class _Failing:
    @property
    def boot(self) -> Any:
        raise RuntimeError("not now")


@pytest.mark.parametrize(
    ("dispatcher", "version", "method"),
    [
        (object(), "1.0", "boot"),
        (oslo_messaging.RPCDispatcher([_Failing()], None), "1.0", "boot"),
        (oslo_messaging.RPCDispatcher([Old()], None), "no version", "boot"),
        (oslo_messaging.RPCDispatcher([Old()], None), ["1.0"], "boot"),
        (oslo_messaging.RPCDispatcher([Old()], None), "1.0", ["boot"]),
        (oslo_messaging.RPCDispatcher([Old()], None), "1.0", None),
        (3, "1.0", "boot"),
    ],
)
def test_never_raises(dispatcher: Any, version: Any, method: Any) -> None:
    """An unusual dispatcher or message has no endpoint that we know, and that is all."""
    assert Endpoints().find(dispatcher, None, version, method) is None
