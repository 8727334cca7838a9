"""``lab-file://``: a driver of plain OSProfiler's, which writes down what it is notified of."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from lab_recorder.writing import write

_drivers: list[type] = []  # osprofiler finds subclasses, and only those that somebody holds


def _register(base: ModuleType) -> None:
    class LabFile(base.Driver):
        @classmethod
        def get_name(cls) -> str:
            return "lab-file"

        def notify(self, info: dict[str, Any], **_: Any) -> None:
            write("notification", **{name: value for name, value in info.items() if name != "info"})

    _drivers.append(LabFile)


HOOKS: dict[str, Callable[[ModuleType], None]] = {"osprofiler.drivers.base": _register}
