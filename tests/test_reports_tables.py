"""otel_bridge.reports.tables: statistics on the terminal."""

from __future__ import annotations

import pytest
import traces

from otel_bridge.model.trace import STATUS_ERROR, Trace
from otel_bridge.reports import tables
from otel_bridge.reports.style import Style
from otel_bridge.reports.text import cells


def shown(trace: Trace, style: Style = Style()) -> list[list[str]]:  # noqa: B008
    """The lines of each table."""
    text = "\n".join(tables.render(trace, style))
    return [block.splitlines() for block in text.split("\n\n")[1:]]


def test_there_is_a_table_of_services_operations_and_statements() -> None:
    services, operations, statements = shown(traces.boot())
    assert services == [
        "COUNT  ERRORS    TOTAL     SELF      P50      P95      MAX  SERVICE",
        "    3       -  75.1 ms  16.8 ms  29.8 ms  45.2 ms  45.2 ms  nova-api",
        "    2       1  29.2 ms  28.4 ms   800 µs  28.4 ms  28.4 ms  nova-conductor",
        "    1       -  21.0 ms  21.0 ms  21.0 ms  21.0 ms  21.0 ms  nova-compute",
    ]
    assert operations[0].endswith("SERVICE         OPERATION")
    assert operations[1].endswith("nova-api        POST /v2.1/servers")
    assert len(operations) == 7
    assert statements[1:] == [
        "    1       -  800 µs  800 µs  800 µs  800 µs  800 µs  nova-conductor  "
        "SELECT nova.instances  SELECT * FROM instances"
    ]


def test_what_there_is_none_of_has_no_table() -> None:
    assert len(shown(traces.trace(traces.span(1)))) == 2
    assert shown(traces.trace()) == []


def test_a_statement_is_one_line() -> None:
    query = {"db.query.text": "SELECT 1\n  FROM\tt"}
    assert shown(traces.trace(traces.span(1, attributes=query)))[2][1].endswith("  SELECT 1 FROM t")


def test_on_a_terminal_the_rows_are_limited() -> None:
    trace = traces.trace(*(traces.span(n, 0, f"call {n}") for n in range(1, 101)))
    _, operations = shown(trace, Style(width=100))
    assert len(operations) == 32
    assert operations[-1] == "… 70 more: --out FILE has them all"
    assert len(shown(trace)[1]) == 101


def test_failures_are_in_colour_and_in_digits() -> None:
    trace = traces.trace(traces.span(1, status=STATUS_ERROR), traces.span(2, service="glance"))
    services = shown(trace, Style(colour=True))[0]
    assert "\x1b[1;31m     1  \x1b[0m" in services[2]
    assert "\x1b[2m     -  \x1b[0m" in services[1]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("trace", [traces.boot(), traces.hostile()], ids=["boot", "hostile"])
def test_it_fits_the_terminal_and_is_inert(trace: Trace, width: int) -> None:
    for line in tables.render(trace, Style(width=width)):
        assert cells(line) <= width
        assert line.isprintable()
