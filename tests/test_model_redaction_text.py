"""redaction.text: secrets in free text."""

from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.redaction import redact_text

MARKER = "zq9Marker"
BCRYPT = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW"
FERNET = "gAAAAABmK9p3q8Yt0Zq1x2w3e4r5t6y7u8i9o0pAsDfGhJkLzXcVbNm-_Q=="
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter2", "password=REDACTED"),
        ("password = hunter2, user = nova", "password = REDACTED, user = nova"),
        ("password=a,b&c;d user=x", "password=REDACTED user=x"),
        ("password=ab,user=x", "password=REDACTED,user=x"),
        ("{'adminPass': 'x y', 'b': 1}", "{'adminPass': REDACTED, 'b': 1}"),
        ("{'adminPass': 'it\\'s', 'b': 1}", "{'adminPass': REDACTED, 'b': 1}"),
        ('{"password": "a\\"b", "c": 2}', '{"password": REDACTED, "c": 2}'),
        ('{\\"password\\": \\"x\\", \\"a\\": 1}', '{\\"password\\": REDACTED, \\"a\\": 1}'),
        ("token: b'abc' end", "token: REDACTED end"),
        ("personality=[{'path': '/x]', 'contents': 'a'}], n=2", "personality=REDACTED, n=2"),
        ("user_data=('a', ['b']) n=2", "user_data=REDACTED n=2"),
        ("metadata={db_password='it's so',a='b'}", "metadata={db_password=REDACTED,a='b'}"),
        (
            "Headers([('X-Auth-Token', 'abc'), ('A', 'b')])",
            "Headers([('X-Auth-Token', REDACTED), ('A', 'b')])",
        ),
        ("[[b'x-auth-token', b'abc'], 1]", "[[b'x-auth-token', REDACTED], 1]"),
        ("(\\'password\\', \\'abc\\')", "(\\'password\\', REDACTED)"),
        ("['flavor', 'user_data', 'tags']", None),
        ("Authorization: Basic bm92YTpwYXNz extra\r\nHost: h", "Authorization: REDACTED\r\nHost: h"),
        ("-H 'Cookie: a=b; c=d' -v", "-H 'Cookie: REDACTED' -v"),
        ("X-Auth-Token: abcdef\nX-Other: y", "X-Auth-Token: REDACTED\nX-Other: y"),
        ("--os-password hunter2 --debug", "--os-password REDACTED --debug"),
        ("--os-password=hunter2 --debug", "--os-password=REDACTED --debug"),
        ("sent Bearer abcdef012345 to h", "sent Bearer REDACTED to h"),
        (f"hash {BCRYPT} stored", "hash REDACTED stored"),
        ("$6$rounds=5000$salt$hashhashhash x", "REDACTED x"),
        ("pbkdf2_sha256$260000$salt$hashhash= x", "REDACTED x"),
        ("$pbkdf2-sha512$25000$abc$defdefdef x", "REDACTED x"),
        (f"id {FERNET} used", "id REDACTED used"),
        (f"jwt {JWT} used", "jwt REDACTED used"),
        (f"key {PEM} end", "key REDACTED end"),
        ("mysql+pymysql://nova:pw@10.0.0.1/nova", "mysql+pymysql://REDACTED:REDACTED@10.0.0.1/nova"),
        ("mysql://nova:p/w@db/nova", "mysql://REDACTED:REDACTED@db/nova"),
        ("http://controller:8774/v2.1/a@b", "http://controller:8774/v2.1/a@b"),
        ("<user>a</user><password>x &amp; y</password>", "<user>a</user><password>REDACTED</password>"),
        ('<v:adminPass enc="no">x</v:adminPass> end', "<v:adminPassREDACTED</v:adminPass> end"),
        ("<secret><![CDATA[<x>]]></secret>", "<secret>REDACTED]]></secret>"),
        ("at the end <password>x", "at the end <password>REDACTED"),
        ("<a.Token object at 0x7f> <a.token> <password/> b", None),
        ("Basic authentication failed for bearer information", None),
        ("input_tokens: 512, max_tokens=9", "input_tokens: 512, max_tokens=9"),
        ("Instance 6f1c3e7e-5a3c-4f6e-9f1c-3e7e5a3c4f6e at $1 not found: key=7", None),
        ("sha256 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", None),
        ("", ""),
    ],
)
def test_secrets_go_and_the_rest_stays(text: str, expected: str | None) -> None:
    assert redact_text(text) == (text if expected is None else expected)


NAMES = st.sampled_from(["password", "adminPass", "user_data", "x-auth-token", "secret", "credentials"])
TEXT = st.text(max_size=16) | st.sampled_from(
    ["password='", '"', "'", "\\", "token: ", "{[(", ",", "=", "'\\"]
)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    TEXT | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


@settings(max_examples=400, deadline=None)
@given(PLAIN, NAMES, TEXT, TEXT, PLAIN)
def test_no_named_secret_survives_in_a_printed_structure(
    before: Any, name: str, head: str, tail: str, after: Any
) -> None:
    value = f"{head}{MARKER}{tail}"
    for secret in (value, [value], {"x": value}):
        structure = {"a": before, name: secret, "b": after}
        assert MARKER not in redact_text(repr(structure))
        assert MARKER not in redact_text(json.dumps(structure))
        assert MARKER not in redact_text(repr(json.dumps(structure)))
        assert MARKER not in redact_text(f"f({name}={secret!r}, b={after!r})")
    assert MARKER not in redact_text(repr([before, (name, value), after]))


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT, st.sampled_from([BCRYPT, FERNET, JWT]))
def test_what_is_evidently_secret_goes_between_blanks(before: str, after: str, secret: str) -> None:
    assert secret not in redact_text(f"{before} {secret} {after}")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(redact_text(text), str)


HOSTILE = [
    "<password>",
    "<password a=",
    "password=",
    "password='",
    "password='\\",
    "password=[",
    "password=['\\",
    'token: {"',
    "\\" * 9 + "'",
    "a" * 7,
    "a.-_",
    "--a ",
    " ",
    "\\'",
    "(((",
    "://",
    "://a:",
    "$2b$",
    "$pbkdf2",
    "pbkdf2-",
    "gAAAA",
    "eyJ",
    "eyJaaaaaaaa.",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "bearer  ",
    "cookie:",
    "password=a,",
    "{SHA}",
    "('password',",
    "('password','",
    "password',",
    "password='a'a",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_long_hostile_text_is_read_in_linear_time(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    started = process_time()
    redact_text(text)
    # Linear is far below a second; quadratic would be many minutes.
    assert process_time() - started < 10
