"""otel-bridge trace diff: what one trace has more than another."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import compared
import pytest
import stored
import traces

from otel_bridge.analysis.difference import Difference, compare
from otel_bridge.cli import trace_diff
from otel_bridge.cli.main import main
from otel_bridge.reports import diff_html, diff_json, diff_terminal
from otel_bridge.stores import open_store, otlp_json

A, B = traces.BASE_ID, "1d06e2bc-1234-5678-90ab-cdef12345678"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("store") / "traces.sqlite"
    return stored.store(path, compared.before(), compared.after())


@pytest.fixture(scope="module")
def difference(store: str) -> Difference:
    where = open_store(store)
    return compare(where.get(traces.TRACE_ID), where.get(compared.AFTER_ID))


def file_of(directory: Path, name: str, trace: object) -> str:
    path = directory / name
    path.write_bytes(otlp_json.dumps(trace.spans))  # type: ignore[attr-defined]
    return str(path)


def test_it_is_compared_on_the_terminal(
    store: str, difference: Difference, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "diff", A, B, "--from", store]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == list(diff_terminal.render(difference))
    assert captured.err == ""


def test_all_shows_everything(store: str, difference: Difference, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "diff", A, B, "--from", store, "--all"]) == 0
    assert capsys.readouterr().out.splitlines() == list(diff_terminal.render(difference, everything=True))


def test_json(store: str, difference: Difference, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "diff", A, B, "--from", store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == diff_json.as_json(difference)


def test_html(store: str, difference: Difference, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "diff", A, B, "--from", store, "--html"]) == 0
    assert capsys.readouterr().out == diff_html.render(difference).html


@pytest.mark.parametrize("form", [[], ["--json"], ["--html"], ["--all"]])
def test_out_writes_the_same_to_a_file(
    form: list[str], store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diff = ["trace", "diff", A, B, "--from", store, *form]
    assert main(diff) == 0
    expected = capsys.readouterr().out
    assert main([*diff, "--out", str(tmp_path / "report")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "report").read_text(encoding="utf-8") == expected


def test_the_two_may_be_in_different_stores(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = stored.store(tmp_path / "other.sqlite", compared.after())
    assert main(["trace", "diff", A, B, "--from", store, "--from-b", other]) == 0
    assert "B is slower" in capsys.readouterr().out
    # A is not there, although it is in the first store.
    assert main(["trace", "diff", B, A, "--from", store, "--from-b", other]) == 1
    assert "named by --from-b" in capsys.readouterr().err


def test_the_two_may_be_files(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file_of(tmp_path, "before.json", compared.before())
    after = file_of(tmp_path, "after.json", compared.after())
    assert main(["trace", "diff", before, after]) == 0
    as_ids = capsys.readouterr().out
    assert "B is slower: it took 1.40 s longer than A" in as_ids
    assert main(["trace", "diff", "--from", before, "--from-b", after]) == 0
    assert capsys.readouterr().out == as_ids
    assert main(["trace", "diff", A, after, "--from", store]) == 0
    assert capsys.readouterr().out == as_ids


@pytest.mark.parametrize(("arguments", "which"), [(["f" * 32, B], "A"), ([A, "f" * 32], "B")])
def test_a_missing_trace_is_code_1_and_says_which_where_and_why(
    arguments: list[str],
    which: str,
    store: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OTEL_BRIDGE_STORE", store)
    assert main(["trace", "diff", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"otel-bridge: {which}: ")
    for word in ("f" * 32, store.removeprefix("sqlite:"), "OTEL_BRIDGE_STORE", "hmac_keys"):
        assert word in captured.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense", B], "A: 'nonsense' is no trace id"),
        ([A, "\x1b[2J"], "B: "),
        ([A], "B: say which trace"),
        ([A, B, "--from", "gopher://host"], "--from: cannot read traces from 'gopher://host'"),
        ([A, B, "--from-b", "gopher://host"], "--from-b: cannot read traces from 'gopher://host'"),
        ([A, B, "--from-b", ""], "--from-b is empty"),
    ],
)
def test_wrong_arguments_are_one_line_and_code_2(
    arguments: list[str],
    said: str,
    store: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OTEL_BRIDGE_STORE", store)
    assert main(["trace", "diff", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


def test_only_one_form(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "diff", A, B, "--from", store, "--json", "--html"]) == 2
    assert "not allowed with" in capsys.readouterr().err


def test_another_program_may_use_the_options(
    store: str, difference: Difference, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    trace_diff.add_arguments(parser)
    assert trace_diff.run(parser.parse_args([A, B, "--from", store])) == 0
    assert capsys.readouterr().out.splitlines() == list(diff_terminal.render(difference))
