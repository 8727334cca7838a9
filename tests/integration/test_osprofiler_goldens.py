"""One piece of work, traced by osprofiler and by us, reads the same: report for report, field by field."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import osprofiler_goldens as goldens
import osprofiler_points
import pytest
import stored
from osprofiler.drivers import base

from otel_bridge.adopt import reports
from otel_bridge.collector import Server
from otel_bridge.model.trace import Trace

pytestmark = pytest.mark.integration

_CAPTURING = "[otel_bridge]\ncapture_args = true\ncapture_sql_parameters = true\n"
#: Where each driver of osprofiler's keeps a point; one for SQLAlchemy has its columns not in the payload.
_COLUMNS = ("name", "base_id", "trace_id", "parent_id", "timestamp", "project", "service")


def traced_by_us(directory: Path, options: str = "") -> str:
    """Run the services with our driver, whose reports then come from the store that their spans went to.

    Returns:
        The connection string.
    """
    path = directory / "traces.db"
    with Server(str(path), otlp_port=0, viewer_port=0) as server:
        connection = f"otel://{server.otlp_endpoint.partition('://')[2]}"
        goldens.run(Path(sys.executable), directory, connection, options)
    return f"{connection}?store={quote(f'sqlite:{path}', safe='')}"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> base.Driver:
    return driver(traced_by_us(tmp_path_factory.mktemp("ours")))


@pytest.fixture(scope="module")
def capturing(tmp_path_factory: pytest.TempPathFactory) -> base.Driver:
    return driver(traced_by_us(tmp_path_factory.mktemp("capturing"), _CAPTURING))


@pytest.fixture(scope="module")
def from_points(tmp_path_factory: pytest.TempPathFactory) -> base.Driver:
    """The same points as osprofiler's notifier hands them to a driver, made into spans one by one."""
    by_trace: dict[str, list[dict[str, Any]]] = {}
    for point in osprofiler_points.load(goldens.POINTS):
        by_trace.setdefault(point["base_id"], []).append(point)
    made = [on_their_machines(osprofiler_points.spans(points), points) for points in by_trace.values()]
    store = stored.store(tmp_path_factory.mktemp("points") / "traces.db", *made)
    return driver(f"otel:?store={quote(store, safe='')}")


def on_their_machines(trace: Trace, points: list[dict[str, Any]]) -> Trace:
    """The trace without the name of this machine, which took the place of addresses."""
    machines = {point["svc"][1]: point["info"]["host"] for point in points}
    for span in trace.spans:
        if span.resource.get("osprofiler.host"):
            span.resource["host.name"] = machines[span.resource["osprofiler.service"]]  # type: ignore[index]
    return trace


@pytest.fixture(autouse=True)
def _nobody_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(reports.VARIABLE, raising=False)


def driver(connection: str) -> base.Driver:
    """As every reader makes one."""
    return base.get_driver(connection)


def unexplained(
    ours: base.Driver, theirs: Mapping[str, Any], table: Mapping[str, goldens.Row]
) -> tuple[list[str], set[str]]:
    """The differences that no row of the table explains, and the rows that explained none."""
    found, unused = [], set(table)
    for base_id in (goldens.BOOT, goldens.SHOW):
        for difference in goldens.differences(theirs[base_id], ours.get_report(base_id)):
            names = {name for name, row in table.items() if row.explains(difference)}
            unused -= names
            if not names:
                found.append(f"{'/'.join(difference.path)}: {difference.theirs!r} -> {difference.ours!r}")
    return found, unused


@pytest.mark.parametrize("theirs", ["messaging", "redis"])
@pytest.mark.parametrize(
    ("how", "table"),
    [("ours", goldens.TABLE), ("capturing", goldens.CAPTURED), ("from_points", goldens.FROM_POINTS)],
    ids=["our driver", "our driver, capturing", "points"],
)
def test_reports_are_those_of_osprofilers_drivers(
    request: pytest.FixtureRequest, how: str, table: Mapping[str, goldens.Row], theirs: str
) -> None:
    expected = goldens.golden(theirs)["reports"]
    if theirs == "redis":
        expected = {base_id: goldens.by_time(report) for base_id, report in expected.items()}
    assert unexplained(request.getfixturevalue(how), expected, table) == ([], set())


