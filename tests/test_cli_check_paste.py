"""cli/check_paste.py: the filter in the paste pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import about, lines

from otel_bridge.cli import check_paste
from otel_bridge.cli.check_options import ConfigFile
from otel_bridge.cli.errors import UsageError

FILTER = "[filter:osprofiler]\npaste.filter_factory = {}\n"
APP = "[app:app]\npaste.app_factory = nova.api:App.factory\n[filter:cors]\nuse = egg:cors\n"


def of(text: str, tmp_path: Path) -> str:
    path = tmp_path / "api-paste.ini"
    path.write_text(text)
    return str(about("paste filter", check_paste.findings([str(path)], ())))


@pytest.mark.parametrize(
    "factory",
    [
        "osprofiler.web:WsgiMiddleware.factory",
        "nova.profiler:WsgiMiddleware.factory",
        "otel_bridge.web:WsgiMiddleware.factory",
    ],
)
@pytest.mark.parametrize("name", ["osprofiler", "tracing"])
def test_the_filter_is_known_by_its_factory(factory: str, name: str, tmp_path: Path) -> None:
    text = FILTER.replace("osprofiler", name).format(factory)
    assert of(f"{APP}{text}[pipeline:main]\npipeline = cors {name} app\n", tmp_path).startswith(
        f"ok       paste filter: {name} stands in main of "
    )


def test_pipelines_with_it_and_without_it(tmp_path: Path) -> None:
    text = f"""{APP}{FILTER.format("osprofiler.web:WsgiMiddleware.factory")}
[composite:osapi]
use = egg:Paste#urlmap
/: versions
/v2.1: api

[composite:api]
use = call:nova.api.auth:pipeline_factory_v21
keystone = cors osprofiler app
noauth2 = cors app

[pipeline:versions]
pipeline = cors app
"""
    found = of(text, tmp_path)
    assert found.startswith("ok       paste filter: osprofiler stands in api keystone of ")
    assert found.endswith(", and not in api noauth2, versions, where requests open no trace")


def test_a_filter_around_a_pipeline_or_an_application(tmp_path: Path) -> None:
    factory = FILTER.format("osprofiler.web:WsgiMiddleware.factory")
    text = (
        "[pipeline:one]\npipeline = cors app\nfilter-with = osprofiler\n[app:two]\nfilter-with = osprofiler\n"
    )
    assert "osprofiler stands in one, two of " in of(factory + APP + text, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{APP}[pipeline:main]\npipeline = cors app\n", "has no filter of OSProfiler's"),
        (f"{APP}{FILTER.format('x')}[pipeline:main]\npipeline = cors app\n", "but no pipeline names it"),
        ("", "has no filter of OSProfiler's"),
    ],
)
def test_no_request_opens_a_trace(text: str, said: str, tmp_path: Path) -> None:
    found = of(text, tmp_path)
    assert found.startswith("problem  paste filter: ")
    assert said in found


@pytest.mark.parametrize("text", ["no section\n", "[pipeline:x\n", "[a]\nb\n"])
def test_what_is_no_paste_file(text: str, tmp_path: Path) -> None:
    assert of(text, tmp_path).startswith("note     paste filter: ")


def test_a_file_that_was_named_and_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"--paste-file: '/no/such/file' cannot be read"):
        list(check_paste.findings(["/no/such/file"], ()))


# -- which file the configuration means -------------------------------------------------------------------


def meant(tmp_path: Path, name: str = "nova.conf", **sections: dict[str, list[str]]) -> list[str]:
    return lines(check_paste.findings((), [ConfigFile(str(tmp_path / name), sections)]))


@pytest.mark.parametrize(
    ("section", "option"),
    [
        ("wsgi", "api_paste_config"),
        ("DEFAULT", "api_paste_config"),
        ("paste_deploy", "config_file"),
        ("paste_deploy", "api_paste_config"),
    ],
)
@pytest.mark.parametrize("absolute", [False, True])
def test_the_configuration_names_it(section: str, option: str, absolute: bool, tmp_path: Path) -> None:
    (tmp_path / "my.ini").write_text("")
    name = str(tmp_path / "my.ini") if absolute else "my.ini"
    [found] = meant(tmp_path, **{section: {option: ["other", name]}})
    assert found.startswith(f"problem  paste filter: {tmp_path / 'my.ini'} has no filter")


@pytest.mark.parametrize(
    ("conf", "paste"), [("nova.conf", "api-paste.ini"), ("glance-api.conf", "glance-api-paste.ini")]
)
def test_it_lies_beside_the_configuration(conf: str, paste: str, tmp_path: Path) -> None:
    (tmp_path / paste).write_text("")
    [found] = meant(tmp_path, conf)
    assert found.startswith(f"problem  paste filter: {tmp_path / paste} has no filter")


def test_one_that_is_named_and_not_found(tmp_path: Path) -> None:
    assert meant(tmp_path, wsgi={"api_paste_config": ["my.ini"]}) == [
        "note     paste filter: my.ini is not found: --paste-file names it"
    ]


def test_a_service_without_a_paste_file(tmp_path: Path) -> None:
    assert meant(tmp_path) == []


def test_one_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "my.ini").write_text("x" * (check_paste._MAX_FILE + 1))
    [found] = meant(tmp_path, wsgi={"api_paste_config": ["my.ini"]})
    assert found.startswith("note     paste filter: ")
