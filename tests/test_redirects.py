"""redirects.py: whether a request still goes where its caller sent it. With real servers it is tested where
the libraries are instrumented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context.context import Context

from otel_bridge import redirects
from otel_bridge.redirects import elsewhere, origin, origin_of


@pytest.mark.parametrize(
    ("first", "now", "moved"),
    [
        ("http://a/x", "http://a/y", False),
        ("http://A.:80/x", "http://a/", False),
        ("https://a", "https://a:443/", False),
        ("http://user:pw@a/", "http://a/", False),
        ("http://bücher.example/", "http://xn--bcher-kva.example/x", False),
        ("http://straße.example/", "http://strasse.example/", True),
        ("http://[::1]:8080/", "http://[::1]:8080/x", False),
        ("http://a/", "http://b/", True),
        ("http://a/", "http://a:8080/", True),
        ("http://a/", "https://a/", False),
        ("http://a:5000/", "https://a/", True),
        ("http://a/", "https://a:5000/", True),
        ("http://a/", "https://b/", True),
        ("https://a/", "http://a/", True),
        ("http://a@b/", "http://a/", True),
        ("http://a:bad/", "http://a:bad/", True),
        ("", "http://a/", True),
    ],
)
def test_another_origin(first: str, now: str, moved: bool) -> None:
    assert elsewhere(origin_of(first), origin_of(now)) is moved


def test_an_origin_in_parts_is_that_of_the_url() -> None:
    assert origin("HTTP", "[::1]", None) == origin_of("http://[::1]/") == ("http", "::1", 80)


@given(st.text())
def test_any_text_has_an_origin_or_none(text: str) -> None:
    found = origin_of(text)
    assert found is None or len(found) == 3


@pytest.mark.parametrize(("resends", "expected"), [(0, (None, 0)), (1, ("http://a/", 1))])
def test_the_first_of_a_chain_follows_from_nothing(resends: int, expected: object) -> None:
    chain = redirects.Chain({}, "http://a/", resends)
    assert redirects.before({}, Context({redirects.CHAIN: chain})) == expected
