"""otel_bridge.reports.osprofiler_json: a trace in the shape of OSProfiler's report."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from time import monotonic
from typing import Any

import osprofiler_points
import pytest
import traces

from otel_bridge.model.redaction import exception_message, mask_sql
from otel_bridge.model.trace import STATUS_ERROR, SpanEvent, SpanRecord, Trace
from otel_bridge.reports import json_text, osprofiler_json
from otel_bridge.wire import ids

TRACES = {
    "boot": traces.boot(),
    "hostile": traces.hostile(),
    "wide": traces.fan(300),
    "deep": traces.chain(300),
    "two roots": traces.trace(traces.span(1, start=3), traces.span(2, start=1, end=1.5)),
    "orphan": traces.trace(traces.span(1), traces.span(2, 99, start=1), traces.span(3, 2, start=2)),
    "without end": traces.trace(traces.span(1), traces.span(2, 1, start=5, end=4)),
    "skewed": traces.trace(traces.span(1, start=7), traces.span(2, 1, start=2.4567, end=30.9999)),
    "dashes": traces.trace(traces.span(1, name="l3-agent", attributes={"osprofiler.name": "l3-agent"})),
    "empty": traces.trace(),
}

BOOM = SpanEvent("exception", 0, {"exception.type": "Boom"})


def nodes(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = list(report["children"])
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node["children"]


def payloads(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The notifications in a report, in the order in which a driver would have got them."""
    found = [
        payload
        for node in nodes(report)
        for key, payload in node["info"].items()
        if key.startswith("meta.raw_payload.")
    ]
    order = {
        payload["trace_id"]: payload["timestamp"] for payload in found if payload["name"].endswith("start")
    }
    return sorted(
        found, key=lambda one: (order[one["trace_id"]], one["trace_id"], one["name"].endswith("stop"))
    )


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_it_is_what_osprofiler_makes_of_the_same_notifications(trace: Trace) -> None:
    base = pytest.importorskip("osprofiler.drivers.base")
    report = osprofiler_json.report(trace)
    driver = base.Driver("nowhere://")
    for one in payloads(report):
        driver._append_results(
            one["trace_id"],
            one["parent_id"],
            one["name"],
            one["project"],
            one["service"],
            one["info"]["host"],
            one["timestamp"],
            one,
        )
    theirs = driver._parse_results()
    if not trace.spans:
        assert theirs["children"] == report["children"] == []
        assert theirs["info"] == report["info"]
        return
    assert report == theirs
    assert [list(node) for node in nodes(report)] == [
        ["info", "trace_id", "parent_id", "children"] for _ in trace.spans
    ]


def test_ids_are_osprofilers() -> None:
    report = osprofiler_json.report(traces.boot())
    (root,) = report["children"]
    assert root["parent_id"] == traces.BASE_ID
    assert root["trace_id"] == ids.point_id(1)
    assert {node["parent_id"] for node in root["children"]} == {ids.point_id(1)}


def test_times_are_whole_milliseconds_from_the_first_event() -> None:
    report = osprofiler_json.report(traces.boot())
    assert report["info"] == {"name": "total", "started": 0, "finished": 62, "last_trace_started": 41}
    (root,) = report["children"]
    assert (root["info"]["started"], root["info"]["finished"]) == (0, 45)
    query = root["children"][0]["children"][0]["children"][0]["info"]
    assert (query["started"], query["finished"]) == (2, 2)


def test_project_service_and_host() -> None:
    own = traces.span(1, resource={"service.namespace": "nova", "host.name": "ctl1"})
    said = traces.span(
        2,
        attributes={
            "osprofiler.project": "neutron",
            "osprofiler.service": "q-agt",
            "osprofiler.host": "net1",
        },
        resource={"service.namespace": "nova", "host.name": "ctl1"},
    )
    bare = traces.span(3)
    given = traces.span(
        4,
        resource={
            "service.name": "keystone-public",
            "service.namespace": "cloud",
            "host.name": "ctl1",
            "osprofiler.project": "keystone",
            "osprofiler.service": "public",
            "osprofiler.host": "0.0.0.0",
        },
    )
    report = osprofiler_json.report(traces.trace(own, said, bare, given))
    infos = [node["info"] for node in report["children"]]
    assert [(info["project"], info["service"], info["host"]) for info in infos] == [
        ("nova", "nova-api", "ctl1"),
        ("neutron", "q-agt", "net1"),
        ("", "nova-api", ""),
        ("keystone", "public", "ctl1"),  # the machine, as OSProfiler has it in its notifications
    ]
    assert [one["info"]["host"] for one in payloads(report) if one["name"].endswith("start")] == [
        "ctl1",
        "net1",
        "",
        "ctl1",
    ]


def as_far_as_spans_have_it(report: dict[str, Any]) -> dict[str, Any]:
    """OSProfiler's report of real points, without what a span does not keep."""
    for node in nodes(report):
        node["trace_id"] = ids.point_id(ids.span_id(node["trace_id"]))
        node["parent_id"] = known_parent(node["parent_id"])
        for key, payload in node["info"].items():
            if not key.startswith("meta.raw_payload."):
                continue
            payload["trace_id"], payload["parent_id"] = node["trace_id"], node["parent_id"]
            info = payload["info"]
            for hidden in ("args", "kwargs"):
                info.get("function", {}).pop(hidden, None)
            if "statement" in info.get("db", {}):
                info["db"] = {"statement": mask_sql(info["db"]["statement"]), "params": {}}
            if "etype" in info:
                info.pop("db", None)  # the message once more
                info["message"] = exception_message(info["etype"], info["message"])
    return report


