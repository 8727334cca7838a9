"""A trace as one HTML file: no network, no script, nothing in it that a span could have put there to act.

The bars are SVG attributes and the colours classes of one style sheet, so that the page's own policy
(:data:`CONTENT_SECURITY_POLICY`) allows that style sheet by its hash and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from importlib import resources
from typing import Any, Final

from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.reports import json_text, palette, units, walk
from otel_bridge.reports.text import inert
from otel_bridge.version import __version__
from otel_bridge.wire import ids

_CSS: Final = resources.files("otel_bridge.reports").joinpath("trace.css").read_text(encoding="utf-8")
_CSS_HASH: Final = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode("ascii")

#: What the page says of itself, and what a server that sends it should send as header.
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_CSS_HASH}'; base-uri 'none'; form-action 'none'"
)

#: Levels that are indented; deeper ones have their depth in digits. As many as the style sheet has.
_MAX_LEVELS = 12
#: Characters of one attribute that are shown.
_MAX_VALUE = 8000
_MAX_NAME = 500
#: Failures that are listed above the table.
_MAX_FAILURES = 50
#: Units that the width of the waterfall is divided into.
_WIDTH = 1000


def render(trace: Trace) -> str:
    """The whole page. It takes time and memory linear in the spans, and any depth."""
    return "".join(_page(trace))


def _page(trace: Trace) -> Iterator[str]:
    base = ids.base_id(trace.trace_id)
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(CONTENT_SECURITY_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<meta name="generator" content="otel-bridge {__version__}">\n'
        f"<title>Trace {base}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
    )
    colours = palette.assign(span.service for span in trace.spans)
    yield from _head(trace, base, colours)
    if trace.spans:
        processes = _Processes()
        yield from _failures(trace)
        yield from _table(trace, colours, processes)
        yield from processes.section()
    yield "</body>\n</html>\n"


def _head(trace: Trace, base: str, colours: Mapping[str, int]) -> Iterator[str]:
    summary = trace.summary()
    yield (
        f"<header>\n<h1>Trace <code>{base}</code></h1>\n"
        f'<div class="faint"><code>{ids.format_trace_id(trace.trace_id)}</code></div>\n'
        f'<ul class="facts"><li>{units.count(summary.span_count, "span")}</li>'
        f"<li>{units.count(len(trace.roots), 'root')}</li>"
        f"<li>{units.count(summary.error_count, 'error')}</li>"
    )
    if trace.spans:
        yield (
            f"<li>{escape(units.duration(summary.duration_ns))}</li>"
            f"<li>started {units.moment(summary.start_ns)}</li>"
        )
    yield '</ul>\n<ul class="services">'
    for service, slot in colours.items():
        yield f'<li class="s{slot}">{_text(service)}</li>'
    yield "</ul>\n"
    if not trace.spans:
        yield '<p class="note">This trace has no spans.</p>\n'
    for note in walk.notes(trace):
        yield f'<p class="note">{escape(note)}</p>\n'
    yield "</header>\n"


def _failures(trace: Trace) -> Iterator[str]:
    failed = [span for span in trace.spans if span.is_error]
    if not failed:
        return
    yield '<h2>Errors</h2>\n<ul class="failures">\n'
    for span in failed[:_MAX_FAILURES]:
        what = _failure(span)
        yield (
            f'<li><a href="#s{ids.format_span_id(span.span_id)}">'
            f"{_text(span.service)} {_text(span.name)}</a>{': ' if what else ''}{what}</li>\n"
        )
    yield "</ul>\n"
    if len(failed) > _MAX_FAILURES:
        yield f"<p>and {len(failed) - _MAX_FAILURES:,} more below</p>\n"


def _failure(span: SpanRecord) -> str:
    return ": ".join(_text(part) for part in (walk.error_type(span), walk.error_message(span)) if part)


def _table(trace: Trace, colours: Mapping[str, int], processes: _Processes) -> Iterator[str]:
    start = trace.start_ns
    total = max(1, trace.end_ns - start)
    yield (
        '<h2 id="spans">Spans</h2>\n<table aria-labelledby="spans">\n<thead><tr>'
        '<th scope="col" class="time start">Start</th><th scope="col" class="time">Duration</th>'
        '<th scope="col">Span</th><th scope="col" class="fall"><span class="hidden">Waterfall</span>'
        f'<span class="ends"><span>0</span><span>{escape(units.duration(total))}</span></span></th>'
        "</tr></thead>\n<tbody>\n"
    )
    for span, depth, _last in walk.rows(trace):
        slot = colours[span.service]
        took = "no end" if walk.is_incomplete(span) else units.duration(span.duration_ns)
        x = min((span.start_ns - start) * _WIDTH // total, _WIDTH - 2)
        width = min(max(2, span.duration_ns * _WIDTH // total), _WIDTH - x)
        yield (
            f'<tr id="s{ids.format_span_id(span.span_id)}" '
            f'class="s{slot}{" error" if span.is_error else ""}">'
            f'<td class="time start">{units.duration(span.start_ns - start)}</td><td class="time">{took}</td>'
            f'<th scope="row"><div class="d{min(depth, _MAX_LEVELS)}"><details><summary>'
        )
        if depth > _MAX_LEVELS:
            yield f'<span class="level">⋯{depth} </span>'
        yield f'<span class="service">{_text(span.service)}</span> {_text(span.name) or "(no name)"}'
        kind = walk.kind(span)
        if kind:
            yield f'<span class="kind">{kind}</span>'
        if span.is_error:
            yield '<span class="mark bad">ERROR</span>'
        if span.span_id in trace.orphans:
            yield '<span class="mark">parent missing</span>'
        if walk.is_incomplete(span):
            yield '<span class="mark">incomplete</span>'
        yield "</summary>"
        yield from _details(span, trace, processes)
        yield (
            '</details></div></th><td class="fall">'
            f'<svg viewBox="0 0 {_WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect x="{x}" y="2" width="{width}" height="6"/></svg></td></tr>\n'
        )
    yield "</tbody>\n</table>\n"


def _details(span: SpanRecord, trace: Trace, processes: _Processes) -> Iterator[str]:
    if span.is_error:
        yield f'<p class="message">{_failure(span)}</p>'
    yield f"<dl><dt>span id</dt><dd>{ids.format_span_id(span.span_id)}</dd>"
    if span.parent_id:
        parent = ids.format_span_id(span.parent_id)
        shown = parent if span.span_id in trace.orphans else f'<a href="#s{parent}">{parent}</a>'
        yield f"<dt>parent id</dt><dd>{shown}</dd>"
    yield f"<dt>started</dt><dd>{units.moment(span.start_ns)}</dd>"
    number = processes.number(span.resource)
    yield f'<dt>process</dt><dd><a href="#p{number}">{number}</a></dd>'
    if span.scope:
        yield f"<dt>scope</dt><dd>{_text(span.scope)}</dd>"
    yield f"</dl>{_attributes(span.attributes)}"
    for event in span.events:
        when = units.duration(event.time_ns - trace.start_ns)
        yield f"<h3>Event {_text(event.name)} at {when}</h3>{_attributes(event.attributes)}"
    for link in span.links:
        yield (
            f"<h3>Link to span {ids.format_span_id(link.span_id)} of trace {ids.base_id(link.trace_id)}</h3>"
            f"{_attributes(link.attributes)}"
        )


class _Processes:
    """The distinct resources of a trace: shown once, at the end, and not with each of their spans."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._resources: list[Mapping[str, Any]] = []
        # Stores share one mapping between the spans of a process: look at its content once.
        self._seen: dict[int, int] = {}

    def number(self, resource: Mapping[str, Any]) -> int:
        known = self._seen.get(id(resource))
        if known is None:
            content = "".join(json_text.pieces(dict(sorted(resource.items()))))
            known = self._numbers.setdefault(content, len(self._numbers) + 1)
            if known > len(self._resources):
                self._resources.append(resource)
            self._seen[id(resource)] = known
        return known

    def section(self) -> Iterator[str]:
        yield "<h2>Processes</h2>\n"
        for number, resource in enumerate(self._resources, 1):
            name = _text(str(resource.get("service.name") or "unknown_service"))
            yield f'<details id="p{number}"><summary>{number}: {name}</summary>'
            yield f"{_attributes(resource)}</details>\n"


def _attributes(attributes: Mapping[str, Any]) -> str:
    if not attributes:
        return ""
    items = "".join(
        f"<dt>{_text(str(key))}</dt><dd>{_value(attributes[key])}</dd>" for key in sorted(attributes, key=str)
    )
    return f"<dl>{items}</dl>"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else "".join(json_text.pieces(value))
    shown = escape(inert(text, limit=_MAX_VALUE, keep="\n\t"))
    return f"{shown} ({len(text):,} characters)" if len(text) > _MAX_VALUE else shown


def _text(text: str) -> str:
    """A short text, inert, and isolated so that its letters' direction ends with it."""
    return f"<bdi>{escape(inert(text, limit=_MAX_NAME))}</bdi>" if text else ""
