"""The openstack command finds our commands and runs them, without any cloud."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import osprofiler_goldens as goldens
import pytest
import traces
from environments import Environment

pytestmark = pytest.mark.e2e

_BOUND = 60.0  # seconds
_COMMAND = ("-W", "ignore", "-m", "openstackclient.shell")
_MISSING = "11111111-2222-3333-4444-555555555555"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(with_bridge: Callable[[str], Environment]) -> Environment:
    return with_bridge("openstackclient")


@pytest.fixture
def run(environment: Environment, viewer: str, tmp_path: Path) -> Run:
    """Gives a function that runs a program of the environment, which knows the store and no cloud."""

    def run(*command: object) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OTEL_BRIDGE_STORE": viewer}
        return subprocess.run(
            [str(environment.python), *map(str, command)],
            capture_output=True,
            text=True,
            timeout=_BOUND,
            env=environ,
            cwd=tmp_path,
        )

    return run


@pytest.fixture
def openstack(run: Run) -> Run:
    return lambda *arguments: run(*_COMMAND, *arguments)


@pytest.fixture
def otel_bridge(run: Run) -> Run:
    return lambda *arguments: run("-m", "otel_bridge", *arguments)


def test_the_commands_are_among_those_of_openstack(openstack: Run) -> None:
    groups = json.loads(openstack("command", "list", "-f", "json").stdout)
    found = {name for group in groups for name in group["Commands"] if name.startswith("trace ")}
    assert found == {"trace show", "trace list", "trace diff"}


@pytest.mark.parametrize("command", ["show", "list", "diff"])
def test_each_says_what_it_is_for(openstack: Run, command: str) -> None:
    done = openstack("help", "trace", command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--from STORE" in done.stdout
    assert "otel-bridge" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", goldens.BOOT),
        ("show", goldens.BOOT, "--json"),
        ("show", goldens.BOOT, "--html"),
        ("show", traces.BASE_ID),
        ("show", _MISSING),
        ("show", "no id"),
        ("diff", goldens.BOOT, goldens.SHOW),
        ("diff", goldens.BOOT, _MISSING),
    ],
)
def test_they_do_what_ours_do(openstack: Run, otel_bridge: Run, arguments: tuple[str, ...]) -> None:
    theirs, ours = openstack("trace", *arguments), otel_bridge("trace", *arguments)
    assert (theirs.returncode, theirs.stdout, theirs.stderr) == (ours.returncode, ours.stdout, ours.stderr)
    assert "Traceback" not in theirs.stderr


def test_lists_have_cliffs_forms(openstack: Run) -> None:
    done = openstack("trace", "list", "-f", "json", "--sort-column", "Started")
    assert (done.returncode, done.stderr) == (0, "")
    listed = [(one["Trace ID"], one["Started"]) for one in json.loads(done.stdout)]
    assert listed == [
        (traces.BASE_ID, "2026-11-22T14:06:01.123000Z"),
        (goldens.BOOT, "2026-11-22T14:06:01.123456Z"),
        (goldens.SHOW, "2026-11-22T14:06:02.123456Z"),
        (goldens.FAIL, "2026-11-22T14:06:03.123456Z"),
    ]


def test_a_hostile_trace_is_inert_in_every_form(openstack: Run) -> None:
    for form in ("table", "csv", "value", "json", "yaml"):
        done = openstack("trace", "list", "-f", form)
        assert (done.returncode, done.stderr) == (0, "")
        assert all(line.isprintable() for line in done.stdout.split("\n"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("list",), 0),
        (("list", "--from", "sqlite:/no/such.db"), 1),
        (("list", "--limit", "none"), 2),
        (("show", _MISSING), 1),
        (("show", goldens.BOOT, "--html", "--json"), 2),
        (("show", goldens.BOOT, "--from", "ftp://host"), 2),
    ],
)
def test_exit_codes(openstack: Run, arguments: tuple[str, ...], code: int) -> None:
    assert openstack("trace", *arguments).returncode == code


def test_no_option_is_taken_by_openstack_itself(environment: Environment) -> None:
    """It looks for its own options, and beginnings of them, in the whole command line."""
    program = """
import argparse
from openstackclient.shell import OpenStackShell
from otel_bridge.cli import trace_diff, trace_list, trace_show
parser = argparse.ArgumentParser(conflict_handler="resolve")
for declare in (trace_show.add_arguments, trace_list.add_filters, trace_diff.add_arguments):
    declare(parser)
theirs = {option for action in OpenStackShell().parser._actions for option in action.option_strings}
ours = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
print(sorted(option for option in ours for other in theirs if other.startswith(option)))
"""
    assert environment.run("-W", "ignore", "-c", program) == "[]\n"


def test_nobody_who_runs_openstack_pays_for_them(run: Run) -> None:
    program = """
import sys
from openstackclient.shell import main
main(["module", "list"])
print(*sorted(name for name in sys.modules if name.startswith(("otel_bridge.", "opentelemetry"))))
"""
    loaded = run("-W", "ignore", "-c", program).stdout.splitlines()[-1].split()
    # The driver, since osc-lib imports osprofiler; the commands, since cliff imports them all.
    assert loaded == [
        "otel_bridge.adopt",
        "otel_bridge.adopt.activate",
        "otel_bridge.adopt.driver",
        "otel_bridge.osc",
        "otel_bridge.osc.commands",
    ]
