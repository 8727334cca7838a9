"""Where ``serve`` listens and stores, and therefore where the reading commands look."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
#: OTLP over HTTP, as the OpenTelemetry specification assigns it.
OTLP_PORT: Final = 4318
VIEWER_PORT: Final = 16687


def database(environ: Mapping[str, str] = os.environ) -> Path:
    """The database file of ``serve`` where ``--db`` names none, by the XDG base directories."""
    state = environ.get("XDG_STATE_HOME", "")
    # A relative XDG directory is invalid and to be ignored, says their specification.
    root = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return root / "otel_bridge" / "traces.sqlite"
