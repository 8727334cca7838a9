"""Addresses of stores, and that they do not show their credentials."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.stores.address import Address, masked
from otel_bridge.stores.protocol import StoreError


@pytest.mark.parametrize(
    ("url", "tls", "host", "port", "base"),
    [
        ("http://localhost:16687", False, "localhost", 16687, ""),
        ("http://localhost:16687/", False, "localhost", 16687, ""),
        ("https://traces.example.org", True, "traces.example.org", 443, ""),
        ("http://traces.example.org", False, "traces.example.org", 80, ""),
        ("jaeger+http://jaeger:16686", False, "jaeger", 16686, ""),
        ("jaeger+https://example.org/jaeger/", True, "example.org", 443, "/jaeger"),
        ("http://[::1]:80/a/b", False, "::1", 80, "/a/b"),
        ("  http://spaces.around:1  ", False, "spaces.around", 1, ""),
    ],
)
def test_an_address_is_taken_apart(url, tls, host, port, base):
    address = Address.parse(url)
    assert (address.tls, address.host, address.port, address.base) == (tls, host, port, base)
    assert address.authorization is None
    assert address.shown == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///path",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "ftp://host",
        "http://host?x=1",
        "http://host/#here",
        "http://ho st",
        "http://host\n.example.org",
        "http://hôst",
        "jaeger+http:16686",
        "",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(url):
    with pytest.raises(StoreError) as caught:
        Address.parse(url)
    assert "\n" not in str(caught.value)


def test_credentials_become_a_header_and_are_shown_nowhere():
    address = Address.parse("https://reader:se%3Acr%40t@example.org")
    assert address.authorization == "Basic " + base64.b64encode(b"reader:se:cr@t").decode()
    assert address.shown == "https://***@example.org"
    assert "reader" not in repr(address)


@given(secret=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=3, max_size=20))
def test_nothing_shows_the_password(secret):
    """Property: whatever stands before the last @, well formed or not, it is in no message."""
    for url in (
        f"http://u:{secret}@host:bad",
        f"http://u:{secret}@host",
        f"nonsense://u:{secret}@host",
        f"u:{secret}@host",
    ):
        try:
            shown = Address.parse(url).shown
        except StoreError as error:
            shown = str(error)
        assert f":{secret}@" not in shown + masked(url)


def test_a_password_with_an_at_sign_is_hidden_whole():
    assert masked("http://u:p@ss@host/x") == "http://***@host/x"
    assert masked("u:p@ss@host") == "***@host"


def test_only_credentials_are_masked():
    assert masked("http://host:1/path") == "http://host:1/path"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("jaeger+http://jaeger:16686", "http://jaeger:16686/trace/1"),
        ("jaeger+https://u:p@traces.example.org/jaeger/", "https://traces.example.org/jaeger/trace/1"),
        ("http://h:80", "http://h/trace/1"),
        ("https://h:80", "https://h:80/trace/1"),
        ("http://[::1]:8080", "http://[::1]:8080/trace/1"),
    ],
)
def test_a_link_is_for_browsers_and_without_credentials(url, link):
    assert Address.parse(url).link("/trace/1") == link
