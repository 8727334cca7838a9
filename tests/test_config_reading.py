"""config/reading.py: a service's files, read by somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from otel_bridge.config.reading import read_files
from otel_bridge.settings import ConfigError


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.StrOpt("one"), cfg.StrOpt("two")], group="g")
    return conf


def test_the_last_file_wins(conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("[g]\none = a\ntwo = a\n[other]\nwhatever = 1\n")
    (tmp_path / "b").write_text("[g]\ntwo = b\n")
    read_files(conf, [str(tmp_path / "a"), str(tmp_path / "b")])
    assert (conf.g.one, conf.g.two) == ("a", "b")


def test_no_other_file_is_read(conf: cfg.ConfigOpts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as ~/.otel-bridge/otel-bridge.conf, which oslo.config would look for."""
    (tmp_path / ".otel-bridge").mkdir()
    (tmp_path / ".otel-bridge" / "otel-bridge.conf").write_text("[g]\none = a\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    read_files(conf, [])
    assert conf.g.one is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "--config-file: .* cannot be read"),
        (b"[g]\n= s3cret\n", "line 2: "),
        (b"one = s3cret\n", "file: .*; correct it"),
        (b"[g]\none = \xff s3cret\n", "this is not UTF-8 text"),
    ],
)
def test_what_cannot_be_read(content: bytes | None, said: str, conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        read_files(conf, [str(path)])
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)
