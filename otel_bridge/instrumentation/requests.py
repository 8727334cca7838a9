"""Outgoing HTTP of requests, keystoneauth1 and urllib3: a CLIENT span for each attempt and each hop.

How is in :mod:`otel_bridge.instrumentation.connection_pools`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib.util import find_spec
from typing import Any

from opentelemetry import trace as trace_api

from otel_bridge.instrumentation.base import ReplacingInstrumentor
from otel_bridge.instrumentation.connection_pools import watch
from otel_bridge.instrumentation.http_client import Client, Other
from otel_bridge.replacing import Replacements
from otel_bridge.settings import Settings
from otel_bridge.version import __version__

_OTHERS = (
    Other(
        "urllib3",
        "opentelemetry.instrumentation.urllib3",
        "URLLib3Instrumentor",
        "opentelemetry-instrumentation-urllib3",
    ),
    Other(
        "requests",
        "opentelemetry.instrumentation.requests",
        "RequestsInstrumentor",
        "opentelemetry-instrumentation-requests",
    ),
)


class RequestsInstrumentor(ReplacingInstrumentor):
    """Traces what requests, keystoneauth1 and urllib3 send.

    ``instrument()`` takes:

    - ``tracer_provider``: an OpenTelemetry tracer provider; the global one by default.
    - ``propagate_to``: hosts that the trace may be carried to, see
      :class:`~otel_bridge.wire.destinations.Destinations`; those of ``settings`` by default, or all.
    - ``settings``: :class:`~otel_bridge.settings.Settings`.
    - ``spans``: False where OpenTelemetry's own instrumentation makes them. What this puts into the headers
      then still goes nowhere else with a redirect, and only where the trace may be carried.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        # What is not there need not be of a version: it is waited for.
        return ("urllib3 >= 2.0",) if find_spec("urllib3") is not None else ()

    def _replace(
        self,
        replacements: Replacements,
        *,
        tracer_provider: trace_api.TracerProvider | None = None,
        settings: Settings | None = None,
        propagate_to: Iterable[str] | None = None,
        spans: bool = True,
        **_options: Any,
    ) -> None:
        tracer = trace_api.get_tracer(__name__, __version__, tracer_provider)
        watch(Client(tracer, _OTHERS, settings, propagate_to, spans), replacements)
