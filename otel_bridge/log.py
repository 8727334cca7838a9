"""What we tell the operator at run time: few lines, never a secret, never from the export thread."""

from __future__ import annotations

import logging
from time import monotonic

LOG = logging.getLogger("otel_bridge")

#: Seconds between two lines that say the same.
INTERVAL = 60.0

_MAX_REMEMBERED = 256
_last: dict[str, float] = {}


def warn(message: str) -> None:
    """Log a warning, at most one per :data:`INTERVAL` for the same text. Never raises."""
    now = monotonic()
    if now - _last.get(message, -INTERVAL) < INTERVAL:
        return
    if len(_last) >= _MAX_REMEMBERED:
        _last.clear()
    _last[message] = now
    try:
        LOG.warning("%s", message)
    except Exception:  # a broken log handler must not reach the service through us
        return