def known_parent(parent_id: str) -> str:
    base = osprofiler_points.load()[0]["base_id"]
    return base if parent_id == base else ids.point_id(ids.span_id(parent_id))


@pytest.fixture
def _on_their_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: osprofiler_points.MACHINE)


@pytest.mark.usefixtures("_on_their_machine")
def test_real_points_read_back_from_spans_are_reported_as_osprofiler_reports_them() -> None:
    pytest.importorskip("osprofiler.drivers.base")
    points = osprofiler_points.load()
    theirs = osprofiler_points.report(points)
    ours = osprofiler_json.report(osprofiler_points.spans(points))
    assert ours == as_far_as_spans_have_it(theirs)


@pytest.mark.usefixtures("_on_their_machine")
def test_real_points_of_which_halves_are_missing_are_reported_all_the_same() -> None:
    pytest.importorskip("osprofiler.drivers.base")
    points = [one for index, one in enumerate(osprofiler_points.load()) if index % 7 != 3]
    stops = {one["trace_id"] for one in points if one["name"].endswith("-stop")}
    starts = {one["trace_id"] for one in points if one["name"].endswith("-start")}
    assert stops - starts
    assert starts - stops
    points = [one for one in points if one["trace_id"] in starts]  # what only stopped reads as started
    theirs = osprofiler_points.report(points)
    ours = osprofiler_json.report(osprofiler_points.spans(points))
    assert ours == as_far_as_spans_have_it(theirs)


def test_the_base_id_is_the_one_that_was_asked_for() -> None:
    report = osprofiler_json.report(traces.boot(), "no uuid")
    (root,) = report["children"]
    assert root["parent_id"] == "no uuid"
    assert {one["base_id"] for one in payloads(report)} == {"no uuid"}


@pytest.mark.parametrize(
    ("span", "exception", "message"),
    [
        (traces.span(1), "None", None),
        (
            traces.span(
                1, status=STATUS_ERROR, status_message="no host", attributes={"error.type": "NoValidHost"}
            ),
            "NoValidHost",
            "no host",
        ),
        (traces.span(1, status=STATUS_ERROR), "Error", ""),
        (
            traces.span(1, status=STATUS_ERROR, status_message="Boom", events=(BOOM,)),
            "Boom",
            "",
        ),
        # A status code is no exception to OSProfiler.
        (
            traces.span(
                1,
                kind=traces.SERVER,
                status=STATUS_ERROR,
                attributes={
                    "http.request.method": "GET",
                    "http.response.status_code": 500,
                    "error.type": "500",
                },
            ),
            "None",
            None,
        ),
    ],
)
def test_a_failure_is_etype_and_message_of_the_stop(
    span: SpanRecord, exception: str, message: str | None
) -> None:
    (node,) = osprofiler_json.report(traces.trace(span))["children"]
    info = node["info"]
    assert info["exception"] == exception
    stop = info[f"meta.raw_payload.{info['name']}-stop"]["info"]
    assert stop.get("message") == message
    assert ("etype" in stop) is (exception != "None")


def test_a_span_without_end_has_no_stop() -> None:
    report = osprofiler_json.report(TRACES["without end"])
    (node,) = report["children"][0]["children"]
    assert node["info"]["started"] == node["info"]["finished"] == 5
    assert "exception" not in node["info"]
    assert not any(key.endswith("-stop") for key in node["info"])


def test_points_have_osprofilers_names_and_what_its_readers_look_for() -> None:
    """What the DOT report and Horizon take out of the raw payloads."""
    report = osprofiler_json.report(traces.boot())
    assert {name: one["count"] for name, one in report["stats"].items()} == {"wsgi": 1, "rpc": 4, "db": 1}
    payload = {
        node["info"]["name"]: node["info"][f"meta.raw_payload.{node['info']['name']}-start"]["info"]
        for node in nodes(report)
    }
    assert payload["wsgi"]["request"]["method"] == "POST"
    assert payload["wsgi"]["request"]["path"] == "/v2.1/servers"
    assert payload["db"]["db"]["statement"] == "SELECT * FROM instances"
    assert payload["rpc"]["function"]["name"]


def test_stats_count_and_sum_by_name() -> None:
    report = osprofiler_json.report(traces.boot())
    assert sum(one["count"] for one in report["stats"].values()) == 6
    for name, sums in report["stats"].items():
        infos = [node["info"] for node in nodes(report) if node["info"]["name"] == name]
        assert sums == {
            "count": len(infos),
            "duration": sum(info["finished"] - info["started"] for info in infos),
        }


@pytest.mark.parametrize("start", [-5, 0, 2**63, 2**80])
def test_times_that_are_none_are_no_error(start: int) -> None:
    span = SpanRecord(traces.TRACE_ID, 1, 0, "odd", 1, start, start + 5)
    (node,) = osprofiler_json.report(traces.trace(span))["children"]
    assert node["info"]["started"] == 0


@pytest.mark.parametrize(
    "trace", [traces.chain(10_000), traces.fan(20_000)], ids=["10,000 deep", "20,000 wide"]
)
def test_large_traces_are_reported_in_linear_time(trace: Trace) -> None:
    begin = monotonic()
    text = "".join(json_text.pieces(osprofiler_json.report(trace)))
    assert monotonic() - begin < 30  # a few seconds; hours if it were quadratic
    assert text.count('"children"') == len(trace.spans) + 1


def test_hostile_content_is_ascii_json() -> None:
    text = "".join(json_text.pieces(osprofiler_json.report(traces.hostile())))
    assert text.isascii()
    assert json.loads(text)["info"]["name"] == "total"
