"""translate.table: which kind a trace point is, and what is taken from its info."""

from __future__ import annotations

import copy
import threading
from typing import Any

import osprofiler_points
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind

from otel_bridge.model.trace import KIND_NAMES
from otel_bridge.model.translate import (
    ClientRequest,
    FunctionCall,
    IncomingMessage,
    OutgoingMessage,
    Point,
    Query,
    ServerRequest,
    finish,
    point_from_info,
    span_kind,
    to_osprofiler,
)


def function(name: str) -> dict[str, Any]:
    return {"function": {"name": name}}


MANAGER = function("nova.compute.manager.ComputeManager.reboot")
CLIENT_API = function("nova.compute.rpcapi.ComputeAPI.reboot")
OTHER = function("heat.rpc.worker.reboot")
DECORATED = function("oslo_messaging.rpc.server.expected_exceptions.<locals>.outer.<locals>.inner")

#: name, info, serving -> span kind, class of the point
TABLE: list[tuple[str, Any, bool, SpanKind, type[Point]]] = [
    ("wsgi", {"request": {"method": "GET"}}, False, SpanKind.SERVER, ServerRequest),
    ("heat.wsgi", {"request": {}}, True, SpanKind.SERVER, ServerRequest),
    ("wsgi", None, False, SpanKind.SERVER, ServerRequest),
    ("db", {"db": {"statement": "SELECT 1"}}, False, SpanKind.CLIENT, Query),
    ("neutron.db", {}, False, SpanKind.CLIENT, Query),
    ("sql", {"db": {"statement": "SELECT 1"}}, True, SpanKind.CLIENT, Query),
    ("http", {"requests": {}}, False, SpanKind.CLIENT, ClientRequest),
    ("https", {"requests": {}}, True, SpanKind.CLIENT, ClientRequest),
    ("requests", True, False, SpanKind.CLIENT, ClientRequest),
    ("rpc", MANAGER, True, SpanKind.SERVER, IncomingMessage),
    ("rpc", MANAGER, False, SpanKind.INTERNAL, FunctionCall),
    ("rpc", CLIENT_API, False, SpanKind.CLIENT, OutgoingMessage),
    ("rpc", CLIENT_API, True, SpanKind.CLIENT, OutgoingMessage),
    ("rpc", OTHER, True, SpanKind.SERVER, IncomingMessage),
    ("rpc", OTHER, False, SpanKind.CLIENT, OutgoingMessage),
    ("rpc", DECORATED, True, SpanKind.SERVER, IncomingMessage),
    ("rpc", DECORATED, False, SpanKind.INTERNAL, FunctionCall),
    ("rpc", None, True, SpanKind.SERVER, IncomingMessage),
    ("rpc", None, False, SpanKind.CLIENT, OutgoingMessage),
    ("compute_api", function("nova.compute.api.API.reboot"), False, SpanKind.INTERNAL, FunctionCall),
    ("volume_api", {}, True, SpanKind.INTERNAL, FunctionCall),
    ("vif_driver", MANAGER, False, SpanKind.INTERNAL, FunctionCall),
    ("l3-agent", None, False, SpanKind.INTERNAL, FunctionCall),
    ("httpd", None, False, SpanKind.INTERNAL, FunctionCall),
    ("", None, False, SpanKind.INTERNAL, FunctionCall),
]


@pytest.mark.parametrize(("name", "info", "serving", "kind", "point"), TABLE)
def test_the_table(name: str, info: Any, serving: bool, kind: SpanKind, point: type[Point]) -> None:
    assert span_kind(name, info, serving) is kind
    assert type(point_from_info(name, info, serving=serving)) is point


