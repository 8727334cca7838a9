"""otel_bridge.cli.reaching: headers, certificates and time-out on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from otel_bridge.cli import reaching
from otel_bridge.cli.errors import UsageError
from otel_bridge.stores.options import USUAL, StoreOptions

CONFIGURED = StoreOptions(
    headers={"a": "1", "b": "1"}, ca_file="/ca", cert_file="/cert", key_file="/key", timeout=5.0
)


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    reaching.add_arguments(parser)
    return parser.parse_args(arguments)


def test_nothing_said_changes_nothing() -> None:
    for options in (USUAL, CONFIGURED):
        assert reaching.overridden(options, parse()) == options


def test_what_is_said_is_stronger(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text("# for the gateway\nB: 2\nC: 2\n")
    args = parse(
        *("--header-file", str(headers), "--header", "C: 3", "--header", "d:4", "--timeout", "7"),
        *("--ca-file", "/other", "--client-cert", "/mine", "--client-key", "/my-key"),
    )
    assert reaching.overridden(CONFIGURED, args) == StoreOptions(
        headers={"a": "1", "b": "2", "c": "3", "d": "4"},
        ca_file="/other",
        cert_file="/mine",
        key_file="/my-key",
        timeout=7.0,
    )


def test_the_key_of_one_certificate_is_not_that_of_another() -> None:
    assert reaching.overridden(CONFIGURED, parse("--client-cert", "/mine")).key_file is None
    assert reaching.overridden(CONFIGURED, parse("--client-key", "/mine")).cert_file == "/cert"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--header", "s3cr3t"], "--header: header 1 is not NAME: VALUE"),
        (["--header", "Host: s3cr3t"], "--header: header 1, host, is set in any case"),
        (["--header-file", "/no/such/file"], "--header-file: '/no/such/file' cannot be read"),
        (["--header-file", "/dev/zero"], "--header-file: '/dev/zero' is not a file"),
    ],
)
def test_a_header_that_is_none_is_wrong_usage_and_not_shown(arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        reaching.overridden(USUAL, parse(*arguments))
    assert says in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "inf", "99999", ""])
def test_a_time_out_that_is_none_is_wrong_usage(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--timeout", seconds)
    assert "is no number of seconds up to 3600" in capsys.readouterr().err