def test_reports_are_those_of_its_driver_for_sqlalchemy_whose_payloads_lack_what_is_a_column(
    ours: base.Driver,
) -> None:
    expected = goldens.golden("sqlalchemy")["reports"]
    table = {
        **goldens.TABLE,
        "columns": goldens.Row(
            "it takes what has a column of its own out of the payload",
            lambda found: found.path[-1] in _COLUMNS and found.theirs is goldens.NOTHING,
        ),
        "host": goldens.Row(
            "it says the service's host, also where that is an address that every machine has",
            lambda found: (
                found.path[-2:] == ("info", "host")
                and (found.theirs, found.ours) in (("0.0.0.0", "ctl1"), ("cmp1", "cmp1.example.org"))
            ),
        ),
    }
    assert unexplained(ours, expected, table) == ([], set())


def test_times_are_the_same(ours: base.Driver) -> None:
    """That no row of a table hides one: whole milliseconds, and the order of all points."""

    def times(report: dict[str, Any]) -> list[tuple[Any, ...]]:
        names = ("name", "started", "finished")
        return [tuple(node["info"][name] for name in names) for node in goldens.nodes(report)]

    theirs = goldens.golden("messaging")["reports"]
    for base_id in (goldens.BOOT, goldens.SHOW):
        report = ours.get_report(base_id)
        assert times(report) == times(theirs[base_id])
        assert (report["info"], report["stats"]) == (theirs[base_id]["info"], theirs[base_id]["stats"])


def test_what_osprofiler_gets_wrong_is_right(ours: base.Driver) -> None:
    """It leaves the point of a request that failed open, so that what follows hangs below it, and stops the
    last point that is open in place of the one that ends.
    """
    theirs = goldens.golden("messaging")["reports"][goldens.FAIL]
    assert goldens.outline(theirs) == [
        ["wsgi", 0, None, [["http", 0, None, [["driver", 3, "None", []]]]]],
    ]
    assert goldens.outline(ours.get_report(goldens.FAIL)) == [
        [
            "wsgi",
            6,
            "None",
            [["http", 2, "requests.exceptions.ConnectionError", []], ["driver", 0, None, []]],
        ]
    ]


def test_traces_are_listed_as_by_the_driver_for_sqlalchemy(ours: base.Driver) -> None:
    assert ours.list_traces() == goldens.golden("sqlalchemy")["lists"]["list_traces"]


def test_redis_names_the_last_point_but_one_of_each_trace(ours: base.Driver) -> None:
    """The same traces, with another time."""
    theirs = goldens.golden("redis")["lists"]["list_traces"]
    assert {one["base_id"] for one in theirs} == {one["base_id"] for one in ours.list_traces()}
    assert [one.keys() for one in theirs] == [one.keys() for one in ours.list_traces()]


def test_traces_with_exceptions_are_listed_and_those_of_which_osprofiler_does_not_know(
    ours: base.Driver,
) -> None:
    """It gives the time of the last exception, we that of the trace."""
    (theirs,) = goldens.golden("redis")["lists"]["list_error_traces"]
    assert [one["base_id"] for one in ours.list_error_traces()] == [theirs["base_id"], goldens.FAIL]
    assert all(one.keys() == theirs.keys() for one in ours.list_error_traces())


def test_what_is_meant_to_differ_is_told_from_what_is_not() -> None:
    """The comparison can fail: a value that is changed, one that is gone and one too many are found."""
    theirs = goldens.golden("messaging")["reports"][goldens.BOOT]
    for change in (
        lambda node: node["info"].update(finished=1000),
        lambda node: node["info"].pop("project"),
        lambda node: node["info"].update(more=1),
        lambda node: node["children"].reverse(),
        lambda node: node["children"].pop(),
        lambda node: node.update(trace_id=node["parent_id"]),
    ):
        ours = json.loads(json.dumps(theirs))
        assert not list(goldens.differences(theirs, ours))
        change(ours["children"][0])
        found = list(goldens.differences(theirs, ours))
        assert found
        assert not all(any(row.explains(one) for row in goldens.TABLE.values()) for one in found)
