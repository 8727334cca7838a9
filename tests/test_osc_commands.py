"""osc.commands: the commands in cliff's own application, as the openstack command runs them."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
import stored
import traces

from otel_bridge.cli import trace_diff, trace_list, trace_show
from otel_bridge.cli.main import main

pytest.importorskip("cliff")
from cliff.app import App
from cliff.commandmanager import CommandManager

from otel_bridge.osc import commands

COMMANDS = {
    "show": commands.ShowTrace,
    "list": commands.ListTraces,
    "diff": commands.DiffTraces,
}
OTHER_ID = "11111111-2222-3333-4444-555555555555"

Openstack = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored.store(tmp_path_factory.mktemp("store") / "traces.sqlite", traces.boot())


@pytest.fixture
def openstack(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Openstack:
    """Gives a function that runs a command: exit code, standard output, standard error."""
    monkeypatch.delenv("OTEL_BRIDGE_STORE", raising=False)

    def openstack(*arguments: str) -> tuple[int, str, str]:
        manager = CommandManager("otel_bridge.no.such.namespace")
        for name, command in COMMANDS.items():
            manager.add_command(f"trace {name}", command)
        app = App("openstack", "1", manager)
        try:
            code = app.run(["trace", *arguments])
        except SystemExit as error:
            code = error.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return openstack


def otel_bridge(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["trace", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", traces.BASE_ID),
        ("show", traces.BASE_ID, "--json"),
        ("show", traces.BASE_ID, "--html"),
        ("show", traces.BASE_ID[:8]),
        ("show", OTHER_ID),
        ("show", "no id"),
        ("diff", traces.BASE_ID, traces.BASE_ID),
        ("diff", traces.BASE_ID, OTHER_ID),
    ],
)
def test_a_command_does_what_ours_does(
    store: str, arguments: tuple[str, ...], openstack: Openstack, capsys: pytest.CaptureFixture[str]
) -> None:
    with_store = (*arguments, "--from", store)
    assert openstack(*with_store) == otel_bridge(capsys, *with_store)


def test_a_file_is_written(store: str, openstack: Openstack, tmp_path: Path) -> None:
    file = tmp_path / "trace.html"
    assert openstack("show", traces.BASE_ID, "--from", store, "--html", "--out", str(file)) == (0, "", "")
    assert traces.BASE_ID in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", traces.BASE_ID), 0),
        (("show", OTHER_ID), 1),
        (("show", traces.BASE_ID, "--no-such-option"), 2),
        (("show", traces.BASE_ID, "--json", "--html"), 2),
        (("list",), 0),
        (("list", "--limit", "none"), 2),
        (("list", "-f", "none"), 2),
        (("diff", traces.BASE_ID), 2),
        (("diff", traces.BASE_ID, OTHER_ID), 1),
    ],
)
def test_exit_codes(store: str, arguments: tuple[str, ...], code: int, openstack: Openstack) -> None:
    assert openstack(*arguments, "--from", store)[0] == code


@pytest.mark.parametrize("command", [("list",), ("show", traces.BASE_ID)])
def test_a_store_that_cannot_be_read_is_one_line(
    command: tuple[str, ...], openstack: Openstack, tmp_path: Path
) -> None:
    code, out, err = openstack(*command, "--from", f"sqlite:{tmp_path}/missing")
    assert (code, out) == (1, "")
    assert err.startswith("otel-bridge: ")
    assert err.count("\n") == 1


def test_traces_are_listed_as_a_table(store: str, openstack: Openstack) -> None:
    code, out, err = openstack("list", "--from", store)
    assert (code, err) == (0, "")
    head, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()[1:4:2])
    assert head == ["Trace ID", "Started", "Duration", "Spans", "Errors", "Service", "Root Span", "Services"]
    assert row[:3] == [traces.BASE_ID, "2026-11-22 14:06:01.123 UTC", "62.0 ms"]


def test_programs_read_plain_values(store: str, openstack: Openstack) -> None:
    (listed,) = json.loads(openstack("list", "--from", store, "-f", "json")[1])
    assert listed == {
        "Trace ID": traces.BASE_ID,
        "Started": "2026-11-22T14:06:01.123000Z",
        "Duration": 0.062,
        "Spans": 6,
        "Errors": 1,
        "Service": "nova-api",
        "Root Span": "POST /v2.1/servers",
        "Services": ["nova-api", "nova-compute", "nova-conductor"],
    }
    columns = ("-c", "Trace ID", "-c", "Errors")
    assert openstack("list", "--from", store, "-f", "value", *columns)[1] == f"{traces.BASE_ID} 1\n"
    rows = list(csv.reader(StringIO(openstack("list", "--from", store, "-f", "csv", *columns)[1])))
    assert rows == [["Trace ID", "Errors"], [traces.BASE_ID, "1"]]


def test_an_empty_list_is_code_1_and_says_so_as_ours(
    openstack: Openstack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stored.store(tmp_path / "traces.sqlite")
    code, out, err = openstack("list", "--from", store, "-f", "json")
    assert (code, json.loads(out)) == (1, [])
    assert (code, err) == otel_bridge(capsys, "list", "--from", store)[::2]


def test_no_cloud_is_asked() -> None:
    assert not any(command.auth_required for command in COMMANDS.values())


@pytest.mark.parametrize(
    ("command", "declare"),
    [
        ("show", trace_show.add_arguments),
        ("diff", trace_diff.add_arguments),
        ("list", trace_list.add_filters),
    ],
)
def test_no_option_gives_way_to_one_of_cliffs(
    command: str, declare: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Its parsers drop an option that is there already, and say nothing."""
    ours = argparse.ArgumentParser()
    declare(ours)
    app = App("openstack", "1", CommandManager("otel_bridge.no.such.namespace"))
    theirs = COMMANDS[command](app, None).get_parser(f"openstack trace {command}")
    known = {option: action.dest for action in theirs._actions for option in action.option_strings}
    for action in ours._actions:
        for option in action.option_strings:
            assert known[option] == action.dest
