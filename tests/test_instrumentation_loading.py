"""instrumentation/loading.py: an instrumentor is switched on when its library is there."""

from __future__ import annotations

import logging
import sys
import types

import pytest

from otel_bridge.instrumentation import loading
from otel_bridge.settings import INSTRUMENTATIONS

CALLS: list[tuple[str, object]] = []


class Instrumentor:
    is_instrumented_by_opentelemetry = False
    broken = ""

    def instrument(self, **arguments: object) -> None:
        if self.broken == "instrument":
            raise RuntimeError("on purpose")
        CALLS.append(("instrument", arguments))
        type(self).is_instrumented_by_opentelemetry = True

    def uninstrument(self) -> None:
        if self.broken == "uninstrument":
            raise RuntimeError("on purpose")
        CALLS.append(("uninstrument", None))
        type(self).is_instrumented_by_opentelemetry = False


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library that can be imported, and an instrumentor of it by the name of "messaging"."""
    name = f"library_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    module = types.ModuleType("instrumentor_of_this_test")
    module.Instrumentor = type("Instrumentor", (Instrumentor,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(loading.INSTRUMENTORS, "messaging", (name, module.__name__, "Instrumentor"))
    CALLS.clear()
    yield name
    loading.release("messaging")
    sys.modules.pop(name, None)


ARGUMENTS = {"keys": 5}


def arguments() -> dict[str, object]:
    return ARGUMENTS


def test_the_table_has_what_the_option_may_name():
    assert tuple(loading.INSTRUMENTORS) == INSTRUMENTATIONS


def test_it_waits_for_the_library(library):
    loading.Deferred("messaging", arguments).arm()
    assert CALLS == []
    __import__(library)
    assert CALLS == [("instrument", ARGUMENTS)]


def test_a_library_that_is_there_is_instrumented_at_once(library):
    __import__(library)
    loading.Deferred("messaging", arguments).arm()
    assert CALLS == [("instrument", ARGUMENTS)]


def test_what_is_undone_before_the_import_is_never_done(library):
    deferred = loading.Deferred("messaging", arguments)
    deferred.arm()
    deferred.undo()
    __import__(library)
    assert CALLS == []


def test_undone_it_leaves_the_library_as_it_was(library):
    __import__(library)
    deferred = loading.Deferred("messaging", arguments)
    deferred.arm()
    deferred.undo()
    deferred.undo()
    assert [what for what, _ in CALLS] == ["instrument", "uninstrument"]


@pytest.mark.parametrize("broken", ["instrument", "uninstrument"])
def test_what_goes_wrong_is_told_and_does_not_reach_the_service(library, broken, monkeypatch, caplog):
    monkeypatch.setattr(sys.modules["instrumentor_of_this_test"].Instrumentor, "broken", broken)
    deferred = loading.Deferred("messaging", arguments)
    with caplog.at_level(logging.WARNING, "otel_bridge"):
        deferred.arm()
        __import__(library)
        deferred.undo()
    assert len(caplog.records) == 1


def test_what_entry_points_have_armed_is_released(library):
    loading.arm_by_entry_point("messaging", arguments)
    loading.release("messaging")
    loading.release("messaging")
    __import__(library)
    assert CALLS == []


def test_setup_takes_over_from_the_entry_points(library, monkeypatch):
    """A service's own setup() is stronger than what was found by name, and makes one span, not two."""
    import otel_bridge

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    loading.arm_by_entry_point("messaging", arguments)
    __import__(library)
    try:
        handle = otel_bridge.setup()
        assert [what for what, _ in CALLS] == ["instrument", "uninstrument", "instrument"]
        assert CALLS[-1][1]["tracer_provider"] is handle.tracer_provider  # type: ignore[index]
    finally:
        otel_bridge.shutdown()
    assert [what for what, _ in CALLS][3:] == ["uninstrument"]
