"""Who may start a trace in this process: the one switch and key ring that every way in asks."""

from __future__ import annotations

import functools
import os
from time import monotonic

from otel_bridge.log import INTERVAL, warn
from otel_bridge.tracing.counter import Counter
from otel_bridge.wire.signing import Key, KeyRing

_NO_KEYS = KeyRing()

_enabled: bool | None = None
_keys: KeyRing = _NO_KEYS
#: Requests and messages whose trace info did not verify.
refused = Counter()
_quiet_until = 0.0


def enable(keys: KeyRing) -> None:
    """Accept trace info that is signed with one of these keys; with none, each way in uses its own."""
    global _enabled, _keys
    _keys = keys
    _enabled = True


def disable() -> None:
    """Trace nothing."""
    global _enabled
    _enabled = False


def reset() -> None:
    """Forget :func:`enable` and :func:`disable`: each way in goes by its own configuration."""
    global _enabled, _keys, _quiet_until
    _enabled = None
    _keys = _NO_KEYS
    _quiet_until = 0.0


def keys(own: KeyRing | None = None) -> KeyRing | None:
    """The keys to verify with now, or None when nothing is to be traced.

    Args:
        own: keys of the way in itself; None if its own configuration says not to trace.
    """
    if _enabled is None:
        return own or None
    if not _enabled:
        return None
    return _keys or own or None


def key_for(text: str) -> Key | None:
    """The key with which a unit of work may trace that names it in clear, as ``profiler.init`` does.

    Any key will do where the process was given none (a command line client); else it has to be one of
    its own, and tracing must not be switched off.
    """
    if _enabled is False or not isinstance(text, str) or not text:
        return None
    if _keys:
        found = _keys.find(text)
        if found is None:
            count_refused()
        return found
    try:
        return _foreign_key(text)
    except ValueError:  # no text that could be written down: half of a surrogate pair
        return None


@functools.lru_cache(maxsize=64)
def _foreign_key(text: str) -> Key:
    return Key(text)  # hashing a key in costs more than a whole span


def _begin_anew() -> None:
    """In a forked child, which counts for itself."""
    global refused
    refused = Counter()


_quiet_until = 0.0


os.register_at_fork(after_in_child=_begin_anew)


def count_refused() -> None:
    """Note trace info that did not verify. The operator learns of it; who sent it does not."""
    global _quiet_until
    refused.add()
    now = monotonic()
    if now >= _quiet_until:
        _quiet_until = now + INTERVAL
        warn("trace info that no key of [profiler] hmac_keys verifies was refused; served untraced")
