"""The part of the viewer's list that changes while spans arrive: its rows, its drawing, what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from zlib import crc32

from otel_bridge.collector import dot_plot, markup, searching
from otel_bridge.collector.markup import Element, element
from otel_bridge.collector.searching import Search
from otel_bridge.model.trace import TraceSummary
from otel_bridge.reports import palette, units
from otel_bridge.reports.text import inert
from otel_bridge.wire import ids

#: Services of a trace that are shown.
_MAX_SERVICES: Final = 12
#: Digits of an id that people tell traces apart by.
_SHORT: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

COLUMNS: Final = ("", "Started (UTC)", "Trace", "Duration", "Spans", "Other services")


class Listing(NamedTuple):
    """What is shown of a search."""

    #: Each has the trace's id as ``data-key``.
    rows: list[Element]
    plot: Element | None
    #: How many traces there are.
    found: str
    #: Address of the next page.
    older: str | None

    def document(self) -> dict[str, Any]:
        """As JSON, for a page that is open. Its ``version`` is another one as soon as anything is."""
        said: dict[str, Any] = {
            "rows": [markup.as_json(row) for row in self.rows],
            "plot": None if self.plot is None else markup.as_json(self.plot),
            "found": self.found,
            "older": self.older,
        }
        return {"version": f"{crc32(json.dumps(said).encode()):08x}", **said}


def listing(summaries: Sequence[TraceSummary], search: Search) -> Listing:
    """What is shown of a search.

    Args:
        summaries: what was found; one more than ``search.limit`` where there are more.
        search: what was asked for.
    """
    shown = summaries[: search.limit]
    older = None
    if len(summaries) > search.limit:
        older = search.url(before=searching.position(shown[-1].start_ns, shown[-1].trace_id))
    colours = palette.assign(
        service for summary in shown for service in (summary.root_service, *summary.services[:_MAX_SERVICES])
    )
    longest = max((summary.duration_ns for summary in shown), default=0)
    return Listing(
        [_row(summary, colours, longest, search) for summary in shown],
        dot_plot.plot(shown, colours),
        units.count(len(shown), "trace") + (", the newest of more" if older and not search.before else ""),
        older,
    )


def _row(summary: TraceSummary, colours: Mapping[str, int], longest: int, search: Search) -> Element:
    identity = ids.format_trace_id(summary.trace_id)
    colour = f"s{colours.get(summary.root_service, 0)}"
    what = inert(f"{summary.root_service} {summary.root_name}".strip(), limit=markup.MAX_NAME)
    pick = element(
        "input",
        {
            "type": "checkbox",
            "form": "compare",
            "name": "trace",
            "value": identity,
            "aria-label": f"Compare {what}, {units.moment(summary.start_ns)}",
        },
    )
    link = element(
        "a",
        {"href": f"/trace/{identity}"},
        element("span", {"class": f"chip {colour}"}, markup.name(summary.root_service, "unknown service")),
        " ",
        element("b", {}, markup.name(summary.root_name)),
    )
    errors = (
        element("span", {"class": "tag bad"}, units.count(summary.error_count, "error"))
        if summary.error_count
        else None
    )
    share = 100 * summary.duration_ns / longest if longest else 0
    bar = element(
        "svg",
        {"class": f"length {colour}", "aria-hidden": "true"},
        element("rect", {"width": f"{share:.1f}%", "height": "100%", "rx": "1"}),
    )
    took = element("span", {"class": "text"}, units.duration(summary.duration_ns))
    short = element("code", {"class": "faint", "title": identity}, identity[:_SHORT])
    return element(
        "tr",
        {"data-key": identity, "data-start": str(summary.start_ns), "data-what": what},
        element("td", {"class": "pick"}, pick),
        element("td", {"class": "when"}, *_moment(summary.start_ns)),
        element("td", {"class": "what"}, link, " ", short, " " if errors else None, errors),
        element("td", {"class": "took number"}, element("div", {}, bar, took)),
        element("td", {"class": "spans number"}, f"{summary.span_count:,}"),
        element("td", {"class": "services"}, _services(summary, colours, search)),
    )


def _moment(ns: int) -> tuple[Element | str, ...]:
    text = units.moment(ns)
    if not text[0].isdigit():
        return (text,)
    day, clock, _ = text.split(" ")
    when = (_EPOCH + timedelta(microseconds=ns // 1000)).isoformat()
    return (element("time", {"datetime": when}, element("span", {"class": "faint"}, day), f" {clock}"),)


def _services(summary: TraceSummary, colours: Mapping[str, int], search: Search) -> Element:
    others = [service for service in summary.services if service != summary.root_service]
    shown = [
        element("li", {}, _service(service, f"chip s{colours.get(service, 0)}", search))
        for service in others[:_MAX_SERVICES]
    ]
    if len(others) > _MAX_SERVICES:
        shown.append(element("li", {"class": "faint"}, f"and {len(others) - _MAX_SERVICES} more"))
    return element("ul", {}, *shown)


def _service(service: str, style: str, search: Search) -> Element:
    if len(service) > markup.MAX_NAME:  # such an address would be none
        return element("span", {"class": style}, markup.name(service))
    address = search.url(service=service, before="")
    return element("a", {"href": address, "class": style}, markup.name(service, "(no name)"))
