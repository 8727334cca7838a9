"""The viewer's first page: the newest traces, written on the server, without scripts.

A trace's own page is the report of :mod:`otel_bridge.reports.html`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape
from importlib import resources
from typing import Final
from urllib.parse import urlencode

from otel_bridge.model.trace import TraceSummary
from otel_bridge.reports import units
from otel_bridge.reports.text import inert
from otel_bridge.wire import ids

_CSS: Final = resources.files("otel_bridge.collector").joinpath("pages.css").read_text(encoding="utf-8")
_CSS_HASH: Final = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode("ascii")

#: What is sent as header with a page of this module.
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_CSS_HASH}'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

_MAX_NAME: Final = 200
_MAX_SERVICES: Final = 12


def trace_list(
    summaries: Iterable[TraceSummary], *, limit: int, service: str | None, errors_only: bool
) -> str:
    """The page that lists traces.

    Args:
        summaries: what was found, in the order of the page.
        limit, service, errors_only: what was asked for; shown in the form.
    """
    rows = [row for summary in summaries for row in _row(summary)]
    found = "".join(rows) or '<tr><td colspan="5">No traces here. Send a signed request first.</td></tr>'
    checked = " checked" if errors_only else ""
    form = (
        '<form action="/" method="get">'
        f'<label>Service <input name="service" value="{_text(service or "")}"></label> '
        f'<label><input type="checkbox" name="errors" value="1"{checked}> with errors</label> '
        f'<label>at most <input name="limit" type="number" min="1" max="1000" value="{limit}"></label> '
        "<button>Show</button></form>"
    )
    return _page(
        "Traces",
        f"{form}\n<table>\n<thead><tr><th>Started</th><th>Trace</th><th>Duration</th><th>Spans</th>"
        f"<th>Services</th></tr></thead>\n<tbody>\n{found}</tbody>\n</table>",
    )


def message(title: str, text: str) -> str:
    """A page that says one thing."""
    return _page(title, f'<p>{_text(text)}</p>\n<p><a href="/">All traces</a></p>')


def _row(summary: TraceSummary) -> Iterator[str]:
    identity = ids.format_trace_id(summary.trace_id)
    name = _text(summary.root_name) or "(no name)"
    errors = ""
    if summary.error_count:
        errors = f' <strong class="error">{units.count(summary.error_count, "error")}</strong>'
    services = "".join(f"<li>{_service(service)}</li>" for service in summary.services[:_MAX_SERVICES])
    if len(summary.services) > _MAX_SERVICES:
        services += f"<li>and {len(summary.services) - _MAX_SERVICES} more</li>"
    yield (
        f"<tr><td>{units.moment(summary.start_ns)}</td>"
        f'<td><a href="/trace/{identity}">{_text(summary.root_service)} <b>{name}</b></a></td>'
        f'<td class="number">{escape(units.duration(summary.duration_ns))}</td>'
        f'<td class="number">{summary.span_count:,}{errors}</td>'
        f"<td><ul>{services}</ul></td></tr>\n"
    )


def _service(name: str) -> str:
    if len(name) > _MAX_NAME:
        return _text(name)
    return f'<a href="/?{escape(urlencode({"service": name}, errors="replace"))}">{_text(name)}</a>'


def _text(text: str) -> str:
    """Text of unknown origin: nothing in it acts, and its letters' direction stays its own."""
    return escape(inert(text, limit=_MAX_NAME))


def _page(title: str, content: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"<h1>{_text(title)}</h1>\n{content}\n</body>\n</html>\n"
    )
