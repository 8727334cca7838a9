"""Makes the drivers known to a service that never imports us.

The wheel has a ``.pth`` line by which every interpreter of the environment imports this module when it starts;
to import it is to activate it. It imports nothing that is not there already, and does nothing until
``osprofiler`` is imported: then the classes of :mod:`otel_bridge.adopt.driver` stand beside OSProfiler's own,
which is all, unless a service's ``connection_string`` chooses one of them.

Where no ``.pth`` file is read (``python -S``, ``pip install --target``, a directory in ``PYTHONPATH``) one
``import otel_bridge.adopt.activate`` before the service's own imports does the same.

``OTEL_BRIDGE_ACTIVATE=0`` switches it off.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing's own would have typing imported
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Callback = Callable[[ModuleType], object]

#: Environment variable that switches the activation off.
SWITCH = "OTEL_BRIDGE_ACTIVATE"
_NO = ("0", "false", "no", "off")
#: Where a client sends its own spans; without one of these it sends none.
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

#: Module -> what to do right after it has been imported for the first time.
_waiting: dict[str, list[Callback]] = {}


class _Finder:
    """A meta-path finder: one dictionary look-up for each import, until what it waits for is there."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _waiting:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if find is None or finder is _Finder:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    loader: Any = _Loader(spec.loader)
                    spec.loader = loader
                return spec
        return None


class _Loader:
    """The module's own loader, with something to do afterwards. It leaves no trace on the module."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for callback in _waiting.pop(module.__name__, ()):
            _call(callback, module)


def _call(callback: Callback, module: ModuleType) -> None:
    """Callbacks run in the middle of an import of the service, which has to succeed."""
    try:
        callback(module)
    except Exception as error:
        import logging

        logging.getLogger("otel_bridge").error(
            "%s is not adopted: %s: %s", module.__name__, type(error).__name__, error
        )


def after_import(name: str, callback: Callback) -> None:
    """Call ``callback(module)`` as soon as the module has been imported; now, if it has been.

    Never raises: what goes wrong in the callback is logged.
    """
    module = sys.modules.get(name)
    if module is not None and not _being_imported(module):
        _call(callback, module)
        return
    _waiting.setdefault(name, []).append(callback)
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type, unused-ignore]


def _being_imported(module: ModuleType) -> bool:
    """Whether the module is imported by our finder at this very moment, so that its loader will call."""
    return module.__name__ in _waiting


def activate() -> bool:
    """Have the drivers registered when osprofiler is imported. Does nothing where it has been done.

    Returns:
        False if the environment variable switches it off.
    """
    if os.environ.get(SWITCH, "").strip().lower() in _NO:
        return False
    if not is_active():
        after_import("osprofiler.drivers.base", _register_drivers)
        if any(os.environ.get(variable) for variable in _ENDPOINTS):
            after_import("osc_lib.shell", _adopt_shell)
    return True


def deactivate() -> None:
    """Wait for nothing any more. Drivers that are registered stay so."""
    _waiting.clear()
    if _Finder in sys.meta_path:
        sys.meta_path.remove(_Finder)  # type: ignore[arg-type, unused-ignore]


def is_active() -> bool:
    """Whether the drivers are known to osprofiler, or will be when it is imported."""
    return "otel_bridge.adopt.driver" in sys.modules or "osprofiler.drivers.base" in _waiting


def _register_drivers(_base: ModuleType) -> None:
    import otel_bridge.adopt.driver  # noqa: F401 (osprofiler finds the subclasses of its Driver)


def _adopt_shell(shell: ModuleType) -> None:
    from otel_bridge.adopt.client import adopt_shell

    adopt_shell(shell)


activate()
