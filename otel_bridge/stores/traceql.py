"""A :class:`~otel_bridge.stores.TraceQuery` in Tempo's query language.

Only what every version understands: https://grafana.com/docs/tempo/latest/traceql/.
"""

from __future__ import annotations

from otel_bridge.stores.protocol import TraceQuery

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def expression(query: TraceQuery) -> str:
    """The traces in which each of these spans is found. Times, the limit and ``id_prefix`` are not part of
    it: Tempo takes the former as parameters, and cannot look for the latter."""
    span = []
    if query.service is not None:
        span.append(f"resource.service.name = {quoted(query.service)}")
    if query.operation is not None:
        span.append(f"name = {quoted(query.operation)}")
    whole = []
    if query.min_duration_ns is not None:
        whole.append(f"traceDuration >= {max(0, query.min_duration_ns)}ns")
    if query.max_duration_ns is not None:
        whole.append(f"traceDuration <= {max(0, query.max_duration_ns)}ns")
    errors = ["status = error"] if query.errors_only else []
    sets = [f"{{ {' && '.join(conditions)} }}" for conditions in (span, errors, whole) if conditions]
    return " && ".join(sets) or "{}"


def quoted(text: str) -> str:
    """A string literal, by the rules of Go, that stands for exactly this text.

    What no UTF-8 can hold, a lone surrogate, becomes a question mark.
    """
    return '"' + "".join(map(_character, text.encode("utf-8", "replace").decode())) + '"'


def _character(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
