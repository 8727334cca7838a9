"""OSProfiler traces as OpenTelemetry spans.

The names below are loaded when first used, so that ``import otel_bridge`` costs next to nothing: every
interpreter of an environment does it when it starts (:mod:`otel_bridge.adopt.activate`).
"""

from __future__ import annotations

from otel_bridge.version import __version__

TYPE_CHECKING = False  # typing's own would have typing imported
if TYPE_CHECKING:
    from typing import Any

    from otel_bridge.runtime import get_tracer_provider, setup, shutdown, stats

__all__ = ["__version__", "get_tracer_provider", "setup", "shutdown", "stats"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from otel_bridge import runtime

        return getattr(runtime, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
