"""A comparison of two traces as JSON, for programs."""

from __future__ import annotations

from typing import Any, Final

from otel_bridge.analysis.difference import Difference, Measures, Part
from otel_bridge.model.trace import KIND_NAMES, SpanRecord, Trace
from otel_bridge.reports import diff_words
from otel_bridge.wire import ids

#: Of the shape; it is raised when something is taken away or means something else.
VERSION: Final = 1

#: Span ids of a part that are listed.
_MAX_IDS: Final = 100
#: Characters of a name that are kept; it is there once for each part.
_MAX_NAME: Final = 500


def as_json(difference: Difference) -> dict[str, Any]:
    """The whole comparison, as values that JSON has words for.

    64-bit numbers (all that end in ``Nano``) are strings, as in OTLP/JSON. Changes are what ``b`` has more
    than ``a``::

        {"version": 1,
         "a": {"traceId", "service", "name", "startTimeUnixNano", "durationNano", "spanCount", "errorCount",
               "rootCount"},
         "b": the same of the second trace,
         "deltaNano": of the durations, "slower": "a", "b" or null where they take equally long,
         "sameStructure": whether nothing appeared, vanished, was multiplied or renamed,
         "verdict": ["sentence"…],
         "contributors": [{"service", "operation", "waiting", "aNano", "bNano", "deltaNano"}…],
         "operations": [{"service", "operation", "a": MEASURES, "b": MEASURES}…],
         "services": [{"service", "attribute", "a", "b"}…],
         "parts": [{"parent": index in this list or null, "depth", "change", "service", "operation", "kind",
                    "a": MEASURES, "b": MEASURES, "belowA": spans below it, "belowB",
                    "pathDeltaNano": change of the time on the critical path, here and below,
                    "attributes": [{"key", "a", "b", "telling"}…],
                    "renamedFrom": {"service", "operation"} where it was, else missing}…]}

    MEASURES is ``{"spans", "errors", "totalNano", "maxNano", "selfNano", "pathNano", "waitingNano"}``; of
    a part also ``"spanIds"``, the first hundred of them. ``contributors`` is the time on the critical path
    by operation, largest change first: their ``deltaNano`` add up to that of the whole. ``change`` is one
    of ``same``, ``multiplied``, ``appeared``, ``vanished``, ``inserted`` and ``removed``. A part stands
    above those below it.
    """
    delta = difference.delta_ns
    return {
        "version": VERSION,
        "a": _trace(difference.a),
        "b": _trace(difference.b),
        "deltaNano": str(delta),
        "slower": "b" if delta > 0 else "a" if delta < 0 else None,
        "sameStructure": difference.same_structure,
        "verdict": diff_words.verdict(difference),
        "contributors": [
            {
                "service": _name(one.service),
                "operation": one.name,
                "waiting": one.waiting,
                "aNano": str(one.a_ns),
                "bNano": str(one.b_ns),
                "deltaNano": str(one.delta_ns),
            }
            for one in difference.contributors
        ],
        "operations": [
            {
                "service": _name(row.service),
                "operation": row.name,
                "a": _measures(row.a),
                "b": _measures(row.b),
            }
            for row in difference.operations
        ],
        "services": [
            {"service": _name(one.service), "attribute": one.key, "a": one.a, "b": one.b}
            for one in difference.services
        ],
        "parts": [_part(part) for part in difference.parts],
    }


def _trace(trace: Trace) -> dict[str, Any]:
    summary = trace.summary()
    return {
        "traceId": ids.format_trace_id(trace.trace_id),
        "service": _name(summary.root_service),
        "name": _name(summary.root_name),
        "startTimeUnixNano": str(summary.start_ns),
        "durationNano": str(summary.duration_ns),
        "spanCount": summary.span_count,
        "errorCount": summary.error_count,
        "rootCount": len(trace.roots),
    }


def _measures(measures: Measures) -> dict[str, Any]:
    return {
        "spans": measures.spans,
        "errors": measures.errors,
        "totalNano": str(measures.total_ns),
        "maxNano": str(measures.max_ns),
        "selfNano": str(measures.self_ns),
        "pathNano": str(measures.path_ns),
        "waitingNano": str(measures.waiting_ns),
    }


def _part(part: Part) -> dict[str, Any]:
    kind = part.node.example.kind
    found = {
        "parent": part.node.parent if part.node.parent >= 0 else None,
        "depth": part.node.depth,
        "change": part.change.value,
        "service": _name(part.service),
        "operation": part.name,
        "kind": KIND_NAMES[kind] if 0 <= kind < len(KIND_NAMES) else KIND_NAMES[0],
        "a": {**_measures(part.a), "spanIds": _ids(part.node.a)},
        "b": {**_measures(part.b), "spanIds": _ids(part.node.b)},
        "belowA": part.below_a,
        "belowB": part.below_b,
        "pathDeltaNano": str(part.way_b_ns - part.way_a_ns),
        "attributes": [
            {"key": change.key, "a": change.a, "b": change.b, "telling": change.is_telling}
            for change in part.attributes
        ],
    }
    if part.renamed_from:
        service, operation = part.renamed_from
        found["renamedFrom"] = {"service": _name(service), "operation": operation}
    return found


def _name(text: str) -> str:
    return text[:_MAX_NAME]


def _ids(spans: tuple[SpanRecord, ...]) -> list[str]:
    return [ids.format_span_id(span.span_id) for span in spans[:_MAX_IDS]]
