"""The process's own pipeline: built once, from oslo.config or from the environment.

What is in force in the whole process begins with :func:`setup` and ends with :func:`shutdown`: the handle
here, keys and policy in :mod:`otel_bridge.gate`, what :mod:`otel_bridge.building` tells other modules, the
armed instrumentors in :mod:`otel_bridge.instrumentation.loading`. Beyond that modules only remember: what was
logged, what was imported. OpenTelemetry's globals stay untouched unless ``[otel_bridge] set_global`` is set.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from contextlib import suppress
from dataclasses import replace
from types import FrameType
from typing import Any

from otel_bridge import building, config, exits, gate, global_tracing
from otel_bridge.config.policy import service_names
from otel_bridge.handle import Handle, Stats
from otel_bridge.instrumentation import loading
from otel_bridge.log import LOG
from otel_bridge.reloading import KeysReloader, PolicyReloader
from otel_bridge.replacing import Replacements
from otel_bridge.settings import Settings
from otel_bridge.tracing.provider import TracerProvider

__all__ = ["Handle", "Stats", "get_tracer_provider", "setup", "shutdown", "stats"]


_lock = threading.RLock()
_handle: Handle | None = None
#: Whether the handle was made by setup(), and not on demand from the environment.
_set_up = False
#: Whether that was the distro of ``opentelemetry-instrument``.
_by_distro = False
#: Of :func:`setup`: what it has put in the place of the interpreter's own functions.
_replacements = Replacements()
#: Keeps the policy for unsigned requests as it is configured; None without oslo.config.
_policy: PolicyReloader | None = None


def setup(
    conf: Any = None,
    *,
    project: str | None = None,
    service: str | None = None,
    host: str | None = None,
    connection: str | None = None,
) -> Handle:
    """Switch tracing on in this process: read the settings, build the pipeline, instrument what is there.

    Call it once, where the service has read its configuration; before a fork is fine. Never raises: settings
    that are of no use are logged, each with the option's name, and leave the service untraced if it cannot be
    traced without. So does whatever goes wrong otherwise, in one line; a later call tries again then.

    Args:
        conf: an ``oslo_config.cfg.ConfigOpts``; the environment alone is read when None.
        project: ``nova``; becomes ``service.namespace``.
        service: ``nova-compute`` or ``compute``; becomes ``service.name``.
        host: becomes ``host.name``; the machine's name by default.
        connection: OSProfiler's connection string, where that is how the service has chosen us.

    Returns:
        The handle of this process. A second call gives the same one and changes nothing.
    """
    global _handle
    with _lock:
        if _handle is not None and _set_up:
            if _by_distro and conf is not None:
                LOG.warning(
                    "opentelemetry-instrument has set tracing up from the environment: the options of this"
                    " service, [profiler] and [otel_bridge], are not read"
                )
            return _handle
        try:
            return _set_up_from(conf, project=project, service=service, host=host, connection=connection)
        except Exception as error:
            return _give_up(error)


def _set_up_from(conf: Any, **who: str | None) -> Handle:
    global _handle
    if conf is None:
        settings = config.from_environ(os.environ, **who)
    else:
        settings = config.from_conf(conf, os.environ, **who)
    _report(settings)
    handle = _handle = building.build(settings, _shut_down)
    _be_set_up(handle)
    if settings.gate.enabled and not handle.unusable:
        _open_gate(settings, conf)
        if settings.set_global:
            global_tracing.install(handle.tracer_provider)
        _instrument(handle, conf)
        if settings.flush_on_sigterm:
            _flush_on_sigterm()
    else:
        gate.disable()
    return handle


def _give_up(error: Exception) -> Handle:
    """Undo what of :func:`setup` has been done, and leave the service untraced. Never raises."""
    global _handle
    with suppress(Exception):  # a log handler's
        # Without its text, which may quote what was configured.
        frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
        where = f"{type(error).__name__}, {frame.f_code.co_filename}:{line}"
        LOG.error("tracing could not be set up, so this service is not traced (%s)", where)
    if _set_up:
        with suppress(Exception):
            shutdown()
    gate.disable()
    _handle = building.build_untraced(_shut_down)
    return _handle


def _be_set_up(handle: Handle) -> None:
    """Note that the process has its handle, and have it flush wherever the process ends."""
    global _set_up, _replacements
    _set_up = True
    _replacements = Replacements()
    exits.install(handle.flush_and_stop, _replacements)


def _open_gate(settings: Settings, conf: Any) -> None:
    """Open the gate as configured, and have it follow what may change."""
    global _policy
    gate.enable(settings.gate.fixed_keys, strict=conf is not None)
    gate.decide(settings.gate.policy)
    gate.require_fresh(settings.gate.freshness_window)
    looks = []
    file = settings.gate.keys_file
    if file is not None:
        gate.use_file(file.keys)
        looks.append(KeysReloader(file).look)
    if conf is not None:
        _policy = PolicyReloader(conf, service_names(settings.resource))
        conf.register_mutate_hook(_policy.mutated)
        if _policy.files_decide:
            looks.append(_policy.look)
    gate.look_after(*looks)


def for_distro() -> Handle | None:
    """The handle of a process under ``opentelemetry-instrument``, built from the environment.

    Nothing is instrumented: that is the distro's to say.

    Returns:
        None where nothing can be traced. It has been logged why, and :func:`setup` may still be called.
    """
    global _handle, _by_distro
    with _lock:
        if _handle is not None and _set_up:
            return _handle
        settings = config.from_environ(os.environ)
        _report(settings)
        if not settings.gate.enabled:
            return None
        handle = building.build(settings, _shut_down)
        if handle.unusable:
            return None
        _handle = handle
        _be_set_up(handle)
        _by_distro = True
        _open_gate(settings, None)
        if settings.flush_on_sigterm:
            _flush_on_sigterm()
        return handle


def current() -> Handle | None:
    """The handle that :func:`setup` or the distro has made; None before, and after :func:`shutdown`."""
    return _handle if _set_up else None


def for_client(service: str, exit_timeout: float) -> Handle:
    """The handle of a program that begins traces itself: built from the environment, where there is none yet.

    The gate stays as it is, since a client serves nobody and may sign with any key. Nothing is instrumented.

    Args:
        service: becomes ``service.name``, unless the environment says otherwise.
        exit_timeout: seconds that the end of the program may wait for the last spans to leave.
    """
    global _handle
    with _lock:
        if _handle is None:
            settings = config.from_environ(os.environ, service=service, connection="otel:")
            _report(settings)
            settings = replace(settings, queue=replace(settings.queue, exit_timeout=exit_timeout))
            _handle = building.build(settings, _shut_down)
        return _handle


def _report(settings: Settings) -> None:
    for problem in settings.problems:
        (LOG.error if problem.fatal else LOG.warning)("%s", problem)


def get_tracer_provider() -> TracerProvider:
    """The provider of this process, built from the environment where :func:`setup` was not called."""
    global _handle
    handle = _handle
    if handle is None:
        with _lock:
            handle = _handle
            if handle is None:
                settings = config.from_environ(os.environ)
                for problem in settings.problems:
                    if not problem.option.startswith("OTEL_BRIDGE_HMAC"):  # who asks here needs no key
                        LOG.warning("%s", problem)
                handle = _handle = building.build(settings, _shut_down)
    return handle.tracer_provider


def stats() -> Stats:
    """What became of the spans of this process; all zeros before there was any."""
    handle = _handle
    return Stats(0, 0, 0, {}, gate.refused.value()) if handle is None else handle.stats()


def shutdown() -> None:
    """Shut the pipeline of this process down; :func:`setup` may be called again."""
    _shut_down(_handle)


def _shut_down(handle: Handle | None) -> None:
    global _handle, _set_up, _by_distro
    with _lock:
        if handle is None or handle is not _handle:  # its provider may be in use by the next one
            return
        _handle, _set_up, _by_distro = None, False, False
        loading.release_all()
        gate.disable()
        handle.tracer_provider.shutdown()
        _replacements.undo()
        if _policy is not None:
            _policy.stop()
        gate.reset()
        building.reset()


def _instrument(handle: Handle, conf: Any) -> None:
    """Instrument each library as soon as the service has imported it."""
    arguments = {
        "tracer_provider": handle.tracer_provider,
        "keys": handle.settings.gate.keys,
        "settings": handle.settings,
        "conf": conf,
    }
    for name in handle.settings.instrument:
        loading.arm(name, lambda: arguments)


def _flush_on_sigterm() -> None:
    """Flush when SIGTERM would end the process at once, where nobody has another plan for it.

    A service that handles SIGTERM itself keeps its handler: it ends by way of ``sys.exit``, which flushes.
    """
    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminated)
    except ValueError:  # only the main thread of the main interpreter may
        return


def _terminated(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_DFL)
    handle = _handle
    if handle is not None:
        handle.flush_and_stop()
    os.kill(os.getpid(), signum)
