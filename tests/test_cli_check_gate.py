"""cli/check_gate.py: the switch, the keys, their file, and the policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import KEY, Write, lines, without_tracing_variables, writer

from otel_bridge.cli import check_gate
from otel_bridge.cli.check_gate import fingerprint
from otel_bridge.cli.check_service import read
from otel_bridge.wire.keys import Key


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tracing_variables(monkeypatch)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path)


def of(path: str, name: str | None = None) -> list[str]:
    service = read([path], name)
    return lines(check_gate.findings(service.conf, service.files, service.settings, service.names))


def test_equal_keys_have_equal_fingerprints_which_are_not_the_key() -> None:
    assert fingerprint(Key(KEY)) == fingerprint(Key(KEY, "sha256"))
    assert fingerprint(Key(KEY)) != fingerprint(Key(f"{KEY}2"))
    assert len(fingerprint(Key(KEY))) == 6
    assert fingerprint(Key("caf\udce9"))  # a key that is no UTF-8


def test_a_gate_that_is_open(write: Write) -> None:
    path = write(hmac_keys=f"{KEY}, another")
    first, second = fingerprint(Key(KEY)), fingerprint(Key("another"))
    assert of(path) == [
        f"ok       [profiler] enabled: true ({path})",
        f"ok       [profiler] hmac_keys: 2 keys, fingerprints {first}, {second} ({path})",
        "ok       unsigned requests: none is traced: sign them (otel-bridge sign, openstack"
        " --os-profile KEY)",
    ]


def test_keys_are_not_shown(write: Write) -> None:
    assert not [line for line in of(write()) if KEY in line]


def test_many_keys_are_not_all_shown(write: Write) -> None:
    [line] = [line for line in of(write(hmac_keys=",".join(map(str, range(1, 11))))) if "hmac_keys" in line]
    assert line.count(", ") == check_gate.MOST_FINGERPRINTS + 1
    assert line.startswith("ok       [profiler] hmac_keys: 10 keys, fingerprints ")


@pytest.mark.parametrize("enabled", ["false", ""])
def test_a_gate_that_is_closed(enabled: str, write: Write) -> None:
    path = write(enabled=enabled)
    where = path if enabled else "default"
    assert of(path) == [
        f"problem  [profiler] enabled: false, or switched off otherwise: no request is traced ({where})"
    ]


@pytest.mark.parametrize("keys", [f'one, "{KEY}"', f"one, '{KEY}'", f'"one","{KEY}"'])
def test_quotation_marks_are_part_of_a_key(keys: str, write: Write) -> None:
    said = (
        "note     [profiler] hmac_keys: a key begins or ends with a quotation mark, which is part"
        " of it: leave it out"
    )
    assert said in of(write(hmac_keys=keys))


def test_quotation_marks_around_all_of_them_are_not(write: Write) -> None:
    assert not any("begins or ends" in line for line in of(write(hmac_keys=f'"one,{KEY}"')))


def test_keys_of_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", KEY)
    assert any(line.endswith("(OTEL_BRIDGE_HMAC_KEYS)") for line in of(write(hmac_keys="")))


@pytest.mark.parametrize(("mode", "notes"), [(0o640, 0), (0o644, 1)])
def test_a_file_of_keys(mode: int, notes: int, write: Write, tmp_path: Path) -> None:
    keys = tmp_path / "hmac-keys"
    keys.write_text("# new\none\ntwo\n")
    keys.chmod(mode)
    found = of(write(bridge=f"hmac_keys_file = {keys}"))
    [line] = [line for line in found if line.startswith(f"ok       [otel_bridge] hmac_keys_file: {keys} (")]
    assert "has 2 keys, fingerprints " in line
    said = f"note     [otel_bridge] hmac_keys_file: everybody on this machine can read {keys}: chmod o-r"
    assert [line for line in found if line.startswith("note ")] == [said] * notes


def test_a_file_without_a_key(write: Write, tmp_path: Path) -> None:
    (tmp_path / "hmac-keys").touch(0o600)
    found = of(write(bridge=f"hmac_keys_file = {tmp_path / 'hmac-keys'}"))
    assert "note     [otel_bridge] hmac_keys_file: there is no key in it, so it adds none" in found


@pytest.mark.parametrize(
    ("bridge", "said"),
    [
        ("sampling_ratio = 0.01", "ok       unsigned requests: 0.01 of them is traced"),
        ("sampling_ratio = 0", "ok       unsigned requests: none is traced"),
        ("sampling_rules = GET /a = 1", "none is traced; but for what 1 of sampling_rules says"),
        (
            "sampling_ratio = 1\nsampling_rules = /a=1,/b=0",
            "1 of them is traced; but for what 2 of sampling_rules say",
        ),
        ("trust_traceparent = 192.0.2.0/24", "traceparent is believed from 192.0.2.0/24"),
        (
            "freshness_window = 60",
            "note     [otel_bridge] freshness_window: a signed request is good for 60 s",
        ),
    ],
)
def test_the_policy(bridge: str, said: str, write: Write) -> None:
    found = of(write(bridge=bridge))
    assert any(said in line for line in found), found


def test_a_policy_without_a_key(write: Write) -> None:
    found = of(write(bridge="sampling_ratio = 1", hmac_keys=" , "))
    assert any(line.startswith("note     [profiler] hmac_keys: there is none") for line in found)


def test_rules_of_one_service_ask_which_service_it_is(write: Write) -> None:
    path = write(bridge="sampling_rules = nova-api: /a = 1, b: /c = 1, /d = 1, nova-api: /e = 0, rubbish")
    said = (
        "note     [otel_bridge] sampling_rules: some are for b, nova-api only: --service NAME says"
        " which service"
    )
    assert any(line.startswith(said) for line in of(path))
    named = of(path, "nova-api")
    assert not any("--service" in line for line in named)
    assert any("but for what 3 of sampling_rules say" in line for line in named)
