"""Functions that are called with a module right after it has been imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Callback = Callable[[ModuleType], None]

_waiting: dict[str, Callback] = {}


def after(name: str, callback: Callback) -> None:
    """Call ``callback(module)`` once ``name`` is imported; now if it is."""
    if name in sys.modules:
        callback(sys.modules[name])
        return
    _waiting[name] = callback
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


class _Finder:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        # Taken out first: other finders of this kind ask all finders again, this one, too.
        callback = _waiting.pop(name, None)
        if callback is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is _Finder else finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = _Loader(spec.loader, callback)
                return spec
        return None


class _Loader:
    def __init__(self, loader: Any, callback: Callback) -> None:
        self._loader, self._callback = loader, callback

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._callback(module)
