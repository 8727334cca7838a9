"""Who may start a trace in this process: the one switch and key ring that every way in asks."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from time import monotonic, time
from typing import Final

from otel_bridge.log import INTERVAL, warn
from otel_bridge.policy import Policy
from otel_bridge.tracing.counter import Counter
from otel_bridge.wire.freshness import Window
from otel_bridge.wire.signing import NO_KEY, Key, KeyRing

#: Seconds between two looks at a file that may change while the service runs.
LOOK_INTERVAL: Final = 1.0
#: Seconds until another thread tries while a look is on its way: on a network file system that hangs, it may
#: take for ever, and no more than a few threads may wait for that. (A lock would outlive a fork.)
_STUCK_LOOK: Final = 60.0

_NO_KEYS = KeyRing()

_enabled: bool | None = None
#: What :func:`enable` was given, and what stands in the file of keys; both together are in force.
_given: KeyRing = _NO_KEYS
_in_file: KeyRing = _NO_KEYS
_keys: KeyRing = _NO_KEYS
#: The service has told which keys it has, be it none.
_strict = False
#: Holds the policy for requests that are not signed; empty, and then nothing is looked at, where there is
#: none. A list that stays the same, so that those who serve requests can keep it at hand.
unsigned: Final[list[Policy]] = []
#: Which signed HTTP requests are fresh; None: all of them.
window: Window | None = None
#: What looks whether files have changed.
_looks: tuple[Callable[[], None], ...] = ()
_next_look = 0.0
#: Requests and messages whose trace info did not verify.
refused = Counter()
_quiet_until = 0.0


def enable(keys: KeyRing, *, strict: bool = False) -> None:
    """Accept trace info that is signed with one of these keys; with none, each way in uses its own.

    Args:
        keys: instead of those that were given before.
        strict: from now on no key counts that is merely named, not even where there are no others
            (:func:`key_for`).
    """
    global _enabled, _given, _strict
    _given = keys
    _strict = _strict or strict
    _join()
    _enabled = True


def disable() -> None:
    """Trace nothing."""
    global _enabled
    _enabled = False


def is_undecided() -> bool:
    """Whether each way in goes by its own configuration: nothing was said to :func:`enable` or not to."""
    return _enabled is None


def reset() -> None:
    """Forget :func:`enable` and :func:`disable`: each way in goes by its own configuration."""
    global _enabled, _given, _in_file, _keys, _quiet_until, _looks, _next_look, _strict, window
    _enabled = window = None
    _strict = False
    _given = _in_file = _keys = _NO_KEYS
    _quiet_until = _next_look = 0.0
    _looks = ()
    unsigned.clear()


def use_file(keys: KeyRing) -> None:
    """Accept these keys as well, and before the others: those of the file of keys, as it is now."""
    global _in_file
    _in_file = keys
    _join()


def _join() -> None:
    global _keys
    _keys = _in_file.joined(_given) if _in_file else _given


def decide(policy: Policy) -> None:
    """Go by this policy from the next request on; one that says nothing closes the gate to unsigned ones."""
    unsigned[:] = [policy] if policy else []


def require_fresh(seconds: int) -> None:
    """Have signed HTTP requests traced once only, within so many seconds; 0: as often as they come."""
    global window
    window = Window(seconds, time()) if seconds > 0 else None


def look_after(*looks: Callable[[], None]) -> None:
    """Call these at most once a second, when something comes in that is looked at."""
    global _looks, _next_look
    _looks = looks
    _next_look = monotonic() + LOOK_INTERVAL


def _look() -> None:
    global _next_look
    now = monotonic()
    if now < _next_look:
        return
    _next_look = now + _STUCK_LOOK
    for look in _looks:
        try:
            look()
        except Exception as exc:  # of a file system, a parser: not worth the request
            warn(f"it could not be seen whether a file has changed: {type(exc).__name__}")
    _next_look = monotonic() + LOOK_INTERVAL


def keys(own: KeyRing | None = None) -> KeyRing | None:
    """The keys to verify with now, or None when nothing is to be traced.

    Args:
        own: keys of the way in itself; None if its own configuration says not to trace.
    """
    if _looks:
        _look()
    if _enabled is None:
        return own or None
    if not _enabled:
        return None
    return _keys or own or None


def first_key(own: KeyRing | None = None) -> Key | None:
    """The key that signs what a trace sends on which begins here; :data:`NO_KEY` where there is none.

    None when nothing is to be traced.
    """
    found = keys(own)
    if found:
        return found.keys[0]
    return NO_KEY if _enabled else None


def is_fresh(info: str, mac: str, header: str, key: Key) -> bool:
    """Whether a signed HTTP request may be traced, by its time and nonce; counts it if not.

    Args:
        info: its ``X-Trace-Info``.
        mac: its ``X-Trace-HMAC``.
        header: its ``X-Trace-Freshness``, empty where there is none.
        key: what verified it.
    """
    remembered = window  # another thread may be shutting down
    if remembered is None:
        return True
    reason = remembered.refusal(info, mac, header, key, time())
    if reason is None:
        return True
    refused.add()
    warn(f"a signed request was served untraced, [otel_bridge] freshness_window being set: {reason}")
    return False


def key_for(text: str) -> Key | None:
    """The key with which a unit of work may trace that names it in clear, as ``profiler.init`` does.

    Any key will do where the process was given none (a command line client); else it has to be one of
    its own, and tracing must not be switched off.
    """
    if _enabled is False or not isinstance(text, str) or not text:
        return None
    if _looks:
        _look()
    if _keys:
        found = _keys.find(text)
        if found is None:
            count_refused()
        return found
    if _strict:
        count_refused()
        return None
    try:
        return _foreign_key(text)
    except ValueError:  # no text that could be written down: half of a surrogate pair
        return None


@functools.lru_cache(maxsize=64)
def _foreign_key(text: str) -> Key:
    return Key(text)  # hashing a key in costs more than a whole span


def _begin_anew() -> None:
    """In a forked child, which counts and remembers for itself."""
    global refused
    refused = Counter()
    if window is not None:
        require_fresh(window.seconds)


os.register_at_fork(after_in_child=_begin_anew)


def count_refused() -> None:
    """Note trace info that did not verify. The operator learns of it; who sent it does not."""
    global _quiet_until
    refused.add()
    now = monotonic()
    if now >= _quiet_until:
        _quiet_until = now + INTERVAL
        warn("trace info that no key of [profiler] hmac_keys verifies was refused; served untraced")
