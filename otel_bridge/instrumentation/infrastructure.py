"""Threads and loops that serve the whole process, whoever happens to start them.

A request that is the first to need a connection starts the thread which reads its replies; as a part of that
request's trace the thread would put into it whatever it does for the others, for as long as the process
lives. They are told apart by the module of what they run.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any, Final

#: Distributions and modules of the standard library whose threads outlive the work that needs them: pool
#: workers, readers of replies, heartbeats, loops, exporters, servers.
_OWNERS: Final = frozenset(
    {
        "amqp",
        "apscheduler",
        "cheroot",
        "concurrent",
        "confluent_kafka",
        "cotyledon",
        "ddtrace",
        "etcd3gw",
        "eventlet",
        "futurist",
        "gevent",
        "grpc",
        "gunicorn",
        "kafka",
        "kazoo",
        "kombu",
        "logging",
        "multiprocessing",
        "opentelemetry",
        "os_ken",
        "oslo_log",
        "oslo_messaging",
        "oslo_metrics",
        "oslo_privsep",
        "osprofiler",
        "otel_bridge",
        "ovs",
        "ovsdbapp",
        "paramiko",
        "pika",
        "prometheus_client",
        "proton",
        "psycopg_pool",
        "pymongo",
        "pyroute2",
        "redis",
        "sentry_sdk",
        "socketserver",
        "statsd",
        "systemd",
        "tooz",
        "waitress",
        "watchdog",
        "werkzeug",
        "wsgiref",
        "zmq",
    }
)
#: What runs again and again, or serves others, although it is handed to a pool or a greenlet like any work.
_LOOPS: Final = (
    "oslo_service.",
    "futurist.",
    "cotyledon.",
    "eventlet.tpool",
    "eventlet.wsgi",
    "eventlet.backdoor",
    "eventlet.green.",  # threads of a patched process; it is decided where they are started
)
_GREEN_POOL: Final = "eventlet.greenpool"
#: Modules below these in which a service's own work is wrapped.
_WORK: Final = ("oslo_service.backend._threading.threadgroup",)


def is_loop(function: Any, args: Sequence[Any] = ()) -> bool:
    """Whether what is handed on is a library's loop and no work of a request. Never raises.

    Args:
        function: what is handed on.
        args: what it is called with, as far as it is known: eventlet's pools spawn a method of their own,
            and the function is its first argument.
    """
    module = _module(function)
    if module == _GREEN_POOL and args:
        module = _module(args[0])
    return _runs_loops(module)


def is_infrastructure(thread: threading.Thread) -> bool:
    """Whether a thread that is about to start serves more than the work which starts it. Never raises."""
    modules = [_module(type(thread))]
    for cls in type(thread).__mro__:
        if cls is threading.Timer:
            modules.append(_module(getattr(thread, "function", None)))
        elif cls is threading.Thread:
            modules.append(_module(getattr(thread, "_target", None)))
        elif "run" in cls.__dict__:
            modules.append(cls.__module__)
        else:
            continue
        break  # that is the one whose ``run`` counts
    return any(module.partition(".")[0] in _OWNERS or _runs_loops(module) for module in modules)


@functools.lru_cache(maxsize=512)  # asked for all work that is handed on; the modules of a service are few
def _runs_loops(module: str) -> bool:
    return module.startswith(_LOOPS) and module not in _WORK


def _module(function: Any) -> str:
    try:
        while isinstance(function, functools.partial):
            function = function.func
        module = getattr(function, "__module__", None)
    except Exception:  # an object whose attributes are somewhere else
        return ""
    return module if isinstance(module, str) else ""
