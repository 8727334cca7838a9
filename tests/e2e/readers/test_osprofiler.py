"""osprofiler's own drivers still answer what is kept of them, and its commands read our reports."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import osprofiler_goldens as goldens
import pytest
import traces
from environments import Environment
from osprofiler.drivers import base

from e2e.readers.goldens import NEWEST, OLDEST, answers, environment, points

pytestmark = pytest.mark.e2e

_BOUND = 60.0  # seconds
_COMMAND = ("-W", "ignore", "-m", "osprofiler.cmd.shell")
_VERSIONS = [NEWEST.stem, OLDEST.stem]

#: In place of Graphviz's program: it only has to be run for a file.
_DOT = """#!/bin/sh
for file; do :; done
cp "$file" "$file.pdf"
"""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return environment(tmp_path_factory.mktemp("upstream") / "venv")


def test_osprofiler_makes_the_same_points_of_the_workload(upstream: Environment, tmp_path: Path) -> None:
    assert points(upstream, tmp_path) == goldens.POINTS.read_text()


@pytest.mark.parametrize("requirements", [NEWEST, OLDEST], ids=_VERSIONS)
def test_its_drivers_give_the_same_reports_and_lists(requirements: Path, tmp_path: Path) -> None:
    made = environment(tmp_path / "venv", requirements)
    given = dict(answers(made, goldens.POINTS, tmp_path))
    assert given.keys() == {"messaging", "redis", "sqlalchemy"}
    for driver, text in given.items():
        assert json.loads(text) == goldens.golden(driver)


@pytest.fixture(scope="module", params=_VERSIONS)
def reader(request: pytest.FixtureRequest, with_bridge: Callable[[str], Environment]) -> Environment:
    return with_bridge(request.param)


@pytest.fixture
def osprofiler(
    reader: Environment, connection: str, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Gives a function that runs the command on the store, with its output."""

    def osprofiler(*arguments: object, string: str = connection) -> subprocess.CompletedProcess[str]:
        command = [reader.python, *_COMMAND, "trace", *arguments]
        environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OSPROFILER_CONNECTION_STRING": string}
        return subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            timeout=_BOUND,
            env=environ,
            cwd=tmp_path,
        )

    return osprofiler


def shown(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def test_json_is_the_report(osprofiler, connection) -> None:
    expected = base.get_driver(connection).get_report(goldens.BOOT)
    assert expected["children"]
    assert json.loads(shown(osprofiler("show", goldens.BOOT, "--json"))) == expected


def test_options_of_other_drivers_change_nothing(osprofiler) -> None:
    plain = shown(osprofiler("show", goldens.BOOT, "--json"))
    more = ("--transport-url", "rabbit://u:p@h", "--idle-timeout", "5", "--local-libs")
    assert shown(osprofiler("show", goldens.BOOT, "--json", *more)) == plain


def test_the_connection_string_is_an_option_too(osprofiler, connection) -> None:
    done = osprofiler("show", goldens.BOOT, "--json", "--connection-string", connection, string="")
    assert json.loads(shown(done))["children"]


def test_a_file_is_read_again(osprofiler, tmp_path) -> None:
    file = tmp_path / "trace.json"
    assert shown(osprofiler("show", goldens.BOOT, "--json", "--out", file)) == ""
    assert json.loads(shown(osprofiler("show", file, "--json"))) == json.loads(file.read_text())


@pytest.mark.parametrize("local", [True, False])
def test_html_has_the_report_in_it(osprofiler, tmp_path, local) -> None:
    file = tmp_path / "trace.html"
    shown(osprofiler("show", goldens.BOOT, "--html", "--out", file, *(["--local-libs"] if local else [])))
    page = file.read_text()
    assert data_of(page) == json.loads(shown(osprofiler("show", goldens.BOOT, "--json")))
    assert f"var static_files = {'true' if local else 'false'};" in page


def data_of(page: str) -> object:
    """What osprofiler's page shows."""
    return json.JSONDecoder().raw_decode(page, page.index("var OSProfilerData = ") + 21)[0]


def test_a_hostile_trace_ends_no_script_of_the_page(osprofiler, tmp_path) -> None:
    """osprofiler writes the report between two tags as it is."""
    pages = []
    for base_id in (goldens.BOOT, traces.BASE_ID):
        shown(osprofiler("show", base_id, "--html", "--out", tmp_path / "page.html"))
        pages.append((tmp_path / "page.html").read_text())
    quiet, hostile = ([page.lower().count(mark) for mark in ("</script", "<!--")] for page in pages)
    assert "alert(1)" in pages[1]
    assert hostile == quiet


@pytest.mark.parametrize("base_id", [goldens.BOOT, traces.BASE_ID], ids=["workload", "hostile"])
def test_dot_draws_each_point(osprofiler, connection, base_id) -> None:
    graph = shown(osprofiler("show", base_id, "--dot"))
    report = base.get_driver(connection).get_report(base_id)
    number = len(list(goldens.nodes(report)))
    assert len(re.findall(r"\[label=", graph)) == number + 1  # and the whole
    assert len(re.findall(r"^\t\d+ -> \d+$", graph, re.MULTILINE)) == number


def test_dot_says_what_was_called(osprofiler) -> None:
    graph = shown(osprofiler("show", goldens.BOOT, "--dot"))
    assert r'label="osapi_compute:wsgi - 24 ms\nPOST /v2.1/servers.."' in graph
    assert r'label="compute:driver - 22 ms\nspawn"' in graph


def test_a_graph_is_rendered(osprofiler, tmp_path) -> None:
    (tmp_path / "dot").write_text(_DOT)
    (tmp_path / "dot").chmod(0o755)
    shown(osprofiler("show", goldens.BOOT, "--dot", "--render-dot", tmp_path / "graph"))
    assert "spawn" in (tmp_path / "graph.pdf").read_text()


@pytest.mark.parametrize(
    ("options", "base_ids"),
    [
        ((), [goldens.BOOT, goldens.SHOW, goldens.FAIL, traces.BASE_ID]),
        (("--error-trace", "yes"), [goldens.BOOT, traces.BASE_ID]),
    ],
    ids=["all", "with errors"],
)
def test_traces_are_listed(osprofiler, connection, options, base_ids) -> None:
    lines = shown(osprofiler("list", *options)).splitlines()
    assert [name.strip() for name in lines[1].strip("|").split("|")] == ["base_id", "timestamp"]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[3:-1]]
    driver = base.get_driver(connection)
    found = driver.list_error_traces() if options else driver.list_traces()
    assert rows == [[one["base_id"], one["timestamp"]] for one in found]
    assert sorted(row[0] for row in rows) == sorted(base_ids)


@pytest.mark.parametrize(
    ("arguments", "string", "said"),
    [
        (("show", "11111111-2222-3333-4444-555555555555", "--json"), None, "not found"),
        (("show", goldens.BOOT), None, "choose one of the following"),
        (("show", goldens.BOOT, "--json"), "otel://collector:4318", "OTEL_BRIDGE_STORE"),
        (("list",), "otel:", "OTEL_BRIDGE_STORE"),
        (("list",), "otel://h?store=sqlite:/no/such.db", "no such file"),
        (("list",), "otel://h?store=http://127.0.0.1:1", "127.0.0.1:1"),
        (("list",), "otel://h?where=there", "store=URL"),
    ],
)
def test_what_cannot_be_shown_is_one_line(osprofiler, arguments, string, said) -> None:
    done = osprofiler(*arguments, **({} if string is None else {"string": string}))
    assert said in done.stdout
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
