"""The thread that a span started on, where the operator wants to know (``[otel_bridge] capture_thread``)."""

from __future__ import annotations

import threading
from typing import Any, Final

THREAD_ID: Final = "thread.id"
THREAD_NAME: Final = "thread.name"

# Eventlet does not replace it: the same number for all greenlets of a native thread.
_native_id = threading.get_native_id


def note_thread(span: Any) -> None:
    """Set ``thread.id`` (the operating system's, of the native thread) and ``thread.name`` on a new span."""
    span.set_attribute(THREAD_ID, _native_id())
    try:
        # Looked up each time: eventlet may have replaced it since, and then it knows the greenlet's name.
        span.set_attribute(THREAD_NAME, threading.current_thread().name)
    except Exception:  # eventlet's goes a long way to find it
        return
