"""redaction.urls: URLs and query strings."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.redaction import redact_path, redact_query, redact_url

MARKER = "zq9Marker"
TEXT = st.text(max_size=12)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2.1/os-console-auth-tokens/zq9Marker", "/v2.1/os-console-auth-tokens/REDACTED"),
        ("/v2.0/tokens/zq9Marker/endpoints", "/v2.0/tokens/REDACTED/endpoints"),
        ("/v3/users/u/OS-OAUTH1/access_tokens/zq9Marker", "/v3/users/u/OS-OAUTH1/access_tokens/REDACTED"),
        ("/v3/auth/tokens", "/v3/auth/tokens"),
        ("/v3/auth/tokens/OS-PKI/revoked", "/v3/auth/tokens/OS-PKI/revoked"),
    ],
)
def test_a_token_that_a_path_asks_about_is_hidden(path, expected):
    assert redact_path(path) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ""),
        ("limit=10&marker=abc", "limit=10&marker=abc"),
        ("sig=abc", "sig=REDACTED"),
        ("Signature=abc&x=1", "Signature=REDACTED&x=1"),
        ("X-Amz-Signature=a&X-Amz-Credential=b&X-Amz-Security-Token=c", None),
        ("X-Goog-Signature=a&AWSAccessKeyId=b", None),
        ("temp_url_sig=abc&temp_url_expires=1", "temp_url_sig=REDACTED&temp_url_expires=1"),
        ("a=1;password=x", "a=1;password=REDACTED"),
        ("pass%77ord=x", "pass%77ord=REDACTED"),
        ("path=%3Ftoken%3Dabc", "path=REDACTED"),
        ("filter=name%3Dabc", "filter=name%3Dabc"),
        ("password=", "password="),
        ("password", "password"),
        ("token=a=b=c", "token=REDACTED"),
        ("x=gAAAAABkabcdefghijklmnopqrstuv", "x=REDACTED"),
        ("%zz=%&&;;=", "%zz=%&&;;="),
    ],
)
def test_signatures_and_secret_names_lose_their_values(query: str, expected: str | None) -> None:
    if expected is None:
        expected = "&".join(f"{part.partition('=')[0]}=REDACTED" for part in query.split("&"))
    assert redact_query(query) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h:8774/v2.1/servers?limit=1#top", "http://h:8774/v2.1/servers?limit=1#top"),
        ("https://user:secret@h/x", "https://REDACTED:REDACTED@h/x"),
        ("https://user@h/x", "https://REDACTED@h/x"),
        ("https://user:a@b@h/x", "https://REDACTED:REDACTED@h/x"),
        ("https://user:pa/ss@h/x", "https://REDACTED:REDACTED@h/x"),
        ("https://user:p?a#ss@h/x", "https://REDACTED:REDACTED@h/x"),
        ("http://[::1]:8774/a@b", "http://[::1]:8774/a@b"),
        ("http://h:80/a@b", "http://h:80/a@b"),
        ("http://h/a@b?c=@", "http://h/a@b?c=@"),
        ("//user:secret@h/x", "//REDACTED:REDACTED@h/x"),
        ("/path?sig=a", "/path?sig=REDACTED"),
        ("http://h/x#access_token=abc&y=1", "http://h/x#access_token=REDACTED&y=1"),
        ("http://h/v2.0/tokens/gAAAAABkabcdefghijklmnopqrstuv", "http://h/v2.0/tokens/REDACTED"),
        ("rabbit://nova:pw@h1:5672//", "rabbit://REDACTED:REDACTED@h1:5672//"),
        ("http://[broken", "http://[broken"),
        ("", ""),
    ],
)
def test_urls_lose_credentials_and_nothing_else(url: str, expected: str) -> None:
    assert redact_url(url) == expected


@settings(deadline=None)
@given(TEXT, TEXT, st.sampled_from(["token", "password", "sig", "X-Amz-Signature", "api_key"]), TEXT)
def test_no_value_of_a_secret_parameter_survives(before: str, inside: str, name: str, after: str) -> None:
    value = quote_plus(inside + MARKER)
    query = f"a={quote_plus(before)}&{name}={value}&b={quote_plus(after)}"
    assert MARKER not in redact_query(query)
    assert MARKER not in redact_url(f"https://h/{quote(before)}?{query}")


@settings(deadline=None)
@given(
    TEXT, st.text(alphabet=st.characters(exclude_characters="/?#", exclude_categories=["Cs"]), max_size=12)
)
def test_no_password_in_the_authority_survives(user: str, inside: str) -> None:
    assert MARKER not in redact_url(f"https://{quote(user, safe='')}:{inside}{MARKER}@host:80/path")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    for redact in (redact_query, redact_url, redact_path):
        assert isinstance(redact(text), str)


@pytest.mark.parametrize(
    "unit", ["a=b&", "&", ";", "%41", "@", ":", "/", "://", "://a:", "?", "#", "a@b/", "gAAAA", "eyJ", "$2b$"]
)
def test_long_hostile_text_is_read_in_linear_time(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    redact_query(text)
    redact_url("https://" + text)
