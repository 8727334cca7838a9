"""The last spans of a worker that ends by ``os._exit``.

Workers of oslo.service and of cotyledon, and children of multiprocessing, end that way, past every exit hook:
what they recorded in the last fraction of a second would be lost at each restart of a service.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import NoReturn

from otel_bridge.replacing import Replacements


def install(flush: Callable[[], object], replacements: Replacements) -> None:
    """Have ``os._exit`` call this first.

    Args:
        flush: returns in time, at once where there is nothing to send, and logs nothing: the exit may come
            from a signal handler.
        replacements: undoes it.
    """
    leave = os._exit

    @functools.wraps(leave)
    def _exit(status: int) -> NoReturn:
        try:
            flush()
        except Exception:  # noqa: S110  # the process ends, whatever we do
            pass
        finally:
            leave(status)

    replacements.replace(os, "_exit", _exit)
