"""The viewer's own pages: the list of traces, and what is said where there is no trace to show.

All of them are complete without scripts. The list's script keeps it up to date and remembers what is to be
compared; that of the waiting page asks whether the trace is there now.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Final

from otel_bridge.collector import markup, searching, trace_table
from otel_bridge.collector.markup import Element, Node, element
from otel_bridge.collector.searching import Search
from otel_bridge.collector.trace_table import Listing
from otel_bridge.reports import page
from otel_bridge.reports.text import inert
from otel_bridge.wire import ids

#: Names that each field of the form suggests.
MAX_SUGGESTED: Final = 200

WHY_MISSING: Final = (
    "The service did not accept the signature: the key must be one of its [profiler] hmac_keys.",
    "Tracing is disabled there: it needs [profiler] enabled = true, and a restart.",
    "Its spans go elsewhere: [otel_bridge] endpoint of the service has to name this server.",
    "It was here and is no longer kept.",
)


def trace_list(
    search: Search,
    listing: Listing | None,
    *,
    problem: str = "",
    suggested: Sequence[Iterable[str]] = ((), ()),
) -> page.Page:
    """The page that lists traces.

    Args:
        search: what was asked for; shown in the form.
        listing: what was found; None: what was asked for cannot be.
        problem: why it cannot be.
        suggested: names of services, and of operations.
    """
    services, operations = suggested
    found = _found(search, listing) if listing is not None else [element("p", {"class": "note"}, problem)]
    live = listing is not None and not search.before
    return _document(
        "Traces",
        _head(element("h1", {}, "Traces"), _live()),
        _form(search, services, operations),
        element("main", {}, *found),
        scripts=("picks.js", "list.js"),
        data={
            "settings": {
                "live": search.url("/api/list") if live else None,
                "version": listing.document()["version"] if listing is not None else None,
            }
        },
    )


def message(title: str, text: str, details: Iterable[str] = ()) -> page.Page:
    """A page that says one thing."""
    said = [element("p", {}, inert(text)), *([_bullets(details)] if details else [])]
    return _document(title, _head(element("h1", {}, inert(title)), _home()), element("main", {}, *said))


def waiting(trace_id: int) -> page.Page:
    """The page of a trace that is not there, or not there yet: it becomes the trace's page."""
    identity = ids.format_trace_id(trace_id)
    return _document(
        f"Waiting for trace {identity[:8]}",
        _head(
            element("h1", {}, "No such trace yet: ", element("code", {}, ids.base_id(trace_id))),
            _home(),
        ),
        element(
            "main",
            {"class": "waiting"},
            element(
                "p",
                {"id": "waiting", "hidden": ""},
                element("span", {"class": "live", "id": "live"}, "waiting"),
                " for its first span, ",
                element("span", {"id": "waited"}, "0 s"),
                " by now. ",
                element("button", {"type": "button", "id": "again", "hidden": ""}, "Ask again"),
            ),
            element("noscript", {}, element("p", {}, "Load this page again to see whether it has come.")),
            element("h2", {}, "Spans come some seconds after the request. If none do, it may be that:"),
            _bullets(WHY_MISSING),
            element(
                "p", {}, "On the service's host, ", element("code", {}, "otel-bridge check"), " tells more."
            ),
        ),
        scripts=("waiting.js",),
        data={"settings": {"live": f"/api/traces/{identity}/report"}},
    )


def _document(
    title: str, *body: Node, scripts: Sequence[str] = (), data: dict[str, object] | None = None
) -> page.Page:
    shared = ("page.js", "report_live.js") if scripts else ()
    return page.document(
        title=title,
        styles=[page.resource("theme.css"), _resource("pages.css")],
        scripts=[*map(page.resource, shared), *map(_resource, scripts)],
        body=markup.as_html(*body),
        data=data or {},
        connect=True,
    )


@functools.cache
def _resource(name: str) -> str:
    return resources.files("otel_bridge.collector").joinpath(name).read_text(encoding="utf-8")


def _head(title: Element, right: Element) -> Element:
    return element("header", {"class": "head"}, title, right)


def _home() -> Element:
    return element("nav", {}, element("a", {"href": "/"}, "All traces"))


def _live() -> Element:
    return element(
        "div",
        {"class": "updates", "hidden": ""},
        element("span", {"class": "live", "id": "live"}),
        element("button", {"type": "button", "id": "pause", "aria-pressed": "false"}, "Pause"),
    )


def _bullets(lines: Iterable[str]) -> Element:
    return element("ul", {"class": "bullets"}, *(element("li", {}, inert(line)) for line in lines))


