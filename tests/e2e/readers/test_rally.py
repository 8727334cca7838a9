"""Rally's own report of a task draws traces of ours: its chart asks our driver."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import osprofiler_goldens as goldens
import pytest
import traces
from environments import Environment
from osprofiler.drivers import base

pytestmark = pytest.mark.e2e

_COMMAND = ("-W", "ignore", "-m", "rally.cli.main")


@pytest.fixture(scope="module")
def rally(with_bridge: Callable[[str], Environment]) -> Environment:
    return with_bridge("rally")


def results(base_id: str, connection: str) -> list[dict[str, Any]]:
    """What a task left of one iteration that was traced, in the format that Rally reads from files."""
    data = {"trace_id": base_id, "conn_str": connection, "taskID": "t", "workload_uuid": "w", "iteration": 1}
    chart = {"title": "OSProfiler Trace-ID", "chart_plugin": "OSProfiler", "data": data}
    iteration = {
        "timestamp": goldens.START_NS / 1e9,
        "atomic_actions": {"nova.boot_server": 0.1},
        "duration": 0.1,
        "idle_duration": 0.0,
        "error": [],
        "output": {"additive": [], "complete": [chart]},
    }
    runner = {"type": "serial", "times": 1}
    known = {"runner": runner, "args": {}, "sla": {}, "hooks": [], "context": {}}
    return [
        {
            "key": {"name": "NovaServers.boot_server", "pos": 0, "kw": known},
            "sla": [],
            "hooks": [],
            "load_duration": 0.1,
            "full_duration": 0.1,
            "created_at": "2026-22-11T14:06:01",
            "result": [iteration],
        }
    ]


def report(rally: Environment, directory: Path, base_id: str, connection: str, mode: str = "") -> str:
    """``rally task report --html``."""
    configuration, task, page = (directory / name for name in ("rally.conf", "task.json", "report.html"))
    chart = f"[openstack]\nosprofiler_chart_mode = {mode}\n" if mode else ""
    database = f"[database]\nconnection = sqlite:///{directory}/rally.db\n"
    configuration.write_text(f"[DEFAULT]\nuse_stderr = false\n{database}{chart}")
    task.write_text(json.dumps(results(base_id, connection)))
    command = (*_COMMAND, "--config-file", configuration)
    rally.run(*command, "db", "create")
    rally.run(*command, "task", "report", task, "--html", "--out", page)
    return page.read_text()


def chart(page: str) -> dict[str, Any]:
    """What the page has of the one chart of the one iteration."""
    scenarios = json.JSONDecoder().raw_decode(page, page.index("$scope.scenarios = ") + 19)[0]
    found: dict[str, Any] = scenarios[0]["complete_output"][0][0]
    return found


def data_of(page: str) -> object:
    """The report in osprofiler's page, where Rally has each end of a script escaped."""
    text = page.replace("\\/script>", "/script>")
    return json.JSONDecoder().raw_decode(text, text.index("var OSProfilerData = ") + 21)[0]


def test_the_report_of_a_task_has_the_trace_in_it(rally, connection, tmp_path) -> None:
    found = chart(report(rally, tmp_path, goldens.BOOT, connection))
    assert (found["title"], found["widget"]) == (f"OSProfiler Trace-ID : {goldens.BOOT}", "EmbedChart")
    expected = base.get_driver(connection).get_report(goldens.BOOT)
    assert expected["children"]
    assert data_of(found["data"]["embedded"]) == expected


def test_traces_are_written_beside_the_report(rally, connection, tmp_path) -> None:
    (tmp_path / "charts").mkdir()
    found = chart(report(rally, tmp_path, goldens.BOOT, connection, mode=str(tmp_path / "charts")))
    file = tmp_path / "charts" / "w_w-1.html"
    assert found["data"] == {"embedded": None, "source": str(file)}
    assert data_of(file.read_text()) == base.get_driver(connection).get_report(goldens.BOOT)


def test_a_trace_that_is_not_there_is_an_empty_chart(rally, connection, tmp_path) -> None:
    found = chart(report(rally, tmp_path, "11111111-2222-3333-4444-555555555555", connection))
    data: Any = data_of(found["data"]["embedded"])
    assert data["children"] == []


def test_a_hostile_trace_ends_no_script_of_the_report(rally, connection, tmp_path) -> None:
    pages = []
    for base_id in (goldens.BOOT, traces.BASE_ID):
        (tmp_path / base_id).mkdir()
        pages.append(report(rally, tmp_path / base_id, base_id, connection).lower())
    quiet, hostile = pages
    assert "alert(1)" in hostile
    assert hostile.count("</script") == quiet.count("</script")