def test_points_of_real_services() -> None:
    """What an operator sees of a boot: service, kind and name of each span."""
    found = {
        (span.service, KIND_NAMES[span.kind], span.name)
        for span in osprofiler_points.spans(osprofiler_points.load()).spans
    }
    assert found == {
        ("keystone-public", "SERVER", "POST /v3/auth/tokens"),
        ("keystone-public", "SERVER", "GET /v3/auth/tokens"),
        ("keystone-public", "CLIENT", "SELECT project"),
        ("keystone-public", "CLIENT", "SELECT role"),
        ("keystone-public", "CLIENT", "SELECT user local_user password federated_user nonlocal_user"),
        ("glance-api", "SERVER", "GET /v2/images/{id}"),
        ("glance-api", "CLIENT", "GET"),
        ("nova-osapi_compute", "SERVER", "POST /v2.1/servers"),
        ("nova-osapi_compute", "SERVER", "GET /v2.1/servers/{id}"),
        ("nova-osapi_compute", "INTERNAL", "compute.API.create"),
        ("nova-osapi_compute", "INTERNAL", "ClientWrapper.proxy"),
        ("nova-osapi_compute", "CLIENT", "SELECT project_user_quotas"),
        ("nova-osapi_compute", "CLIENT", "INSERT instance_mappings"),
        ("nova-conductor", "SERVER", "ComputeTaskManager.schedule_and_build_instances"),
        ("nova-conductor", "CLIENT", "SchedulerAPI.select_destinations"),
        ("nova-conductor", "CLIENT", "ComputeAPI.build_and_run_instance"),
        ("nova-conductor", "SERVER", "ConductorManager.object_action"),
        ("nova-conductor", "CLIENT", "UPDATE instances"),
        ("nova-scheduler", "SERVER", "rpc"),  # a decorator hides its name; a message would tell it
        ("nova-scheduler", "CLIENT", "GET"),
        ("nova-compute", "SERVER", "ComputeManager.build_and_run_instance"),
        ("nova-compute", "CLIENT", "GET"),
        ("placement", "SERVER", "GET /allocation_candidates"),
        ("placement", "SERVER", "GET /allocations/{id}"),
    }


def test_osprofilers_name_is_kept_with_every_kind() -> None:
    for name, info, serving, _, _ in TABLE:
        assert point_from_info(name, info, serving=serving).translate()[1].get("osprofiler.name") == name


def test_arguments_and_results_are_taken_only_where_that_is_wanted() -> None:
    info = {"function": {"name": "a.B.c", "args": "(1,)", "kwargs": "{}"}, "nested": {"a": 1}}
    stop = {"function": {"result": "7"}, "more": {"b": 2}}
    for name in ("driver", "rpc"):
        closed = point_from_info(name, info)
        finish(closed, stop)
        assert not [
            key for key in closed.translate()[1] if key.startswith(("osprofiler.function", "osprofiler.info"))
        ]
        opened = point_from_info(name, info, capture_args=True)
        finish(opened, stop, capture_args=True)
        assert {
            "osprofiler.function.args": "(1,)",
            "osprofiler.function.kwargs": "{}",
            "osprofiler.function.result": "7",
            "osprofiler.info.nested.a": 1,
            "osprofiler.info.more.b": 2,
        }.items() <= opened.translate()[1].items()


def test_hide_args_that_came_in_by_the_info_is_obeyed() -> None:
    info = {"hide_args": True, "function": {"name": "a.B.c", "args": "('secret',)"}}
    assert "secret" not in str(point_from_info("rpc", info, capture_args=True).translate())


def test_further_info_is_kept_flat_redacted_and_in_scalars_only() -> None:
    info = {
        "zone": "a",
        "password": "x",
        "n": 1,
        "f": 1.5,
        "on": False,
        "o": object(),
        "l": [1],
        7: 8,
        "host": "h",
    }
    attributes = point_from_info("driver", info).translate()[1]
    assert {key: value for key, value in attributes.items() if key.startswith("osprofiler.info.")} == {
        "osprofiler.info.zone": "a",
        "osprofiler.info.password": "REDACTED",
        "osprofiler.info.n": 1,
        "osprofiler.info.f": 1.5,
        "osprofiler.info.on": False,
    }


