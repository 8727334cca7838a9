"""The process's own pipeline: built once, from oslo.config or from the environment.

This module and :mod:`otel_bridge.gate` hold all the global state that there is. OpenTelemetry's globals
are not touched unless ``[otel_bridge] set_global`` says so.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from types import FrameType
from typing import Any

from opentelemetry.sdk.resources import Resource

from otel_bridge import config, exits, gate, global_tracing, profiler_points, propagator, resource
from otel_bridge.config.policy import service_names
from otel_bridge.export.exporters import DiscardingExporter, make_exporter
from otel_bridge.export.pipeline import Pipeline
from otel_bridge.handle import Handle, Stats
from otel_bridge.instrumentation import loading
from otel_bridge.log import LOG
from otel_bridge.model.redaction import hide_further
from otel_bridge.reloading import KeysReloader, PolicyReloader
from otel_bridge.replacing import Replacements
from otel_bridge.settings import Settings
from otel_bridge.tracing import propagation
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.tracing.values import Limits

__all__ = ["Handle", "Stats", "get_tracer_provider", "setup", "shutdown", "stats"]


_lock = threading.RLock()
_handle: Handle | None = None
#: Outlives its handle: who holds a tracer of it goes on with the next :func:`setup`.
_provider: TracerProvider | None = None
#: Whether the handle was made by setup(), and not on demand from the environment.
_set_up = False
#: Whether that was the distro of ``opentelemetry-instrument``.
_by_distro = False
_instrumentors: list[loading.Deferred] = []
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

    Call it once, where the service has read its configuration; before a fork is fine. Bad settings are
    logged, each with the option's name, and leave the service untraced; they never raise.

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
        who: dict[str, Any] = {"project": project, "service": service, "host": host, "connection": connection}
        if conf is None:
            settings = config.from_environ(os.environ, **who)
        else:
            settings = config.from_conf(conf, os.environ, **who)
        _report(settings)
        _handle = _build(settings)
        _be_set_up(_handle)
        if settings.gate.enabled and not _handle.unusable:
            _open_gate(settings, conf)
            if settings.set_global:
                global_tracing.install(_handle.tracer_provider)
            _instrument(_handle, conf)
            if settings.flush_on_sigterm:
                _flush_on_sigterm()
        else:
            gate.disable()
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
        if _policy.has_files:
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
        handle = _build(settings)
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
            _handle = _build(replace(settings, queue=replace(settings.queue, exit_timeout=exit_timeout)))
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
                handle = _handle = _build(settings)
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
        _uninstrument()
        gate.disable()
        handle.tracer_provider.shutdown()
        _replacements.undo()
        if _policy is not None:
            _policy.stop()
        gate.reset()
        propagation.stamping(False)
        propagator.restrict(None)
        profiler_points.capture(False)
        hide_further(())


def _build(settings: Settings) -> Handle:
    """A handle for ``settings``; a provider that is in use already is kept and given the new pipeline."""
    global _provider
    hide_further(settings.redact_keys)  # first: an encoder remembers what it has asked about a name
    profiler_points.capture(settings.capture.args)
    propagation.stamping(settings.gate.stamps)
    propagator.restrict(settings.propagate_to)
    notices: list[str] = []
    queue = settings.queue
    unusable = False
    try:
        exporter = make_exporter(settings)
    except (ImportError, OSError, ValueError) as exc:
        LOG.error("[otel_bridge] %s; nothing is traced", exc)
        exporter, unusable = DiscardingExporter(), True
    except Exception as exc:  # of a stock exporter; what it says may be anything
        LOG.error("[otel_bridge] the exporter cannot be made: %s; nothing is traced", type(exc).__name__)
        exporter, unusable = DiscardingExporter(), True
    pipeline = Pipeline(
        exporter,
        capacity=queue.max_queue_size,
        batch=queue.max_export_batch_size,
        interval=queue.schedule_delay,
        exit_timeout=queue.exit_timeout,
        notices=notices,
    )
    bounds = settings.limits
    limits = Limits(bounds.attribute_count, bounds.attribute_length, bounds.event_count, bounds.link_count)

    def make_resource() -> Resource:
        return Resource({**resource.process_attributes(), **settings.resource})

    provider = _provider
    parts = (pipeline, make_resource, limits, bounds.max_spans_per_trace)
    if provider is None:
        provider = _provider = TracerProvider(*parts, capture_thread=settings.capture.thread)
        provider.notices = notices
    else:
        provider.reconfigure(*parts, notices, settings.capture.thread)
    return Handle(provider, settings, pipeline, _shut_down, unusable)


def _instrument(handle: Handle, conf: Any) -> None:
    """Instrument each library as soon as the service has imported it."""
    arguments = {
        "tracer_provider": handle.tracer_provider,
        "keys": handle.settings.gate.keys,
        "settings": handle.settings,
        "conf": conf,
    }
    for name in handle.settings.instrument:
        loading.release(name)
        deferred = loading.Deferred(name, lambda: arguments)
        _instrumentors.append(deferred)
        deferred.arm()


def _uninstrument() -> None:
    while _instrumentors:
        _instrumentors.pop().undo()


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
