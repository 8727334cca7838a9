"""cli/check_options.py: what counts, where it stands, and what was meant to count."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import Write, lines, without_tracing_variables, writer

from otel_bridge.cli import check_options
from otel_bridge.cli.check_options import Recorded, read_sections
from otel_bridge.cli.check_service import read

pytest.importorskip("osprofiler")  # whose options are those of [profiler]


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tracing_variables(monkeypatch)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path)


def of_files(*paths: str) -> list[str]:
    return lines(check_options.about_files(read_sections(paths)))


def of_options(*paths: str) -> list[str]:
    service = read(paths)
    return lines(check_options.about_options(service.conf, service.files, ()))


def of_variables(*paths: str) -> list[str]:
    return lines(check_options.about_variables(read(paths).environ, ()))


def test_each_file_is_named_with_the_number_of_its_options(write: Write) -> None:
    path = write(bridge="timeout = 5")
    assert of_files(path) == [f"ok       file: {path}: [profiler] has 4 options, [otel_bridge] has 1 option"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"bridge": "sampling_ration = 1"},
            "problem  [otel_bridge] sampling_ration: there is no such option",
        ),
        ({"bridge": "sampling_ration = 1"}, "sampling_ratio is meant?"),
        ({"bridge": "capture-args = 1"}, ": capture_args is meant?"),
        ({"bridge": "Timeout = 1"}, ": timeout is meant?"),
        ({"bridge": "zzz = 1"}, "problem  [otel_bridge] zzz: there is no such option, so it has no effect ("),
        (
            {"hmac_key": "k"},
            "note     [profiler] hmac_key: it is no option of OSProfiler's: hmac_keys is meant?",
        ),
        ({"bridge": "hmac_keys = k"}, "problem  [otel_bridge] hmac_keys: it belongs into [profiler]"),
        ({"sampling_ratio": "1"}, "problem  [profiler] sampling_ratio: it belongs into [otel_bridge]"),
        ({"bridge": "timeout = 1\ntimeout = 2"}, "note     [otel_bridge] timeout: it is set 2 times"),
        ({"more": "hmac_keys = k"}, "note     [DEFAULT]: hmac_keys or connection_string stands in it"),
        ({"more": "[zzz]\nhmac_keys = k"}, "note     [zzz]: hmac_keys or connection_string stands in it"),
        ({"more": "connection_string = otel://h"}, "note     [DEFAULT]: hmac_keys or connection_string"),
    ],
)
def test_what_was_meant_to_be_an_option(options: dict[str, str], said: str, write: Write) -> None:
    found = of_files(write(**options))
    assert any(said in line for line in found), found


@pytest.mark.parametrize(
    "options",
    [{"trace_wsgi_transport": "true"}, {"more": "connection_string = mysql://h"}, {"profiler_enabled": "1"}],
)
def test_options_of_others_are_theirs(options: dict[str, str], write: Write) -> None:
    assert len(of_files(write(**options))) == 1


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("DEFAULT", "there is no such section, or nothing in it: it needs"),
        ("profiler", "there is no such section, or nothing in it (there is a [profiler])"),
        ("osprofiler", "(there is a [osprofiler])"),
        ("profilers", "(there is a [profilers])"),
    ],
)
def test_a_missing_section(section: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "service.conf"
    path.write_text(f"[{section}]\n" + ("enabled = true\n" if section != "profiler" else ""))
    [found] = [line for line in of_files(str(path)) if "[profiler]:" in line]
    assert found.startswith("problem ")
    assert said in found


def test_the_section_may_be_spelt_as_oslo_config_lets_it(tmp_path: Path) -> None:
    path = tmp_path / "service.conf"
    path.write_text("[Profiler]\nenabled = true\n[Otel_Bridge]\ntimeout = 3\n")
    assert of_files(str(path)) == [
        f"ok       file: {path}: [profiler] has 1 option, [otel_bridge] has 1 option"
    ]
    assert of_options(str(path)) == [f"ok       [otel_bridge] timeout: 3.0 ({path})"]


def test_keys_that_everybody_can_read(write: Write) -> None:
    path = write()
    Path(path).chmod(0o644)
    assert any("chmod o-r" in line for line in of_files(path))


def test_a_directory_beside_a_file(write: Write) -> None:
    path = write()
    Path(f"{path}.d").mkdir()
    assert any(line.startswith(f"note     file: {path}.d is there as well") for line in of_files(path))
    inside = Path(f"{path}.d", "10.conf")
    inside.write_text("[otel_bridge]\n", encoding="utf-8")
    assert not any("is there as well" in line for line in of_files(path, str(inside)))


def test_an_option_with_its_value_and_its_file(write: Write) -> None:
    path = write(
        "otel:", "endpoint = http://h\ncapture_args = true\nredact_keys = a,b", trace_sqlalchemy="true"
    )
    assert of_options(path) == [
        f"ok       [profiler] trace_sqlalchemy: true ({path})",
        f"ok       [profiler] trace_requests: true ({path})",
        f"ok       [otel_bridge] endpoint: 'http://h' ({path})",
        f"ok       [otel_bridge] capture_args: true ({path})",
        f"ok       [otel_bridge] redact_keys: a, b ({path})",
    ]


def test_the_last_file_counts(write: Write, tmp_path: Path) -> None:
    more = tmp_path / "more.conf"
    more.write_text("[otel_bridge]\ntimeout = 7\n")
    assert f"ok       [otel_bridge] timeout: 7.0 ({more})" in of_options(
        write(bridge="timeout = 5"), str(more)
    )


def test_a_variable_of_oslo_config_is_stronger_than_a_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_OTEL_BRIDGE__TIMEOUT", "8")
    found = of_options(write(bridge="timeout = 5"))
    assert "ok       [otel_bridge] timeout: 8.0 (environment, OS_OTEL_BRIDGE__TIMEOUT)" in found


def test_what_has_a_problem_is_left_out(write: Write) -> None:
    service = read([write(bridge="timeout = never\nstore = $nothing_there")])
    said = lines(check_options.about_options(service.conf, service.files, ["[profiler] trace_requests"]))
    assert said == []


@pytest.mark.parametrize(
    "bridge",
    [
        "headers = authorization=Bearer%20pa55word",
        "endpoint = http://user:pa55word@h",
        "store = http://user:pa55word@h",
        "store_headers = authorization=Bearer%20pa55word",
        "endpoint = http://h?token=pa55word",
    ],
)
def test_secrets_of_options_are_not_shown(bridge: str, write: Write) -> None:
    found = of_options(write("otel:", bridge))
    assert len(found) == 2
    assert not [line for line in found if "pa55word" in line]


def test_which_headers_are_sent_is_shown(write: Write) -> None:
    found = of_options(write("otel:", "headers = authorization=Bearer%20x,x-scope-orgid=7"))
    assert any("headers: authorization, x-scope-orgid (values not shown)" in line for line in found)


# -- variables --------------------------------------------------------------------------------------------


def test_a_variable_that_counts(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3000")
    assert of_variables(write()) == ["ok       OTEL_EXPORTER_OTLP_TIMEOUT: 3000 (environment of this shell)"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"bridge": "timeout = 3"}, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"),
        ({}, "OTEL_BRIDGE_HMAC_KEYS"),
    ],
)
def test_a_variable_that_something_stronger_hides(
    options: dict[str, str], name: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "pa55word")
    assert of_variables(write(**options)) == [
        f"note     {name}: it is set and does not count, since an option or another variable is stronger"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20pa55word"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:pa55word@h"),
        ("OTEL_BRIDGE_STORE", "http://user:pa55word@h"),
        ("OTEL_BRIDGE_HMAC_KEYS", "pa55word"),
    ],
)
def test_secrets_of_variables_are_not_shown(
    name: str, value: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    [found] = of_variables(write("otel:", hmac_keys=""))
    assert found.startswith(f"ok       {name}: ")
    assert "pa55word" not in found


def test_variables_of_others_are_not_mentioned(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert of_variables(write()) == []


def test_an_environment_knows_what_it_was_asked_for() -> None:
    recorded = Recorded({"A": "1", "B": " ", "C": "3"})
    assert (recorded.get("A"), recorded.get("B"), recorded.get("D")) == ("1", " ", None)
    assert recorded.used() == ["A"]
    assert list(recorded.asked) == ["A", "B", "D"]
