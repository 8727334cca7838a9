"""Adopts osprofiler's core: from then on it works on :mod:`otel_bridge.profiler` and our gate.

One implementation, one context, one hot path: OSProfiler's points and native OpenTelemetry spans nest in
each other. It happens in place, since services hold the modules: ``profiler.get()`` in a service is ours as
soon as the attribute of the module is. Where no driver of ours is chosen, nothing of osprofiler is touched.
"""

from __future__ import annotations

import threading
from typing import Any

from otel_bridge import profiler, runtime
from otel_bridge.adopt import boundaries, queries, requests, web, wrappers
from otel_bridge.log import LOG
from otel_bridge.replacing import Replacements
from otel_bridge.settings import GateSettings

#: What of ``osprofiler.profiler`` is replaced. Its ``trace_cls`` and ``TracedMeta`` call ``trace``, which is.
_CORE = ("init", "get", "clean", "start", "stop", "trace", "Trace", "_Profiler")

_lock = threading.Lock()
_replacements: Replacements | None = None


def adopt_service(
    connection: str,
    conf: Any = None,
    *,
    project: str | None = None,
    service: str | None = None,
    host: str | None = None,
) -> runtime.Handle:
    """Set this process up as the service was configured, and adopt osprofiler.

    Args:
        connection: ``[profiler] connection_string``.
        conf: the service's ``ConfigOpts``, if it gave one.
        project: ``nova``.
        service: ``nova-compute``.
        host: name of the host as the service knows it.

    Returns:
        The handle of the process. Settings with which nothing can be traced are logged; osprofiler is adopted
        all the same, since the service has chosen it, and costs next to nothing then.
    """
    handle = runtime.setup(conf, project=project, service=service, host=host, connection=connection)
    if adopt(handle):
        traces = handle.settings.gate.enabled and not handle.unusable
        LOG.info(
            "osprofiler works on otel_bridge: spans of %s go to %s",
            handle.settings.resource.get("service.name"),
            handle.settings.export.target if traces else "nowhere",
        )
    return handle


def adopt(handle: runtime.Handle | None = None) -> bool:
    """Adopt osprofiler in this process.

    Args:
        handle: what :func:`otel_bridge.setup` gave; None in a client, which serves nothing.

    Returns:
        False if it was adopted already; nothing is changed then.
    """
    global _replacements
    with _lock:
        if _replacements is not None:
            return False
        _replacements = _adopt(handle)
        return True


def release() -> None:
    """Leave osprofiler as it was found, but for engines, which stay traced, and two names of ours."""
    global _replacements
    with _lock:
        found, _replacements = _replacements, None
        if found is not None:
            found.undo()


def _adopt(handle: runtime.Handle | None) -> Replacements:
    replacements = Replacements()
    try:
        _replace(handle, replacements)
    except BaseException:  # half adopted would be worse than either
        replacements.undo()
        raise
    return replacements


def _replace(handle: runtime.Handle | None, replacements: Replacements) -> None:
    import osprofiler.profiler
    import osprofiler.sqlalchemy
    import osprofiler.web

    try:
        import osprofiler.requests
    except ImportError:  # osprofiler 4.0 has none
        sends = False
    else:
        sends = True

    upstream = osprofiler.profiler
    trace = upstream.trace
    for name in _CORE:
        replacements.replace(upstream, name, getattr(profiler, name))
    # Now that no other thread can decorate in upstream's way.
    healed = wrappers.heal(upstream, trace, replacements)
    if healed < 0 and handle is not None:
        LOG.warning(
            "this osprofiler decorates functions in a way that otel_bridge does not know: those decorated so"
            " far cost more, and their arguments may be another call's"
        )
    else:
        LOG.debug("%d functions that osprofiler decorated work on otel_bridge", healed)
    if handle is None:
        web.adopt(osprofiler.web, None, None, replacements)
        return
    from otel_bridge.instrumentation.connection_pools import (
        guard,  # which a client, soon over, does not wait for
    )

    provider = handle.tracer_provider
    # Without an exporter the gate was not opened; upstream's enable(), called later, is not to open it.
    settings = GateSettings() if handle.unusable else handle.settings.gate
    web.adopt(osprofiler.web, settings, provider, replacements)
    queries.adopt(osprofiler.sqlalchemy, provider, replacements, handle.settings.capture)
    # What signs a request, in osprofiler and in keystoneauth1, does not know where it goes in the end.
    guard(handle.settings, replacements)
    if sends:
        requests.adopt(osprofiler.requests, provider, replacements)
    boundaries.install(replacements)
