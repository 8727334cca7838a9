"""otel_bridge.reports.palette: colours of services."""

from __future__ import annotations

from otel_bridge.reports import palette


def test_a_service_has_the_same_colour_in_every_order() -> None:
    names = ["nova-api", "nova-conductor", "nova-compute", "keystone"]
    assert palette.assign(names) == palette.assign(reversed(names))
    assert palette.assign(["nova-api"])["nova-api"] == palette.assign(["nova-api", "nova-api"])["nova-api"]


def test_services_of_one_trace_differ_as_long_as_there_are_colours() -> None:
    slots = palette.assign(f"service-{number}" for number in range(palette.SLOTS))
    assert sorted(slots.values()) == list(range(palette.SLOTS))


def test_more_services_than_colours_all_have_one() -> None:
    slots = palette.assign(f"service-{number}\udc80" for number in range(3 * palette.SLOTS))
    assert len(slots) == 3 * palette.SLOTS
    assert set(slots.values()) <= set(range(palette.SLOTS))
