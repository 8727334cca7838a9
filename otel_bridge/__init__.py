"""OSProfiler traces as OpenTelemetry spans.

The names below are loaded when first used, so that ``import otel_bridge`` costs next to nothing: every
interpreter of an environment does it when it starts (:mod:`otel_bridge.adopt.activate`).
"""

# For the same reason there is no ``from __future__ import annotations``, which imports a module, nor typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from otel_bridge.runtime import get_tracer_provider, setup, shutdown, stats
    from otel_bridge.version import __version__

__all__ = ["__version__", "get_tracer_provider", "setup", "shutdown", "stats"]


def __getattr__(name: str) -> "Any":
    if name == "__version__":
        from otel_bridge import version

        return version.__version__
    if name in __all__:
        from otel_bridge import runtime

        return getattr(runtime, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
