"""Thread pools of each kind that services use, and what work sees of the context in their threads."""

from __future__ import annotations

import concurrent.futures
import warnings
from collections.abc import Callable
from typing import Any

from opentelemetry import context as context_api

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, which futurist imports
    import futurist

#: How long a test waits for work, in seconds.
PATIENCE = 20.0
EXECUTORS: dict[str, Callable[[], Any]] = {
    "concurrent.futures": lambda: concurrent.futures.ThreadPoolExecutor(1),
    "futurist.ThreadPoolExecutor": lambda: futurist.ThreadPoolExecutor(1),
    "futurist.DynamicThreadPoolExecutor": lambda: futurist.DynamicThreadPoolExecutor(max_workers=2),
    "futurist.SynchronousExecutor": lambda: futurist.SynchronousExecutor(),
}


def state():
    """What the current context holds."""
    return dict(context_api.get_current())


def submit(pool, function, *arguments, **named):
    """The result of work in a pool."""
    return pool.submit(function, *arguments, **named).result(PATIENCE)
