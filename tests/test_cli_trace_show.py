"""otel-bridge trace show: one trace."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import stored
import traces

from otel_bridge.cli.main import main
from otel_bridge.model.trace import Trace
from otel_bridge.reports import html, osprofiler_json, terminal
from otel_bridge.stores import open_store
from otel_bridge.wire import ids


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored.store(tmp_path_factory.mktemp("store") / "traces.sqlite", traces.boot())


@pytest.fixture(scope="module")
def shown(store: str) -> Trace:
    return open_store(store).get(traces.TRACE_ID)


@pytest.mark.parametrize("given", [traces.BASE_ID, traces.BASE_ID.upper(), traces.BASE_ID.replace("-", "")])
def test_ids_as_uuid_or_hexadecimal_digits(
    given: str, store: str, shown: Trace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "show", given, "--from", store]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == list(terminal.render(shown))
    assert captured.err == ""


def test_json_is_osprofilers_report(store: str, shown: Trace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "show", traces.BASE_ID, "--from", store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == osprofiler_json.report(shown)


def test_html_is_the_page(store: str, shown: Trace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "show", traces.BASE_ID, "--from", store, "--html"]) == 0
    assert capsys.readouterr().out == html.render(shown)


@pytest.mark.parametrize("form", [[], ["--json"], ["--html"]])
def test_out_writes_the_same_to_a_file(
    form: list[str], store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show = ["trace", "show", traces.BASE_ID, "--from", store, *form]
    assert main(show) == 0
    expected = capsys.readouterr().out
    assert main([*show, "--out", str(tmp_path / "report")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "report").read_text(encoding="utf-8") == expected


def test_a_missing_trace_is_code_1_and_says_where_and_why(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_BRIDGE_STORE", store)
    assert main(["trace", "show", "f" * 32]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    for word in (
        "f" * 32,
        store.removeprefix("sqlite:"),
        "OTEL_BRIDGE_STORE",
        "hmac_keys",
        "enabled",
        "endpoint",
    ):
        assert word in captured.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "'nonsense' is no trace id"),
        ([""], "is no trace id"),
        (["\x1b[2J"], "is no trace id"),
        (["0" * 32], "a trace id of zeros"),
        ([traces.BASE_ID, "--from", ""], "--from is empty"),
        ([traces.BASE_ID, "--from", "gopher://host"], "--from: cannot read traces from 'gopher://host'"),
        ([traces.BASE_ID, "--config-file", "/nonexistent/x.conf"], "/nonexistent/x.conf"),
    ],
)
def test_wrong_arguments_are_one_line_and_code_2(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OTEL_BRIDGE_STORE", raising=False)
    assert main(["trace", "show", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


def test_two_forms_at_once_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "show", traces.BASE_ID, "--json", "--html"]) == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_code_2(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "show", traces.BASE_ID, "--from", store, "--out", "/nonexistent/report"]) == 2
    assert capsys.readouterr().err == "otel-bridge: --out /nonexistent/report: No such file or directory\n"


def test_a_store_that_does_not_answer_is_one_line_and_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (tmp_path / "text").write_text("no database")
    for url in (
        f"jaeger+http://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}",
        f"sqlite:{tmp_path}/missing",
        f"sqlite:{tmp_path}/text",
    ):
        assert main(["trace", "show", traces.BASE_ID, "--from", url]) == 1
        said = capsys.readouterr().err
        assert said.startswith("otel-bridge: ")
        assert said.count("\n") == 1


def test_hostile_spans_come_out_inert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = stored.store(tmp_path / "traces.sqlite", traces.hostile())
    assert main(["trace", "show", traces.BASE_ID, "--from", store]) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("form", [[], ["--json"], ["--html"]])
def test_a_trace_deeper_than_the_interpreter_recurses(
    form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stored.store(tmp_path / "traces.sqlite", traces.chain(3000))
    out = tmp_path / "report"
    assert main(["trace", "show", traces.BASE_ID, "--from", store, *form, "--out", str(out)]) == 0
    assert out.read_text().count(ids.point_id(3000) if form == ["--json"] else "level 3000") >= 1
