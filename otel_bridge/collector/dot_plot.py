"""How long traces took over time, as a small drawing: a dot for each, a diamond where something failed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from otel_bridge.collector.markup import Element, element
from otel_bridge.model.trace import TraceSummary
from otel_bridge.reports import units
from otel_bridge.reports.text import inert
from otel_bridge.wire import ids

#: From where on the scale of durations is a logarithmic one: the longest by the median.
_WIDE: Final = 10
#: Room that is left at each side, in percent, so that no dot is cut.
_MARGIN_X: Final = 1.2
_MARGIN_Y: Final = 9.0
_DIAMOND: Final = "M0 -5.5L5.5 0L0 5.5L-5.5 0Z"
_MAX_TITLE: Final = 120


def plot(summaries: Sequence[TraceSummary], colours: Mapping[str, int]) -> Element | None:
    """The drawing; None where there are too few traces for one.

    Args:
        summaries: what is listed.
        colours: of the services.
    """
    shown = [summary for summary in summaries if summary.start_ns > 0]
    if len(shown) < 2:
        return None
    first, last = min(one.start_ns for one in shown), max(one.start_ns for one in shown)
    height, ticks = _scale([one.duration_ns for one in shown])
    labels = [
        element("text", {"x": "100%", "y": _percent(_y(height(ns))), "dy": ".32em"}, units.round_duration(ns))
        for ns in ticks
    ]
    lines = [
        element("line", {"x1": "0", "x2": "100%", "y1": y, "y2": y})
        for y in (_percent(_y(height(ns))) for ns in ticks)
    ]
    dots = [
        _dot(one, _x((one.start_ns - first) / max(last - first, 1)), _y(height(one.duration_ns)), colours)
        for one in shown
    ]
    return element(
        "div",
        {"class": "plot"},
        element("svg", {"class": "scale", "aria-hidden": "true"}, *labels),
        element(
            "svg",
            {
                "class": "dots",
                "role": "group",
                "aria-label": f"Durations of the {len(shown)} traces over time, as in the table below",
            },
            *lines,
            *dots,
        ),
        element(
            "div",
            {"class": "ends faint number"},
            element("span", {}, units.moment(first)[:19]),
            element("span", {}, units.moment(last)[:19] + " UTC"),
        ),
    )


def _dot(summary: TraceSummary, x: float, y: float, colours: Mapping[str, int]) -> Element:
    identity = ids.format_trace_id(summary.trace_id)
    title = inert(f"{summary.root_service} {summary.root_name}".strip(), limit=_MAX_TITLE)
    errors = f", {units.count(summary.error_count, 'error')}" if summary.error_count else ""
    if summary.error_count:
        shape = element(
            "svg",
            {"x": _percent(x), "y": _percent(y), "overflow": "visible"},
            element("path", {"class": "bad", "d": _DIAMOND}),
        )
    else:
        shape = element("circle", {"cx": _percent(x), "cy": _percent(y), "r": "4"})
    return element(
        "a",
        {
            "href": f"/trace/{identity}",
            "class": f"s{colours.get(summary.root_service, 0)}",
            "data-of": identity,
            "tabindex": "-1",  # whoever has no mouse has the table
        },
        element("title", {}, f"{title}: {units.duration(summary.duration_ns)}{errors}"),
        shape,
    )


def _scale(durations: Sequence[int]) -> tuple[Callable[[int], float], list[int]]:
    """Where a duration is between bottom (0) and top (1), and the durations that have a line."""
    ordered = sorted(durations)
    longest, median = max(ordered[-1], 1), max(ordered[len(ordered) // 2], 1)
    if longest < _WIDE * median and longest < _WIDE**2 * max(ordered[0], 1):
        return (lambda ns: ns / longest), list(_round_steps(longest))
    low, high = math.log(max(ordered[0], 1)), math.log(longest)
    powers = [10**power for power in range(19) if low <= math.log(10**power) <= high]
    step = max(1, math.ceil(len(powers) / 4))
    return (lambda ns: (math.log(max(ns, 1)) - low) / max(high - low, 1e-9)), powers[::step]


def _round_steps(longest: int) -> Iterator[int]:
    """0, and one to five round durations up to the longest."""
    power = 10 ** (len(str(longest)) - 1)
    steps = (power // 4 or 1, power // 2 or 1, power, 2 * power)
    yield from range(0, longest + 1, next(step for step in steps if longest <= 5 * step))


def _x(share: float) -> float:
    return _MARGIN_X + share * (100 - 2 * _MARGIN_X)


def _y(share: float) -> float:
    return _MARGIN_Y + (1 - share) * (100 - 2 * _MARGIN_Y)


def _percent(value: float) -> str:
    return f"{value:.2f}%"
