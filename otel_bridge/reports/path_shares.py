"""What of the critical path lies in which row of a tree."""

from __future__ import annotations

from collections.abc import Sequence

from otel_bridge.analysis.order import children_first
from otel_bridge.analysis.timing import Segment
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import canvas
from otel_bridge.reports.canvas import Glyphs, Part

#: Columns of a share.
WIDTH = 6
#: Percent from which on it is emphasised.
_LARGE = 10


class Shares:
    """What of the critical path lies in which row."""

    def __init__(self, trace: Trace, path: Sequence[Segment]) -> None:
        self._whole = sum(segment.end_ns - segment.start_ns for segment in path)
        self._waited: dict[int, int] = {}
        self._went_on: dict[int, int] = {}
        self._with_below: dict[int, int] = {}
        by_id = {span.span_id: span for span in trace.spans}
        for span_id, start, end, waiting in path:
            self._with_below[span_id] = self._with_below.get(span_id, 0) + end - start
            if waiting:
                self._waited[span_id] = end - start
            elif end > by_id[span_id].end_ns:
                after = end - max(start, by_id[span_id].end_ns)
                self._went_on[span_id] = self._went_on.get(span_id, 0) + after
        for span in children_first(trace):
            below = sum(self._with_below.get(child.span_id, 0) for child in trace.children(span))
            if below:
                self._with_below[span.span_id] = self._with_below.get(span.span_id, 0) + below

    def part(self, spans: Sequence[SpanRecord], glyphs: Glyphs) -> Part:
        """The share of the spans of a row, with all that is below them, in the path."""
        ns = sum(self._with_below.get(span.span_id, 0) for span in spans)
        if not ns:
            return ("", "")
        percent = round(100 * ns / self._whole)
        text = f"{glyphs.critical}{percent:>3}%" if percent else glyphs.barely
        return (text, canvas.CRITICAL if percent >= _LARGE else "" if percent else canvas.DIM)

    def around(self, spans: Sequence[SpanRecord]) -> tuple[int, int]:
        """Nanoseconds of the path that spans waited for a message, and that threads of theirs went on."""
        waited = sum(self._waited.get(span.span_id, 0) for span in spans)
        return waited, sum(self._went_on.get(span.span_id, 0) for span in spans)
