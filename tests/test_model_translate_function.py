"""translate.function: functions and everything else with a name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.translate import FunctionCall, finish, point_from_info, to_osprofiler
from otel_bridge.model.translate.function import function_name
from otel_bridge.model.translate.point import DETAIL_LIMIT

INTERNAL = 1
FUNCTION = "nova.compute.manager.ComputeManager.reboot_instance"


@pytest.mark.parametrize(
    ("qualified", "parts"),
    [
        (FUNCTION, ("ComputeManager.reboot_instance", "ComputeManager", "reboot_instance")),
        ("a._Private.run", ("_Private.run", "_Private", "run")),
        ("Driver.plug", ("Driver.plug", "Driver", "plug")),
        ("heat.engine.stack.create", (None, None, "create")),
        ("create", (None, None, "create")),
        # a class whose name says nothing is told by its module
        ("nova.compute.api.API.create", ("compute.API.create", "API", "create")),
        ("nova.volume.cinder.API.get", ("cinder.API.get", "API", "get")),
        ("keystone.identity.core.Manager.get", ("identity.Manager.get", "Manager", "get")),
        ("nova.network.neutron.ClientWrapper.proxy", ("ClientWrapper.proxy", "ClientWrapper", "proxy")),
        ("api.API.create", ("API.create", "API", "create")),
        ("API.create", ("API.create", "API", "create")),
        # what is inside a function
        ("x.expected_exceptions.<locals>.outer.<locals>.inner", (None, None, None)),
        ("x.make.<locals>.Driver2.plug", ("Driver2.plug", "Driver2", "plug")),
        ("x.Agent2.sync.<locals>.once", ("Agent2.sync.once", "Agent2", None)),
        ("x.Agent2.sync.<locals>.a.<locals>.b", ("Agent2.sync.b", "Agent2", None)),
        ("x.run.<locals>.<lambda>", (None, None, None)),
        (".<locals>.", (None, None, None)),
        ("", (None, None, "")),
        ("...", (None, None, "")),
    ],
)
def test_a_function_name_is_taken_apart(qualified: str, parts: tuple[str | None, ...]) -> None:
    assert tuple(function_name(qualified)) == parts


@pytest.mark.parametrize(
    ("slots", "name", "expected"),
    [
        (
            {"name": "driver", "function": FUNCTION},
            "ComputeManager.reboot_instance",
            {"code.function.name": FUNCTION},
        ),
        (
            {"name": "create_stack", "function": "heat.x.create"},
            "create_stack",
            {"code.function.name": "heat.x.create"},
        ),
        ({"name": "l3-agent"}, "l3-agent", {}),
        ({}, "function", {}),
        (
            {"name": "a", "args": "(1,)", "kwargs": "{'admin_pass': 'x'}", "result": "token=y"},
            "a",
            {
                "osprofiler.function.args": "(1,)",
                "osprofiler.function.kwargs": "{'admin_pass': REDACTED}",
                "osprofiler.function.result": "token=REDACTED",
            },
        ),
    ],
)
def test_functions(slots: dict[str, Any], name: str, expected: dict[str, Any]) -> None:
    assert FunctionCall(**slots).translate() == (name, expected)


@pytest.mark.parametrize("function", [FUNCTION, "heat.engine.stack.create"])
def test_the_point_of_osprofiler_comes_back_as_it_was(function: str) -> None:
    info = {
        "function": {"name": function, "args": "(1,)", "kwargs": "{}"},
        "zone": "a",
        "count": 2,
        "on": True,
    }
    point = point_from_info("vif_driver", info, capture_args=True)
    finish(point, {"function": {"result": "None"}}, capture_args=True)
    name, attributes = point.translate()
    assert to_osprofiler(name, INTERNAL, attributes) == ("vif_driver", info, {"function": {"result": "None"}})


def test_a_point_without_a_function_gets_one_where_osprofilers_readers_look_for_it() -> None:
    name, attributes = point_from_info("driver", None).translate()
    assert to_osprofiler(name, INTERNAL, attributes) == ("driver", {"function": {"name": "driver"}}, {})
    name, attributes = point_from_info("vif_driver", {"port": 7}).translate()
    assert to_osprofiler(name, INTERNAL, attributes) == ("vif_driver", {"port": 7}, {})


def test_a_span_of_somebody_else_reads_as_a_point_of_its_name() -> None:
    assert to_osprofiler("build image", INTERNAL, {"a": 1}) == (
        "build image",
        {"function": {"name": "build image"}},
        {},
    )


@pytest.mark.parametrize("name", ["wsgi", "rpc", "driver", "driver-start", "wsgi-x", "rpc-"])
def test_a_span_of_somebody_else_is_no_point_in_which_readers_look_for_more(name: str) -> None:
    """They know points by the name up to its first dash, and stop at a KeyError."""
    point, info, _stop = to_osprofiler(name, INTERNAL, {})
    assert point == f"function.{name}"
    assert info == {"function": {"name": name}}
    assert to_osprofiler(f"a {name}", INTERNAL, {})[0] == f"a {name}"


def test_arguments_are_cut_visibly() -> None:
    shown = FunctionCall(name="a", args="x" * (DETAIL_LIMIT + 1)).translate()[1]["osprofiler.function.args"]
    assert len(shown) <= DETAIL_LIMIT
    assert shown.endswith(f"...[{DETAIL_LIMIT + 1} characters]")


@settings(deadline=None)
@given(st.text())
def test_any_function_name_is_taken(qualified: str) -> None:
    short = function_name(qualified).short
    assert short is None or len(short) <= 255
