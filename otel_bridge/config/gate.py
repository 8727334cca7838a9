"""Who may have requests traced: the switch and the HMAC keys."""

from __future__ import annotations

from otel_bridge.config.files import read_text
from otel_bridge.config.sources import Sources
from otel_bridge.settings import GateSettings
from otel_bridge.wire.signing import DEFAULT_KEY, KeyRing

_MAX_KEYS_FILE = 65536


def read_gate(sources: Sources, *, keys_follow: bool = False) -> GateSettings:
    """The gate settings. Keys are only looked for where tracing is enabled.

    Args:
        sources: options and environment.
        keys_follow: the service tells its keys later (``osprofiler.web.enable``), so that none is no problem.
    """
    if sources.has_options and not sources.option("enabled", group="profiler", fatal=True):
        return GateSettings()
    if sources.flag(None, "OTEL_SDK_DISABLED"):
        if sources.has_options:
            sources.report(
                "OTEL_SDK_DISABLED", "it is true and switches tracing off, whatever [profiler] enabled says"
            )
        return GateSettings()
    origin, keys = _keys(sources, keys_follow)
    if keys.find(DEFAULT_KEY) is not None:
        sources.report(
            origin,
            f"{DEFAULT_KEY}, the default, is among the keys: everybody knows it, so anybody can have requests"
            " traced; replace it by a secret of your own",
        )
    fatal = any(problem.fatal for problem in sources.problems)
    return GateSettings(bool(keys) or (keys_follow and not fatal), keys)


def _keys(sources: Sources, keys_follow: bool) -> tuple[str, KeyRing]:
    """The keys and where they come from. No key is a fatal problem, unless they follow."""
    origin, texts = "[profiler] hmac_keys", []
    failures = len(sources.problems)
    configured = sources.option("hmac_keys", group="profiler", fatal=True, secret=True)
    if configured:
        texts = configured.split(",")
    else:
        origin = "OTEL_BRIDGE_HMAC_KEYS"
        texts = (sources.variable(origin, raw=True) or "").split(",") + _keys_file(sources)
    texts = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if len(sources.problems) > failures:
        return origin, KeyRing()
    if not texts and sources.has_options:
        origin = "[profiler] hmac_keys"
        texts = [DEFAULT_KEY] if configured is None else []
    algorithm = sources.choice("hmac_algorithm")
    try:
        keys = KeyRing.parse(texts, algorithm.value if algorithm else "sha1")
    except ValueError:
        sources.report(origin, "a key has characters that cannot be encoded; replace it", fatal=True)
        return origin, KeyRing()
    if not keys and not keys_follow:
        sources.report(
            origin,
            "there is no HMAC key, so no request can be traced; set it to a secret of your own",
            fatal=True,
        )
    return origin, keys


def _keys_file(sources: Sources) -> list[str]:
    """The keys in OTEL_BRIDGE_HMAC_KEYS_FILE, one a line or separated by commas."""
    name = "OTEL_BRIDGE_HMAC_KEYS_FILE"
    path = sources.variable(name, raw=True)
    if path is None:
        return []
    try:
        text = read_text(path, _MAX_KEYS_FILE)
    except ValueError as error:
        sources.report(name, f"{error}: set it to a file with HMAC keys", fatal=True)
        return []
    return text.replace("\n", ",").split(",")
