"""wire/destinations.py: which hosts the trace may be carried to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.wire.destinations import Destinations, is_loopback, plain_host


@pytest.mark.parametrize(
    ("entry", "host", "allowed"),
    [
        ("keystone", "keystone", True),
        ("keystone", "KEYSTONE.", True),
        ("Keystone.Example.org.", "keystone.example.org", True),
        ("keystone", "keystone.example.org", False),
        ("keystone", "xkeystone", False),
        (".example.org", "a.b.example.org", True),
        (".example.org", "example.org", True),
        (".example.org", "badexample.org", False),
        (".example.org", "example.org.evil.test", False),
        ("example.org", "a.example.org", False),
        ("192.0.2.10", "192.0.2.10", True),
        ("192.0.2.10", "192.0.2.100", False),
        ("192.0.2.0/24", "192.0.2.200", True),
        ("192.0.2.0/24", "192.0.3.1", False),
        ("192.0.2.0/24", "::ffff:192.0.2.1", True),
        ("2001:db8::/32", "[2001:db8::1]", True),
        ("[2001:db8::1]", "2001:db8::1", True),
        ("2001:db8::/32", "192.0.2.1", False),
        ("192.0.2.0/24", "keystone", False),
        ("bücher.example", "xn--bcher-kva.example", True),
        ("strasse.example", "straße.example", False),
        ("xn--strae-oqa.example", "xn--strae-oqa.example", True),
        ("keystone", "\xe9" * 100_000, False),
        ("*", "anything", True),
        ("keystone", "", False),
    ],
)
def test_a_host_is_allowed_or_not(entry: str, host: str, allowed: bool) -> None:
    assert Destinations([entry]).allow(host) is allowed


def test_any_entry_allows_and_none_allows_nothing() -> None:
    several = Destinations(["glance", ".example.org", "10.0.0.0/8"])
    assert [several.allow(host) for host in ("glance", "a.example.org", "10.1.1.1", "nova")] == [True] * 3 + [
        False
    ]
    assert not Destinations([]).allow("glance")


@pytest.mark.parametrize(
    "entry",
    [
        "",
        ".",
        "..x",
        "http://keystone",
        "keystone:5000",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "a b",
        "user@host",
        "*.x",
        "straße.example",
    ],
)
def test_what_is_no_host_is_refused_by_name(entry: str) -> None:
    with pytest.raises(ValueError, match="is no ") as failed:
        Destinations([entry])
    assert repr(entry) in str(failed.value)


@given(st.text())
def test_any_text_is_a_host_or_refused(text: str) -> None:
    assert Destinations(["keystone", "10.0.0.0/8"]).allow(text) in (True, False)
    try:
        Destinations([text]).allow(text)
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("Keystone.Example.org.", "keystone.example.org"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("straße.example", "straße.example"),
        ("", ""),
    ],
)
def test_a_host_has_one_spelling(host: str, plain: str) -> None:
    assert plain_host(host) == plain


@given(st.text())
def test_any_text_has_a_spelling(text: str) -> None:
    assert isinstance(plain_host(text), str)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LocalHost.", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("192.0.2.1", False),
        ("::", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_this_machine_is_known_without_asking_the_dns(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
