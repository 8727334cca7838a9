"""oslo.messaging: spans for RPC and notifications, on the sending and on the serving side.

Methods are replaced on their classes, so that transports, servers and listeners which exist already are
covered: those that get a message after it was serialised, and before its context is deserialised. Serializers
that drop what they do not know therefore lose nothing.

The trace travels in the message context: :mod:`otel_bridge.instrumentation.message_context`.

To import this module is to import oslo.messaging, which makes oslo.service choose its backend: a service that
calls ``oslo_service.backend.init_backend`` does that first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from typing import Any

from opentelemetry import trace as trace_api
from oslo_messaging.notify.dispatcher import BatchNotificationDispatcher, NotificationDispatcher
from oslo_messaging.notify.listener import BatchNotificationServer, NotificationServer
from oslo_messaging.rpc.server import RPCServer
from oslo_messaging.transport import Transport

from otel_bridge.instrumentation.base import ReplacingInstrumentor
from otel_bridge.instrumentation.message_tracing import MessageTracing
from otel_bridge.instrumentation.notifications import (
    traced_callback,
    traced_dispatch,
    traced_listening,
    traced_notify,
)
from otel_bridge.instrumentation.rpc import traced_process, traced_send
from otel_bridge.log import warn
from otel_bridge.replacing import Replacements
from otel_bridge.settings import Settings
from otel_bridge.tracing import entries
from otel_bridge.version import __version__
from otel_bridge.wire.signing import KeyRing


class MessagingInstrumentor(ReplacingInstrumentor):
    """Traces RPC and notifications over every driver of oslo.messaging.

    ``instrument()`` takes:

    - ``tracer_provider``: an OpenTelemetry tracer provider; the global one by default.
    - ``keys``: a :class:`~otel_bridge.wire.signing.KeyRing`, which incoming messages are verified with
      unless :mod:`otel_bridge.gate` has other ones. Without keys nothing that comes in is traced.
    - ``settings``: the :class:`~otel_bridge.settings.Settings` of the process; its ``rpc_trace_info`` counts.
    - ``conf``: the service's ``ConfigOpts``; see :func:`register_options`.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        return ("oslo.messaging >= 14.0",)

    def _replace(
        self,
        replacements: Replacements,
        *,
        tracer_provider: trace_api.TracerProvider | None = None,
        keys: KeyRing | None = None,
        settings: Settings | None = None,
        conf: Any = None,
        **_options: Any,
    ) -> None:
        if conf is not None:
            register_options(conf)
        tracer = trace_api.get_tracer(__name__, __version__, tracer_provider)
        trace_info = "off" if settings is None else settings.rpc_trace_info
        tracing = MessageTracing(entries.leaf(tracer), entries.entry(tracer), keys, trace_info)
        replacements.wrap(Transport, "__init__", _with_options)
        replacements.wrap(Transport, "_send", lambda found: traced_send(found, tracing))
        replacements.wrap(Transport, "_send_notification", lambda found: traced_notify(found, tracing))
        replacements.wrap(RPCServer, "_process_incoming", lambda found: traced_process(found, tracing))
        for server in (NotificationServer, BatchNotificationServer):
            replacements.wrap(server, "_process_incoming", lambda found: traced_listening(found, tracing))
        for dispatcher in (NotificationDispatcher, BatchNotificationDispatcher):
            replacements.wrap(dispatcher, "dispatch", traced_dispatch)
            replacements.wrap(dispatcher, "_exec_callback", traced_callback)
        replacements.at_undo(tracing.stop)


def register_options(conf: Any) -> None:
    """Register those of oslo.messaging's options that it registers on the global ``cfg.CONF`` only.

    oslo.messaging 18 reads them from the ``ConfigOpts`` of the transport: without them an RPC over a private
    ``ConfigOpts`` ends with ``NoSuchOptError``. Harmless where they are registered, or do not exist. Done for
    every transport that is made while the instrumentation is on.

    Args:
        conf: the ``ConfigOpts`` that transports are made with.
    """
    for module, group in (("_tracing", "oslo_messaging_tracing"), ("_metrics", "oslo_messaging_metrics")):
        try:
            found = importlib.import_module(f"oslo_messaging.{module}.client")
        except ImportError:  # a release that has none, or one that needs a package which is not there
            continue
        conf.register_opts(getattr(found, group, ()), group=group)
    if getattr(getattr(conf, "oslo_messaging_tracing", None), "tracing_enabled", False):
        warn(
            "[oslo_messaging_tracing] tracing_enabled is set: oslo.messaging's own spans will stand beside "
            "those of otel_bridge; unset it"
        )


def _with_options(make: Callable[..., None]) -> Callable[..., None]:
    def __init__(transport: Any, *args: Any, **named: Any) -> None:
        make(transport, *args, **named)
        try:
            register_options(transport.conf)
        except Exception as exc:  # options of that name and another make, a driver's stand-in for a conf
            warn(f"oslo.messaging's options could not be registered: {type(exc).__name__}")

    return __init__
