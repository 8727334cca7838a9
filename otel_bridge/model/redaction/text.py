"""Secrets in free text: log lines, exception messages, printed arguments, header dumps.

Two ways to find them: by the name before them (``password=…``, ``'adminPass': '…'``, ``X-Auth-Token: …``,
``('X-Auth-Token', '…')``, ``<password>…``), and by their own looks (password hashes, Fernet and JSON web
tokens, private keys, URL user info).

No expression below backtracks over what it has taken (possessive quantifiers), and each run of characters
is entered at its beginning only, so that the time is linear whatever the text.
"""

from __future__ import annotations

import re
from typing import Final

from otel_bridge.model.redaction.keys import MAX_NAME, is_secret_key

#: Stands where something was taken out; the word that the semantic conventions use for URLs.
MASK: Final = "REDACTED"

_NAMED = re.compile(
    r"""
    (?<![\w.\-])
    (?:
        (?<=<) (?:[\w\-]++:)?+ (?P<element>[\w\-]++) (?= (?: \s++ [\w.:\-]++ = [^<>]{0,256}+ )? > )
      | (?P<key>[\w.\-]++) \\{0,8}+ ['"]? \]? [ \t]{0,8}+ (?: => | :=? | == ?) [ \t]{0,8}+
      | (?P<first>[\w.\-]++) \\{0,8}+ ['"] , [ \t]{0,8}+
      | (?P<option>--[\w\-]++) [ \t]{1,8}+ (?![\-\s])
    )
    """,
    re.VERBOSE,
)
_QUOTE = re.compile(r"""[bBuU]?(\\{0,8}+['"])""")
#: Before a letter it is a quote within a value that was not escaped: ``'it's'``.
_CLOSING = {"'": re.compile(r"(?<!\\)(\\*+)'(?!\w)"), '"': re.compile(r'(?<!\\)(\\*+)"(?!\w)')}
#: What stands before the first of two: a bracket, then a quote, then perhaps a namespace and a colon.
_BEFORE_PAIR: Final = 76
_PAIR = re.compile(r"""[(\[][bBuU]?\\{0,8}+['"](?:[\w.\-]{1,64}+:)?\Z""")
#: Up to what ends a value that is not quoted. A comma, semicolon or ampersand ends it only if another
#: ``name=`` or a blank follows: passwords contain them.
_BARE = re.compile(
    r"""(?: [^\s,;&'")\]}>]++ | [,;&] (?= [^\s=:,;&'"]++ (?: [\s,;&'")\]}>] | \Z ) ) )*+""", re.VERBOSE
)
_HEADER_VALUE = re.compile(r"""[^\r\n'"]*+""")
_HEADERS = ("authorization", "cookie")
_BRACKETS = re.compile(r"""'(?:[^'\\]++|\\++.?)*+'?|"(?:[^"\\]++|\\++.?)*+"?|[\[\](){}]""", re.DOTALL)

#: What is a secret by its looks.
_EVIDENT = re.compile(
    r"""
      \$ (?: 2[abxy]? | [1567y] | argon2[a-z]{1,2} | pbkdf2(?:[-_]sha[0-9]{1,3})? | scrypt
           | bcrypt(?:[-_]sha256)? | sha1 | md5 ) \$ [A-Za-z0-9./+=,$_\-]{8,}+
    | (?<![\w\-]) (?: pbkdf2 | bcrypt | scrypt | argon2 ) [\w\-]*+ \$ [A-Za-z0-9./+=,$_\-]{8,}+
    | \{ (?: SSHA | SHA | SMD5 | MD5 | CRYPT ) [0-9]{0,3} \} [A-Za-z0-9./+=$]{8,}+
    | gAAAA [A-Za-z0-9_\-]{16,}+ (?: = | %3[dD] ){0,2}
    | (?<![A-Za-z0-9_\-]) eyJ [A-Za-z0-9_\-]{8,}+ \. [A-Za-z0-9_\-]{4,}+ (?: \. [A-Za-z0-9_\-]*+ )?
    | -----BEGIN\ [A-Z ]{0,32}+ (?: (?<=PRIVATE\ KEY) | (?<=PRIVATE\ KEY\ BLOCK) ) -----
      (?: .*?-----END\ [A-Z ]{0,32}+----- | .*+ )
    | (?<=://) [^\s/'"<>]* @
    | (?<=://) [^\s/@:'"<>]{0,128}+ : (?! [0-9]{1,5} (?: [/?\#\s] | \Z ) ) [^\s@'"<>]{0,256}+ @
    """,
    re.VERBOSE | re.DOTALL,
)
#: An HTTP authentication scheme and its credentials; "basic authentication" is none.
_SCHEME = re.compile(
    r"\b([bB][eE][aA][rR][eE][rR]|[bB][aA][sS][iI][cC]|[nN]egotiate)[ \t]{1,8}+"
    r"(?=[A-Za-z]?[a-z]*+[A-Z0-9_~+/%=])[A-Za-z0-9\-._~+/%]{8,}+=*+"
)


