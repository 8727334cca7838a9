"""otel_bridge.cli.config_files: --config-file and --config-dir."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from oslo_config import cfg

from otel_bridge.cli import config_files


def parsed(*args: str) -> list[str]:
    parser = argparse.ArgumentParser()
    config_files.add_arguments(parser, "a file")
    found: list[str] = parser.parse_args(args).config_file
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "nova.conf.d"
    made.mkdir()
    for name in ("20-b.conf", "10-a.conf", "notes.txt", ".hidden.conf", "30.conf.bak"):
        (made / name).write_text(f"[DEFAULT]\nhost = {name}\n", encoding="utf-8")
    return made


def test_none_is_none_each_time() -> None:
    parsed("--config-file", "one")
    assert parsed() == []


def test_files_and_directories_in_the_order_in_which_they_are_given(directory: Path) -> None:
    of_it = [str(directory / "10-a.conf"), str(directory / "20-b.conf")]
    assert parsed("--config-dir", str(directory), "--config-file", "last") == [*of_it, "last"]
    assert parsed("--config-file", "first", "--config-dir", str(directory)) == ["first", *of_it]


def test_the_files_of_a_directory_are_those_that_services_read(directory: Path) -> None:
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.StrOpt("host")])
    conf(["--config-dir", str(directory)], project="nova", default_config_files=[], default_config_dirs=[])
    assert conf.host == Path(parsed("--config-dir", str(directory))[-1]).name


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing", "No such file"), ("nova.conf.d/10-a.conf", "Not a directory"), ("a\0b", "null")],
)
def test_what_is_no_directory_is_wrong_usage(
    directory: Path, capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--config-dir", str(directory.parent / name))
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert "argument --config-dir: " in told
    assert reason in told
