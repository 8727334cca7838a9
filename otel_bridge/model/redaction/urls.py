"""URLs and query strings as the semantic conventions want them: credentials and signatures REDACTED."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_plus

from otel_bridge.model.redaction.keys import is_secret_key
from otel_bridge.model.redaction.text import MASK, redact_evident, redact_text

#: What the conventions for ``url.query`` and ``url.full`` demand, and the TempURL signature of Swift.
_SIGNATURES: Final = frozenset(
    str.split(
        "x-amz-signature x-amz-credential x-amz-security-token sig signature x-goog-signature "
        "x-goog-credential awsaccesskeyid temp_url_sig"
    )
)
_SEPARATOR = re.compile(r"([&;])")
#: A token that is asked about (``/os-console-auth-tokens/…`` of Nova, ``/v2.0/tokens/…`` of Keystone); what
#: begins with ``OS-`` in that place is the name of an extension.
_TOKEN_IN_PATH = re.compile(r"(/(?:[\w.\-]*[-_])?tokens?/)(?!OS-)[^/]++")
_AUTHORITY_END = re.compile(r"[/?#]")
_PORT = re.compile(r"\][^@]*+\Z|(?:\A|:)[0-9]*+\Z")


def redact_query(query: str) -> str:
    """A query string with the values of signatures and of secret-looking names REDACTED.

    Order and encoding of everything else stay as they are.
    """
    if "=" not in query:
        return redact_evident(query)
    parts = _SEPARATOR.split(query)
    for index in range(0, len(parts), 2):
        name, _, value = parts[index].partition("=")
        if not value:
            continue
        plain = unquote_plus(name) if "%" in name or "+" in name else name
        if plain.lower() in _SIGNATURES or is_secret_key(plain) or _hides_a_secret(value):
            parts[index] = f"{name}={MASK}"
    return redact_evident("".join(parts))


def _hides_a_secret(value: str) -> bool:
    """Whether a value is a query itself, percent-encoded, with a secret in it (Nova's console URLs)."""
    if "%3D" not in value and "%3d" not in value:
        return False
    plain = unquote_plus(value)
    return redact_text(plain) != plain


def redact_path(path: str) -> str:
    """A URL path without tokens in it."""
    if "token" in path:
        path = _TOKEN_IN_PATH.sub(rf"\1{MASK}", path)
    return redact_evident(path)


def redact_url(url: str) -> str:
    """An absolute or relative URL without user info, signatures and secret parameters.

    Never parsed in a way that could fail: a malformed URL is redacted as well as that is possible.
    """
    head, slashes, rest = url.partition("//")
    if slashes and (not head or head.endswith(":")):
        prefix, rest = head + slashes, _without_user(rest)
    else:
        prefix, rest = "", url
    rest, fragment_mark, fragment = rest.partition("#")
    path, query_mark, query = rest.partition("?")
    return (
        f"{prefix}{redact_path(path)}{query_mark}{redact_query(query)}{fragment_mark}{redact_query(fragment)}"
    )


def _without_user(rest: str) -> str:
    """What follows the ``//``, with the user info replaced."""
    end = _AUTHORITY_END.search(rest)
    authority = rest[: end.start()] if end else rest
    user, at, host = authority.rpartition("@")
    if at:
        return f"{_credentials(user)}@{host}{rest[len(authority) :]}"
    # A password with an unescaped slash, "?" or "#": the "port" is no number, and an "@" comes later.
    if ":" in authority and not _PORT.search(authority):
        user, at, host = rest.rpartition("@")
        if at:
            return f"{_credentials(user)}@{host}"
    return rest


def _credentials(user: str) -> str:
    return f"{MASK}:{MASK}" if ":" in user else MASK
