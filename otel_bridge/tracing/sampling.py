"""The gate as a sampler, for the SDK's tracer provider.

Our own provider needs none: it asks the gate itself. On the SDK's this sampler records what stands below a
verified OSProfiler parent, and nothing else, unless it was given a ratio for traces that begin here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from otel_bridge.log import LOG, warn
from otel_bridge.policy import keeps
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.propagation import Remote

#: What the sampler is called in ``OTEL_TRACES_SAMPLER``.
NAME = "osprofiler_hmac"


class HmacSampler(Sampler):
    """Records what a signed request has caused.

    A span is recorded below a :class:`~otel_bridge.tracing.propagation.Remote`, below a parent of this
    process that is sampled itself, and nowhere else. What only a ``traceparent`` stands behind is not: its
    sender chooses the trace id, and with it whatever could be decided by that.
    """

    def __init__(self, ratio: float = 0.0) -> None:
        """
        Args:
            ratio: part of the traces that begin in this process, with no parent at all, to record: 0 to 1.

        Raises:
            ValueError: the ratio is none.
        """
        if not 0 <= ratio <= 1:  # false for NaN, too
            raise ValueError(f"a sampling ratio is a number from 0 to 1, not {ratio}")
        self._ratio = ratio

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Whether to record. Never raises: what a sampler raises goes to the user of the service."""
        try:
            current = ctx.get() if parent_context is None else parent_context
            parent = current.get(ctx.SPAN_KEY)
            state = _state_of(parent)
            if self._records(current, parent, trace_id):
                return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)
            return SamplingResult(Decision.DROP, None, state)
        except Exception as exc:
            warn(f"a span was not recorded, its parent could not be looked at: {type(exc).__name__}")
            return SamplingResult(Decision.DROP)

    def _records(self, current: Context, parent: object, trace_id: int) -> bool:
        if parent.__class__ is Remote:
            return True
        above = parent.get_span_context() if isinstance(parent, api.Span) else None
        if above is None or not above.is_valid:
            return self._ratio > 0 and keeps(trace_id, self._ratio)
        if not above.trace_flags.sampled:
            return False
        if not above.is_remote:
            # A span of this process went through here itself. A context that somebody made up did not.
            return not isinstance(parent, NonRecordingSpan)
        # A propagator that comes after ours has put its own idea of the same, verified trace over it.
        info = ctx.trace_info(current)
        return info is not None and info.trace_id == above.trace_id

    def get_description(self) -> str:
        return f"HmacSampler{{{self._ratio:g}}}"


def _state_of(parent: object) -> TraceState | None:
    return parent.get_span_context().trace_state if isinstance(parent, api.Span) else None


def make_sampler(argument: str | float | None = None) -> HmacSampler:
    """The sampler that ``OTEL_TRACES_SAMPLER=osprofiler_hmac`` asks for.

    Args:
        argument: ``OTEL_TRACES_SAMPLER_ARG``, the ratio; empty: 0. What is no ratio is told, and counts
            as 0. An exception would have the SDK record everything.
    """
    if argument is None or (isinstance(argument, str) and not argument.strip()):
        return HmacSampler()
    try:
        ratio = float(argument)
        if math.isfinite(ratio):
            return HmacSampler(ratio)
    except (TypeError, ValueError):
        pass
    LOG.warning(
        "OTEL_TRACES_SAMPLER_ARG: it is no number from 0 to 1, so %s records signed requests only", NAME
    )
    return HmacSampler()
