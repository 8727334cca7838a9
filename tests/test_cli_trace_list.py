"""otel-bridge trace list: the newest traces of a store."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest
import stored
import traces

from otel_bridge.cli import trace_list
from otel_bridge.cli.main import main
from otel_bridge.model.trace import Trace
from otel_bridge.stores import otlp_json


def numbered(number: int) -> Trace:
    """A trace of its own, ``number`` seconds after the others."""
    span = replace(
        traces.span(1, start=1000 * number, end=1000 * number + 5, name=f"request {number}"), trace_id=number
    )
    return Trace.from_spans(number, [span])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("store") / "traces.sqlite"
    return stored.store(path, *(numbered(number) for number in range(1, 26)))


def test_the_newest_come_first_and_twenty_of_them(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "list", "--from", store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 21
    assert lines[1].startswith("00000000-0000-0000-0000-000000000019")
    assert lines[1].endswith("nova-api  request 25")


def test_limit(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "list", "--from", store, "--limit", "3", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["traces"]
    assert [one["rootName"] for one in listed] == ["request 25", "request 24", "request 23"]


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5", ""])
def test_a_limit_that_is_none_is_wrong_usage(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "list", "--limit", limit]) == 2
    assert "--limit" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "out"), [([], ""), (["--json"], '{\n  "traces": []\n}\n')])
def test_an_empty_store_is_code_1_and_says_so(
    form: list[str], out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stored.store(tmp_path / "traces.sqlite")
    assert main(["trace", "list", "--from", store, *form]) == 1
    captured = capsys.readouterr()
    assert captured.out == out
    assert captured.err == f"otel-bridge: no traces in {store} (named by --from)\n"


@pytest.fixture(scope="module")
def boots(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A boot that failed, and one trace that is none."""
    path = tmp_path_factory.mktemp("store") / "boots.json"
    path.write_bytes(otlp_json.dumps([*traces.boot().spans, *numbered(5).spans]))
    return f"file:{path}"


FAILED, FINE = "0d06e2bc1234567890abcdef12345678", f"{5:032x}"  # the fine one is 5 s younger


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], [FINE, FAILED]),
        (["--errors"], [FAILED]),
        (["--service", "nova-compute"], [FAILED]),
        (["--operation", "request 5"], [FINE]),
        (["--service", "nova-compute", "--operation", "POST /v2.1/servers"], []),
        (["--since", "2026-11-22T14:06:02"], [FINE]),
        (["--until", "2026-11-22T14:06:02"], [FAILED]),
        (["--min-duration", "10ms"], [FAILED]),
        (["--max-duration", "10ms"], [FINE]),
        (["--errors", "--max-duration", "10ms"], []),
        (["--limit", "1"], [FINE]),
    ],
)
def test_each_filter(
    boots: str, filters: list[str], found: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "list", "--from", boots, "--json", *filters]) == (0 if found else 1)
    listed = json.loads(capsys.readouterr().out)["traces"]
    assert [one["traceId"] for one in listed] == found


def test_what_was_asked_for_is_said_where_nothing_is_found(
    boots: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filters = [
        "--service",
        "a b",
        "--operation",
        "c",
        "--errors",
        "--min-duration",
        "2s",
        "--max-duration",
        "1m",
    ]
    times = ["--since", "2026-11-22", "--until", "2026-11-23T00:00:00Z"]
    assert main(["trace", "list", "--from", boots, *filters, *times]) == 1
    assert capsys.readouterr().err == (
        "otel-bridge: no traces with --service 'a b', --operation 'c', --errors, "
        "--since 2026-11-22 00:00:00.000 UTC, --until 2026-11-23 00:00:00.000 UTC, "
        f"--min-duration 2.00 s, --max-duration 1 min 00 s in {boots} (named by --from)\n"
    )


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        (["--since", "yesterday"], "--since: 'yesterday' is no time"),
        (["--until", "1"], "--until: '1' is no time"),
        (["--min-duration", "5"], "--min-duration: '5' is no duration"),
        (["--max-duration", "x"], "--max-duration: 'x' is no duration"),
        (["--since", "1h", "--until", "2h"], "--since is not before --until"),
        (["--min-duration", "2s", "--max-duration", "1s"], "--min-duration is above --max-duration"),
        (["--service", ""], "--service is empty"),
        (["--operation", " "], "--operation is empty"),
        (["--header", "nonsense"], "--header: header 1 is not NAME: VALUE"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    boots: str, filters: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "list", "--from", boots, *filters]) == 2
    assert says in capsys.readouterr().err


def test_options_and_selection_are_there_for_others() -> None:
    """A command that shows the traces its own way."""
    parser = argparse.ArgumentParser()
    trace_list.add_filters(parser)
    args = parser.parse_args(["--from", "-", "--service", "a"])
    assert not hasattr(args, "json")
    assert trace_list.none_found(args) == "no traces with --service 'a' in - (named by --from)"


def test_credentials_are_not_shown_where_nothing_is_found() -> None:
    parser = argparse.ArgumentParser()
    trace_list.add_filters(parser)
    args = parser.parse_args(["--from", "jaeger+http://u:s3cr3t@h"])
    assert "s3cr3t" not in trace_list.none_found(args)


def test_a_store_that_does_not_answer_is_one_line_and_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "list", "--from", f"sqlite:{tmp_path}/missing"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
