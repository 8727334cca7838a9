"""Which names stand for secrets.

A name is cut into its segments (``x-auth-token``, ``adminPass``, ``OS_PASSWORD``) and whole segments are
compared, so that ``gen_ai.usage.input_tokens`` or ``keyboard`` are left alone.

An operator may name more of them (:func:`hide_further`), which holds for the whole process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_SEGMENT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
#: Longer names are judged by their end, where the noun stands.
MAX_NAME: Final = 256

#: A segment that is secret wherever it stands.
_WORDS: Final = frozenset(
    str.split(
        "password passwords passwd passwds passphrase passphrases passcode pwd secret secrets credential "
        "credentials cred creds authorization cookie cookies personality userdata jwt bearer otp totp "
        "apikey apikeys keytab keyring"
    )
)
#: The same written without a separator: ``clientsecret``, ``dbpassword``.
_ENDINGS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "credentials",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "hmackey",
    "adminpass",
    "rootpass",
    "userpass",
    "dbpass",
    "authtoken",
    "accesstoken",
    "sessiontoken",
)
#: Before ``key`` or ``keys``: ``private_key``, ``hmac_keys``, ``AWSAccessKeyId``.
_KEY_KINDS: Final = frozenset(
    str.split(
        "private hmac api access secret encryption encrypt decryption signing sign master shared auth fernet "
        "aes symmetric session psk kek dek"
    )
)
_PAIRS: Final = frozenset(
    {
        ("user", "data"),
        ("injected", "file"),
        ("injected", "files"),
        ("pass", "word"),
        ("pass", "phrase"),
        ("pass", "code"),
        ("auth", "header"),
        ("auth", "headers"),
        ("to", "inject"),
        # signatures of URLs that open what they point at
        ("amz", "signature"),
        ("goog", "signature"),
        ("url", "sig"),
    }
)
#: After ``token``: what is said about a token, not the token.
_ABOUT_TOKEN: Final = frozenset(
    str.split(
        "audit audits count counts driver expiration expires expiry format length lifetime limit method "
        "methods provider size total ttl type types usage"
    )
)
#: Before ``tokens``: these are credentials; counted tokens of language models are not.
_TOKEN_KINDS: Final = frozenset(str.split("auth access api bearer refresh session subject trust"))


#: What the operator named, each name in its segments. Replaced as a whole, never changed.
_further: tuple[tuple[str, ...], ...] = ()
#: Empty the caches of what :func:`remembered` decorates.
_forget: list[Callable[[], None]] = []


def remembered(maxsize: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """``lru_cache`` for a function whose result depends on which names are secret."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        cached = lru_cache(maxsize=maxsize)(function)
        _forget.append(cached.cache_clear)
        return cached  # type: ignore[return-value]  # typeshed's lru_cache knows no parameters

    return decorate


def hide_further(names: Iterable[str]) -> None:
    """Have these names stand for secrets besides the built-in ones, in the whole process.

    They replace what an earlier call named; an empty list leaves the built-in ones. For the set-up of a
    process: what is being masked by another thread meanwhile may still go by the names before.

    Args:
        names: names such as ``customer_id``. Where the segments of one stand in a name, one behind the other
            and in any spelling (``customerId``, ``x-customer-id``), its value is hidden.
    """
    global _further
    _further = tuple(sorted({tuple(found) for name in names if (found := segments(name))}))
    for forget in _forget:
        forget()


def segments(name: str) -> list[str]:
    """The words that a name is made of, in lower case."""
    return [word.lower() for word in _SEGMENT.findall(name)]


@remembered(4096)
def is_secret_key(key: str) -> bool:
    """Whether what is stored under that name must not be shown: attribute, argument, header or option."""
    words = segments(key[-MAX_NAME:])
    before = ""
    last = len(words) - 1
    for index, word in enumerate(words):
        after = words[index + 1] if index < last else ""
        if word in _WORDS or (before, word) in _PAIRS or word.endswith(_ENDINGS):
            return True
        if word == "token" and after not in _ABOUT_TOKEN:
            return True
        if word == "tokens" and (before in _TOKEN_KINDS or last == 0):
            return True
        if word in ("key", "keys") and before in _KEY_KINDS:
            return True
        # admin_pass.contents is a part of it, bypass_count something else
        if word == "pass" and (not after or after.isdigit() or "pass." in key.lower()):
            return True
        before = word
    return any(_stands_in(named, words) for named in _further)


def _stands_in(named: tuple[str, ...], words: list[str]) -> bool:
    length = len(named)
    return any(tuple(words[at : at + length]) == named for at in range(len(words) - length + 1))
