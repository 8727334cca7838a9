"""OSProfiler traces as OpenTelemetry spans.

The names below are loaded when first used, so that ``import otel_bridge`` costs next to nothing in a
service that never traces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_bridge.version import __version__

if TYPE_CHECKING:
    from otel_bridge.runtime import get_tracer_provider, setup, shutdown, stats

__all__ = ["__version__", "get_tracer_provider", "setup", "shutdown", "stats"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from otel_bridge import runtime

        return getattr(runtime, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
