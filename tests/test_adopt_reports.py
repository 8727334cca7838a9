"""adopt.reports: what the driver answers to osprofiler's commands and to Horizon."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import osprofiler_points
import pytest
import stored
import traces
from loopback import serving
from oslo_config import cfg
from osprofiler import exc

from otel_bridge import opts
from otel_bridge.adopt import reports
from otel_bridge.model.trace import STATUS_ERROR, Trace
from otel_bridge.reports import osprofiler_json
from otel_bridge.wire import ids

CLIENT_ID = traces.TRACE_ID + 1
POINTS_ID = osprofiler_points.load()[0]["base_id"]


def other(name: str = "server create", *, start: float = -1000, trace_id: int = CLIENT_ID) -> Trace:
    span = traces.span(1, name=name, start=start, end=start + 1, status=STATUS_ERROR)
    return Trace.from_spans(trace_id, [replace(span, trace_id=trace_id)])


@pytest.fixture(autouse=True)
def _nobody_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(reports.VARIABLE, raising=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with three traces: of osprofiler's points, of a boot, and of a client."""
    path = tmp_path_factory.mktemp("store") / "traces.db"
    return stored.store(
        path, traces.boot(), osprofiler_points.spans(osprofiler_points.load()), other("GET /v3/users/{id}")
    )


def connection(store: str) -> str:
    return f"otel://collector:4318?store={quote(store, safe='')}"


def conf(store: str | None = None) -> cfg.ConfigOpts:
    found = cfg.ConfigOpts()
    found([], project="nova", default_config_files=[], default_config_dirs=[])
    if store is not None:
        opts.register_opts(found)
        found.set_override("store", store, group="otel_bridge")
    return found


def test_a_report_is_that_of_the_trace_in_the_store(store: str) -> None:
    found = reports.get_report(connection(store), traces.BASE_ID)
    assert found == osprofiler_json.report(traces.boot())
    assert found["children"]


@pytest.mark.parametrize(
    "base_id", [traces.BASE_ID.upper(), traces.BASE_ID.replace("-", ""), f"{{{traces.BASE_ID}}}"]
)
def test_a_uuid_may_be_spelled_in_any_way(store: str, base_id: str) -> None:
    assert reports.get_report(connection(store), base_id) == osprofiler_json.report(traces.boot())


def test_an_id_that_is_no_uuid_is_the_trace_that_services_make_of_it(tmp_path: Path) -> None:
    url = stored.store(tmp_path / "traces.db", other(trace_id=ids.trace_id("my trace")))
    found = reports.get_report(connection(url), "my trace")
    assert [node["parent_id"] for node in found["children"]] == ["my trace"]


@pytest.mark.parametrize("base_id", ["11111111-2222-3333-4444-555555555555", "x", "", ids.base_id(0)])
def test_a_trace_that_is_not_there_has_no_children(store: str, base_id: str) -> None:
    assert reports.get_report(connection(store), base_id) == {
        "info": {"name": "total", "started": 0, "finished": None, "last_trace_started": None},
        "children": [],
        "stats": {},
    }


def test_traces_are_listed_the_newest_last(store: str) -> None:
    assert reports.list_traces(connection(store)) == [
        {"base_id": ids.base_id(CLIENT_ID), "timestamp": "2026-11-22T14:06:00.123000"},
        {"base_id": traces.BASE_ID, "timestamp": "2026-11-22T14:06:01.123000"},
        {"base_id": POINTS_ID, "timestamp": "2026-11-22T17:00:50.675039"},
    ]


def test_timestamps_are_osprofilers() -> None:
    text = reports._row(traces.boot().summary())["timestamp"]
    assert datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f").microsecond == 123000


@pytest.mark.parametrize(
    ("start_ns", "text"),
    [(-1, "1970-01-01T00:00:00.000000"), (2**90, "9999-12-31T23:59:59.999999")],
)
def test_a_time_that_is_none_is_no_error(start_ns: int, text: str) -> None:
    assert reports._row(replace(traces.boot().summary(), start_ns=start_ns))["timestamp"] == text


def test_traces_with_errors_are_listed(store: str, tmp_path: Path) -> None:
    assert [one["base_id"] for one in reports.list_error_traces(connection(store))] == [
        ids.base_id(CLIENT_ID),
        traces.BASE_ID,
        POINTS_ID,
    ]
    sound = stored.store(tmp_path / "sound.db", traces.fan(2))
    assert reports.list_error_traces(connection(sound)) == []
    assert len(reports.list_traces(connection(sound))) == 1


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        (None, {"base_id", "timestamp"}),
        (set(), {"base_id", "timestamp"}),
        ({"base_id"}, {"base_id"}),
        (["base_id", "timestamp", "info.request.path", "info"], {"base_id", "timestamp", "info"}),
        ({"base_id", "info.request.path"}, {"base_id", "info"}),
        ({"project"}, set()),
    ],
)
def test_each_trace_says_what_was_asked_for(store: str, fields: set[str] | None, keys: set[str]) -> None:
    assert all(one.keys() == keys for one in reports.list_traces(connection(store), fields))


