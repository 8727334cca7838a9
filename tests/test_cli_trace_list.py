"""otel-bridge trace list: the newest traces of a store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import stored
import traces

from otel_bridge.cli.main import main
from otel_bridge.model.trace import Trace


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


def test_a_store_that_does_not_answer_is_one_line_and_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "list", "--from", f"sqlite:{tmp_path}/missing"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
