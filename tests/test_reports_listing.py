"""otel_bridge.reports.listing: a list of traces."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import traces

from otel_bridge.model.trace import TraceSummary
from otel_bridge.reports import json_text, listing
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import cells

BOOT = traces.boot().summary()
OTHER = TraceSummary(1, "GET /", "glance-api", 0, 0, 12_345, 0, ("glance-api",))


def test_table_has_a_line_a_trace_in_the_order_given() -> None:
    assert list(listing.table([BOOT, OTHER])) == [
        "TRACE                                 STARTED                      DURATION   SPANS  ERRORS  ROOT",
        "0d06e2bc-1234-5678-90ab-cdef12345678  2026-11-22 14:06:01.123 UTC   62.0 ms       6       1  "
        "nova-api  POST /v2.1/servers (nova-compute, nova-conductor)",
        "00000000-0000-0000-0000-000000000001  at no known time                    0  12,345       -  "
        "glance-api  GET /",
    ]


def test_many_services_are_counted() -> None:
    services = tuple(f"s{number}" for number in range(20))
    summary = TraceSummary(1, "root", "s0", 0, 0, 20, 0, services)
    assert list(listing.table([summary]))[1].endswith("s0  root (s1, s2, s3, s4, s5, s6, 13 more)")


@pytest.mark.parametrize("width", [120, 200, None])
def test_ids_are_whole_where_there_is_room(width: int | None) -> None:
    lines = list(listing.table([BOOT, OTHER], Style(width=width)))
    assert lines[1].startswith(f"{traces.BASE_ID}  2026-11-22 14:06:01.123 UTC ")
    assert max(map(cells, lines)) <= (width or 1000)


def test_columns_are_shorter_where_there_is_none() -> None:
    assert list(listing.table([BOOT, OTHER], Style(width=80))) == [
        "TRACE     STARTED (UTC)   DURATION   SPANS  ERR  ROOT",
        "0d06e2bc  11-22 14:06:01   62.0 ms       6    1  nova-api  POST /v2.1/servers (…",
        "00000000  ?                      0  12,345    -  glance-api  GET /",
    ]


@pytest.mark.parametrize("width", [66, 70, 80, 100, 110])
def test_the_table_fits_the_terminal(width: int) -> None:
    many = replace(BOOT, services=tuple(f"service-{number}" for number in range(9)))
    assert max(map(cells, listing.table([many, OTHER], Style(width=width)))) <= width


@pytest.mark.parametrize(("other", "digits"), [(0xFF, 31), (1 << 100, 8), (1 << 90, 10), (3, 32)])
def test_ids_are_cut_where_they_still_differ(other: int, digits: int) -> None:
    """So that what is shown is enough to name one of them."""
    summaries = [replace(OTHER, trace_id=2), replace(OTHER, trace_id=other), BOOT]
    shown = [line.split()[0] for line in listing.table(summaries, Style(width=70))][1:]
    assert [len(text) for text in shown] == [digits] * 3
    assert len(set(shown)) == 3


def test_what_a_store_does_not_tell_is_not_a_number() -> None:
    """Of a trace there is always a span."""
    (_, line) = listing.table([replace(OTHER, span_count=0)])
    assert line.split()[-5:] == ["?", "?", "glance-api", "GET", "/"]


def test_hostile_content_is_inert() -> None:
    summary = traces.hostile().summary()
    for line in listing.table([summary] * 2, Style(width=200)):
        assert line.isprintable()


def test_colours_only_when_asked_for() -> None:
    assert not any("\x1b" in line for line in listing.table([BOOT]))
    assert all("\x1b" in line for line in listing.table([BOOT], Style(colour=True)))


@pytest.mark.parametrize("summaries", [[], [BOOT, OTHER], [traces.hostile().summary()]])
def test_json_is_the_shape_of_the_viewer(summaries: list[TraceSummary]) -> None:
    answer = json.loads("".join(json_text.pieces(listing.as_json(summaries))))
    assert len(answer["traces"]) == len(summaries)
    if BOOT in summaries:
        assert answer["traces"][0] == {
            "traceId": "0d06e2bc1234567890abcdef12345678",
            "rootName": "POST /v2.1/servers",
            "rootService": "nova-api",
            "startTimeUnixNano": "1795356361123000000",
            "durationNano": "62000000",
            "spanCount": 6,
            "errorCount": 1,
            "services": ["nova-api", "nova-compute", "nova-conductor"],
        }