def test_horizon_finds_a_path_in_each_trace(tmp_path: Path) -> None:
    """It takes ``info["request"]["path"]`` of each and has no page at all where one is missing."""
    names = {"GET /v3/users/{id}": "/v3/users/{id}", "server create": "server create", "": ""}
    stored_traces = [
        other(name, start=number, trace_id=CLIENT_ID + number) for number, name in enumerate(names)
    ]
    url = stored.store(tmp_path / "traces.db", *stored_traces)
    found = reports.list_traces(connection(url), ["base_id", "timestamp", "info.request.path", "info"])
    assert [one["info"]["request"]["path"] for one in found] == list(names.values())


def test_the_environment_wins_over_the_configuration_and_that_over_the_connection_string(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = connection(f"sqlite:{tmp_path}/none.db")
    assert reports.get_report(nowhere, traces.BASE_ID, conf(store))["children"]
    assert reports.get_report(connection(store), traces.BASE_ID, conf())["children"]
    assert reports.get_report(connection(store), traces.BASE_ID, {"profiler": {}})["children"]
    monkeypatch.setenv(reports.VARIABLE, f" {store} ")
    assert reports.get_report(nowhere, traces.BASE_ID, conf(f"sqlite:{tmp_path}/none.db"))["children"]


@pytest.mark.parametrize("text", ["otel:", "otel", "otel://collector:4318", "otel+grpc://collector"])
def test_without_a_store_one_line_says_what_to_set(text: str) -> None:
    for ask in (
        lambda: reports.get_report(text, traces.BASE_ID),
        lambda: reports.list_traces(text),
        lambda: reports.list_error_traces(text),
    ):
        with pytest.raises(exc.CommandError, match=r"no store.*OTEL_BRIDGE_STORE.*\?store=") as raised:
            ask()
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("otel://h?store=ftp%3A%2F%2Fuser%3Ahunter2%40h", r"\?store= of the connection string: cannot read"),
        ("otel://h?store=sqlite%3A%2Fno%2Fsuch%2Ffile", r"\?store= of the connection string: .*no such file"),
        ("otel://user:hunter2@h?where=there", "the connection string cannot be read: .*store=URL"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_credentials(text: str, message: str) -> None:
    with pytest.raises(exc.CommandError, match=message) as raised:
        reports.list_traces(text)
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in repr(raised.value.__cause__)


def test_a_store_that_does_not_answer_is_named_by_who_named_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reports.VARIABLE, "http://127.0.0.1:1")
    with pytest.raises(exc.CommandError, match=r"^OTEL_BRIDGE_STORE: .*127\.0\.0\.1:1"):
        reports.get_report("otel:", traces.BASE_ID)


def test_a_configuration_file_names_the_store(store: str, tmp_path: Path) -> None:
    file = tmp_path / "nova.conf"
    file.write_text(f"[otel_bridge]\nstore = {store}\n")
    found = cfg.ConfigOpts()
    found(["--config-file", str(file)], project="nova", default_config_files=[], default_config_dirs=[])
    assert reports.get_report("otel:", traces.BASE_ID, found)["children"]


@pytest.mark.parametrize("named_by", ["environment", "configuration", "connection string"])
def test_the_store_is_reached_as_whoever_names_it_says(
    named_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials of the configuration are for its own store."""

    def answer(head: str) -> list[bytes]:
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n", b'{"traces":[]}']

    with serving(answer) as server:
        url = f"http://{server.netloc}"
        known = conf(url if named_by == "configuration" else None)
        opts.register_opts(known)
        known.set_override("store_headers", "x-token=hunter2", group="otel_bridge")
        monkeypatch.setenv("OTEL_BRIDGE_STORE_TIMEOUT", "20")
        if named_by == "environment":
            monkeypatch.setenv(reports.VARIABLE, url)
        assert reports.list_traces(connection(url), conf=known) == []
        (head,) = server.heads
    assert ("x-token: hunter2" in head.lower()) is (named_by != "environment")


def test_what_says_how_to_reach_a_store_and_cannot_be_used_is_one_line(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BRIDGE_STORE_TIMEOUT", "soon")
    with pytest.raises(exc.CommandError, match="OTEL_BRIDGE_STORE_TIMEOUT") as raised:
        reports.list_traces(connection(store))
    assert "\n" not in str(raised.value)


def test_a_configuration_that_cannot_be_read_names_none(store: str) -> None:
    found = conf()
    found.register_opt(cfg.IntOpt("store"), group="otel_bridge")  # somebody else's option
    assert reports.get_report(connection(store), traces.BASE_ID, found)["children"]