def _form(search: Search, services: Iterable[str], operations: Iterable[str]) -> Element:
    options = [(value, text) for value, text, _ in searching.RANGES]
    # "Any time" is what is usual, so it comes first.
    options = [*options[-1:], *options[:-1], (searching.CUSTOM, "from … until …")]
    return element(
        "form",
        {"action": "/", "method": "get", "role": "search", "class": "search", "id": "search"},
        _field("Find", "q", search.q, "search", placeholder="trace id, service or operation  (/)"),
        _field("Service", "service", search.service, options="services"),
        _field("Operation", "operation", search.operation, options="operations"),
        _field("At least", "min", search.min, placeholder="5ms"),
        _field("At most", "max", search.max, placeholder="1.2s"),
        _select("Started", "range", options, search.range),
        _field("From (UTC)", "since", search.since, style="custom", placeholder="2026-11-22 14:00"),
        _field("Until (UTC)", "until", search.until, style="custom", placeholder="2026-11-22 15:00"),
        element(
            "label",
            {"class": "check"},
            element(
                "input",
                {
                    "type": "checkbox",
                    "name": "errors",
                    "value": "1",
                    "checked": "" if search.errors else None,
                },
            ),
            " Errors only",
        ),
        _select("Show", "limit", [(str(n), str(n)) for n in searching.PAGE_LIMITS], str(search.limit)),
        element(
            "div",
            {"class": "buttons"},
            element("button", {"class": "go"}, "Search"),
            element("a", {"href": "/", "class": "clear"}, "Clear") if search.is_filtered else None,
        ),
        _options("services", services),
        _options("operations", operations),
    )


def _field(
    label: str,
    name: str,
    value: str,
    kind: str = "text",
    *,
    style: str = "",
    placeholder: str | None = None,
    options: str | None = None,
) -> Element:
    said = {
        "type": kind,
        "name": name,
        "id": name,
        "value": inert(value, limit=1000),
        "placeholder": placeholder,
        "list": options,
        "autocomplete": "off",
        "spellcheck": "false",
        "maxlength": "1000",
    }
    box = element("input", said)
    return element("label", {"class": f"field {name} {style}".strip()}, element("span", {}, label), box)


def _select(label: str, name: str, options: Iterable[tuple[str, str]], chosen: str) -> Element:
    items = [
        element("option", {"value": value, "selected": "" if value == chosen else None}, text)
        for value, text in options
    ]
    return element(
        "label",
        {"class": f"field {name}"},
        element("span", {}, label),
        element("select", {"name": name, "id": name}, *items),
    )


def _options(identity: str, names: Iterable[str]) -> Element:
    # What is shown otherwise than it is would not be found.
    fit = [name for name in names if name and inert(name, limit=markup.MAX_NAME) == name][:MAX_SUGGESTED]
    return element("datalist", {"id": identity}, *(element("option", {"value": name}) for name in fit))


def _found(search: Search, listing: Listing) -> list[Element]:
    headings = [
        element("th", {"scope": "col", "class": _class(text)}, text) for text in trace_table.COLUMNS[1:]
    ]
    pick = element("th", {"scope": "col", "class": "pick"}, element("span", {"class": "hidden"}, "Compare"))
    table = element(
        "table",
        {"id": "traces", "hidden": None if listing.rows else ""},
        element("caption", {"class": "hidden"}, "Traces, the newest first"),
        element("thead", {}, element("tr", {}, pick, *headings)),
        element("tbody", {"id": "rows"}, *listing.rows),
    )
    newest = element("a", {"href": search.url(before="")}, "← Newest") if search.before else None
    return [
        element("div", {"id": "plot"}, listing.plot),
        element(
            "div",
            {"class": "tools"},
            element("p", {"class": "faint", "id": "found"}, listing.found if listing.rows else ""),
            element("button", {"type": "button", "id": "fresh", "hidden": ""}),
            element(
                "form",
                {"action": "/diff", "method": "get", "id": "compare"},
                element("ul", {"id": "picked"}),
                element("button", {"id": "do-compare", "title": "Tick two traces"}, "Compare two"),
            ),
        ),
        table,
        _empty(search, hidden=bool(listing.rows)),
        element(
            "nav",
            {"class": "pages", "aria-label": "Pages"},
            newest,
            element(
                "a",
                {"href": listing.older or "/", "id": "older", "hidden": None if listing.older else ""},
                "Older →",
            ),
        ),
    ]


def _class(heading: str) -> str | None:
    return "number" if heading in ("Duration", "Spans") else None


def _empty(search: Search, *, hidden: bool) -> Element:
    if search.before:
        said: list[Node] = [element("p", {}, "No older traces.")]
    elif search.is_filtered:
        said = [element("p", {}, "No trace is like that. ", element("a", {"href": "/"}, "Show all traces"))]
    else:
        said = [
            element("p", {}, element("b", {}, "No traces here yet.")),
            element("p", {"class": "faint"}, "Send a signed request: its trace appears by itself."),
        ]
    return element("div", {"id": "empty", "class": "empty", "hidden": "" if hidden else None}, *said)
