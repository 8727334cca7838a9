"""Two instrumentations of one library: the other one's spans stay, ours stand back, the operator is told."""

from __future__ import annotations

import sys

from otel_bridge.log import LOG

_told: set[str] = set()


def instrumented_by(module: str, cls: str) -> bool:
    """Whether an instrumentor of another package is at work in this process. Imports nothing, never raises.

    Args:
        module: ``opentelemetry.instrumentation.requests``.
        cls: name of its ``BaseInstrumentor``: ``RequestsInstrumentor``.
    """
    found = getattr(sys.modules.get(module), cls, None)
    if found is None:
        return False
    try:
        return bool(found().is_instrumented_by_opentelemetry)  # one instance for each class
    except Exception:  # not the class that we know
        return False


def stand_back(library: str, other: str) -> None:
    """Tell once for each library that the spans of ``other``, a distribution's name, stand for ours."""
    if library not in _told:
        _told.add(library)
        LOG.warning(
            "%s is instrumented by %s, too: its spans are used and otel_bridge makes none of its own; leave "
            "one of the two out ([otel_bridge] instrument, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS)",
            library,
            other,
        )
