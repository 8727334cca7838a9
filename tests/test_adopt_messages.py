"""adopt/messages.py: what a message says of itself, whatever it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.adopt.messages import served_message
from otel_bridge.model.translate.rpc import CALL, CAST, Served

TRACED = {"trace_info": {"hmac_key": "key"}, "request_id": "req-1"}


class Manager:
    def boot(self):
        pass


class Dispatcher:
    """As much of oslo.messaging's as is asked."""

    def __init__(self, *endpoints):
        self.endpoints = endpoints
        self.access_policy = self
        self._default_target = SimpleNamespace()

    def _is_namespace(self, target, namespace):
        return namespace in (None, "compute")

    def _is_compatible(self, target, version):
        return True

    def is_allowed(self, endpoint, method):
        return not method.startswith("_")


def server(*endpoints, topic="compute"):
    return SimpleNamespace(dispatcher=Dispatcher(*endpoints), _target=SimpleNamespace(topic=topic))


def message(content=None, ctxt=TRACED, **more):
    content = {"method": "boot", "version": "2.0", "namespace": "compute"} if content is None else content
    return SimpleNamespace(ctxt=ctxt, message=content, **more)


def test_a_traced_message_says_what_is_known_of_it():
    assert served_message(server(Manager()), [message()]) == Served(
        "boot",
        module=__name__,
        endpoint="Manager",
        kind=CAST,
        namespace="compute",
        version="2.0",
        topic="compute",
        request_id="req-1",
    )


@pytest.mark.parametrize("attribute", ["reply_q", "_reply_q", "_reply_to"])
def test_one_that_is_waited_for_is_a_call(attribute):
    """Of RabbitMQ's, the in-memory and the AMQP 1.0 driver."""
    assert served_message(server(Manager()), [message(**{attribute: "somewhere"})]).kind == CALL
    assert served_message(server(Manager()), [message(**{attribute: None})]).kind == CAST


@pytest.mark.parametrize("ctxt", [{}, {"trace_info": None}, {"trace_info": {}}, {"request_id": "req-1"}])
def test_an_untraced_message_costs_no_more_than_a_look(ctxt):
    unread: Any = object()
    assert served_message(unread, [message(ctxt=ctxt)]) is None


@pytest.mark.parametrize("method", ["absent", "_private", None])
def test_a_method_that_no_endpoint_serves_has_no_endpoint(method):
    found = served_message(server(Manager()), [message({"method": method})])
    assert (found.method, found.module, found.endpoint) == (method, None, None)


class Raising:
    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize(
    ("at", "incoming"),
    [
        (server(Manager()), None),
        (server(Manager()), []),
        (server(Manager()), [None]),
        (server(Manager()), [message(ctxt=None)]),
        (server(Manager()), [message(ctxt=["trace_info"])]),
        (server(Manager()), [message(ctxt=Raising())]),
        (server(Manager()), [message("no content")]),
        (server(Manager()), [message(5)]),
        (None, [message()]),
        (Raising(), [message()]),
        (SimpleNamespace(dispatcher=None), [message()]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_of_another_make_says_nothing(at, incoming):
    assert served_message(at, incoming) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=5,
)


@given(
    anything, st.dictionaries(st.sampled_from(["method", "namespace", "version", "args"]), anything), anything
)
def test_no_message_raises(trace_info, content, request_id):
    ctxt = {"trace_info": trace_info, "request_id": request_id}
    found = served_message(server(Manager()), [message(content, ctxt=ctxt)])
    assert (found is None) == (not trace_info)