def redact_evident(text: str) -> str:
    """``text`` without what is a secret by its looks, wherever it stands."""
    # Without one of these signs there is nothing to find; to look for them costs a tenth.
    if (
        "://" in text
        or "$" in text
        or "gAAAA" in text
        or "eyJ" in text
        or "}" in text
        or "-----BEGIN" in text
    ):
        return _EVIDENT.sub(_mask, text)
    return text


def _mask(match: re.Match[str]) -> str:
    return f"{MASK}:{MASK}@" if match.group().endswith("@") else MASK


def redact_text(text: str) -> str:
    """``text`` without the values of secret names, hashes, tokens, private keys and URL user info."""
    return redact_evident(_SCHEME.sub(rf"\1 {MASK}", _redact_named(text)))


def _redact_named(text: str) -> str:
    pieces: list[str] = []
    done = 0
    # Values may overlap: a text that looks like a name may stand within the value of another one. What is
    # read more than once is bounded; a text made to exceed that is hidden from there on.
    budget = 8 * len(text) + 1024
    for match in _NAMED.finditer(text):
        key = match["key"] or match["first"] or match["option"] or match["element"]
        if not is_secret_key(key[-MAX_NAME:]):  # what is asked for is remembered, the key itself included
            continue
        if match["first"] and not _PAIR.search(text, max(0, match.start() - _BEFORE_PAIR), match.start()):
            continue
        start = match.end()
        if match["element"]:
            start += text[start] == ">"  # else its attributes go with it
            end = _element_end(text, start)
        else:
            end = _value_end(text, start, header=key.lower().endswith(_HEADERS))
        budget -= end - start + len(key)
        if budget < 0:
            end = len(text)
        if end > start and start >= done:
            pieces += text[done:start], MASK
        done = max(done, end)
        if done == len(text):
            break
    return "".join((*pieces, text[done:])) if pieces else text


def _element_end(text: str, start: int) -> int:
    """Where the content of an XML element ends."""
    verbatim = text.startswith("<![CDATA[", start)
    end = text.find("]]>" if verbatim else "<", start)
    return end if end >= 0 else len(text)


def _value_end(text: str, start: int, *, header: bool) -> int:
    """Where the value that begins at ``start`` ends."""
    quote = _QUOTE.match(text, start)
    if quote:
        return _quoted_end(text, quote)
    if text[start : start + 1] in ("[", "{", "("):
        depth = 0
        for bracket in _BRACKETS.finditer(text, start):
            if bracket.group() in "[{(":
                depth += 1
            elif bracket.group() in "]})":
                depth -= 1
                if not depth:
                    return bracket.end()
        return len(text)
    found = (_HEADER_VALUE if header else _BARE).match(text, start)
    end = found.end() if found else start
    quote = _QUOTE.match(text, end)
    if quote and text[end - 1 : end] in ("(", "\\"):  # SecretStr('…')
        return _quoted_end(text, quote)
    return end


def _quoted_end(text: str, quote: re.Match[str]) -> int:
    """Behind the closing quote.

    It has no more backslashes before it than the opening one: with more it is part of the value, if the text
    was printed more than once (JSON within a Python string), and perhaps if it was not.
    """
    backslashes = len(quote[1]) - 1
    for closing in _CLOSING[quote[1][-1]].finditer(text, quote.end()):
        if len(closing[1]) <= backslashes:
            return closing.end()
    return len(text)
