"""Options and environment, made into one frozen :class:`Settings` value.

An option that was set in oslo.config wins, then the environment as the OpenTelemetry specification defines
it ("Environment Variable Specification", "OTLP Exporter"), then the default. Nothing here raises because of
a value: what cannot be used is kept as a :class:`Problem`. A fatal one means that the service runs
untraced, since spans would go to the wrong place, or be anybody's to start.
"""

from __future__ import annotations

from otel_bridge.config.build import from_conf, from_environ
from otel_bridge.config.store import ConfiguredStore, load_store, store_options
from otel_bridge.settings import (
    ConfigError,
    ExportSettings,
    GateSettings,
    LimitSettings,
    Problem,
    QueueSettings,
    Settings,
)

__all__ = [
    "ConfigError",
    "ConfiguredStore",
    "ExportSettings",
    "GateSettings",
    "LimitSettings",
    "Problem",
    "QueueSettings",
    "Settings",
    "from_conf",
    "from_environ",
    "load_store",
    "store_options",
]
