"""otel_bridge.cli.source: which store a reading command reads."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from otel_bridge.cli import source
from otel_bridge.cli.errors import UsageError


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    source.add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.fixture
def service_conf(tmp_path: Path) -> str:
    path = tmp_path / "service.conf"
    path.write_text("[otel_bridge]\nstore = sqlite:/of/configuration\n")
    return str(path)


@pytest.fixture
def default_database(tmp_path: Path) -> Path:
    path = tmp_path / "otel_bridge" / "traces.sqlite"
    path.parent.mkdir()
    path.touch()
    return path


def test_what_is_named_first_wins(tmp_path: Path, service_conf: str, default_database: Path) -> None:
    """--from, the variable, the configuration, the default: each only where those before are missing."""
    state = {"XDG_STATE_HOME": str(tmp_path)}
    variable = {source.VARIABLE: "sqlite:/of/variable"}
    all_options = parse("--from", "sqlite:/of/option", "--config-file", service_conf)
    config_only = parse("--config-file", service_conf)
    assert source.find(all_options, {**state, **variable}) == ("sqlite:/of/option", "--from")
    assert source.find(config_only, {**state, **variable}) == ("sqlite:/of/variable", source.VARIABLE)
    assert source.find(config_only, state) == ("sqlite:/of/configuration", "[otel_bridge] store")
    assert source.find(parse(), state) == (
        f"sqlite:{default_database}",
        "the default of otel-bridge serve",
    )


def test_the_connection_string_names_a_store_where_nothing_else_does(
    tmp_path: Path, service_conf: str
) -> None:
    path = tmp_path / "nova.conf"
    path.write_text("[profiler]\nconnection_string = otel://h?store=sqlite:/of/connection\n")
    alone = parse("--config-file", str(path))
    assert source.find(alone, {}) == ("sqlite:/of/connection", "[profiler] connection_string")
    both = parse("--config-file", str(path), "--config-file", service_conf)
    assert source.find(both, {}) == ("sqlite:/of/configuration", "[otel_bridge] store")


def test_the_last_configuration_file_that_says_so_wins(tmp_path: Path, service_conf: str) -> None:
    second = tmp_path / "second.conf"
    second.write_text("[otel_bridge]\nstore = http://second:16687\n")
    args = parse("--config-file", service_conf, "--config-file", str(second))
    assert source.find(args, {}).url == "http://second:16687"


def test_nothing_named_is_an_error_that_names_the_ways(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        source.find(parse(), {"XDG_STATE_HOME": str(tmp_path), source.VARIABLE: " "})
    for way in ("--from", "OTEL_BRIDGE_STORE", "[otel_bridge]", "--config-file", str(tmp_path)):
        assert way in str(error.value)


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_option_is_an_error(given: str) -> None:
    with pytest.raises(UsageError, match="--from is empty"):
        source.find(parse("--from", given), {source.VARIABLE: "sqlite:/elsewhere"})


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.conf"
    broken.write_text("this is no configuration\n")
    for path in (broken, tmp_path / "missing.conf", tmp_path):
        with pytest.raises(UsageError) as error:
            source.find(parse("--config-file", str(path)), {})
        assert str(path) in str(error.value)


@pytest.mark.parametrize("url", ["nosuch:thing", "plain", "jaeger://host", "sqlite:", "http://"])
def test_a_store_that_is_none_is_told_with_the_one_who_named_it(url: str) -> None:
    with pytest.raises(UsageError, match=r"^OTEL_BRIDGE_STORE: "):
        source.open_store(source.Source(url, "OTEL_BRIDGE_STORE"))


def test_credentials_are_not_shown() -> None:
    with pytest.raises(UsageError) as error:
        source.open_store(source.Source("ftp://user:s3cr3t@host/", "--from"))
    assert "s3cr3t" not in str(error.value)
