"""OpenTelemetry's global tracer provider and propagator, set to ours.

Apart from :mod:`otel_bridge.propagator`, which has to work without ``opentelemetry.propagate``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.environment_variables import OTEL_PROPAGATORS
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from otel_bridge.log import LOG
from otel_bridge.propagator import GatedPropagator, may_leave, take_out
from otel_bridge.tracing import context as ctx

#: What our propagator is called in ``OTEL_PROPAGATORS``.
NAME = "osprofiler"


class GlobalPropagator(TextMapPropagator):
    """Ours, and whatever else the user has asked for.

    The others may bring baggage in and take their own headers out. A parent they do not bring: what they
    extract is not signed, and would stand in the way of what is.
    """

    def __init__(self, others: Iterable[TextMapPropagator] = ()) -> None:
        self._ours = GatedPropagator()
        self._others = tuple(others)

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        before = ctx.get() if context is None else context
        found = before
        for other in self._others:
            found = other.extract(carrier, found, getter)
        if found is not before:
            found = _with_span_of(before, found)
        return self._ours.extract(carrier, found, getter)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        if not may_leave(context):
            take_out(carrier)
            return
        self._ours.inject(carrier, context, setter)
        for other in self._others:
            other.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        return self._ours.fields.union(*(other.fields for other in self._others))


def _with_span_of(before: Context, found: Context) -> Context:
    span = before.get(ctx.SPAN_KEY)
    if found.get(ctx.SPAN_KEY) is span:
        return found
    if isinstance(span, api.Span):
        return ctx.with_span(found, span)
    return Context({key: value for key, value in found.items() if key != ctx.SPAN_KEY})


def install(provider: api.TracerProvider) -> bool:
    """Make ``provider`` the global one, and our propagator with it, unless somebody has set another.

    ``OTEL_PROPAGATORS`` says what else is propagated; nothing where it is not set, and nothing at all, not
    even ours, where it is ``none``.

    Returns:
        Whether ``provider`` is the global one now. If not, a warning has been logged.
    """
    current = _current()
    if isinstance(current, api.ProxyTracerProvider):  # nobody has set one
        api.set_tracer_provider(provider)
    elif current is not provider:
        LOG.warning("OpenTelemetry's global tracer provider has been set by somebody else, and stays")
        return False
    _install_propagator()
    return True


def _current() -> api.TracerProvider | None:
    try:
        return api.get_tracer_provider()
    except Exception:  # OTEL_PYTHON_TRACER_PROVIDER names what is not there; OpenTelemetry has logged it
        return None


def _install_propagator() -> None:
    names = [name.strip() for name in os.environ.get(OTEL_PROPAGATORS, "").split(",") if name.strip()]
    if any(name.lower() == "none" for name in names):
        LOG.warning("%s is none: no request that comes in or goes out carries a trace", OTEL_PROPAGATORS)
        return
    from opentelemetry import propagate

    found = type(propagate.get_global_textmap())
    if found is GlobalPropagator:  # of an earlier setup() in this process
        return
    if found is not CompositePropagator:  # which is made of the variable
        LOG.warning(
            "OpenTelemetry's global propagator has been set by somebody else, and stays: "
            "signed headers neither come in nor go out by it"
        )
        return
    propagate.set_global_textmap(GlobalPropagator(_load(name for name in names if name != NAME)))


def _load(names: Iterable[str]) -> list[TextMapPropagator]:
    """The propagators with these names; one that cannot be loaded is told and left out."""
    from importlib.metadata import entry_points

    found = []
    for name in dict.fromkeys(names):
        try:
            (point, *_) = entry_points(group="opentelemetry_propagator", name=name)
            found.append(point.load()())
        except Exception as exc:
            LOG.warning("%s: %s cannot be loaded (%s)", OTEL_PROPAGATORS, ascii(name), type(exc).__name__)
    return found
