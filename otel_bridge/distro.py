"""``OTEL_PYTHON_DISTRO=otel_bridge opentelemetry-instrument CMD``: any application, gated by HMAC keys.

OpenTelemetry's own instrumentations record on our provider, and only what a signed request has caused. The
environment says everything; see ``docs/instrumenting.md``. Nothing here stops the application: without a key,
or with a configuration that is of no use, it runs as if it had been started without us.

To be installed is not to be chosen: where ``OTEL_PYTHON_DISTRO`` does not name us, another distro, or none,
does what it would do otherwise.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Any, Final

from opentelemetry import trace as api
from opentelemetry.environment_variables import (
    OTEL_LOGS_EXPORTER,
    OTEL_METRICS_EXPORTER,
)
from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]
from opentelemetry.instrumentation.environment_variables import (
    OTEL_PYTHON_CONFIGURATOR,
    OTEL_PYTHON_DISTRO,
)
from opentelemetry.util._importlib_metadata import EntryPoint, entry_points

from otel_bridge import global_tracing, runtime
from otel_bridge.log import LOG

#: What distro and configurator are called.
NAME: Final = "otel_bridge"

_LOG_HANDLER = "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION"
_CONVENTIONS = "OTEL_SEMCONV_STABILITY_OPT_IN"
_CONFIGURATORS = "opentelemetry_configurator"


class OTelBridgeDistro(BaseDistro):  # type: ignore[misc]
    """Says what holds where the user has said nothing, and lets no instrumentation be loaded in vain."""

    def _configure(self, **_options: Any) -> None:
        set_defaults(os.environ)

    def load_instrumentor(self, entry_point: EntryPoint, **options: Any) -> None:
        """Load an instrumentation, unless nothing can be traced: then the application is left alone."""
        if runtime.current() is not None:
            super().load_instrumentor(entry_point, **options)


def set_defaults(environ: MutableMapping[str, str]) -> None:
    """The variables that decide about what is not ours: the other signals, names of attributes.

    A handler on the root logger, which OpenTelemetry's logging instrumentation would add, makes Flask and
    ``logging.basicConfig`` believe that logging is set up, and print nothing.
    """
    environ.setdefault(OTEL_PYTHON_CONFIGURATOR, NAME)
    environ.setdefault(OTEL_METRICS_EXPORTER, "none")
    if not _asked_for(environ.setdefault(OTEL_LOGS_EXPORTER, "none")):
        environ.setdefault(_LOG_HANDLER, "false")
    environ.setdefault(_CONVENTIONS, "http,database")


def _asked_for(exporter: str) -> bool:
    return exporter.strip().lower() not in ("", "none")


class OTelBridgeConfigurator:
    """Builds the pipeline, and makes provider and propagator the global ones."""

    def configure(self, **options: Any) -> None:
        """Set tracing up as the environment says.

        Args:
            options: what ``opentelemetry-instrument`` tells every configurator.
        """
        if _is_chosen():
            configure()
        else:
            _configure_another(options)


def _is_chosen() -> bool:
    return NAME in (os.environ.get(OTEL_PYTHON_CONFIGURATOR), os.environ.get(OTEL_PYTHON_DISTRO))


def distro() -> BaseDistro | None:
    """The distro, if the environment names it: the first one that is found would be taken otherwise."""
    return OTelBridgeDistro() if os.environ.get(OTEL_PYTHON_DISTRO) == NAME else None


def configure() -> None:
    """Trace this process as the environment says, if it can be traced; what is in the way is logged."""
    handle = runtime.for_distro()
    if handle is None:
        return
    if not global_tracing.install(handle.tracer_provider):
        runtime.shutdown()
        return
    _configure_other_signals(handle)


def tracer_provider() -> api.TracerProvider:
    """``OTEL_PYTHON_TRACER_PROVIDER=otel_bridge``: our provider, in a program that nobody instruments."""
    handle = runtime.for_distro()
    return runtime.get_tracer_provider() if handle is None else handle.tracer_provider


def _configure_another(options: dict[str, Any]) -> None:
    """Only one configurator is loaded, and this one was found first, although nobody has asked for it."""
    for point in entry_points(group=_CONFIGURATORS):
        if point.name != NAME:
            point.load()().configure(**options)
            return


def _configure_other_signals(handle: runtime.Handle) -> None:
    """Metrics and logs, which are the SDK's to export, where the user has asked for them."""
    names = [os.environ.get(name, "") for name in (OTEL_METRICS_EXPORTER, OTEL_LOGS_EXPORTER)]
    if not any(_asked_for(name) for name in names):
        return
    resource = handle.tracer_provider.resource
    try:
        # The SDK has no public way of setting up a signal from the environment without setting up traces.
        from opentelemetry.sdk import _configuration as sdk

        _, metrics, logs = sdk._import_exporters(
            [], sdk._get_exporter_names("metrics"), sdk._get_exporter_names("logs")
        )
        if metrics:
            sdk._init_metrics(metrics, resource)
        if logs:
            sdk._init_logging(logs, resource, False)
    except Exception as exc:
        LOG.warning("metrics and logs are not exported: %s: %s", type(exc).__name__, exc)
