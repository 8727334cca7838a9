"""Who may have requests traced: the switch, the HMAC keys and the policy for requests without."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from otel_bridge.config.files import read_text
from otel_bridge.config.policy import read_policy
from otel_bridge.config.sources import Sources
from otel_bridge.settings import GateSettings, KeysFile
from otel_bridge.wire.signing import DEFAULT_KEY, KeyRing

#: Marks what a process without ``freshness_window``, or without oslo.config, signs.
FRESHNESS_VARIABLE: Final = "OTEL_BRIDGE_FRESHNESS"
_MAX_KEYS_FILE = 65536
_UNUSABLE_KEY = "a key has characters that cannot be encoded; replace it"


def read_gate(sources: Sources, names: Collection[str] = (), *, keys_follow: bool = False) -> GateSettings:
    """The gate settings. Keys are only looked for where tracing is enabled.

    Args:
        sources: options and environment.
        names: of the service, for the rules that are for one of them.
        keys_follow: the service tells its keys later (``osprofiler.web.enable``), so that none is no problem.
    """
    stamps = wants_freshness(sources.variable(FRESHNESS_VARIABLE))
    if sources.has_options and not sources.option("enabled", group="profiler", fatal=True):
        return GateSettings(stamps=stamps)
    if sources.flag(None, "OTEL_SDK_DISABLED"):
        if sources.has_options:
            sources.report(
                "OTEL_SDK_DISABLED", "it is true and switches tracing off, whatever [profiler] enabled says"
            )
        return GateSettings(stamps=stamps)
    policy = read_policy(sources, names)
    window = int(sources.option("freshness_window", fatal=True) or 0)
    keyless = keys_follow or bool(policy)
    origin, found = _keys(sources, keyless)
    if found.keys.find(DEFAULT_KEY) is not None:
        sources.report(
            origin,
            f"{DEFAULT_KEY}, the default, is among the keys: everybody knows it, so anybody can have requests"
            " traced; replace it by a secret of your own",
        )
    fatal = any(problem.fatal for problem in sources.problems)
    return replace(
        found,
        enabled=not fatal and (bool(found.keys) or keyless),
        policy=policy,
        freshness_window=window,
        stamps=stamps or window > 0,
    )


def wants_freshness(text: str | None) -> bool:
    """What ``OTEL_BRIDGE_FRESHNESS`` says: 1, or another usual word for yes."""
    return (text or "").strip().lower() in ("1", "true", "yes", "on")


def parse_keys_file(path: str, algorithm: str = "sha1") -> KeyRing:
    """The keys in a file, one a line or separated by commas; lines that begin with ``#`` are comments.

    Raises:
        ValueError: it cannot be read, or has what can be no key; says why, and quotes nothing of it.
    """
    text = read_text(path, _MAX_KEYS_FILE).removeprefix("\ufeff")
    # What is written about keys must not become one: it can be guessed.
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("#")]
    texts = _stripped(",".join(lines).split(","))
    try:
        return KeyRing.parse(texts, algorithm)
    except ValueError:
        raise ValueError(_UNUSABLE_KEY) from None


def _stripped(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _keys(sources: Sources, keyless: bool) -> tuple[str, GateSettings]:
    """The keys and where they come from. No key is a fatal problem, unless there may be none."""
    origin, texts = "[profiler] hmac_keys", []
    failures = len(sources.problems)
    configured = sources.option("hmac_keys", group="profiler", fatal=True, secret=True)
    if configured:
        texts = configured.split(",")
    else:
        origin = "OTEL_BRIDGE_HMAC_KEYS"
        texts = (sources.variable(origin, raw=True) or "").split(",")
    algorithm = sources.choice("hmac_algorithm")
    # An option is stronger than a variable: with keys in the options, a variable adds none.
    file = _keys_file(sources, algorithm.value if algorithm else "sha1", variable=not configured)
    texts = _stripped(texts)
    if any(found.fatal for found in sources.problems[failures:]):
        return origin, GateSettings()
    in_file = KeyRing() if file is None else file.keys
    if not texts and not in_file and sources.has_options:
        origin = "[profiler] hmac_keys"
        texts = [DEFAULT_KEY] if configured is None else []
    try:
        fixed = KeyRing.parse(texts, algorithm.value if algorithm else "sha1")
    except ValueError:
        sources.report(origin, _UNUSABLE_KEY, fatal=True)
        return origin, GateSettings()
    keys = in_file.joined(fixed)
    if not keys and not keyless:
        sources.report(
            origin,
            "there is no HMAC key, so no request can be traced; set it to a secret of your own",
            fatal=True,
        )
    return origin, GateSettings(keys=keys, keys_file=file, beside_file=fixed)


def _keys_file(sources: Sources, algorithm: str, *, variable: bool) -> KeysFile | None:
    """The file of keys, with what stands in it."""
    name = "OTEL_BRIDGE_HMAC_KEYS_FILE"
    found = sources.text("hmac_keys_file", *([name] if variable else []), fatal=True, raw=True)
    if found is None:
        return None
    try:
        return KeysFile(found.value, found.origin, algorithm, parse_keys_file(found.value, algorithm))
    except ValueError as error:
        sources.report(found.origin, f"{error}: set it to a file with HMAC keys", fatal=True)
        return None
