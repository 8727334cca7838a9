"""A trace as one HTML page: no network, nothing in it that a span could have put there to act.

What is drawn is in ``report_body.html`` and the scripts beside it, which get the trace as data. Where no
script runs, the page has the head, the errors and the first spans as plain text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice
from typing import Final

from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import page, report_data, units, walk
from otel_bridge.reports.text import inert
from otel_bridge.wire import ids

_STYLES: Final = ("theme.css", "tree.css", "report.css")
_SCRIPTS: Final = (
    "page.js",
    "tree_grid.js",
    "report_model.js",
    "report_filter.js",
    "report_zoom.js",
    "report_bars.js",
    "report_row.js",
    "report_tree.js",
    "report_axis.js",
    "report_minimap.js",
    "report_details.js",
    "report_tables.js",
    "report_head.js",
    "report_live.js",
    "report_update.js",
    "report_controls.js",
    "report_main.js",
)

_MAX_NAME: Final = 500
#: Failures and spans that are listed where no script runs.
_MAX_FAILURES: Final = 50
_MAX_SPANS: Final = 500


def render(
    trace: Trace, *, link: str | None = None, live: str | None = None, home: str | None = None
) -> page.Page:
    """The page of a trace. It takes time and memory linear in the spans, and any depth.

    Args:
        trace: any trace, also an empty one.
        link: address of the trace in Jaeger's or another user interface.
        live: path of the server that the page came from where it asks for newer data: ``GET
            {live}?known={version}`` is answered by :func:`report_data.document` as JSON, or by status 204
            where :func:`report_data.version` is still the same.
        home: path of that server's list of traces; a trace's page is ``trace/{32 hex}`` from there.
    """
    data = report_data.document(trace, link=link)
    plainly = "".join(_plainly(trace, data["notes"]))
    return page.document(
        title=_title(trace),
        styles=[page.resource(name) for name in _STYLES],
        scripts=[page.resource(name) for name in _SCRIPTS],
        body=f"{page.resource('report_body.html')}<noscript>\n{plainly}</noscript>",
        data={"settings": {"live": live, "home": home}, "report": data},
        connect=live is not None,
    )


def _title(trace: Trace) -> str:
    if not trace.roots:
        return f"Trace {ids.base_id(trace.trace_id)}"
    root = trace.roots[0]
    return f"{root.service} {root.name}"


def _plainly(trace: Trace, notes: Iterable[str]) -> Iterator[str]:
    """What there is to read where no script runs."""
    summary = trace.summary()
    yield (
        f'<div class="plainly">\n<h1>Trace <code>{ids.base_id(trace.trace_id)}</code></h1>\n'
        f"<p>{units.count(summary.span_count, 'span')}, {units.count(summary.error_count, 'error')}, "
        f"{escape(units.duration(summary.duration_ns))}"
    )
    if trace.spans:
        yield f", started {units.moment(summary.start_ns)}"
    yield '</p>\n<p class="note">The timeline needs scripts, which are off here.</p>\n'
    for note in notes:
        yield f'<p class="note">{escape(note)}</p>\n'
    failed = [span for span in trace.spans if span.is_error]
    if failed:
        yield "<h2>Errors</h2>\n<ul>\n"
        for span in failed[:_MAX_FAILURES]:
            yield f"<li>{_text(span.service)} {_text(span.name)}: {_failure(span)}</li>\n"
        yield "</ul>\n"
        if len(failed) > _MAX_FAILURES:
            yield f"<p>and {len(failed) - _MAX_FAILURES:,} more</p>\n"
    if trace.spans:
        yield from _table(trace)
    yield "</div>\n"


def _failure(span: SpanRecord) -> str:
    return ": ".join(_text(part) for part in (walk.error_type(span), walk.error_message(span)) if part)


def _table(trace: Trace) -> Iterator[str]:
    start = trace.start_ns
    yield (
        "<h2>Spans</h2>\n<table>\n<thead><tr><th>Start</th><th>Duration</th><th>Level</th><th>Service</th>"
        "<th>Span</th></tr></thead>\n<tbody>\n"
    )
    for span, depth, _last in islice(walk.rows(trace), _MAX_SPANS):
        took = "no end" if walk.is_incomplete(span) else units.duration(span.duration_ns)
        yield (
            f'<tr><td class="number">{units.duration(span.start_ns - start)}</td>'
            f'<td class="number">{took}</td><td class="number">{depth + 1}</td><td>{_text(span.service)}</td>'
            f"<td>{_text(span.name) or '(no name)'}{' (error)' if span.is_error else ''}</td></tr>\n"
        )
    yield "</tbody>\n</table>\n"
    if len(trace.spans) > _MAX_SPANS:
        yield f"<p>and {units.count(len(trace.spans) - _MAX_SPANS, 'span')} more</p>\n"


def _text(text: str) -> str:
    """A short text, inert, and isolated so that its letters' direction ends with it."""
    return f"<bdi>{escape(inert(text, limit=_MAX_NAME))}</bdi>" if text else ""
