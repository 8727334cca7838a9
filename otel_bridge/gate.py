"""Who may start a trace in this process: the one switch and key ring that every way in asks."""

from __future__ import annotations

from otel_bridge.log import warn
from otel_bridge.tracing.counter import Counter
from otel_bridge.wire.signing import KeyRing

_NO_KEYS = KeyRing()

_enabled: bool | None = None
_keys: KeyRing = _NO_KEYS
#: Requests and messages whose trace info did not verify.
refused = Counter()


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
    global _enabled, _keys
    _enabled = None
    _keys = _NO_KEYS


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


def count_refused() -> None:
    """Note trace info that did not verify. The operator learns of it; who sent it does not."""
    refused.add()
    warn("trace info that no key of [profiler] hmac_keys verifies was refused; served untraced")
