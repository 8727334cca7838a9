"""Makes the drivers known to a service that never imports us.

The wheel has a ``.pth`` line by which every interpreter of the environment imports this module when it
starts; to import it is to activate it. It imports nothing that is not there already, and does nothing until
``osprofiler`` is imported: then the classes of :mod:`otel_bridge.adopt.driver` stand beside OSProfiler's own,
which is all, unless a service's ``connection_string`` chooses one of them.

Where no ``.pth`` file is read (``python -S``, ``pip install --target``, a directory in ``PYTHONPATH``) one
``import otel_bridge.adopt.activate`` before the service's own imports does the same.

``OTEL_BRIDGE_ACTIVATE=0`` switches it off.
"""

# Annotations are quoted: ``from __future__ import annotations`` would import a module at every start.

import os
import sys
from _thread import get_ident  # what threading has, unpatched and without threading

TYPE_CHECKING = False  # typing's own would have typing imported
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Callback = Callable[[ModuleType], object]

#: Environment variable that switches the activation off.
SWITCH = "OTEL_BRIDGE_ACTIVATE"
_NO = ("0", "false", "no", "off")
#: Where a client sends its own spans; without one of these it sends none.
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

_OSPROFILER = "osprofiler.drivers.base"
_CLIENT = "osc_lib.shell"
_DRIVER = "otel_bridge.adopt.driver"

#: Module -> what to do right after it has been imported for the first time.
_waiting: "dict[str, list[Callback]]" = {}
#: Modules that are being executed by our loader, which will do it.
_executing: "set[str]" = set()
#: Modules that our finder is looking for, and the threads for which it does.
_finding: "set[tuple[str, int]]" = set()


class _Finder:
    """A meta-path finder: one dictionary look-up for each import of a module that it does not wait for."""

    @staticmethod
    def find_spec(name: str, path: "Any" = None, target: "Any" = None) -> "ModuleSpec | None":
        if name not in _waiting:
            return None
        here = (name, get_ident())
        if here in _finding:  # another finder, which asks all others as this one does
            return None
        _finding.add(here)
        try:
            spec = _find_elsewhere(name, path, target)
        finally:
            _finding.discard(here)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            loader: Any = _Loader(name, spec.loader)
            spec.loader = loader
        return spec


def _find_elsewhere(name: str, path: "Any", target: "Any") -> "ModuleSpec | None":
    for finder in tuple(sys.meta_path):
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = None if find is None else find(name, path, target)
        if spec is not None:
            return spec
    return None


class _Loader:
    """The module's own loader, with something to do afterwards. It leaves no trace on the module."""

    def __init__(self, name: str, loader: "Any") -> None:
        self._name = name
        self._loader = loader

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        made: ModuleType | None = self._loader.create_module(spec)
        _executing.add(self._name)
        return made

    def exec_module(self, module: "ModuleType") -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        try:
            self._loader.exec_module(module)
        finally:  # if it failed the next attempt comes here again
            _executing.discard(self._name)
        _call(_waiting.pop(self._name, []), self._name)


def _call(callbacks: "list[Callback]", name: str) -> None:
    """Call each of them once, whichever thread it is that comes by first."""
    while callbacks:
        try:
            callback = callbacks.pop(0)
        except IndexError:  # another thread
            return
        try:
            callback(sys.modules[name])
        except Exception as error:  # in the middle of an import of the service's, which has to succeed
            import logging

            logging.getLogger("otel_bridge").error(
                "%s is not adopted: %s: %s", name, type(error).__name__, error
            )


def after_import(name: str, callback: "Callback") -> None:
    """Call ``callback(module)`` once, as soon as the module has been imported; now, if it has been.

    A module that another thread is importing at this moment is waited for; one that this very thread is in
    the middle of importing, without our finder, counts as imported. Never raises: what goes wrong in the
    callback is logged.
    """
    callbacks = _waiting.setdefault(name, [])
    callbacks.append(callback)
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type, unused-ignore]
    if name in sys.modules and name not in _executing and _is_imported(name):
        # The list may be out of the dictionary already: then our loader has been there between the lines.
        _waiting.pop(name, None)
        _call(callbacks, name)


def _is_imported(name: str) -> bool:
    try:
        __import__(name)  # it is there, so this only waits for the thread that imports it
    except Exception:  # it did not succeed
        return False
    return True


def activate() -> bool:
    """Have the drivers registered when osprofiler is imported. Does nothing where it has been done.

    Returns:
        False if the environment variable switches it off.
    """
    if is_switched_off(os.environ):
        return False
    if not is_active():
        after_import(_OSPROFILER, _register_drivers)
        if any(os.environ.get(variable) for variable in _ENDPOINTS):
            after_import(_CLIENT, _adopt_shell)
    return True


def is_switched_off(environ: "Mapping[str, str]") -> bool:
    """Whether the environment says that this process is to be left alone."""
    return environ.get(SWITCH, "").strip().lower() in _NO


def deactivate() -> None:
    """Wait for nothing any more. Drivers that are registered stay so.

    The finder stays as well: to take it away while another thread walks along ``sys.meta_path`` would make
    that one miss a finder.
    """
    _waiting.clear()


def is_active() -> bool:
    """Whether the drivers are known to osprofiler, or will be when it is imported."""
    return _DRIVER in sys.modules or (_OSPROFILER in _waiting and _Finder in sys.meta_path)


def _register_drivers(_base: "ModuleType") -> None:
    import otel_bridge.adopt.driver  # noqa: F401 (osprofiler finds the subclasses of its Driver)


def _adopt_shell(shell: "ModuleType") -> None:
    from otel_bridge.adopt.client import adopt_shell

    adopt_shell(shell)


activate()
