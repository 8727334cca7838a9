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
from otel_bridge.reports import dot, flame, html, osprofiler_json, speedscope, tables, terminal
from otel_bridge.reports.outline import View
from otel_bridge.stores import open_store, otlp_json
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
    assert capsys.readouterr().out == html.render(shown).html


@pytest.mark.parametrize(
    "form", [[], ["--json"], ["--html"], ["--stats"], ["--otlp"], ["--dot"], ["--flame"]]
)
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
        ([], "say which trace"),
        ([traces.BASE_ID, "--from", ""], "--from is empty"),
        ([traces.BASE_ID, "--from", "gopher://host"], "--from: cannot read traces from 'gopher://host'"),
        ([traces.BASE_ID, "--flame=svg"], "--flame is speedscope or folded, not 'svg'"),
        ([traces.BASE_ID, "--html", "--depth", "2"], "--depth: only for the tree and --dot"),
        (
            [traces.BASE_ID, "--flame", "folded", "--no-fold", "--service", "x"],
            "--service and --no-fold: only for the tree and --dot",
        ),
        (
            [traces.BASE_ID, "--service", "nova"],
            "--service nova: the trace has none of that name, only nova-api, nova-compute, nova-conductor",
        ),
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
    assert main(["trace", "show", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


def test_a_configuration_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OTEL_BRIDGE_STORE", raising=False)
    assert main(["trace", "show", traces.BASE_ID, "--config-file", "/nonexistent/x.conf"]) == 2
    assert "/nonexistent/x.conf" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--depth", "0"], "'0' is no number of levels: give 1 or more"),
        (["--depth", "many"], "'many' is no number of levels"),
        (["--min-duration", "5"], "'5' is no duration: give a number and ns, us, ms, s, m or h"),
        (["--min-duration", "-5ms"], "expected one argument"),
    ],
)
def test_wrong_values_are_named(
    arguments: list[str], said: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "show", traces.BASE_ID, "--from", store, *arguments]) == 2
    assert said in capsys.readouterr().err


def show(store: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["trace", "show", traces.BASE_ID, "--from", store, *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.mark.parametrize(
    ("arguments", "view"),
    [
        ((), View()),
        (("--depth", "2"), View(depth=2)),
        (("--min-duration", "5ms"), View(min_duration_ns=5_000_000)),
        (
            ("--service", "nova-compute", "--service", "nova-api"),
            View(services=frozenset({"nova-compute", "nova-api"})),
        ),
        (("--no-fold",), View(fold=False)),
    ],
)
def test_options_say_what_the_tree_and_the_graph_show(
    arguments: tuple[str, ...], view: View, store: str, shown: Trace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(store, capsys, *arguments).splitlines() == list(terminal.render(shown, view=view))
    assert show(store, capsys, "--dot", *arguments).splitlines() == list(dot.render(shown, view))


def test_stats_are_the_tables(store: str, shown: Trace, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(store, capsys, "--stats").splitlines() == list(tables.render(shown))


def test_otlp_is_read_back_as_the_same_spans(
    store: str, shown: Trace, capsys: pytest.CaptureFixture[str]
) -> None:
    written = json.loads(show(store, capsys, "--otlp"))
    assert list(written) == ["resourceSpans"]
    assert Trace.from_spans(traces.TRACE_ID, otlp_json.decode(written)) == shown


@pytest.mark.parametrize(
    ("arguments", "out", "is_folded"),
    [
        (["--flame"], "flame.json", False),
        (["--flame"], "flame", False),
        (["--flame"], "flame.folded", True),
        (["--flame"], "flame.txt", True),
        (["--flame=speedscope"], "flame.txt", False),
        (["--flame", "folded"], "flame.json", True),
    ],
)
def test_a_flame_graph_is_of_the_kind_that_is_asked_for(
    arguments: list[str], out: str, is_folded: bool, store: str, shown: Trace, tmp_path: Path
) -> None:
    file = tmp_path / out
    assert main(["trace", "show", traces.BASE_ID, "--from", store, *arguments, "--out", str(file)]) == 0
    if is_folded:
        assert file.read_text().splitlines() == list(flame.folded(shown))
    else:
        assert json.loads(file.read_text()) == json.loads(json.dumps(speedscope.document(shown)))


def test_an_id_may_follow_flame(store: str, shown: Trace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "show", "--from", store, "--flame", traces.BASE_ID]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == f"Trace {traces.BASE_ID}"


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


FORMS = ([], ["--json"], ["--html"], ["--stats"], ["--otlp"], ["--dot"], ["--flame"], ["--flame=folded"])


@pytest.mark.parametrize("form", FORMS)
def test_hostile_spans_come_out_inert(
    form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stored.store(tmp_path / "traces.sqlite", traces.hostile())
    assert main(["trace", "show", traces.BASE_ID, "--from", store, *form]) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


@pytest.mark.parametrize("form", FORMS)
def test_a_trace_deeper_than_the_interpreter_recurses(form: list[str], tmp_path: Path) -> None:
    store = stored.store(tmp_path / "traces.sqlite", traces.chain(3000))
    out = tmp_path / "report"
    assert main(["trace", "show", traces.BASE_ID, "--from", store, *form, "--out", str(out)]) == 0
    named = {"--json": ids.point_id(3000), "--otlp": ids.format_span_id(3000)}.get(
        "".join(form), "level 3000"
    )
    assert named in out.read_text()
