"""A comparison of two traces as one HTML page: no network, nothing in it that a span could have put there
to act.

Head and sentences are there without scripts too; the tables and the tree are drawn by ``diff_*.js``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from otel_bridge.analysis.difference import Difference
from otel_bridge.analysis.extent import whole_path
from otel_bridge.model.trace import Trace
from otel_bridge.reports import diff_data, diff_words, page, palette, units
from otel_bridge.reports.text import inert
from otel_bridge.wire import ids

_STYLES: Final = ("theme.css", "tree.css", "diff.css")
_SCRIPTS: Final = ("page.js", "tree_grid.js", "diff_tables.js", "diff_row.js", "diff_tree.js", "diff_main.js")

_MAX_NAME: Final = 500
#: Contributors that are listed where no script runs.
_MAX_PLAIN: Final = 50
#: Units that the width of a strip is divided into; no stretch in it is shorter.
_STRIP: Final = 1000


def render(difference: Difference, *, home: str | None = None) -> page.Page:
    """The page.

    Args:
        difference: what :func:`~otel_bridge.analysis.difference.compare` found.
        home: path of the viewer's list of traces, where the page is served by it; a trace's page is
            ``trace/{32 hex}`` from there.
    """
    return page.document(
        title=f"Comparison: {_root_name(difference.b) or _root_name(difference.a) or 'two traces'}",
        styles=[page.resource(name) for name in _STYLES],
        scripts=[page.resource(name) for name in _SCRIPTS],
        body="".join(_body(difference, home)),
        data={"settings": {"home": home}, "difference": diff_data.document(difference)},
    )


def _root_name(trace: Trace) -> str:
    summary = trace.summary()
    return f"{summary.root_service} {summary.root_name}" if trace.roots else ""


def _body(difference: Difference, home: str | None) -> Iterator[str]:
    first, *more = diff_words.verdict(difference)
    if home is not None:
        yield f'<nav class="home"><a href="{escape(home)}">All traces</a></nav>\n'
    yield f'<header class="head">\n<h1>{escape(first)}</h1>\n'
    if more:
        sentences = "".join(f"<li>{escape(sentence)}</li>\n" for sentence in more)
        yield f'<ul class="verdict">\n{sentences}</ul>\n'
    yield from _strips(difference, home)
    yield "</header>\n"
    yield page.resource("diff_body.html")
    yield "<noscript>\n"
    yield from _plainly(difference)
    yield "</noscript>\n"


def _strips(difference: Difference, home: str | None) -> Iterator[str]:
    """Both critical paths on one scale, coloured by service."""
    longest = max(difference.duration_a_ns, difference.duration_b_ns, 1)
    traces = (("A", difference.a), ("B", difference.b))
    colours = palette.assign(span.service for _, trace in traces for span in trace.spans)
    yield '<div class="strips" role="table" aria-label="The two traces">\n'
    used: dict[str, None] = {}
    for name, trace in traces:
        summary = trace.summary()
        facts = [units.count(summary.span_count, "span"), units.count(summary.error_count, "error")]
        if trace.spans:
            facts.append(units.moment(summary.start_ns))
        hexadecimal = ids.format_trace_id(trace.trace_id)
        shown = f"<code>{ids.base_id(trace.trace_id)}</code>"
        if home is not None:
            shown = f'<a href="{escape(home)}trace/{hexadecimal}">{shown}</a>'
        yield (
            f'<div class="strip" role="row"><div class="which" role="rowheader">{name}</div>'
            f'<div class="what" role="cell"><b>{_text(_root_name(trace))}</b> '
            f'<span class="faint">{shown} · {escape(" · ".join(facts))}</span></div>'
            f'<div class="took number" role="cell">{units.duration(summary.duration_ns)}</div>'
            '<div class="path" role="cell" aria-label="critical path">'
        )
        yield from _strip(trace, longest, colours, used)
        yield "</div></div>\n"
    yield "</div>\n"
    if used:
        legend = "".join(f'<li class="chip s{colours[service]}">{_text(service)}</li>' for service in used)
        yield (
            '<ul class="legend" aria-label="Services on the critical paths">'
            f'{legend}<li class="chip waiting">waiting</li></ul>\n'
        )


def _strip(trace: Trace, longest: int, colours: Mapping[str, int], used: dict[str, None]) -> Iterator[str]:
    yield f'<svg viewBox="0 0 {_STRIP} 10" preserveAspectRatio="none" aria-hidden="true">'
    service_of = {span.span_id: span.service for span in trace.spans}
    begin = trace.start_ns
    runs: list[tuple[str, int, int]] = []
    reached = 0
    for segment in whole_path(trace):
        end = (segment.end_ns - begin) * _STRIP // longest
        if end <= reached:
            continue  # too short to be seen
        service = service_of[segment.span_id]
        kind = "waiting" if segment.waiting else f"s{colours[service]}"
        if not segment.waiting:
            used[service] = None
        start = runs.pop()[1] if runs and runs[-1][0] == kind else reached
        runs.append((kind, start, end))
        reached = end
    for kind, start, end in runs:
        yield f'<rect class="{kind}" x="{start}" y="0" width="{end - start}" height="10"/>'
    yield "</svg>"


def _plainly(difference: Difference) -> Iterator[str]:
    """The most important table, where no script runs."""
    yield '<p class="note">The tree needs scripts, which are off here.</p>\n'
    if not difference.contributors:
        return
    yield (
        "<h2>Where the time went (critical path)</h2>\n<table>\n<thead><tr><th>Service</th><th>Operation</th>"
        "<th>A</th><th>B</th><th>Change</th></tr></thead>\n<tbody>\n"
    )
    for one in difference.contributors[:_MAX_PLAIN]:
        yield (
            f"<tr><td>{_text(one.service)}</td>"
            f"<td>{'waiting for ' if one.waiting else ''}{_text(one.name or '(no name)')}</td>"
            f'<td class="number">{units.duration(one.a_ns)}</td>'
            f'<td class="number">{units.duration(one.b_ns)}</td>'
            f'<td class="number">{diff_words.signed(one.delta_ns)}</td></tr>\n'
        )
    yield "</tbody>\n</table>\n"


def _text(text: str) -> str:
    """A short text, inert, and isolated so that its letters' direction ends with it."""
    return f"<bdi>{escape(inert(text, limit=_MAX_NAME))}</bdi>" if text else ""
