"""instrumentation/loading.py: an instrumentor is switched on when its library is there."""

from __future__ import annotations

import json
import logging
import sys
import types
from pkgutil import iter_modules

import pytest
from adopting import run

from otel_bridge import instrumentation
from otel_bridge.instrumentation import loading
from otel_bridge.instrumentation.loading import INSTRUMENTORS
from otel_bridge.settings import INSTRUMENTATIONS

CALLS: list[tuple[str, object]] = []
#: Those of our modules that import their library.
LIBRARIES = {
    module: library for library, module, _ in INSTRUMENTORS.values() if library not in sys.stdlib_module_names
}


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


def test_what_was_armed_is_released(library):
    loading.arm("messaging", arguments)
    loading.release("messaging")
    loading.release("messaging")
    __import__(library)
    assert CALLS == []


def test_who_comes_later_has_the_say(library):
    __import__(library)
    loading.arm("messaging", arguments)
    loading.arm("messaging", lambda: {"keys": 6})
    assert CALLS == [("instrument", ARGUMENTS), ("uninstrument", None), ("instrument", {"keys": 6})]


def test_all_is_released_the_last_first(monkeypatch):
    undone: list[str] = []
    monkeypatch.setattr(loading.Deferred, "arm", lambda self: None)
    monkeypatch.setattr(loading.Deferred, "undo", lambda self: undone.append(self.name))
    for name in ("logs", "threads", "httpx"):
        loading.arm(name, arguments)
    loading.release_all()
    loading.release_all()
    assert undone == ["httpx", "threads", "logs"]


def test_the_end_of_the_distros_process_undoes_what_entry_points_have_armed(library, monkeypatch):
    from otel_bridge import runtime

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    handle = runtime.for_distro()
    assert handle is not None
    __import__(library)
    loading.arm("messaging", arguments)
    handle.shutdown()
    assert [what for what, _ in CALLS] == ["instrument", "uninstrument"]


def test_setup_takes_over_from_the_entry_points(library, monkeypatch):
    """A service's own setup() is stronger than what was found by name, and makes one span, not two."""
    import otel_bridge

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    loading.arm("messaging", arguments)
    __import__(library)
    try:
        handle = otel_bridge.setup()
        assert [what for what, _ in CALLS] == ["instrument", "uninstrument", "instrument"]
        assert CALLS[-1][1]["tracer_provider"] is handle.tracer_provider  # type: ignore[index]
    finally:
        otel_bridge.shutdown()
    assert [what for what, _ in CALLS][3:] == ["uninstrument"]


@pytest.mark.parametrize(
    ("module", "cls"), [INSTRUMENTORS[name][1:] for name in ("messaging", "sqlalchemy", "httpx")]
)
@pytest.mark.parametrize("imported", ["our module", "the library"])
def test_it_does_not_matter_who_imports_the_library(module, cls, imported):
    """It may be our own module, which is not complete then."""
    pytest.importorskip(LIBRARIES[module])
    found = run(
        """
        import importlib, json, logging, sys, warnings
        warnings.simplefilter("ignore")
        logging.basicConfig()
        import otel_bridge
        otel_bridge.setup()
        module, cls, library, first = sys.argv[1:]
        before = library in sys.modules
        importlib.import_module(module if first == "our module" else library)
        instrumentor = getattr(sys.modules[module], cls)()
        on = instrumentor.is_instrumented_by_opentelemetry
        otel_bridge.shutdown()
        print(json.dumps([before, on, instrumentor.is_instrumented_by_opentelemetry]))
        """,
        *(module, cls, LIBRARIES[module], imported),
        activate=False,
        OTEL_TRACES_EXPORTER="none",
        OTEL_BRIDGE_HMAC_KEYS="key",
    )
    assert found == [False, True, False]


def test_no_other_module_of_ours_imports_a_library():
    """It would be what has the instrumentor's module imported that it is itself a part of."""
    of_libraries = {module for _, module, _ in INSTRUMENTORS.values()} & set(LIBRARIES)
    modules = [f"{instrumentation.__name__}.{found.name}" for found in iter_modules(instrumentation.__path__)]
    found = run(
        """
        import importlib, json, sys
        for module in json.loads(sys.argv[1]):
            importlib.import_module(module)
        print(json.dumps([name for name in json.loads(sys.argv[2]) if name in sys.modules]))
        """,
        json.dumps(sorted(set(modules) - of_libraries)),
        json.dumps(list(LIBRARIES.values())),
        activate=False,
    )
    assert found == []
