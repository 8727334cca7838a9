"""The last spans of a worker that ends by ``os._exit``.

Workers of oslo.service and of cotyledon, and children of multiprocessing, end that way, past every exit hook:
what they recorded in the last fraction of a second would be lost at each restart of a service.
"""

from __future__ import annotations

import functools
import os
from typing import NoReturn

from otel_bridge.replacing import Replacements
from otel_bridge.runtime import Handle


def install(handle: Handle, replacements: Replacements) -> None:
    """Have ``os._exit`` flush first, within ``[otel_bridge] exit_timeout``; at once if there is nothing."""
    leave = os._exit

    @functools.wraps(leave)
    def _exit(status: int) -> NoReturn:
        try:
            handle.flush_and_stop()
        except Exception:  # noqa: S110  # the process ends, whatever we do
            pass
        finally:
            leave(status)

    replacements.replace(os, "_exit", _exit)
