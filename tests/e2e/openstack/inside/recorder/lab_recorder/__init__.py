"""What a service is asked to trace, seen from outside of whatever traces it.

The tests compare spans with this record. It looks at the places where a service and its libraries call or are
called: functions given to OSProfiler's decorators, statements on the engines given to it, requests that are
sent, the application behind its middleware, messages and work items that begin and end. Which trace such a
*point* belongs to is told by the *unit of work* in which it lies, and that one by its own message or signed
header. Neither OSProfiler's profiler nor anything of otel_bridge is asked.

Each process appends JSON lines to a file of its own in the directory ``LAB_RECORD``:

- ``unit``: a message or WSGI request, with process, native thread, begin, end (nanoseconds) and ``base_id``;
- ``point``: one thing that OSProfiler is to record, with the same, its unit and the point around it;
- ``token``: one that Keystone gave out, ``notification``: what the driver ``lab-file://`` was notified of;
- ``stats``, ``modules``: at the end of the process, what became of its spans and what was imported of
  otel_bridge and OpenTelemetry; ``problem``: what this record cannot tell.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import sys
from typing import NoReturn

from lab_recorder import drivers, imports, osprofiler, units
from lab_recorder.writing import write


def install() -> None:
    """Have the modules recorded that are about to be imported."""
    # Before all others, so that it runs after them.
    atexit.register(_stats)
    os._exit = _leave
    for where in (units, osprofiler, drivers):
        for name, callback in where.HOOKS.items():
            imports.after(name, callback)


_exit = os._exit


def _leave(status: int) -> NoReturn:
    """``os._exit``, by which workers end."""
    _stats()
    _exit(status)


def _stats() -> None:
    names = sorted(name for name in sys.modules if name.partition(".")[0] in ("otel_bridge", "opentelemetry"))
    write("modules", modules=names)
    package = sys.modules.get("otel_bridge")
    if package is not None and "otel_bridge.runtime" in sys.modules:
        write("stats", **dataclasses.asdict(package.stats()))
