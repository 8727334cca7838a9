"""Who may have requests traced by this configuration: the switch, the keys and the policy."""

from __future__ import annotations

import functools
import hashlib
import os
import pwd
import stat
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from otel_bridge.cli.check_options import OURS, PROFILER, ConfigFile, set_in
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.policy import Rule, parse_rule
from otel_bridge.wire.keys import Key

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

    from otel_bridge.settings import GateSettings, KeysFile, Settings

ENABLED: Final = "[profiler] enabled"
KEYS: Final = "[profiler] hmac_keys"
#: Keys whose fingerprint is shown: one takes a tenth of a second.
MOST_FINGERPRINTS: Final = 8
_ROUNDS: Final = 200_000
_QUOTES: Final = "\"'"


@functools.lru_cache(maxsize=64)
def fingerprint(key: Key) -> str:
    """Six hexadecimal digits by which people see whether two services have the same key.

    They tell little of it: to try a guess takes long, and one of 16 million other keys has the same. A key
    that stands in a dictionary can be confirmed by them all the same.
    """
    raw = key.reveal().encode("utf-8", "surrogateescape")
    return hashlib.pbkdf2_hmac("sha256", raw, b"otel_bridge key fingerprint", _ROUNDS, 3).hex()


def findings(
    conf: ConfigOpts, files: Sequence[ConfigFile], settings: Settings, names: Collection[str]
) -> Iterator[Finding]:
    """Look at the gate of a service.

    Args:
        conf: has read the files.
        files: the same ones.
        settings: made of it.
        names: by which rules mean the service; none where it is not known.
    """
    gate = settings.gate
    where = set_in(conf, files, PROFILER, "enabled")
    if not gate.enabled:
        if not any(found.fatal for found in settings.problems):
            yield problem(ENABLED, f"false, or switched off otherwise: no request is traced{where}")
        return
    yield ok(ENABLED, f"true{where}")
    if not any(found.option == KEYS for found in settings.problems):
        yield from _keys(conf, files, gate)
    if gate.keys_file is not None:
        yield from _keys_file(gate.keys_file)
    yield from _policy(settings)
    if not names:
        yield from _named_rules(conf)


def describe(gate: GateSettings, number: int) -> str:
    """``key 2 of 3 (fingerprint 3fa9c1)``.

    Args:
        gate: has the keys.
        number: of the key, from 0.
    """
    keys = gate.keys.keys
    return f"key {number + 1} of {len(keys)} (fingerprint {fingerprint(keys[number])})"


def _keys(conf: ConfigOpts, files: Sequence[ConfigFile], gate: GateSettings) -> Iterator[Finding]:
    keys = gate.fixed_keys.keys
    where = set_in(conf, files, PROFILER, "hmac_keys")
    if not keys:
        file = "only those of a file" if gate.keys_file is not None else "none"
        yield ok(KEYS, f"{file}{where}", keys=0, fingerprints=[])
        return
    if where == " (default)":
        where = " (OTEL_BRIDGE_HMAC_KEYS)"
    yield ok(KEYS, f"{_counted(keys)}{where}", keys=len(keys), fingerprints=_fingerprints(keys))
    if any(key.reveal()[0] in _QUOTES or key.reveal()[-1] in _QUOTES for key in keys):
        yield note(KEYS, "a key begins or ends with a quotation mark, which is part of it: leave it out")


def _keys_file(file: KeysFile) -> Iterator[Finding]:
    keys = file.keys.keys
    try:
        found = os.stat(file.path)
    except OSError as error:  # it was read a moment ago
        yield problem(file.option, f"{file.path}: {error.strerror}")
        return
    mode = stat.filemode(found.st_mode)
    yield ok(
        file.option,
        f"{file.path} ({mode}, owner {_user(found.st_uid)}) has {_counted(keys)}; read as"
        f" {_user(os.geteuid())}, and the service's user has to be able to, too",
        path=file.path,
        mode=mode,
        keys=len(keys),
        fingerprints=_fingerprints(keys),
    )
    if not keys:
        yield note(file.option, "there is no key in it, so it adds none")
    if found.st_mode & stat.S_IROTH:
        yield note(file.option, f"everybody on this machine can read {file.path}: chmod o-r")


def _policy(settings: Settings) -> Iterator[Finding]:
    gate = settings.gate
    policy = gate.policy
    if not policy:
        yield ok(
            "unsigned requests", "none is traced: sign them (otel-bridge sign, openstack --os-profile KEY)"
        )
    else:
        ratio = policy.ratio or 0.0
        parts = [f"{ratio:g} of them is traced" if ratio else "none is traced"]
        if policy.rules:
            count = len(policy.rules)
            parts.append(f"but for what {count} of sampling_rules {'says' if count == 1 else 'say'}")
        if policy.proxies:
            parts.append(f"traceparent is believed from {', '.join(map(str, policy.proxies))}")
        yield ok("unsigned requests", "; ".join(parts), ratio=ratio, rules=len(policy.rules))
        if not gate.keys:
            yield note(KEYS, "there is none, so what a sampled request sends on is not signed, nor traced")
    if gate.freshness_window:
        yield note(
            f"[{OURS}] freshness_window",
            f"a signed request is good for {gate.freshness_window} s, and once: those of plain osprofiler,"
            " and of clients without OTEL_BRIDGE_FRESHNESS=1, are served untraced",
        )


def rules_by_name(conf: ConfigOpts) -> list[tuple[str, Rule]]:
    """The rules that are for one service only, with its name."""
    found = []
    for text in conf.otel_bridge.sampling_rules or ():
        try:
            service, rule = parse_rule(text)
        except ValueError:  # told as a problem
            continue
        if service is not None:
            found.append((service, rule))
    return found


def _named_rules(conf: ConfigOpts) -> Iterator[Finding]:
    services = sorted({service for service, _ in rules_by_name(conf)})
    if services:
        yield note(
            f"[{OURS}] sampling_rules",
            f"some are for {', '.join(services)} only: --service NAME says which service this is",
        )


def _counted(keys: Sequence[Key]) -> str:
    shown = ", ".join(_fingerprints(keys))
    more = ", …" if len(keys) > MOST_FINGERPRINTS else ""
    plural = "" if len(keys) == 1 else "s"
    return f"{len(keys)} key{plural}, fingerprint{plural} {shown}{more}" if keys else "no key"


def _fingerprints(keys: Sequence[Key]) -> list[str]:
    return [fingerprint(key) for key in keys[:MOST_FINGERPRINTS]]


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