def test_the_stops_info_is_added_to_the_starts() -> None:
    point = point_from_info("driver", {"a": 1})
    assert finish(point, {"b": 2, "host": "h"}) is None
    name, attributes = point.translate()
    assert (attributes["osprofiler.info.a"], attributes["osprofiler.info.b"]) == (1, 2)
    assert to_osprofiler(name, 1, attributes)[1] == {"function": {"name": "driver"}, "a": 1, "b": 2}


def test_nested_info_comes_back_nested() -> None:
    info = {"function": {"name": "a"}, "x": {"y": 1, "z": "b"}}
    name, attributes = point_from_info("driver", info, capture_args=True).translate()
    assert to_osprofiler(name, 1, attributes)[1] == info


def test_what_the_caller_does_with_the_info_later_does_not_reach_the_span() -> None:
    for name, info, serving, _, _ in TABLE:
        if not isinstance(info, dict):
            continue
        mine = copy.deepcopy(info)
        mine["zone"] = "a"
        point = point_from_info(name, mine, capture_args=True, serving=serving)
        for part in list(mine.values()):
            if isinstance(part, dict):
                part.clear()
                part.update(name="secret", statement="secret", path="secret")
        mine["zone"] = "secret"
        mine["more"] = "secret"
        assert "secret" not in str(point.translate())


@pytest.mark.parametrize(
    ("stop", "failure"),
    [
        (None, None),
        ({}, None),
        (True, None),
        ({"etype": ""}, None),
        ({"etype": "KeyError", "message": "'a'"}, ("KeyError", "'a'")),
        ({"etype": "KeyError"}, ("KeyError", "")),
        ({"etype": "KeyError", "message": None}, ("KeyError", "")),
        ({"etype": KeyError, "message": {"a": 1}}, ("<class 'KeyError'>", "{'a': 1}")),
    ],
)
def test_a_failure_is_told_with_its_raw_message(stop: Any, failure: tuple[str, str] | None) -> None:
    point = point_from_info("driver", None)
    assert finish(point, stop) == failure
    assert point.translate()[1].get("error.type") == (failure and failure[0])


def test_a_message_that_cannot_be_printed_is_named_by_its_class() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert finish(point_from_info("a", None), {"etype": "E", "message": Broken()}) == ("E", "Broken")


def test_a_dict_that_another_thread_fills_meanwhile_does_no_harm() -> None:
    info: dict[str, Any] = {"function": {"name": "a.B.c"}}
    done = threading.Event()

    def fill() -> None:
        number = 0
        while not done.is_set():
            info[f"key{number % 1000}"] = number
            info.pop(f"key{(number + 500) % 1000}", None)
            number += 1

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        for _ in range(2000):
            point_from_info("driver", info, capture_args=True)
    finally:
        done.set()
        thread.join(10)
    assert not thread.is_alive()


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "request",
                    "db",
                    "requests",
                    "function",
                    "name",
                    "statement",
                    "path",
                    "port",
                    "etype",
                    "x",
                    7,
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
NAMES = st.sampled_from(["wsgi", "db", "http", "rpc", "driver", "a.rpc", ""]) | st.text(max_size=5)


@settings(deadline=None)
@given(NAMES, ODD, ODD, st.booleans(), st.booleans())
def test_any_name_and_info_make_a_span_and_a_point_again(
    name: str, info: Any, stop: Any, capture_args: bool, serving: bool
) -> None:
    point = point_from_info(name, info, capture_args=capture_args, serving=serving)
    finish(point, stop, capture_args=capture_args)
    kind = span_kind(name, info, serving)
    span, attributes = point.describe()
    assert span
    span, attributes = point.translate()
    assert all(isinstance(value, str | bool | int | float) for value in attributes.values())
    point_name, start, stopped = to_osprofiler(span, kind.value + 1, attributes)
    assert isinstance(point_name, str)
    assert isinstance(start, dict)
    assert isinstance(stopped, dict)
