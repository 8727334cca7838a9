"""Which names stand for secrets.

A name is cut into its segments (``x-auth-token``, ``adminPass``, ``OS_PASSWORD``) and whole segments are
compared, so that ``gen_ai.usage.input_tokens`` or ``keyboard`` are left alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_SEGMENT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
#: Longer names are judged by their end, where the noun stands.
_LONGEST: Final = 256

#: A segment that is secret wherever it stands.
_WORDS: Final = frozenset(
    str.split(
        "password passwords passwd passwds passphrase passphrases passcode pwd secret secrets credential "
        "credentials cred creds authorization cookie cookies personality userdata jwt bearer otp totp "
        "apikey apikeys keytab"
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


@lru_cache(maxsize=4096)
def is_secret_key(key: str) -> bool:
    """Whether what is stored under that name must not be shown: attribute, argument, header or option."""
    segments = [segment.lower() for segment in _SEGMENT.findall(key[-_LONGEST:])]
    before = ""
    last = len(segments) - 1
    for index, word in enumerate(segments):
        after = segments[index + 1] if index < last else ""
        if word in _WORDS or (before, word) in _PAIRS or word.endswith(_ENDINGS):
            return True
        if word == "token" and after not in _ABOUT_TOKEN:
            return True
        if word == "tokens" and (before in _TOKEN_KINDS or last == 0):
            return True
        if word in ("key", "keys") and before in _KEY_KINDS:
            return True
        if word == "pass" and (not after or after.isdigit()):
            return True
        before = word
    return False
