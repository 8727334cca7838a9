"""Libraries that are instrumented when the service has imported them, which may be never."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from wrapt import register_post_import_hook

from otel_bridge.log import warn
from otel_bridge.tracing.failure import type_name


def when_imported(name: str, instrument: Callable[[ModuleType], None]) -> None:
    """Call ``instrument(module)`` as soon as the module has been imported; now, if it has been.

    What goes wrong in it is logged: the service is in the middle of an import, which has to succeed.
    """

    def imported(module: ModuleType) -> None:
        try:
            instrument(module)
        except Exception as exc:  # another make of the library, or one that is being imported just now
            warn(f"{name} cannot be instrumented: {type_name(type(exc))}")

    register_post_import_hook(imported, name)
