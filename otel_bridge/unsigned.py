"""WSGI requests that nobody signed, in a service with a policy about them."""

from __future__ import annotations

from typing import Any

from otel_bridge import gate
from otel_bridge.policy import Policy, keeps
from otel_bridge.tracing.propagation import read_traceparent
from otel_bridge.wire import ids
from otel_bridge.wire.signing import Key, KeyRing, TraceInfo


def admit(environ: dict[str, Any], own: KeyRing | None) -> TraceInfo | None:
    """The trace that an unsigned request begins, or goes on with; None: it is served untraced.

    Args:
        environ: of the request.
        own: keys of the middleware itself; None if its own configuration says not to trace.
    """
    key = gate.first_key(own)
    if key is None:
        return None
    for policy in gate.unsigned:  # which may just have become another one, or none
        return _admit(policy, environ, key)
    return None


def _admit(policy: Policy, environ: dict[str, Any], key: Key) -> TraceInfo | None:
    look = environ.get
    if policy.proxies:
        found = read_traceparent(look("HTTP_TRACEPARENT"))
        if found is not None:
            forwarded = f"{look('HTTP_X_FORWARDED_FOR', '')},{look('HTTP_FORWARDED', '')}"
            if policy.believes(str(look("REMOTE_ADDR", "")), forwarded):
                trace_id, span_id, sampled = found
                return TraceInfo(trace_id, span_id, key) if sampled else None
    path = f"{look('SCRIPT_NAME') or ''}{look('PATH_INFO') or ''}" or "/"
    ratio = policy.ratio_of(look("REQUEST_METHOD") or "", path)
    if not ratio:
        return None
    trace_id = ids.new_trace_id()
    return TraceInfo(trace_id, 0, key) if keeps(trace_id, ratio) else None
